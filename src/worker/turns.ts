import { isPattern, patternOf } from '../queue/pattern.ts'
import type { ResolvedWorkerOptions } from './options.ts'

interface Queue {
  readonly name: string
  readonly weight: number
  credit: number
}

/** One entry of the worker's list: a queue, or those that fit a pattern. */
interface Entry {
  readonly weight: number
  readonly pattern: RegExp | null
  queues: Queue[]
}

/** In which order the queues are looked at, turn by turn. */
export class Turns {
  /** Whether queues may join that nobody knows of yet. */
  readonly isOpen: boolean
  readonly #entries: readonly Entry[]
  readonly #named: ReadonlySet<string>
  readonly #excluded: readonly RegExp[]
  readonly #isWeighted: boolean
  #names: readonly string[] = []

  constructor({ queues, exclude, order }: Pick<ResolvedWorkerOptions, 'queues' | 'exclude' | 'order'>) {
    this.#isWeighted = order === 'weighted'
    this.#excluded = exclude.map(patternOf)
    this.#named = new Set(queues.flatMap(({ name }) => (isPattern(name) ? [] : [name])))
    this.#entries = queues.map(({ name, weight }) => ({
      weight,
      pattern: isPattern(name) ? patternOf(name) : null,
      queues: isPattern(name) || this.#isExcluded(name) ? [] : [{ name, weight, credit: 0 }],
    }))
    this.isOpen = this.#entries.some(({ pattern }) => pattern !== null)
    this.#list()
  }

  /** The queues it knows of. */
  get names(): readonly string[] {
    return this.#names
  }

  /** Takes in what of these it claims from, and knew nothing of. Returns whether there was any. */
  admit(names: readonly string[]): boolean {
    if (!this.isOpen) return false
    const known = new Set(this.#names)
    let grew = false
    for (const name of names) {
      if (known.has(name) || this.#named.has(name) || this.#isExcluded(name)) continue
      const entry = this.#entries.find(({ pattern }) => pattern?.test(name))
      if (entry === undefined) continue
      entry.queues.push({ name, weight: entry.weight, credit: 0 })
      known.add(name)
      grew = true
    }
    if (grew) this.#list()
    return grew
  }

  /**
   * The order of the next turn. `ordered`: as configured, where the queues of one pattern take turns at being first.
   * `weighted`: with the queue first whose turn it is by weight (smooth weighted round robin); the others follow, so that
   * a turn is never wasted on an empty queue.
   */
  next(): readonly string[] {
    if (this.#isWeighted) return namesOf(byWeight(this.#entries.flatMap(({ queues }) => queues)))
    if (!this.isOpen) return this.#names
    return this.#entries.flatMap((entry) => {
      const names = namesOf(entry.queues)
      const [first, ...others] = entry.queues
      if (first !== undefined && others.length > 0) entry.queues = [...others, first]
      return names
    })
  }

  #isExcluded(name: string): boolean {
    return this.#excluded.some((pattern) => pattern.test(name))
  }

  #list(): void {
    this.#names = this.#entries.flatMap(({ queues }) => namesOf(queues))
  }
}

const namesOf = (queues: readonly Queue[]): string[] => queues.map(({ name }) => name)

function byWeight(queues: readonly Queue[]): readonly Queue[] {
  if (queues.length < 2) return queues
  let total = 0
  for (const queue of queues) {
    queue.credit += queue.weight
    total += queue.weight
  }
  const order = [...queues].sort((one, other) => other.credit - one.credit)
  const [first] = order
  if (first !== undefined) first.credit -= total
  return order
}
