import { CeleriacError } from '../base/errors.ts'
import type { TaskDefinition } from './definition.ts'
import { storedKey } from './limit-key.ts'
import type { CallLimits, LimitSettings, OfArgs, ResolvedFairness, ResolvedLimit } from './limits.ts'
import { costOf, weightOf } from './read-limits.ts'

/** One limit that a job has to pass; units left out are one. */
export type DoorLimit = readonly [name: string, key: string, units?: number]

/** What a job has to pass before it may begin, as it is stored with it. Jobs with equal doors wait in one lane. */
export interface Door {
  /** By name, then key; each once. */
  readonly limits: readonly DoorLimit[]
  /** Whose turn it takes among the lanes of its queue. */
  readonly fair?: readonly [key: string, weight: number]
}

/** Limits that no task has itself. */
export interface LimitsInForce {
  /** Those of queues, as the app declares them. */
  readonly queues: ReadonlyMap<string, readonly ResolvedLimit[]>
  /** What limits that stand alone grant, as the app declares them. */
  readonly named: ReadonlyMap<string, Partial<LimitSettings>>
  /** Names of limits that were put in force at run time: `task:mail/rate`, `queue:mail/concurrency`, `label:tenant=acme`. */
  readonly chosen: ReadonlySet<string>
}

/** What the door of a job depends on, beside its task and args. */
export interface DoorCircumstances {
  readonly queue: string
  readonly labels: Readonly<Record<string, string>> | null
  readonly call: CallLimits | null
  readonly inForce: LimitsInForce
}

/**
 * The door of a job: every limit that holds for it, with its keys.
 *
 * @param args - as the caller gave them
 * @returns null for a job that nothing holds back; tasks without limits pay nothing
 * @throws {CeleriacError} `LIMIT_KEY`, `LIMIT_COST` when a function of the task's gives no key or cost
 */
export function doorOf(
  task: TaskDefinition,
  args: readonly unknown[],
  { queue, labels, call, inForce }: DoorCircumstances,
): Door | null {
  const { limits } = task.options
  if (limits === null && call === null && inForce.queues.size === 0 && inForce.chosen.size === 0) return null
  const door = new DoorBuilder(task.name, args, inForce)
  for (const limit of limits?.limits ?? []) door.pass(limit)
  for (const limit of inForce.queues.get(queue) ?? []) door.pass(limit)
  for (const [name, key, units] of call?.limits ?? []) door.add(name, key, units)
  if (inForce.chosen.size > 0) door.passChosen(queue, labels)
  return door.built(call?.fair ?? fairOf(limits?.fairness ?? null, args))
}

class DoorBuilder {
  readonly #task: string
  readonly #args: readonly unknown[]
  readonly #inForce: LimitsInForce
  readonly #limits: [name: string, key: string, units: number][] = []

  constructor(task: string, args: readonly unknown[], inForce: LimitsInForce) {
    this.#task = task
    this.#args = args
    this.#inForce = inForce
  }

  pass({ name, settings, key, cost }: ResolvedLimit): void {
    const stored = key === null ? '' : keyOf(name, key, this.#args)
    if (stored === null) return
    const units = typeof cost === 'number' ? cost : unitsOf(name, cost, this.#args)
    this.add(name, stored, units, settings)
  }

  add(name: string, key: string, units: number, settings: Partial<LimitSettings> | null = null): void {
    const limits = this.#limits
    const index = limits.findIndex(([known, other]) => known === name && other === key)
    const before = limits[index]?.[2] ?? 0
    this.#assertFits(name, before + units, settings ?? this.#inForce.named.get(name) ?? {})
    limits.splice(index === -1 ? limits.length : index, index === -1 ? 0 : 1, [name, key, before + units])
  }

  /** Limits that are in force although neither the task nor the app declares them. */
  passChosen(queue: string, labels: Readonly<Record<string, string>> | null): void {
    const { chosen } = this.#inForce
    for (const owner of [`task:${this.#task}`, `queue:${queue}`])
      for (const kind of ['rate', 'concurrency']) {
        const name = `${owner}/${kind}`
        if (chosen.has(name) && !this.#has(name)) this.add(name, '', 1)
      }
    for (const [label, value] of Object.entries(labels ?? {})) {
      const name = `label:${label}=${value}`
      if (chosen.has(name)) this.add(name, '', 1)
    }
  }

  built(fair: readonly [key: string, weight: number] | null): Door | null {
    if (this.#limits.length === 0 && fair === null) return null
    const limits = this.#limits
      .toSorted(([one, key], [other, otherKey]) => byText(one, other) || byText(key, otherKey))
      .map(([name, key, units]): DoorLimit => (units === 1 ? [name, key] : [name, key, units]))
    return fair === null ? { limits } : { limits, fair }
  }

  #has(name: string): boolean {
    return this.#limits.some(([known]) => known === name)
  }

  /** A job that takes more than there will ever be could never begin. */
  #assertFits(limit: string, cost: number, settings: Partial<LimitSettings>): void {
    const { concurrency, rateLimit } = settings
    const task = this.#task
    if (cost > (concurrency ?? Number.POSITIVE_INFINITY))
      throw new CeleriacError('LIMIT_COST', { task, cost, limit, problem: `which lets ${concurrency} run` })
    if (cost > (rateLimit ?? Number.POSITIVE_INFINITY)) {
      const problem = `which grants ${rateLimit} per period`
      throw new CeleriacError('LIMIT_COST', { task, cost, limit, problem })
    }
  }
}

/** In the order of code points' UTF-16 units: the same in every process, whatever its locale. */
const byText = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)

function keyOf(limit: string, key: OfArgs<unknown>, args: readonly unknown[]): string | null {
  return storedKey(called(limit, key, args), limit)
}

function unitsOf(limit: string, cost: OfArgs<unknown>, args: readonly unknown[]): number {
  return costOf(called(limit, cost, args), `the cost of limit "${limit}"`)
}

function fairOf(
  fairness: ResolvedFairness | null,
  args: readonly unknown[],
): readonly [key: string, weight: number] | null {
  if (fairness === null) return null
  const key = keyOf('fairness', fairness.key, args) ?? ''
  const { weight } = fairness
  if (typeof weight === 'number') return [key, weight]
  return [key, weightOf(called('fairness', weight, [key]), `the weight of fairness key "${key}"`)]
}

function called(limit: string, ask: OfArgs<unknown>, args: readonly unknown[]): unknown {
  try {
    return Reflect.apply(ask, undefined, args)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CeleriacError('LIMIT_KEY', { limit, problem: `cannot be told: ${reason}` }, { cause: error })
  }
}
