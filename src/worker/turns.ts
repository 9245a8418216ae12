import type { ResolvedWorkerOptions } from './options.ts'

/** In which order the queues are looked at, turn by turn. */
export class Turns {
  readonly #queues: readonly { readonly name: string; readonly weight: number; credit: number }[]
  readonly #weighted: boolean
  readonly #total: number

  constructor({ queues, order }: Pick<ResolvedWorkerOptions, 'queues' | 'order'>) {
    this.#queues = queues.map((queue) => ({ ...queue, credit: 0 }))
    this.#weighted = order === 'weighted' && queues.length > 1
    this.#total = queues.reduce((sum, queue) => sum + queue.weight, 0)
  }

  get names(): readonly string[] {
    return this.#queues.map((queue) => queue.name)
  }

  /**
   * The order of the next turn: as configured, or with the queue first whose turn it is by weight (smooth weighted
   * round robin); the others follow, so that a turn is never wasted on an empty queue.
   */
  next(): readonly string[] {
    if (!this.#weighted) return this.names
    for (const queue of this.#queues) queue.credit += queue.weight
    const order = [...this.#queues].sort((one, other) => other.credit - one.credit)
    const [first] = order
    if (first !== undefined) first.credit -= this.#total
    return order.map((queue) => queue.name)
  }
}
