import { CeleriacError } from '../base/errors.ts'
import { type Check, integer, refuseUnknown } from '../base/options.ts'
import { parseRate } from '../base/rate.ts'
import { preview } from '../base/text.ts'
import { assertLimitName } from './limit-key.ts'
import type { LimitSettings, OfArgs, ResolvedFairness, ResolvedLimit, TaskLimits } from './limits.ts'

const MOST_CONCURRENCY = 10_000
const MOST_COST = 1_000_000
/** A job locks the buckets of all its limits at once. */
const MOST_LIMITS = 16

export const KEYED = ['key', 'cost']
const RATE_KEYS = [...KEYED, 'limit', 'per', 'burst']

/** What `limitsOfTask` reads. */
export const LIMIT_KEYS = ['concurrency', 'rateLimit', 'limits', 'exclusive', 'fairness'] as const

/**
 * Reads the limits of a task.
 *
 * @returns null for a task without any
 * @throws {CeleriacError} `OPTION_…`, `RATE_INVALID`, `LIMIT_NAME`
 */
export function limitsOfTask(options: object, task: string, check: Check): TaskLimits | null {
  const given = (option: (typeof LIMIT_KEYS)[number]): unknown => Reflect.get(options, option)
  if (LIMIT_KEYS.every((option) => given(option) === undefined)) return null
  const exclusive = given('exclusive')
  const limits = [
    ...ownLimits(options, `task:${task}`, check),
    ...(exclusive === undefined ? [] : check(() => [exclusiveLimit(exclusive, task)], [])),
    ...check(() => namedLimits(given('limits')), []),
  ]
  check(() => assertFew(limits), undefined)
  const fairness = given('fairness')
  return {
    limits,
    fairness: fairness === undefined ? null : check(() => readFairness(fairness), null),
  }
}

/**
 * Reads what limits a task or a queue as a whole: `concurrency` and `rateLimit`.
 *
 * @param prefix - what goes before the names of the options in messages
 */
export function ownLimits(
  options: object,
  owner: string,
  check: Check,
  prefix = '',
): readonly ResolvedLimit[] {
  const all = (
    option: 'rateLimit' | 'concurrency',
    kind: string,
    read: (value: unknown, option: string) => Partial<LimitSettings>,
  ) =>
    listOf(Reflect.get(options, option)).flatMap((value, index, list) => {
      const place = `${prefix}${option}${list.length === 1 ? '' : `[${index}]`}`
      const name = index === 0 ? `${owner}/${kind}` : `${owner}/${kind}/${index + 1}`
      return check(() => [{ name, settings: read(value, place), ...keyed(value, place) }], [])
    })
  return [...all('rateLimit', 'rate', rateOf), ...all('concurrency', 'concurrency', concurrencyOf)]
}

/** How much a concurrency limit grants. @throws {CeleriacError} `OPTION_…` */
export function concurrencyOf(value: unknown, option = 'concurrency'): Partial<LimitSettings> {
  if (!isBag(value)) return { concurrency: integer(value, option, 1, MOST_CONCURRENCY) }
  refuseUnknown(value, [...KEYED, 'limit'], option)
  const limit: unknown = Reflect.get(value, 'limit')
  return { concurrency: integer(limit, `${option}.limit`, 1, MOST_CONCURRENCY) }
}

/** How much a rate limit grants. @throws {CeleriacError} `RATE_INVALID`, `OPTION_…` */
export function rateOf(value: unknown, option = 'rateLimit'): Partial<LimitSettings> {
  if (isBag(value)) refuseUnknown(value, RATE_KEYS, option)
  const { limit, perMs, burst } = parseRate(isBag(value) ? without(value, KEYED) : value, option)
  return { rateLimit: limit, ratePerMs: perMs, rateBurst: burst }
}

function exclusiveLimit(exclusive: unknown, task: string): ResolvedLimit {
  if (typeof exclusive !== 'function')
    throw invalid('exclusive', `must be a function of the args that gives a key; got ${preview(exclusive)}`)
  return { name: `task:${task}/exclusive`, settings: { concurrency: 1 }, key: of(exclusive), cost: 1 }
}

function namedLimits(given: unknown): readonly ResolvedLimit[] {
  if (given === undefined) return []
  if (!Array.isArray(given))
    throw invalid('limits', `must be a list of names, or of { name, key, cost }; got ${preview(given)}`)
  const list: readonly unknown[] = given
  return list.map((entry, index) => {
    const place = `limits[${index}]`
    if (typeof entry === 'string') return { name: assertLimitName(entry), settings: null, key: null, cost: 1 }
    if (!isBag(entry)) throw invalid(place, `must be a name, or { name, key, cost }; got ${preview(entry)}`)
    refuseUnknown(entry, ['name', ...KEYED], place)
    const name = assertLimitName(Reflect.get(entry, 'name'))
    return { name, settings: null, ...keyed(entry, place) }
  })
}

function keyed(value: unknown, option: string): Pick<ResolvedLimit, 'key' | 'cost'> {
  if (!isBag(value)) return { key: null, cost: 1 }
  const key: unknown = Reflect.get(value, 'key')
  const cost: unknown = Reflect.get(value, 'cost')
  if (key !== undefined && typeof key !== 'function')
    throw invalid(`${option}.key`, `must be a function of the args; got ${preview(key)}`)
  return {
    key: key === undefined ? null : of(key),
    cost: typeof cost === 'function' ? of(cost) : integer(cost ?? 1, `${option}.cost`, 1, MOST_COST),
  }
}

/** Reads the fairness of a task. @throws {CeleriacError} `OPTION_…` */
function readFairness(given: unknown): ResolvedFairness {
  if (!isBag(given)) throw invalid('fairness', `must be { key, weight }; got ${preview(given)}`)
  refuseUnknown(given, ['key', 'weight'], 'fairness')
  const key: unknown = Reflect.get(given, 'key')
  const weight: unknown = Reflect.get(given, 'weight') ?? 1
  if (typeof key !== 'function')
    throw invalid('fairness.key', `must be a function of the args; got ${preview(key)}`)
  return { key: of(key), weight: typeof weight === 'function' ? of(weight) : weightOf(weight) }
}

/** @throws {CeleriacError} `OPTION_INVALID` unless it is a number above 0 and not beyond a million. */
export function weightOf(weight: unknown, option = 'fairness.weight'): number {
  if (typeof weight === 'number' && weight >= 0.001 && weight <= 1_000_000) return weight
  throw invalid(option, `must be a number from 0.001 to 1000000; got ${preview(weight)}`)
}

/** @throws {CeleriacError} `OPTION_INVALID` */
export function costOf(cost: unknown, option: string): number {
  return integer(cost, option, 1, MOST_COST)
}

export function assertFew(limits: readonly unknown[]): void {
  if (limits.length > MOST_LIMITS)
    throw invalid('limits', `are ${limits.length}; a job may have at most ${MOST_LIMITS}`)
}

function without(bag: object, keys: readonly string[]): object {
  return Object.fromEntries(Object.entries(bag).filter(([key]) => !keys.includes(key)))
}

export const isBag = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const listOf = (value: unknown): readonly unknown[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value]

/** Users' functions are called with the args of the job, whose types are not known here. */
const of = (given: unknown): OfArgs<unknown> => given as OfArgs<unknown>

function invalid(option: string, problem: string): CeleriacError<'OPTION_INVALID'> {
  return new CeleriacError('OPTION_INVALID', { option, problem })
}
