/* Calls that race: whom each waits for, how it ended, and chance that is the same in every run. */
import type { TestDatabase } from '../support/postgres.ts'
import type { Session } from '../support/session.ts'
import { until } from '../support/until.ts'

/** A call under way, and how it ended. */
export interface Call {
  readonly session: Session
  ended: boolean
  /** Null, or what went wrong. */
  readonly outcome: Promise<Error | null>
}

export type Verbs<Situation> = Readonly<
  Record<string, (session: Session, situation: Situation) => Promise<unknown>>
>

/** What each session does, by its process id: the server names only those. */
const doing = new Map<number, string>()

/** Begins a verb on a session, and goes on. */
export function begin<Situation>(
  session: Session,
  verbs: Verbs<Situation>,
  verb: string,
  situation: Situation,
): Call {
  doing.set(session.pid, verb)
  const call: Call = {
    session,
    ended: false,
    outcome: (verbs[verb]?.(session, situation) ?? Promise.reject(new Error(`no verb ${verb}`))).then(
      () => null,
      (error: unknown) => new Error(`${verb}: ${shown(error)}`),
    ),
  }
  void call.outcome.then(() => {
    call.ended = true
  })
  return call
}

/** Waits until a call stands before a lock, or is over. */
export async function blockedOrOver(database: TestDatabase, call: Call): Promise<void> {
  await until(
    async () => {
      if (call.ended) return true
      const [row] = await database.query<{ blocked: boolean }>(
        `select wait_event_type = 'Lock' as blocked from pg_stat_activity where pid = $1`,
        [call.session.pid],
      )
      return row?.blocked === true || call.ended
    },
    { every: 1, what: 'a call that waits for a lock' },
  )
}

function shown(error: unknown): string {
  const { code, message, where, detail } = error as Record<string, unknown>
  const known = String(detail ?? '').replaceAll(
    /process (\d+)/gi,
    (_, pid: string) => doing.get(Number(pid)) ?? pid,
  )
  return `${code}: ${message} ${known} ${where ?? ''}`
}

/** Numbers that look random and are the same in every run. */
export function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

export function shuffled(ids: readonly string[], random: (below: number) => number): string[] {
  const left = [...ids]
  return ids.map(() => left.splice(random(left.length), 1)[0] ?? '')
}
