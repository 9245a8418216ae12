import type { Shape } from './shape.ts'

/** Jobs on their way into one statement: the two texts of `enqueue_jobs`, written as the jobs come. */
export class Batch {
  #jobs = ''
  #count = 0
  readonly #shapes = new Map<string, number>()
  readonly #queues = new Set<string>()

  get count(): number {
    return this.#count
  }

  /** Characters of the text so far; about its bytes. */
  get size(): number {
    return this.#jobs.length
  }

  /** Text of the jobs, the first argument of `enqueue_jobs`. */
  get jobs(): string {
    return `[${this.#jobs}]`
  }

  /** Text of their shapes, the second argument. */
  get shapes(): string {
    return `[${[...this.#shapes.keys()].join(',')}]`
  }

  get queues(): ReadonlySet<string> {
    return this.#queues
  }

  /** @param args - JSON text of the args */
  add(id: string, shape: Shape, args: string): void {
    let number = this.#shapes.get(shape.text)
    if (number === undefined) {
      number = this.#shapes.size + 1
      this.#shapes.set(shape.text, number)
      this.#queues.add(shape.queue)
    }
    this.#jobs += `${this.#count === 0 ? '' : ','}["${id}",${number},${args}]`
    this.#count += 1
  }
}
