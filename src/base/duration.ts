import { CeleriacError } from './errors.ts'
import { preview } from './text.ts'

/** A length of time: a number of milliseconds, or a number with its unit such as `'30s'` or `'1.5h'`. */
export type Duration = number | `${number}${DurationUnit}`

/** The units a duration may be written in. */
export type DurationUnit = 'ms' | 's' | 'm' | 'h' | 'd' | 'w'

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const
const WRITTEN = /^(\d+\.?\d*|\.\d+)(ms|s|m|h|d|w)$/

/** The longest duration that is accepted where an option says nothing narrower: a hundred years. */
export const MAX_DURATION_MS = 36_525 * UNIT_MS.d

/** The bounds of a duration, in milliseconds. */
export interface DurationBounds {
  /** @defaultValue 0 */
  readonly min?: number
  /** @defaultValue a hundred years */
  readonly max?: number
}

/**
 * Reads a duration given by a user.
 *
 * @returns whole milliseconds
 * @throws {CeleriacError} `OPTION_INVALID` naming `option` when it is not a duration or is out of bounds.
 */
export function toMs(duration: unknown, option: string, bounds: DurationBounds = {}): number {
  const { min = 0, max = MAX_DURATION_MS } = bounds
  const ms = Math.round(parse(duration))
  if (!(ms >= 0)) {
    const problem = `must be a number of milliseconds >= 0 or a duration like "5m"; got ${preview(duration)}`
    throw new CeleriacError('OPTION_INVALID', { option, problem })
  }
  if (ms >= min && ms <= max) return ms
  const bound = formatMs(ms > max ? max : min)
  const shown = typeof duration === 'string' && duration.length <= 60 ? duration : formatMs(ms)
  // 365 days and a millisecond read like 365 days
  const problem = `is ${shown === bound ? `${ms}ms` : shown}; the ${ms > max ? 'limit' : 'least'} is ${bound}`
  throw new CeleriacError('OPTION_INVALID', { option, problem })
}

function parse(duration: unknown): number {
  if (typeof duration === 'number') return duration
  if (typeof duration !== 'string') return Number.NaN
  const [, amount, unit] = WRITTEN.exec(duration) ?? []
  return isUnit(unit) ? Number(amount) * UNIT_MS[unit] : Number.NaN
}

const isUnit = (unit: string | undefined): unit is DurationUnit =>
  unit !== undefined && Object.hasOwn(UNIT_MS, unit)

/** A length of time for people, in its two largest units: `850ms`, `1.2s`, `5m`, `1h 30m`, `400d`. */
export function formatMs(ms: number): string {
  if (!Number.isFinite(ms)) return `${ms}ms`
  if (ms < 0) return `-${formatMs(-ms)}`
  if (ms < 999.5) return `${Math.round(ms)}ms`
  if (ms < 59_950) return `${Number((ms / 1000).toFixed(1))}s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return pair(seconds, 60, 'm', 's')
  const minutes = Math.round(seconds / 60)
  if (minutes < 1440) return pair(minutes, 60, 'h', 'm')
  return pair(Math.round(minutes / 60), 24, 'd', 'h')
}

function pair(amount: number, per: number, large: string, small: string): string {
  const rest = amount % per
  return rest === 0 ? `${amount / per}${large}` : `${Math.floor(amount / per)}${large} ${rest}${small}`
}
