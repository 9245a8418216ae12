import type { Rate, RateWindow } from '../base/rate.ts'

/** What a key function may give: a text, or a number for one; null for a job that this limit does not concern. */
export type LimitKey = string | number | bigint | null

/** How a limit looks at the args of a job. It is called when the job is enqueued, and again before it begins. */
interface Keyed<Args extends readonly unknown[]> {
  /** Each key has the limit for itself. */
  readonly key?: (...args: Args) => LimitKey
  /** How much of the limit a job takes: an integer from 1. @defaultValue 1 */
  readonly cost?: number | ((...args: Args) => number)
}

/** How many jobs may run at once, in all workers together. */
export interface ConcurrencyLimit<Args extends readonly unknown[]> extends Keyed<Args> {
  /** From 1 to 10,000. */
  readonly limit: number
}

/** How many jobs may start per period, in all workers together. */
export interface RateLimit<Args extends readonly unknown[]> extends RateWindow, Keyed<Args> {}

/** The use of a limit that stands alone, by name; `app.limit(name, …)` or `app.limits.set` says how much it grants. */
export interface NamedLimit<Args extends readonly unknown[]> extends Keyed<Args> {
  readonly name: string
}

/** One limit or several; with several, all of them hold. */
export type ConcurrencyOption<Args extends readonly unknown[]> =
  | number
  | ConcurrencyLimit<Args>
  | readonly (number | ConcurrencyLimit<Args>)[]

/** One limit or several; with several, all of them hold. */
export type RateOption<Args extends readonly unknown[]> =
  | Rate
  | RateLimit<Args>
  | readonly (Rate | RateLimit<Args>)[]

/** How tenants share a queue: in turn, whatever their backlogs. */
export interface Fairness<Args extends readonly unknown[]> {
  /** Whose turn the job takes; null is a tenant like any other. */
  readonly key: (...args: Args) => LimitKey
  /** Shares of a tenant in proportion to those of others, above 0. @defaultValue 1 */
  readonly weight?: number | ((key: string) => number)
}

/** Limits of a task or of a queue. */
export interface LimitOptions<Args extends readonly unknown[]> {
  /** How many of its jobs may run at once, in all workers together; by key, each key for itself. */
  readonly concurrency?: ConcurrencyOption<Args>
  /** How many of its jobs may start per period, in all workers together; retries are starts, too. */
  readonly rateLimit?: RateOption<Args>
}

/** A function of args whose types nobody knows any more. */
export type OfArgs<Value> = (...args: never[]) => Value

/** How much a limit grants, as it is stored; null is off. */
export interface LimitSettings {
  readonly concurrency: number | null
  readonly rateLimit: number | null
  readonly ratePerMs: number | null
  readonly rateBurst: number | null
}

/** A limit that a job has to pass, read and checked. */
export interface ResolvedLimit {
  readonly name: string
  /** What is declared here; null where the limit stands alone and is declared elsewhere. */
  readonly settings: Partial<LimitSettings> | null
  readonly key: OfArgs<unknown> | null
  readonly cost: number | OfArgs<unknown>
}

export interface ResolvedFairness {
  readonly key: OfArgs<unknown>
  readonly weight: number | OfArgs<unknown>
}

/** Limits of a task, read and checked; only tasks that have some carry this. */
export interface TaskLimits {
  readonly limits: readonly ResolvedLimit[]
  readonly fairness: ResolvedFairness | null
}

/** The use of a limit that stands alone, by one call. */
export interface CallLimit {
  readonly name: string
  /** Which key's share of the limit; left out, the one for all. */
  readonly key?: string
  /** How much of the limit the job takes. @defaultValue 1 */
  readonly cost?: number
}

/** Limits of one call, read and checked: they stand in the row, since nobody can ask the call again. */
export interface CallLimits {
  readonly limits?: readonly (readonly [name: string, key: string, units: number])[]
  /** Instead of the fairness of the task. */
  readonly fair?: readonly [key: string, weight: number]
}
