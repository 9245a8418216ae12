import { parseBackoff } from '../base/backoff.ts'
import { toMs } from '../base/duration.ts'
import { CeleriacError } from '../base/errors.ts'
import { allAtOnce, instant, integer, oneOf, refuseUnknown, text } from '../base/options.ts'
import { preview } from '../base/text.ts'
import type { TaskDefinition } from '../task/definition.ts'
import type { ScheduledOptions, ScheduleRule, ScheduleSettings } from '../task/every.ts'
import { resolveCallOptions } from '../task/options.ts'
import { readRule, type StoredRule } from './rule.ts'

/** Columns of a schedule as they are written; what is left out is as usual. */
export interface ScheduleColumns {
  readonly task: string
  readonly rule: StoredRule
  readonly args?: unknown
  readonly lazy?: true
  readonly options?: object
  readonly overlap?: string
  readonly catch_up?: string
  readonly catch_up_max?: number
  readonly deadline_ms?: number
  readonly jitter_ms?: number
  readonly starts_at?: string
  readonly ends_at?: string
  readonly max_fires?: number
  readonly description?: string
}

const KEYS = [
  'cron',
  'timezone',
  'dayMatch',
  'interval',
  'aligned',
  'at',
  'description',
  'start',
  'end',
  'count',
  'jitter',
  'overlap',
  'catchUp',
  'catchUpMax',
  'deadline',
  'options',
  'args',
]
const REFUSED_OPTIONS = ['id', 'tx', 'runAt'] as const
const MOST_FIRES = Number.MAX_SAFE_INTEGER

/**
 * Checks what a schedule is told, all of it but its args.
 *
 * @param more - further keys that may be there
 * @throws {CeleriacError} `OPTION_…`, `CRON_…`, `TIMEZONE_UNKNOWN`, all problems at once
 */
export function readSettings(
  task: TaskDefinition,
  given: ScheduleRule & ScheduleSettings,
  more: readonly string[],
): ScheduleColumns {
  return allAtOnce((check) => {
    check(() => refuseUnknown(given, [...KEYS, ...more], 'schedule'), undefined)
    const rule = check<StoredRule>(() => readRule(given), { interval: 0 })
    const at = (name: 'start' | 'end'): string | undefined =>
      check(
        () => (given[name] === undefined ? undefined : instant(given[name], name).toISOString()),
        undefined,
      )
    const ms = (name: 'jitter' | 'deadline'): number | undefined =>
      check(() => (given[name] === undefined ? undefined : toMs(given[name], name)), undefined)
    const number = (name: 'count' | 'catchUpMax', most: number): number | undefined =>
      check(() => (given[name] === undefined ? undefined : integer(given[name], name, 1, most)), undefined)
    const columns = {
      task: task.name,
      rule,
      options: check(() => readOptions(given.options, task), undefined),
      overlap: check(
        () => given.overlap && oneOf(given.overlap, 'overlap', ['allow', 'skip', 'queue', 'cancel']),
        undefined,
      ),
      catch_up: check(
        () => given.catchUp && oneOf(given.catchUp, 'catchUp', ['none', 'last', 'all']),
        undefined,
      ),
      catch_up_max: number('catchUpMax', 1_000),
      deadline_ms: ms('deadline'),
      jitter_ms: ms('jitter'),
      starts_at: at('start'),
      ends_at: at('end'),
      max_fires: number('count', MOST_FIRES),
      description: check(
        () => (given.description === undefined ? undefined : text(given.description, 'description', 2_000)),
        undefined,
      ),
    }
    check(() => assertOrder(columns.starts_at, columns.ends_at), undefined)
    return withoutUndefined(columns)
  })
}

function readOptions(options: ScheduledOptions | undefined, task: TaskDefinition): object | undefined {
  if (options === undefined) return undefined
  for (const name of REFUSED_OPTIONS) {
    if (name in options)
      throw new CeleriacError('OPTION_INVALID', {
        option: `options.${name}`,
        problem: 'is for one job; a schedule makes many: leave it out',
      })
  }
  resolveCallOptions(options, task.options)
  if (typeof options.expires === 'object') {
    throw new CeleriacError('OPTION_INVALID', {
      option: 'options.expires',
      problem: 'must be a duration: a schedule makes jobs at many instants',
    })
  }
  const { backoff, ...rest } = options
  if (backoff !== undefined) parseBackoff(backoff)
  return { ...rest, ...(backoff !== undefined && { backoff }) }
}

function assertOrder(start: string | undefined, end: string | undefined): void {
  if (start === undefined || end === undefined || start <= end) return
  throw new CeleriacError('OPTION_INVALID', { option: 'end', problem: `(${end}) is before start (${start})` })
}

/** @throws {CeleriacError} `OPTION_INVALID` for what cannot be the name of a schedule */
export function assertScheduleName(name: unknown): string {
  const checked = text(name, 'name', 800)
  if ([...checked].length <= 200 && !/\p{Cc}/u.test(checked)) return checked
  throw new CeleriacError('OPTION_INVALID', {
    option: 'name',
    problem: `must have 1 to 200 characters, and no control characters; got ${preview(name)}`,
  })
}

type Defined<Bag> = { [Key in keyof Bag as undefined extends Bag[Key] ? never : Key]: Bag[Key] } & {
  [Key in keyof Bag as undefined extends Bag[Key] ? Key : never]?: Exclude<Bag[Key], undefined>
}

function withoutUndefined<Bag extends object>(bag: Bag): Defined<Bag> {
  return Object.fromEntries(Object.entries(bag).filter(([, value]) => value !== undefined)) as Defined<Bag>
}
