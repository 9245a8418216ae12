import { formatMs, toMs } from '../base/duration.ts'
import { CeleriacError } from '../base/errors.ts'
import { flag, instant, oneOf, refuseUnknown } from '../base/options.ts'
import { preview } from '../base/text.ts'
import type { CronTable, CronValue, ScheduleRule } from '../task/every.ts'
import { CronTimes } from './cron.ts'
import { zoneOf } from './zone.ts'

/** A rule as the table keeps it. */
export type StoredRule =
  | { readonly cron: string; readonly timezone: string; readonly dayMatch?: 'and' }
  | { readonly interval: number; readonly aligned?: true }
  | { readonly at: string }

/** The instants of a rule, in ms since 1970. */
export interface Timetable {
  /** The first one after another; null for none. */
  next(after: number): number | null
}

const RULE_KEYS = ['cron', 'interval', 'at'] as const
const LEAST_INTERVAL_MS = 100
const TABLE_KEYS = ['minute', 'hour', 'dayOfMonth', 'monthOfYear', 'dayOfWeek'] as const

/**
 * Reads the rule of a schedule as users give it.
 *
 * @throws {CeleriacError} `OPTION_…`, `CRON_INVALID`, `CRON_NEVER`, `TIMEZONE_UNKNOWN`
 */
export function readRule(given: ScheduleRule): StoredRule {
  const kinds = RULE_KEYS.filter((key) => Reflect.get(given, key) !== undefined)
  const [kind, other] = kinds
  if (kind === undefined) {
    throw new CeleriacError('OPTION_INVALID', {
      option: 'schedule',
      problem: 'says not when: give cron, interval or at',
    })
  }
  if (other !== undefined) throw new CeleriacError('OPTION_CONFLICT', { option: kind, other })
  for (const [key, owner] of Object.entries({ timezone: 'cron', dayMatch: 'cron', aligned: 'interval' })) {
    if (Reflect.get(given, key) !== undefined && owner !== kind)
      throw new CeleriacError('OPTION_INVALID', { option: key, problem: `belongs to ${owner}; leave it out` })
  }
  if (given.interval !== undefined) {
    const interval = toMs(given.interval, 'interval', { min: LEAST_INTERVAL_MS })
    return flag(given.aligned ?? false, 'aligned') ? { interval, aligned: true } : { interval }
  }
  if (given.at !== undefined) return { at: instant(given.at, 'at').toISOString() }
  return readCronRule(given.cron, given.timezone, given.dayMatch)
}

function readCronRule(cron: string | CronTable, timezone = 'UTC', dayMatch?: 'and' | 'or'): StoredRule {
  const text = typeof cron === 'string' ? cron.trim().replace(/\s+/g, ' ') : tableText(cron)
  const days = oneOf(dayMatch ?? (typeof cron === 'string' ? 'or' : 'and'), 'dayMatch', ['and', 'or'])
  const zone = zoneOf(timezone).name
  // Read as it was written, so that the columns in a refusal are right.
  new CronTimes(typeof cron === 'string' ? cron : text, zone, days)
  return days === 'and' ? { cron: text, timezone: zone, dayMatch: days } : { cron: text, timezone: zone }
}

function tableText(table: CronTable): string {
  if (typeof table !== 'object' || table === null) {
    throw new CeleriacError('OPTION_INVALID', {
      option: 'cron',
      problem: `must be a text such as '0 7 * * 1-5', or its fields; got ${preview(table)}`,
    })
  }
  refuseUnknown(table, TABLE_KEYS, 'cron')
  return TABLE_KEYS.map((key) => valueText(table[key] ?? '*', key)).join(' ')
}

