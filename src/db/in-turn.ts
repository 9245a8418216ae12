import type { Executor } from './database.ts'

/** The same session for several who do not know of each other: a statement waits until the one before is answered. */
export function inTurn(session: Executor): Executor {
  let last: Promise<unknown> = Promise.resolve()
  return {
    query: (statement) => {
      const answer = last.then(() => session.query(statement))
      last = answer.catch(() => undefined)
      return answer
    },
  }
}
