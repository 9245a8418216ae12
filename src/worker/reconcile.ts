import { findHeld, releaseWorkerJobs } from '../db/calls/worker.ts'
import type { Database } from '../db/database.ts'

/** Rows and memory are compared this often; less often where it takes long, so that it never costs more than a fiftieth of the time. */
const EVERY_MS = 9_000
const SHARE = 50
/** The server ends a statement after this; a claim whose answer got lost may commit until then. */
const LATE_COMMIT_MS = 17_000

/** Whose claims are compared. */
export interface ReconcileHost {
  readonly database: Database
  readonly worker: { readonly id: string }
}

/**
 * When to compare what the table says this worker holds with what it knows. A claim whose answer got lost leaves jobs
 * that run nowhere, under a worker that is alive: no rescue will ever find them.
 */
export class Reconcile {
  readonly #host: ReconcileHost
  readonly #known: () => ReadonlySet<string>
  #dueAt = performance.now() + EVERY_MS
  #doubtUntil = 0
  #running = false

  /** @param known - ids of the jobs this worker knows that it holds */
  constructor(host: ReconcileHost, known: () => ReadonlySet<string>) {
    this.#host = host
    this.#known = known
  }

  get running(): boolean {
    return this.#running
  }

  get dueAt(): number {
    return this.#dueAt
  }

  due(now: number): boolean {
    return now >= this.#dueAt
  }

  /** The answer to a claim got lost: compare now, and again once it can no longer commit. */
  doubt(): void {
    this.#dueAt = performance.now()
    this.#doubtUntil = this.#dueAt + LATE_COMMIT_MS
  }

  /**
   * Gives back what the table says this worker holds and this worker has never heard of; what fails is tried again by
   * the next call that finds it due. Not while a claim is under way: what it is about to bring would look the same.
   */
  async run(): Promise<void> {
    this.#running = true
    const begun = performance.now()
    try {
      await this.#compare()
      const ended = performance.now()
      const next = ended + Math.max(EVERY_MS, (ended - begun) * SHARE)
      this.#dueAt = begun < this.#doubtUntil ? Math.min(next, this.#doubtUntil) : next
    } finally {
      this.#running = false
    }
  }

  async #compare(): Promise<void> {
    const { database, worker } = this.#host
    const held = await findHeld(database, worker.id)
    // Looked at now: what was held when this was asked may be settled, but what is not known now never was.
    const known = this.#known()
    await releaseWorkerJobs(
      database,
      worker.id,
      held.filter(({ id }) => !known.has(id)),
    )
  }
}
