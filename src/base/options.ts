import { CeleriacError, isCeleriacError } from './errors.ts'
import { didYouMean } from './names.ts'
import { preview, quote } from './text.ts'

/** Runs one check; a refusal is kept for the end and `fallback` stands in for the value. */
export type Check = <Value>(check: () => Value, fallback: Value) => Value

/**
 * Resolves a bag of options and reports every problem at once.
 *
 * @returns what `resolve` returned, when no check refused
 * @throws {CeleriacError} the one refusal as it is, or `OPTIONS_INVALID` with all of them in `details.problems`.
 * @example
 * const resolved = allAtOnce((check) => ({
 *   concurrency: check(() => integer(given.concurrency ?? 10, 'concurrency', 1, 10_000), 10),
 * }))
 */
export function allAtOnce<Resolved>(resolve: (check: Check) => Resolved): Resolved {
  const problems: CeleriacError[] = []
  const resolved = resolve((check, fallback) => {
    try {
      return check()
    } catch (error) {
      if (!isCeleriacError(error)) throw error
      problems.push(error)
      return fallback
    }
  })
  const [first] = problems
  if (first === undefined) return resolved
  if (problems.length === 1) throw first
  const texts = problems.map((problem) => problem.message).join(' · ')
  throw new CeleriacError(
    'OPTIONS_INVALID',
    { count: problems.length, problems: texts },
    { details: { problems } },
  )
}

/**
 * Refuses an option that nobody reads, with the nearest one that somebody does.
 *
 * @param where - a noun that goes before "option", such as `worker`
 * @throws {CeleriacError} `OPTION_UNKNOWN`, or `OPTION_INVALID` when `bag` is not an object.
 */
export function refuseUnknown(bag: object, known: readonly string[], where: string): void {
  const given: unknown = bag
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw refusal(`${where} options`, `must be an object; got ${preview(given)}`)
  }
  for (const option of Object.keys(given)) {
    if (known.includes(option)) continue
    const facts = { where, option: preview(option).slice(1, -1), hint: didYouMean(option, known) }
    throw new CeleriacError('OPTION_UNKNOWN', facts)
  }
}

/** @throws {CeleriacError} `OPTION_INVALID` unless `value` is an integer within the bounds, both included. */
export function integer(value: unknown, option: string, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  throw refusal(option, `must be an integer from ${min} to ${max}; got ${preview(value)}`)
}

/** @throws {CeleriacError} `OPTION_INVALID` unless `value` is a boolean. */
export function flag(value: unknown, option: string): boolean {
  if (typeof value === 'boolean') return value
  throw refusal(option, `must be true or false; got ${preview(value)}`)
}

/** @throws {CeleriacError} `OPTION_INVALID` unless `value` is one of the words. */
export function oneOf<const Word extends string>(
  value: unknown,
  option: string,
  words: readonly Word[],
): Word {
  const found = words.find((word) => word === value)
  if (found !== undefined) return found
  const hint = typeof value === 'string' ? `; ${didYouMean(value, words)}` : ''
  throw refusal(
    option,
    `must be one of ${words.map((word) => quote(word)).join(', ')}; got ${preview(value)}${hint}`,
  )
}

/** @throws {CeleriacError} `OPTION_INVALID` unless `value` is a text of 1 to `maxBytes` that PostgreSQL can store. */
export function text(value: unknown, option: string, maxBytes: number): string {
  if (typeof value !== 'string') throw refusal(option, `must be a string; got ${preview(value)}`)
  if (value === '') throw refusal(option, 'is empty')
  const problem = textProblem(value, maxBytes)
  if (problem !== null) throw refusal(option, problem)
  return value
}

function textProblem(value: string, maxBytes: number): string | null {
  const bytes = Buffer.byteLength(value)
  if (bytes > maxBytes) return `takes ${bytes} bytes; the limit is ${maxBytes}`
  if (value.includes('\0'))
    return `contains U+0000 at index ${value.indexOf('\0')}; PostgreSQL cannot store it`
  return value.isWellFormed()
    ? null
    : 'contains half of a character (a lone surrogate); use value.toWellFormed()'
}

