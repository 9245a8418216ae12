import { type Duration, formatMs, toMs } from '../base/duration.ts'
import { CeleriacError, type ErrorExtras } from '../base/errors.ts'
import { instant, refuseUnknown } from '../base/options.ts'
import { preview } from '../base/text.ts'

/** When to come back, and which limit a service has shown. */
export interface RateLimitedOptions {
  /** When it may be tried again: an instant, or a time from now. */
  readonly until?: Date | Duration
  /** The header `Retry-After` as it came: seconds or a date; null for none. It wins over `until`. */
  readonly retryAfter?: string | number | null
  /**
   * Which limit to hold, by name; its key is that of the job. Left out: the rate of the job's own task, or the one limit
   * that stands alone and that it uses.
   */
  readonly limit?: string
  /** Why, for people. @defaultValue 'the handler was told to come back later' */
  readonly reason?: string
}

const KEYS = ['until', 'retryAfter', 'limit', 'reason'] as const

/** How long is waited when nobody says. */
const DEFAULT_WAIT = '30s'

const REASON = 'the handler was told to come back later'

/**
 * Throw it in a handler that met "too many requests": the job goes back without being charged an attempt, and until then
 * nothing starts under the same key of the limit, in no worker.
 *
 * @example
 * if (response.status === 429) throw new RateLimited({ retryAfter: response.headers.get('retry-after') })
 */
export class RateLimited extends CeleriacError<'RATE_LIMITED'> {
  /** Milliseconds from when it was made. */
  readonly waitMs: number
  readonly reason: string
  readonly limit: string | null

  /** @throws {CeleriacError} `OPTION_…` */
  constructor(options: RateLimitedOptions = {}, extras: ErrorExtras = {}) {
    refuseUnknown(options, KEYS, 'RateLimited')
    const waitMs = waitOf(options)
    super('RATE_LIMITED', { wait: formatMs(waitMs) }, extras)
    this.name = 'RateLimited'
    this.waitMs = waitMs
    this.reason = options.reason ?? REASON
    this.limit = options.limit ?? null
  }
}

function waitOf({ until, retryAfter }: RateLimitedOptions): number {
  if (retryAfter !== undefined && retryAfter !== null) return retryAfterMs(retryAfter)
  if (until instanceof Date) return msUntil(until)
  return toMs(until ?? DEFAULT_WAIT, 'until')
}

const SECONDS = /^\s*\d{1,10}\s*$/

function retryAfterMs(header: string | number): number {
  if (typeof header === 'number') return toMs(header * 1000, 'retryAfter')
  if (SECONDS.test(header)) return toMs(Number(header) * 1000, 'retryAfter')
  const date = new Date(header)
  if (!Number.isNaN(date.getTime())) return msUntil(date)
  throw new CeleriacError('OPTION_INVALID', {
    option: 'retryAfter',
    problem: `must be seconds or a date; got ${preview(header)}`,
  })
}

/** An instant that is past: at once. */
const msUntil = (date: Date): number => Math.max(0, instant(date, 'until').getTime() - Date.now())
