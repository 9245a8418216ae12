import { setTimeout as delay } from 'node:timers/promises'
import { declareLimits } from '../db/calls/limit.ts'
import type { Database } from '../db/database.ts'
import type { Bus } from '../event/bus.ts'
import type { Registry } from '../task/registry.ts'
import type { AppLimits } from './app-limits.ts'
import { declarationOf } from './declare.ts'

/** What declaring limits needs of the app. */
export interface DeclarerContext {
  readonly database: Database
  readonly registry: Registry
  readonly limits: AppLimits
  readonly bus: Bus
}

const AGAIN_MS = 1_000

/**
 * Stores what code says that limits grant: before a worker claims anything, and when tasks or limits join later. A task
 * with limits that joins while workers run is given to them once its limits are stored.
 */
export class Declarer {
  readonly #context: DeclarerContext
  readonly #stopping = new AbortController()
  /** One after the other: the last word is the latest. */
  #last: Promise<unknown> = Promise.resolve()
  #started = false

  constructor(context: DeclarerContext) {
    this.#context = context
  }

  /** Declares everything; rejects when the database does not answer. */
  async start(): Promise<void> {
    this.#started = true
    await this.#declare()
  }

  /** A limit of the app's own, or a task with limits, has joined. */
  joined(task: string | null): void {
    if (!this.#started || this.#stopping.signal.aborted) return
    const { registry } = this.#context
    if (task !== null) registry.withhold(task)
    void this.#declareAtLast().then((declared) => {
      if (declared && task !== null) registry.release(task)
    })
  }

  stop(): void {
    this.#stopping.abort()
  }

  async #declareAtLast(): Promise<boolean> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        await this.#declare()
        return true
      } catch (error) {
        this.#context.bus.emit('error', { during: 'the declaration of limits', error })
        await delay(AGAIN_MS, undefined, { signal, ref: false }).catch(() => undefined)
      }
    }
    return false
  }

  #declare(): Promise<void> {
    const next = this.#last.then(() => this.#send())
    this.#last = next.catch(() => undefined)
    return next
  }

  async #send(): Promise<void> {
    const { database, registry, limits, bus } = this.#context
    const tasks = registry.definitions().filter((task) => task.run !== null)
    const declaration = declarationOf(tasks, limits)
    const unknown = await declareLimits(
      database,
      declaration.limits,
      declaration.owners,
      declaration.used.filter((name) => !limits.named.has(name)),
    )
    if (unknown.length > 0) bus.emit('limits:unknown', { limits: unknown })
  }
}
