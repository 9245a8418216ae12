import { type LockAnswer, type LockClaim, releaseLock, renewLocks, takeLock } from '../db/calls/lock.ts'
import type { Database } from '../db/database.ts'
import { type Keeper, NOT_HELD, type Released } from './keeper.ts'

/** How long a lease lasts unless it is renewed, and how often that is done. */
export const LEASE_MS = 15_000
const RENEW_MS = 4_000
/** A lease that was not renewed is given up this long before others may take it. */
const MARGIN_MS = 1_000
const WATCH_MS = 500

interface Lease {
  readonly key: string
  readonly fence: number
  readonly lost: (cause: unknown) => void
  /** Until when it is ours, in ms of the monotonic clock. */
  untilMs: number
}

/**
 * Holds keys by rows that are renewed, where sessions do not last: behind a transaction pooler. A process that dies keeps
 * its keys until their leases have expired.
 */
export class LeaseKeeper implements Keeper {
  readonly kind = 'lease'
  readonly #database: Database
  readonly #leases = new Map<string, Lease>()
  #timer: NodeJS.Timeout | undefined
  #renewing = false
  #renewAtMs = 0

  constructor(database: Database) {
    this.#database = database
  }

  async take(claim: LockClaim, lost: (cause: unknown) => void): Promise<LockAnswer> {
    const { key } = claim
    const sentAt = performance.now()
    const answer = await takeLock(this.#database, claim, { leaseMs: LEASE_MS }, this.#database)
    if (answer === null) return { fence: null, id: '', holder: null }
    if (answer.fence === null) return answer
    const untilMs = sentAt + LEASE_MS - MARGIN_MS
    this.#leases.set(key, { key, fence: answer.fence, lost, untilMs })
    if (this.#timer === undefined) {
      this.#renewAtMs = sentAt + RENEW_MS
      this.#timer = setInterval(() => this.#watch(), WATCH_MS)
    }
    return answer
  }

  async release(key: string, fence: number): Promise<Released> {
    const ours = this.#leases.delete(key)
    this.#rest()
    try {
      // One that was given up may still be ours in the table: others need not wait for its end.
      const released = await releaseLock(this.#database, { key, fence, session: false }, this.#database)
      return ours ? released : NOT_HELD
    } catch {
      return NOT_HELD
    }
  }

  hold(): void {}

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #watch(): void {
    const now = performance.now()
    for (const lease of [...this.#leases.values()]) if (lease.untilMs <= now) this.#lose(lease, undefined)
    if (now < this.#renewAtMs || this.#renewing || this.#leases.size === 0) return
    this.#renewAtMs = now + RENEW_MS
    this.#renewing = true
    void this.#renew([...this.#leases.values()]).finally(() => {
      this.#renewing = false
    })
  }

  async #renew(leases: readonly Lease[]): Promise<void> {
    const sentAt = performance.now()
    try {
      const { renewed, gone } = await renewLocks(this.#database, leases, LEASE_MS)
      for (const lease of leases) {
        if (gone.includes(lease.key)) this.#lose(lease, undefined)
        else if (renewed.includes(lease.key)) lease.untilMs = sentAt + LEASE_MS - MARGIN_MS
      }
    } catch {
      // Asked again before long; what is not renewed in time is given up.
      this.#renewAtMs = 0
    }
  }

  #lose(lease: Lease, cause: unknown): void {
    if (this.#leases.get(lease.key) !== lease) return
    this.#leases.delete(lease.key)
    this.#rest()
    lease.lost(cause)
  }

  #rest(): void {
    if (this.#leases.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
