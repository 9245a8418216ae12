import { type Duration, formatMs, toMs } from './duration.ts'
import { CeleriacError } from './errors.ts'
import type { Json } from './json.ts'
import { preview } from './text.ts'

/** How long to wait before an attempt: growing delays, a list of them, or a function of the failure. */
export type Backoff = ExponentialBackoff | readonly Duration[] | BackoffFunction

/**
 * Says how long to wait after a failed attempt.
 *
 * @param attempt - the attempt that failed, counted from 1
 * @returns `null` for: do not retry
 */
export type BackoffFunction = (attempt: number, error: unknown) => Duration | null

/** Delays that grow by a factor up to a bound. Make one with {@link exponential}. */
export interface ExponentialBackoff {
  readonly kind: 'exponential'
  readonly baseMs: number
  readonly factor: number
  readonly maxMs: number
  /** Draw each delay from 0 up to its full length, so that what failed together does not come back together. */
  readonly jitter: boolean
}

/** A backoff that has been read and checked. */
export type BackoffPolicy =
  | ExponentialBackoff
  | { readonly kind: 'list'; readonly delaysMs: readonly number[] }
  | { readonly kind: 'function'; readonly delayOf: BackoffFunction }

/** What {@link exponential} takes. */
export interface ExponentialOptions {
  /** The delay after the first attempt. @defaultValue '1s' */
  readonly base?: Duration
  /** What each further delay is multiplied with, 1 to 1000. @defaultValue 2 */
  readonly factor?: number
  /** No delay is longer. @defaultValue '10m' */
  readonly max?: Duration
  /** Draw each delay from 0 up to its full length. @defaultValue true */
  readonly jitter?: boolean
}

export const BACKOFF_DEFAULTS = {
  base: '1s',
  factor: 2,
  max: '10m',
  jitter: true,
} as const satisfies Required<ExponentialOptions>

const MAX_DELAY_MS = 365 * 86_400_000
const MAX_LIST = 1000

/**
 * Delays of `base`, `base·factor`, `base·factor²` … up to `max`.
 *
 * @throws {CeleriacError} `OPTION_INVALID` when a value is out of range, or `base` is longer than `max`.
 */
export function exponential(options: ExponentialOptions = {}): ExponentialBackoff {
  const { base, factor, max, jitter } = { ...BACKOFF_DEFAULTS, ...options }
  return checkExponential({
    kind: 'exponential',
    baseMs: toMs(base, 'backoff.base', { max: MAX_DELAY_MS }),
    factor,
    maxMs: toMs(max, 'backoff.max', { max: MAX_DELAY_MS }),
    jitter,
  })
}

/** What a task has that says nothing about backoff. */
export const DEFAULT_BACKOFF: ExponentialBackoff = exponential()

/**
 * Reads a backoff given by a user.
 *
 * @throws {CeleriacError} `OPTION_INVALID` naming `option`.
 */
export function parseBackoff(input: unknown, option = 'backoff'): BackoffPolicy {
  if (isFunction(input)) return { kind: 'function', delayOf: input }
  if (Array.isArray(input)) return { kind: 'list', delaysMs: parseList(input, option) }
  if (isRecord(input) && input.kind === 'exponential') {
    return checkExponential(
      {
        kind: 'exponential',
        baseMs: toMs(input.baseMs, `${option}.baseMs`, { max: MAX_DELAY_MS }),
        factor: input.factor,
        maxMs: toMs(input.maxMs, `${option}.maxMs`, { max: MAX_DELAY_MS }),
        jitter: input.jitter,
      },
      option,
    )
  }
  throw refusal(
    option,
    `must be exponential({ … }), a list of durations or a function; got ${preview(input)}`,
  )
}

