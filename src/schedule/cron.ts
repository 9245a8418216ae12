import { type CronExpression, CronExpressionParser } from 'cron-parser'
import { CeleriacError } from '../base/errors.ts'
import { quote } from '../base/text.ts'
import { type CronFields, readCron } from './cron-fields.ts'
import { type Zone, zoneOf } from './zone.ts'

/** Whether both day fields have to match, or either, when both are given. */
export type DayMatch = 'and' | 'or'

const SECOND_MS = 1000
/** 29 February falls on a Monday every 28 years, and every 40 where a century is not leap. */
const LOOK_AHEAD_MS = 41 * 366 * 86_400_000
const LATEST = Date.UTC(9999, 11, 31, 23, 59, 59)

/**
 * The instants of a cron expression in a time zone.
 *
 * cron-parser says which wall-clock times match; this places them on the line of time. An instant belongs to the rule or
 * not, whoever asks and from where, so that two schedulers never disagree:
 *
 *   the wall clock is put forward, over a fixed time    → fires once, at the first instant after the gap
 *                                , and the hour is `*`  → what does not exist does not fire
 *   the wall clock is put back, a fixed time comes twice → fires the first time
 *                             , and the hour is `*`      → fires both times
 */
export class CronTimes {
  readonly #wall: WallTimes
  readonly #zone: Zone
  readonly #everyHour: boolean

  /** @throws {CeleriacError} `CRON_INVALID`, `CRON_NEVER`, `TIMEZONE_UNKNOWN` */
  constructor(cron: string, timezone: string, dayMatch: DayMatch) {
    const fields = readCron(cron)
    this.#zone = zoneOf(timezone)
    this.#wall = new WallTimes(fields, dayMatch)
    this.#everyHour = fields.hour.wildcard
    // From a Monday in a year that is not leap, whoever asks and when.
    if (this.#wall.next(Date.UTC(2001, 0, 1)) === null) {
      throw new CeleriacError('CRON_NEVER', { cron: quote(cron) })
    }
  }

  /** The first instant after another, in ms since 1970; null when there is none before the year 10000. */
  next(after: number): number | null {
    let offset = this.#zone.offsetAt(after)
    let from = after
    let wallFrom = this.#afterRepeated(after, offset)
    for (;;) {
      const wall = this.#wall.next(wallFrom)
      if (wall === null) return null
      const instant = wall - offset
      const change = this.#zone.changeAfter(from, instant)
      if (change === null) return instant > LATEST ? null : instant
      const { at, before, after: later } = change
      if (later > before && !this.#everyHour) {
        const missing = this.#wall.next(at + before - SECOND_MS)
        if (missing !== null && missing < at + later) return at
      }
      const repeats = later < before && !this.#everyHour
      wallFrom = (repeats ? at + before : at + later) - SECOND_MS
      offset = later
      from = at
    }
  }

  /** Whoever asks in the second pass of a repeated hour is past what fires in the first one only. */
  #afterRepeated(after: number, offset: number): number {
    const change = this.#everyHour ? null : this.#zone.recentChange(after)
    if (change === null || change.after >= change.before) return after + offset
    return Math.max(after + offset, change.at + change.before - SECOND_MS)
  }
}

/** Which wall-clock times match, written as if they were UTC: whatever zones do is not looked at here. */
class WallTimes {
  readonly #both: boolean
  readonly #expressions: readonly CronExpression[]

  constructor({ second, minute, hour, dayOfMonth, month, dayOfWeek }: CronFields, dayMatch: DayMatch) {
    const time = `${second.text} ${minute.text} ${hour.text}`
    const inMonth = `${time} ${dayOfMonth.text} ${month.text} *`
    const inWeek = `${time} * ${month.text} ${dayOfWeek.text}`
    const texts = dayOfWeek.text === '*' ? [inMonth] : dayOfMonth.text === '*' ? [inWeek] : [inMonth, inWeek]
    this.#both = dayMatch === 'and'
    this.#expressions = texts.flatMap((text) => parse(text) ?? [])
    if (this.#both && this.#expressions.length < texts.length) this.#expressions = []
  }

  /** The first one after another. */
  next(after: number): number | null {
    if (this.#expressions.length === 0) return null
    if (!this.#both) return least(this.#expressions.map((expression) => nextOf(expression, after)))
    const limit = after + LOOK_AHEAD_MS
    for (let from = after; ; ) {
      const found = this.#expressions.map((expression) => nextOf(expression, from))
      const last = Math.max(...found.map((one) => one ?? Number.POSITIVE_INFINITY))
      if (last > limit) return null
      if (found.every((one) => one === last)) return last
      from = last - SECOND_MS
    }
  }
}

/** Null for a day that no month has. */
function parse(text: string): CronExpression | null {
  try {
    return CronExpressionParser.parse(text, { tz: 'UTC', currentDate: new Date(0) })
  } catch {
    return null
  }
}

function nextOf(expression: CronExpression, after: number): number | null {
  expression.reset(new Date(Math.floor(after / SECOND_MS) * SECOND_MS))
  try {
    return expression.next().getTime()
  } catch {
    return null
  }
}

function least(instants: readonly (number | null)[]): number | null {
  const some = instants.filter((instant) => instant !== null)
  return some.length === 0 ? null : Math.min(...some)
}
