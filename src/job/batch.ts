import type { Shape } from './shape.ts'

/** Jobs on their way into one statement: the text `enqueue_jobs` takes, grouped by shape, written as the jobs come. */
export class Batch {
  readonly #jobs = new Map<string, string>()
  readonly #queues = new Set<string>()

  /** The argument of `enqueue_jobs`. */
  get text(): string {
    const entries = [...this.#jobs].map(([shape, jobs]) => `[${shape},[${jobs}]]`)
    return `[${entries.join(',')}]`
  }

  get queues(): ReadonlySet<string> {
    return this.#queues
  }

  /**
   * @param args - JSON text of the args
   * @param door - JSON text of what limits the job; null for nothing
   */
  add(id: string, shape: Shape, args: string, door: string | null): void {
    const jobs = this.#jobs.get(shape.text)
    if (jobs === undefined) this.#queues.add(shape.queue)
    this.#jobs.set(
      shape.text,
      `${jobs === undefined ? '' : `${jobs},`}["${id}",${args}${door === null ? '' : `,${door}`}]`,
    )
  }
}