const ISO = /^(?:\d{4}|[+-]\d{6})-\d\d-(\d\d)(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/
const EARLIEST = 0
const LATEST = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/**
 * Reads an instant: a Date, milliseconds since 1970, or ISO 8601 text with its offset (a date alone is UTC).
 *
 * @throws {CeleriacError} `OPTION_INVALID` when it is none, or lies outside the years 1970 to 9999.
 */
export function instant(value: unknown, option: string): Date {
  if (typeof value === 'string') return within(fromText(value, option), option)
  if (value instanceof Date && Number.isNaN(value.getTime())) throw refusal(option, 'is an invalid Date')
  const date = value instanceof Date || typeof value === 'number' ? new Date(value) : null
  if (date === null || Number.isNaN(date.getTime())) throw refusal(option, `${preview(value)} is not a date`)
  return within(date, option)
}

function fromText(value: string, option: string): Date {
  const [, day, time, , , zone] = ISO.exec(value) ?? []
  const date = new Date(value)
  if (day === undefined || Number.isNaN(date.getTime()) || !isDayOfMonth(value)) {
    throw refusal(option, `${preview(value)} is not a date`)
  }
  if (time !== undefined && zone === undefined) {
    throw refusal(option, `${preview(value)} has no time zone; end it with Z or an offset like +02:00`)
  }
  return date
}

/** V8 reads 2026-02-31 as the 3rd of March. */
function isDayOfMonth(value: string): boolean {
  const [day = ''] = value.split('T')
  const date = new Date(`${day}T00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day)
}

function within(date: Date, option: string): Date {
  const ms = date.getTime()
  if (ms >= EARLIEST && ms <= LATEST) return date
  const side = ms < EARLIEST ? 'before the year 1970' : 'after the year 9999'
  throw refusal(option, `${date.toISOString().replace(/T.*/, '').replace(/^\+/, '')} is ${side}`)
}

/** What `labels` may hold. */
export const LABEL_LIMITS = { entries: 64, keyLength: 100, valueLength: 1000 } as const

/**
 * Checks a map of labels.
 *
 * @returns a copy
 * @throws {CeleriacError} `OPTION_INVALID` naming the label that does not fit.
 */
export function labels(value: unknown, option = 'labels'): Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refusal(option, `must be an object of strings; got ${preview(value)}`)
  }
  const entries: [string, unknown][] = Object.entries(value)
  if (entries.length > LABEL_LIMITS.entries) {
    throw refusal(option, `has ${entries.length} entries; the limit is ${LABEL_LIMITS.entries}`)
  }
  return Object.fromEntries(
    entries.map(([key, label]) => [labelKey(key, option), labelValue(label, `${option}.${key}`)]),
  )
}

function labelKey(key: string, option: string): string {
  if (key === '__proto__') throw refusal(option, 'has the key "__proto__"; copying it can change prototypes')
  if (key === '') throw refusal(option, 'has an empty key')
  return fits(key, `${option} key ${preview(key)}`, LABEL_LIMITS.keyLength)
}

function labelValue(label: unknown, option: string): string {
  if (typeof label !== 'string') throw refusal(option, `must be a string; got ${preview(label)}`)
  return fits(label, option, LABEL_LIMITS.valueLength)
}

function fits(value: string, option: string, limit: number): string {
  if (value.length > limit) throw refusal(option, `has ${value.length} characters; the limit is ${limit}`)
  const problem = textProblem(value, Number.POSITIVE_INFINITY)
  if (problem !== null) throw refusal(option, problem)
  return value
}

function refusal(option: string, problem: string): CeleriacError<'OPTION_INVALID'> {
  return new CeleriacError('OPTION_INVALID', {
    option: option.length > 100 ? preview(option, 100) : option,
    problem,
  })
}
