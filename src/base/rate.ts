import { type Duration, toMs } from './duration.ts'
import { CeleriacError } from './errors.ts'
import { integer, refuseUnknown } from './options.ts'
import { preview } from './text.ts'

/**
 * How many jobs may start per period, evenly spaced: `'10/s'`, `'100/m'`, `'5/h'`, `'1/d'`, `'0.5/s'`; or a bag that
 * can also say how many may start at once.
 */
export type Rate = `${number}/${RateUnit}` | RateWindow

/** The units a rate may be written in. */
export type RateUnit = keyof typeof UNIT_MS

/** A rate in parts. */
export interface RateWindow {
  /** Starts in any period, from 1 to 1,000,000. */
  readonly limit: number
  /** The period, from 1 ms to 365 d. */
  readonly per: Duration
  /** How many may start at once, from 1 to the limit; 1 spaces them evenly. @defaultValue 1 */
  readonly burst?: number
}

/** A rate, read: never more than `limit` starts in any `perMs`, and never more than `burst` at once. */
export interface RateSettings {
  readonly limit: number
  readonly perMs: number
  readonly burst: number
}

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const WRITTEN = /^(\d{1,12})(?:\.(\d{1,6}))?\/([smhd])$/
const KEYS = ['limit', 'per', 'burst'] as const
const MOST = 1_000_000
const LONGEST_MS = 365 * UNIT_MS.d

/** A rate without a burst. */
const SPACED = 1

/**
 * Reads a rate given by a user. A fraction becomes whole starts in a longer period: `'0.5/s'` is one in two seconds.
 *
 * @throws {CeleriacError} `RATE_INVALID` for a text that is no rate, `OPTION_…` for a bag with wrong parts.
 */
export function parseRate(rate: unknown, option = 'rateLimit'): RateSettings {
  if (typeof rate === 'string') return written(rate, option)
  if (typeof rate !== 'object' || rate === null) throw invalid(rate)
  refuseUnknown(rate, KEYS, option)
  return windowed(rate, option)
}

function written(rate: string, option: string): RateSettings {
  const [, whole = '', decimals = '', unit = ''] = WRITTEN.exec(rate) ?? []
  if (!isUnit(unit)) throw invalid(rate)
  const parts = 10 ** decimals.length
  const starts = Number(whole + decimals)
  const divisor = greatestDivisor(starts, parts)
  if (divisor === 0 || starts === 0) throw invalid(rate)
  const perMs = (parts / divisor) * UNIT_MS[unit]
  return {
    limit: integer(starts / divisor, `the limit of ${option}`, 1, MOST),
    perMs: integer(perMs, `the period of ${option} in ms`, 1, LONGEST_MS),
    burst: SPACED,
  }
}

function windowed(rate: object, option: string): RateSettings {
  const part = (name: (typeof KEYS)[number]): unknown => Reflect.get(rate, name)
  const limit = integer(part('limit'), `${option}.limit`, 1, MOST)
  return {
    limit,
    perMs: toMs(part('per'), `${option}.per`, { min: 1, max: LONGEST_MS }),
    burst: integer(part('burst') ?? SPACED, `${option}.burst`, 1, limit),
  }
}

/** A rate as people write it: `10/s`, `1 in 2s`, with its burst where it has one. */
export function formatRate({ limit, perMs, burst }: RateSettings): string {
  const unit = UNITS.find((name) => UNIT_MS[name] === perMs)
  const rate = unit === undefined ? `${limit} in ${shortMs(perMs)}` : `${limit}/${unit}`
  return burst === SPACED ? rate : `${rate}, ${burst} at once`
}

const isUnit = (unit: string): unit is RateUnit => Object.hasOwn(UNIT_MS, unit)
const UNITS = Object.keys(UNIT_MS).filter(isUnit)

function shortMs(ms: number): string {
  const unit = UNITS.findLast((name) => ms % UNIT_MS[name] === 0)
  return unit === undefined ? `${ms}ms` : `${ms / UNIT_MS[unit]}${unit}`
}

function greatestDivisor(one: number, other: number): number {
  return other === 0 ? one : greatestDivisor(other, one % other)
}

function invalid(rate: unknown): CeleriacError<'RATE_INVALID'> {
  return new CeleriacError('RATE_INVALID', { rate: preview(rate) })
}
