import type { Database } from '../db/database.ts'
import { faultOf } from '../db/fault.ts'

/** How long jobs wait for a database that is away: since they were enqueued, but some time in any case. */
const PATIENCE_MS = { inAll: 10_000, atLeast: 3_000 } as const
const DELAY_MS = { first: 50, most: 1_000 } as const

/** Errors of one outage, and how long to bear with it. */
export class Outage {
  readonly #database: Database
  readonly #since: number
  #until: number | undefined
  #failures = 0

  constructor(database: Database, since: number) {
    this.#database = database
    this.#since = since
  }

  /** Waits a while, if it is worth it: another attempt may then succeed. */
  async passed(error: unknown): Promise<boolean> {
    // What has never been reached may not be there at all.
    if (faultOf(error) !== 'connection' || !this.#database.connected) return false
    const now = performance.now()
    this.#until ??= Math.max(this.#since + PATIENCE_MS.inAll, now + PATIENCE_MS.atLeast)
    if (now > this.#until) return false
    const most = Math.min(DELAY_MS.most, DELAY_MS.first * 2 ** this.#failures)
    this.#failures += 1
    await new Promise((resolve) => setTimeout(resolve, most / 2 + (Math.random() * most) / 2))
    return true
  }
}
