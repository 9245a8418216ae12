/** Rows and memory are compared this often; less often where it takes long, so that it never costs more than a fiftieth of the time. */
const EVERY_MS = 9_000
const SHARE = 50
/** The server ends a statement after this; a claim whose answer got lost may commit until then. */
const LATE_COMMIT_MS = 17_000

/**
 * When to compare what the table says this worker holds with what it knows. A claim whose answer got lost leaves jobs
 * that run nowhere, under a worker that is alive: no rescue will ever find them.
 */
export class Reconcile {
  #dueAt = performance.now() + EVERY_MS
  #doubtUntil = 0
  #running = false

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

  /** Compares; what fails is tried again by the next call that finds it due. */
  async run(compare: () => Promise<unknown>): Promise<void> {
    this.#running = true
    const begun = performance.now()
    try {
      await compare()
      const ended = performance.now()
      const next = ended + Math.max(EVERY_MS, (ended - begun) * SHARE)
      this.#dueAt = begun < this.#doubtUntil ? Math.min(next, this.#doubtUntil) : next
    } finally {
      this.#running = false
    }
  }
}
