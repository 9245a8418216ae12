import { CeleriacError } from '../base/errors.ts'
import { type Check, refuseUnknown } from '../base/options.ts'
import { preview } from '../base/text.ts'
import { assertLimitName, storedKey } from './limit-key.ts'
import type { CallLimits } from './limits.ts'
import { assertFew, costOf, isBag, KEYED, weightOf } from './read-limits.ts'

/** Options that all jobs of a task share, or none. */
const OF_TASKS = ['rateLimit', 'concurrency', 'exclusive'] as const

/**
 * Reads the limits of one call: keys are texts here, and costs numbers.
 *
 * @returns null for a call without any
 * @throws {CeleriacError} `OPTION_…`, `LIMIT_…`
 */
export function limitsOfCall(options: object, check: Check): CallLimits | null {
  for (const option of OF_TASKS)
    if (Reflect.get(options, option) !== undefined) check(() => refuse(option), undefined)
  const limits: unknown = Reflect.get(options, 'limits')
  const fairness: unknown = Reflect.get(options, 'fairness')
  if (limits === undefined && fairness === undefined) return null
  return {
    ...(limits !== undefined && { limits: check(() => readLimits(limits), []) }),
    ...(fairness !== undefined && { fair: check(() => readFairness(fairness), ['', 1]) }),
  }
}

function readLimits(given: unknown): NonNullable<CallLimits['limits']> {
  if (!Array.isArray(given))
    throw invalid('limits', `must be a list of names, or of { name, key, cost }; got ${preview(given)}`)
  const list: readonly unknown[] = given
  assertFew(list)
  return list.map((entry, index) => {
    if (typeof entry === 'string') return [assertLimitName(entry), '', 1]
    const place = `limits[${index}]`
    if (!isBag(entry)) throw invalid(place, `must be a name, or { name, key, cost }; got ${preview(entry)}`)
    refuseUnknown(entry, ['name', ...KEYED], place)
    const name = assertLimitName(Reflect.get(entry, 'name'))
    const key: unknown = Reflect.get(entry, 'key') ?? null
    return [name, storedKey(key, name) ?? '', costOf(Reflect.get(entry, 'cost') ?? 1, `${place}.cost`)]
  })
}

function readFairness(given: unknown): NonNullable<CallLimits['fair']> {
  if (!isBag(given)) return [storedKey(given, 'fairness') ?? '', 1]
  refuseUnknown(given, ['key', 'weight'], 'fairness')
  const key: unknown = Reflect.get(given, 'key')
  return [storedKey(key, 'fairness') ?? '', weightOf(Reflect.get(given, 'weight') ?? 1)]
}

function refuse(option: string): never {
  const remedy = 'for one call give limits, by name; to change it at run time use app.limits.set'
  throw invalid(option, `belongs to the task, whose jobs share it; ${remedy}`)
}

function invalid(option: string, problem: string): CeleriacError<'OPTION_INVALID'> {
  return new CeleriacError('OPTION_INVALID', { option, problem })
}
