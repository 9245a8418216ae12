import { findKnownQueues, serveQueues } from '../db/calls/queue.ts'
import type { Database } from '../db/database.ts'

/** What keeping up with queues needs of a worker. */
export interface KnownQueuesHost {
  readonly database: Database
  readonly workerId: () => string
  /** The queues it claims from. */
  readonly served: () => readonly string[]
  /** Takes in those that fit its patterns. */
  readonly admit: (names: readonly string[]) => void
  readonly failed: (error: unknown) => void
}

/** How long a queue that nobody has used before may wait for a worker that would serve it. */
const LOOK_MS = 1_000

/** Looks for queues that a worker with patterns does not know of yet, and says so when it serves them. */
export class KnownQueues {
  readonly #host: KnownQueuesHost
  #timer: NodeJS.Timeout | undefined
  #looking = false
  /** As the worker's row has them, and whose row that is. */
  #told = ''

  constructor(host: KnownQueuesHost) {
    this.#host = host
  }

  /** Looks before the worker enters. */
  async first(): Promise<void> {
    this.#host.admit(await findKnownQueues(this.#host.database))
    this.#timer = setInterval(() => void this.#look(), LOOK_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    const { database, workerId, served, admit, failed } = this.#host
    try {
      admit(await findKnownQueues(database))
      const telling = `${workerId()} ${served().join(' ')}`
      if (telling !== this.#told) {
        await serveQueues(database, workerId(), served())
        this.#told = telling
      }
    } catch (error) {
      failed(error)
    } finally {
      this.#looking = false
    }
  }
}
