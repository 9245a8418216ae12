import type { Enqueued } from '../db/calls/job.ts'
import type { Database } from '../db/database.ts'
import { notify, settledPayloads, wakePayload } from '../db/hints.ts'

/** At most one statement of notifications per process in this time. */
const PAUSE_MS = 5
/** When a caller's transaction ends is unknown: these are the moments at which it probably has. */
const LATER_MS = [10, 100, 500] as const

/** Wakes workers of this process without the database. */
export type LocalWake = (queue: string, runAtUs: bigint) => void

/**
 * Tells sleeping workers that there is work, outside of every transaction: a notification makes commits wait for
 * each other, so many enqueues share one, and none is sent while nobody sleeps. A hint that gets lost costs time only.
 */
export class Waker {
  readonly #database: Database
  readonly #enabled: boolean
  readonly #local = new Set<LocalWake>()
  #wakes = new Map<string, bigint>()
  #settled: string[] = []
  #timer: NodeJS.Timeout | undefined
  readonly #later = new Set<NodeJS.Timeout>()
  #sentAt = 0
  #sending: Promise<void> = Promise.resolve()

  /** @param enabled - false sends nothing to other processes */
  constructor(database: Database, enabled: boolean) {
    this.#database = database
    this.#enabled = enabled
  }

  /** Adds a worker of this process; returns the function that takes it back. */
  addLocal(wake: LocalWake): () => void {
    this.#local.add(wake)
    return () => this.#local.delete(wake)
  }

  /** Jobs were committed; the answer of the insert says whether anybody sleeps. */
  enqueued(queues: ReadonlySet<string>, { asleep, earliestUs }: Enqueued): void {
    const runAtUs = BigInt(earliestUs)
    for (const queue of queues) for (const wake of this.#local) wake(queue, runAtUs)
    for (const queue of asleep) this.#add(queue, runAtUs)
  }

  /** Jobs of these queues may have appeared, due from this instant on. */
  wake(queues: Iterable<string>, runAtUs: bigint): void {
    for (const queue of queues) {
      for (const wake of this.#local) wake(queue, runAtUs)
      this.#add(queue, runAtUs)
    }
  }

  /** Jobs of these queues will appear when a transaction ends that we cannot watch. */
  later(queues: ReadonlySet<string>, runAtUs: bigint): void {
    for (const delay of LATER_MS) {
      const timer = setTimeout(() => {
        this.#later.delete(timer)
        this.wake(queues, runAtUs)
      }, delay)
      timer.unref()
      this.#later.add(timer)
    }
  }

  /** These jobs are settled and somebody waits for results. */
  settled(jobIds: readonly string[]): void {
    if (!this.#enabled) return
    this.#settled.push(...jobIds)
    this.#schedule()
  }

  /** Sends what is left. */
  async stop(): Promise<void> {
    for (const timer of this.#later) clearTimeout(timer)
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#send()
    await this.#sending
  }

  #add(queue: string, runAtUs: bigint): void {
    if (!this.#enabled) return
    const known = this.#wakes.get(queue)
    if (known === undefined || runAtUs < known) this.#wakes.set(queue, runAtUs)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#timer !== undefined) return
    const pause = Math.max(0, this.#sentAt + PAUSE_MS - performance.now())
    if (pause === 0) {
      // At once, but together with whatever else happens in this turn of the event loop.
      this.#timer = setTimeout(() => undefined, 0)
      setImmediate(() => this.#send())
      return
    }
    this.#timer = setTimeout(() => this.#send(), pause)
  }

  #send(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const payloads = [
      ...[...this.#wakes].map(([queue, runAtUs]) => wakePayload(queue, runAtUs)),
      ...settledPayloads(this.#settled),
    ]
    if (payloads.length === 0) return
    this.#wakes = new Map()
    this.#settled = []
    this.#sentAt = performance.now()
    // Lost with a connection: whoever waits looks by himself before long.
    this.#sending = notify(this.#database, payloads).catch(() => undefined)
  }
}
