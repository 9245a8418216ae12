import { type Duration, toMs } from '../base/duration.ts'
import { CeleriacError } from '../base/errors.ts'
import { type Check, oneOf, refuseUnknown, text } from '../base/options.ts'
import { preview } from '../base/text.ts'
import type { JobState } from '../db/calls/read-jobs.ts'
import type { LimitKey, OfArgs } from './limits.ts'

/** What becomes of a call whose key another job holds. */
export type OnConflict = (typeof ON_CONFLICT)[number]

const ON_CONFLICT = ['keep', 'replace', 'reject', 'rerun'] as const
const STATES = ['waiting', 'pending', 'running', 'succeeded', 'failed', 'cancelled'] as const
const UNTIL = ['started', 'settled'] as const

/** A key: what makes two jobs of a task the same. At most 255 bytes. */
export type UniqueKey = string | number | bigint

/** A key, or a function of the args that gives one; null for a job that is not unique. */
export type UniqueKeyOf<Args extends readonly unknown[]> = UniqueKey | ((...args: Args) => LimitKey)

/** One job at a time for each key. */
export interface Unique<Key> {
  readonly key: Key
  /**
   * How long the job holds its key: until it is 'settled'; until it has 'started', so as long as it waits to begin, be
   * it for the first time or again; or for a period from its enqueuing on, whatever becomes of it. @defaultValue 'settled'
   */
  readonly until?: 'started' | 'settled' | Duration
  /**
   * It holds the key while it is in one of these states, instead of `until`; of a period they make an end earlier.
   * `waiting` and `pending` count as one: it has not begun.
   */
  readonly states?: readonly JobState[]
  /**
   * When another job holds the key. 'keep': that one will do. 'reject': the call throws `UNIQUE_CONFLICT`. 'replace': a
   * job that has not begun takes over the args and options of this call. 'rerun': one that has not begun will do. If it
   * runs, 'replace' and 'rerun' make one more job, which begins once that one runs no more. @defaultValue 'keep'
   */
  readonly onConflict?: OnConflict
}

/** Calls that come in quick succession become one job: it begins when none has come for a while, with the last args. */
export interface Debounce<Key> {
  readonly key: Key
  /** Begin when no call has come for this long. */
  readonly wait: Duration
  /** But begin this long after the first call at the latest. */
  readonly maxWait?: Duration
}

/** The first call makes a job; those that follow within a period make none. */
export interface Throttle<Key> {
  readonly key: Key
  /** The period, from the first call on. */
  readonly every: Duration
}

/** Options that make jobs unique: at most one of them. Null takes back what the task says. */
export interface UniqueOptions<Key> {
  /** One job at a time for each key, among the jobs of the task. */
  readonly unique?: Unique<Key> | null
  /** One job for all calls that come in quick succession; each puts its beginning off. */
  readonly debounce?: Debounce<Key> | null
  /** One job per period. */
  readonly throttle?: Throttle<Key> | null
}

/** How `enqueue_unique` reads it. */
export interface UniqueRule {
  readonly onConflict: OnConflict
  /** Left out: any. */
  readonly states?: readonly JobState[]
  readonly ms?: number
  readonly maxWaitMs?: number
}

/** Uniqueness, read and checked. */
export interface ResolvedUnique {
  /** The option that said so. */
  readonly option: 'unique' | 'debounce' | 'throttle'
  readonly key: string | OfArgs<unknown>
  readonly rule: UniqueRule
  /** How long the job is put off. */
  readonly waitMs: number | null
}

export const UNIQUE_KEYS = ['unique', 'debounce', 'throttle'] as const
/** Defaults of `unique`. */
export const UNIQUE_DEFAULTS = { until: 'settled', onConflict: 'keep' } as const

const KEY_BYTES = 255
const UNSETTLED = ['waiting', 'pending', 'running'] as const
const UNSTARTED = ['waiting', 'pending'] as const

/**
 * Reads what makes jobs unique.
 *
 * @returns null for nothing
 * @throws {CeleriacError} `OPTION_…`
 */
export function uniqueOf(
  options: object,
  inherited: ResolvedUnique | null,
  check: Check,
): ResolvedUnique | null {
  const given = UNIQUE_KEYS.filter((option) => Reflect.get(options, option) !== undefined)
  const [option, other] = given.filter((name) => Reflect.get(options, name) !== null)
  if (option === undefined) return given.length > 0 ? null : inherited
  return check(() => {
    if (other !== undefined) throw new CeleriacError('OPTION_CONFLICT', { option, other })
    const timed = (['delay', 'runAt'] as const).find((name) => Reflect.get(options, name) !== undefined)
    if (option === 'debounce' && timed !== undefined)
      throw new CeleriacError('OPTION_CONFLICT', { option, other: timed })
    const bag: unknown = Reflect.get(options, option)
    if (typeof bag !== 'object' || bag === null || Array.isArray(bag))
      throw invalid(option, `must be an object with a key; got ${preview(bag)}`)
    return READERS[option](bag)
  }, null)
}