function parseList(list: readonly unknown[], option: string): readonly number[] {
  if (list.length === 0) throw refusal(option, 'is an empty list; set maxAttempts to 1 for no retry')
  if (list.length > MAX_LIST) throw refusal(option, `has ${list.length} delays; the limit is ${MAX_LIST}`)
  return list.map((delay, index) => toMs(delay, `${option}[${index}]`, { max: MAX_DELAY_MS }))
}

interface UncheckedExponential {
  readonly kind: 'exponential'
  readonly baseMs: number
  readonly factor: unknown
  readonly maxMs: number
  readonly jitter: unknown
}

function checkExponential(given: UncheckedExponential, option = 'backoff'): ExponentialBackoff {
  const { kind, baseMs, factor, maxMs, jitter } = given
  if (typeof factor !== 'number' || !(factor >= 1 && factor <= 1000)) {
    throw refusal(`${option}.factor`, `must be a number from 1 to 1000; got ${preview(factor)}`)
  }
  if (typeof jitter !== 'boolean')
    throw refusal(`${option}.jitter`, `must be true or false; got ${preview(jitter)}`)
  if (baseMs > maxMs)
    throw refusal(`${option}.base`, `is ${formatMs(baseMs)}, longer than max (${formatMs(maxMs)})`)
  return { kind, baseMs, factor, maxMs, jitter }
}

/**
 * How long to wait after the failure of an attempt.
 *
 * A list's last delay repeats; arithmetic saturates, so attempt 1,000,000 waits for `maxMs`.
 *
 * @param attempt - the attempt that failed, counted from 1
 * @param random - uniform from 0 up to but not including 1
 * @returns milliseconds; `null` when the policy's function says not to retry
 * @throws {CeleriacError} `OPTION_INVALID` when the policy's function returns no duration; what it throws passes through.
 */
export function backoffDelayMs(
  policy: BackoffPolicy,
  attempt: number,
  error: unknown,
  random: () => number = Math.random,
): number | null {
  switch (policy.kind) {
    case 'exponential': {
      const full = exponentialMs(policy, attempt)
      return policy.jitter ? Math.round(full * random()) : full
    }
    case 'list':
      return policy.delaysMs.at(Math.min(Math.max(attempt, 1), policy.delaysMs.length) - 1) ?? 0
    case 'function': {
      const delay = policy.delayOf(attempt, error)
      return delay === null ? null : toMs(delay, 'the delay returned by backoff', { max: MAX_DELAY_MS })
    }
  }
}

function exponentialMs({ baseMs, factor, maxMs }: ExponentialBackoff, attempt: number): number {
  // 0 × Infinity is NaN; every other overflow is Infinity, which the bound takes back.
  if (baseMs === 0) return 0
  return Math.round(Math.min(maxMs, baseMs * factor ** (Math.max(attempt, 1) - 1)))
}

/**
 * A policy as it is stored in a job's row: a list as an array of milliseconds, an exponential one as its fields.
 *
 * @throws {CeleriacError} `OPTION_INVALID` for a function, which no row can hold.
 */
export function backoffToJson(policy: BackoffPolicy, option = 'backoff'): Json {
  switch (policy.kind) {
    case 'exponential':
      return { ...policy }
    case 'list':
      return [...policy.delaysMs]
    case 'function':
      throw refusal(option, 'is a function and cannot be stored with one job; put it on the task')
  }
}

/**
 * Reads what {@link backoffToJson} wrote, or what somebody wrote by SQL (where a list may hold `"5s"`).
 *
 * @throws {CeleriacError} `OPTION_INVALID`
 */
export function backoffFromJson(json: unknown, option = 'backoff'): BackoffPolicy {
  return parseBackoff(json, option)
}

const isFunction = (input: unknown): input is BackoffFunction => typeof input === 'function'
const isRecord = (input: unknown): input is Record<string, unknown> =>
  typeof input === 'object' && input !== null

function refusal(option: string, problem: string): CeleriacError<'OPTION_INVALID'> {
  return new CeleriacError('OPTION_INVALID', { option, problem })
}
