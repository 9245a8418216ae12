import { CeleriacError } from '../base/errors.ts'
import { nearest } from '../base/names.ts'
import { preview } from '../base/text.ts'

/** A moment at which the clocks of a zone are set. Offsets are ms to add to UTC. */
export interface ClockChange {
  /** The first instant of the new offset, in ms since 1970. */
  readonly at: number
  readonly before: number
  readonly after: number
}

const DAY_MS = 86_400_000
/** Clocks are not set twice within a shorter time. */
const STEP_MS = 5 * DAY_MS
/** Zones whose changes are kept; each is some kB. */
const MOST_ZONES = 500

const zones = new Map<string, Zone>()

/**
 * The zone of a name, such as Europe/Lisbon.
 *
 * @throws {CeleriacError} `TIMEZONE_UNKNOWN` with the nearest one that is known
 */
export function zoneOf(name: unknown): Zone {
  const known = typeof name === 'string' ? zones.get(name) : undefined
  if (known !== undefined) return known
  // An offset is no zone: it does not know when clocks are set.
  if (typeof name !== 'string' || !/^[a-z]/i.test(name)) throw unknownZone(name)
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' })
  } catch {
    throw unknownZone(name)
  }
  if (zones.size >= MOST_ZONES) zones.clear()
  const zone = new Zone(name, format)
  zones.set(name, zone)
  return zone
}

function unknownZone(name: unknown): CeleriacError {
  const meant = typeof name === 'string' ? nearest(name, Intl.supportedValuesOf('timeZone')) : null
  const hint = meant === null ? 'use a name such as Europe/Lisbon' : `did you mean "${meant}"?`
  return new CeleriacError('TIMEZONE_UNKNOWN', { timezone: preview(name), hint })
}

/** How the wall clocks of a place stand, now and in other years. */
export class Zone {
  readonly name: string
  readonly #format: Intl.DateTimeFormat
  readonly #changes = new Map<number, readonly ClockChange[]>()

  constructor(name: string, format: Intl.DateTimeFormat) {
    this.name = name
    this.#format = format
  }

  /** What to add to UTC at an instant, in ms. */
  offsetAt(instant: number): number {
    const [, sign, hours, minutes, seconds] =
      /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(this.#format.format(instant)) ?? []
    if (sign === undefined) return 0
    const ms = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds ?? 0)) * 1000
    return sign === '-' ? -ms : ms
  }

  /** The first change after `from`, if it comes not later than `until`. */
  changeAfter(from: number, until: number): ClockChange | null {
    for (let year = yearOf(from); year <= yearOf(until); year += 1) {
      const found = this.#changesOf(year).find(({ at }) => at > from)
      if (found !== undefined) return found.at <= until ? found : null
    }
    return null
  }

  /** The last change at or before an instant, if it is not older than a day and an hour: no doubled time is longer. */
  recentChange(instant: number): ClockChange | null {
    const since = instant - DAY_MS - 3_600_000
    const recent = [...this.#changesOf(yearOf(since)), ...this.#changesOf(yearOf(instant))]
    return recent.findLast(({ at }) => at <= instant && at > since) ?? null
  }

  #changesOf(year: number): readonly ClockChange[] {
    const known = this.#changes.get(year)
    if (known !== undefined) return known
    const changes: ClockChange[] = []
    const end = Date.UTC(year + 1, 0)
    for (let from = Date.UTC(year, 0); from < end; from += STEP_MS) {
      const change = this.#changeBetween(from, Math.min(from + STEP_MS, end))
      if (change !== null) changes.push(change)
    }
    this.#changes.set(year, changes)
    return changes
  }

  /** Clocks are set at whole seconds. */
  #changeBetween(from: number, to: number): ClockChange | null {
    const before = this.offsetAt(from)
    const after = this.offsetAt(to)
    if (before === after) return null
    let [low, high] = [from, to]
    while (high - low > 1000) {
      const middle = low + Math.floor((high - low) / 2000) * 1000
      if (this.offsetAt(middle) === before) low = middle
      else high = middle
    }
    return { at: high, before, after }
  }
}

const yearOf = (instant: number): number => new Date(instant).getUTCFullYear()