function valueText(value: CronValue, key: string): string {
  const items = typeof value === 'object' ? [...value] : [value]
  const text = items
    .map((item) =>
      String(item)
        .replace(/\s*,\s*/g, ',')
        .trim(),
    )
    .join(',')
  // What only texts can say; Celery refuses it, too.
  if (text !== '' && !/[\sL#?]/.test(text)) return text
  throw new CeleriacError('OPTION_INVALID', {
    option: `cron.${key}`,
    problem: `must be numbers, names, ranges and steps, such as '8-18/4'; got ${preview(value)}`,
  })
}

/** What of a schedule its instants depend on, in ms. */
export interface Span {
  readonly plannedFrom: number
  readonly startsAt: number | null
  readonly endsAt: number | null
}

/**
 * The instants of a stored rule.
 *
 * @throws {CeleriacError} as {@link readRule}: rows can be written by hand
 */
export function timetableOf(rule: unknown, { plannedFrom, startsAt, endsAt }: Span): Timetable {
  const times = timesOf(rule, startsAt ?? plannedFrom, startsAt !== null)
  return {
    next: (after) => {
      const found = times.next(startsAt === null ? after : Math.max(after, startsAt - 1))
      return found === null || (endsAt !== null && found > endsAt) ? null : found
    },
  }
}

/** @param inclusive - whether the anchor of an interval is an instant itself */
function timesOf(rule: unknown, anchor: number, inclusive: boolean): Timetable {
  if (typeof rule !== 'object' || rule === null) throw notARule(rule)
  if ('interval' in rule) {
    const every = toMs(rule.interval, 'rule.interval', { min: LEAST_INTERVAL_MS })
    const aligned = 'aligned' in rule && rule.aligned === true
    return intervalTimes(every, aligned ? 0 : anchor, inclusive || aligned)
  }
  if ('at' in rule) {
    const at = instant(rule.at, 'rule.at').getTime()
    return { next: (after) => (after < at ? at : null) }
  }
  if (!('cron' in rule) || typeof rule.cron !== 'string') throw notARule(rule)
  const timezone = 'timezone' in rule && rule.timezone !== null ? rule.timezone : 'UTC'
  const dayMatch = oneOf('dayMatch' in rule ? (rule.dayMatch ?? 'or') : 'or', 'rule.dayMatch', ['and', 'or'])
  return cronTimes(rule.cron, zoneOf(timezone).name, dayMatch)
}

function intervalTimes(every: number, anchor: number, inclusive: boolean): Timetable {
  return {
    next: (after) => {
      const passed = Math.floor((after - anchor) / every) + 1
      return anchor + every * Math.max(passed, inclusive ? 0 : 1)
    },
  }
}

/** Reading an expression takes longer than asking it. */
const known = new Map<string, CronTimes>()
const MOST_KNOWN = 2_000

function cronTimes(cron: string, timezone: string, dayMatch: 'and' | 'or'): CronTimes {
  const key = `${dayMatch} ${timezone} ${cron}`
  let times = known.get(key)
  if (times === undefined) {
    if (known.size >= MOST_KNOWN) known.clear()
    times = new CronTimes(cron, timezone, dayMatch)
    known.set(key, times)
  }
  return times
}

function notARule(rule: unknown): CeleriacError {
  return new CeleriacError('OPTION_INVALID', {
    option: 'rule',
    problem: `must be {"cron": "0 7 * * *"}, {"interval": 60000} or {"at": "2030-01-31T12:00:00Z"}; got ${preview(rule)}`,
  })
}

/** A rule for people: `0 7 * * 1-5 Europe/Lisbon`, `every 5m`, `at 2030-01-31T12:00:00.000Z`. */
export function ruleText(rule: unknown): string {
  if (typeof rule !== 'object' || rule === null) return preview(rule)
  if ('interval' in rule) return `every ${formatMs(Number(rule.interval))}`
  if ('at' in rule) return `at ${rule.at}`
  const zone = 'timezone' in rule && rule.timezone !== 'UTC' ? ` ${rule.timezone}` : ''
  return 'cron' in rule ? `${rule.cron}${zone}` : preview(rule)
}
