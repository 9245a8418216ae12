import type { WorkerSnapshot } from '../worker/guard.ts'
import { unpackError } from './packed-error.ts'
import type { Reply, Report } from './protocol.ts'

/** A main loop that is blocked does not answer: the heartbeat goes without. */
const SNAPSHOT_MS = 100
const PASSWORD_MS = 10_000

/** Questions from a guard's thread to the main loop, and the answers to them. */
export class Questions {
  readonly #report: (report: Report) => void
  readonly #open = new Map<number, (reply: Reply) => void>()
  #calls = 0

  constructor(report: (report: Report) => void) {
    this.#report = report
  }

  /** The worker as its main loop sees it; null when that does not answer in time. */
  async snapshot(workerId: string): Promise<WorkerSnapshot | null> {
    const reply = await this.#ask((call) => ({ kind: 'ask', call, what: 'snapshot', workerId }), SNAPSHOT_MS)
    return reply !== null && 'snapshot' in reply ? reply.snapshot : null
  }

  /** What the user's function says the password is now. */
  async password(): Promise<string> {
    const reply = await this.#ask((call) => ({ kind: 'ask', call, what: 'password' }), PASSWORD_MS)
    if (reply !== null && 'error' in reply) throw unpackError(reply.error)
    return reply !== null && 'password' in reply ? reply.password : ''
  }

  answer(reply: Reply): void {
    this.#open.get(reply.call)?.(reply)
  }

  #ask(question: (call: number) => Report, withinMs: number): Promise<Reply | null> {
    this.#calls += 1
    const call = this.#calls
    return new Promise((resolve) => {
      const timer = setTimeout(() => finish(null), withinMs)
      const finish = (reply: Reply | null): void => {
        clearTimeout(timer)
        this.#open.delete(call)
        resolve(reply)
      }
      this.#open.set(call, finish)
      this.#report(question(call))
    })
  }
}