const READERS: Readonly<Record<(typeof UNIQUE_KEYS)[number], (bag: object) => ResolvedUnique>> = {
  unique: (bag) => {
    refuseUnknown(bag, ['key', 'until', 'states', 'onConflict'], 'unique')
    const onConflict = oneOf(
      Reflect.get(bag, 'onConflict') ?? UNIQUE_DEFAULTS.onConflict,
      'unique.onConflict',
      ON_CONFLICT,
    )
    const rule = { onConflict, ...heldFor(Reflect.get(bag, 'until'), Reflect.get(bag, 'states')) }
    return { option: 'unique', key: keyIn(bag, 'unique'), rule, waitMs: null }
  },
  debounce: (bag) => {
    refuseUnknown(bag, ['key', 'wait', 'maxWait'], 'debounce')
    const waitMs = toMs(Reflect.get(bag, 'wait'), 'debounce.wait', { min: 1 })
    const maxWait: unknown = Reflect.get(bag, 'maxWait')
    const maxWaitMs = maxWait === undefined ? undefined : toMs(maxWait, 'debounce.maxWait', { min: waitMs })
    const rule = {
      onConflict: 'replace' as const,
      states: UNSTARTED,
      ...(maxWaitMs !== undefined && { maxWaitMs }),
    }
    return { option: 'debounce', key: keyIn(bag, 'debounce'), rule, waitMs }
  },
  throttle: (bag) => {
    refuseUnknown(bag, ['key', 'every'], 'throttle')
    const ms = toMs(Reflect.get(bag, 'every'), 'throttle.every', { min: 1 })
    return { option: 'throttle', key: keyIn(bag, 'throttle'), rule: { onConflict: 'keep', ms }, waitMs: null }
  },
}

function heldFor(until: unknown, states: unknown): Pick<UniqueRule, 'states' | 'ms'> {
  const word = UNTIL.find((one) => one === until)
  if (states !== undefined && word !== undefined)
    throw new CeleriacError('OPTION_CONFLICT', { option: 'unique.until', other: 'unique.states' })
  const period = until === undefined || word !== undefined ? {} : { ms: periodMs(until) }
  if (states !== undefined) return { ...period, states: readStates(states) }
  if (word === 'started') return { states: UNSTARTED }
  return 'ms' in period ? period : { states: UNSETTLED }
}

function periodMs(until: unknown): number {
  try {
    return toMs(until, 'unique.until', { min: 1 })
  } catch (error) {
    if (typeof until === 'string' && /^[a-z]/i.test(until)) oneOf(until, 'unique.until', UNTIL)
    throw error
  }
}

function readStates(given: unknown): readonly JobState[] {
  if (!Array.isArray(given) || given.length === 0)
    throw invalid('unique.states', `must be a list of states; got ${preview(given)}`)
  return [...new Set(given.map((state: unknown, index) => oneOf(state, `unique.states[${index}]`, STATES)))]
}

function keyIn(bag: object, option: string): string | OfArgs<unknown> {
  const key: unknown = Reflect.get(bag, 'key')
  return isKeyFunction(key) ? key : readKey(key, `${option}.key`)
}

function isKeyFunction(value: unknown): value is OfArgs<unknown> {
  return typeof value === 'function'
}

function readKey(key: unknown, option: string): string {
  const isNumber = typeof key === 'bigint' || (typeof key === 'number' && Number.isFinite(key))
  if (key instanceof Promise) throw invalid(option, 'is a promise; a key is needed at once')
  return text(isNumber ? String(key) : key, option, KEY_BYTES)
}

/**
 * The key of one job.
 *
 * @param args - as the caller gave them
 * @returns null when its function says that this job is not unique
 * @throws {CeleriacError} `OPTION_INVALID` for what is no key
 */
export function keyOfJob({ key, option }: ResolvedUnique, args: readonly unknown[]): string | null {
  if (typeof key === 'string') return key
  const given: unknown = Reflect.apply(key, undefined, args)
  return given === null ? null : readKey(given, `${option}.key`)
}

function invalid(option: string, problem: string): CeleriacError<'OPTION_INVALID'> {
  return new CeleriacError('OPTION_INVALID', { option, problem })
}
