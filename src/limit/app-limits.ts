/*
 * limit: how much limits grant. What a task has to pass is read in task/ (limits, door); who passes, and when, is
 * decided in SQL (sql/functions/limit). Here limits are declared, changed at run time, read and spent outside jobs.
 */
import { CeleriacError } from '../base/errors.ts'
import { allAtOnce, refuseUnknown } from '../base/options.ts'
import { formatRate, type Rate } from '../base/rate.ts'
import type { LimitsInForce } from '../task/door.ts'
import { assertLimitName } from '../task/limit-key.ts'
import type { LimitSettings, ResolvedLimit } from '../task/limits.ts'
import { concurrencyOf, rateOf } from '../task/read-limits.ts'

/** What a limit grants, for all who share it; with keys, for each key. */
export interface LimitGrant {
  /** How many jobs may start per period. */
  readonly rateLimit?: Rate
  /** How many jobs may run at once; from 1 to 10,000. */
  readonly concurrency?: number
}

const GRANT_KEYS = ['rateLimit', 'concurrency']

/** The limits an app knows that are no task's own: those of its queues, and those that stand alone. */
export class AppLimits implements LimitsInForce {
  readonly queues: ReadonlyMap<string, readonly ResolvedLimit[]>
  readonly named = new Map<string, Partial<LimitSettings>>()
  /** Only workers know what was chosen at run time. */
  readonly chosen: ReadonlySet<string> = new Set()

  constructor(queues: ReadonlyMap<string, readonly ResolvedLimit[]>) {
    this.queues = queues
  }

  /** @throws {CeleriacError} `LIMIT_NAME`, `LIMIT_EXISTS`, `RATE_INVALID`, `OPTION_…` */
  declare(name: string, grant: LimitGrant): void {
    const settings = readGrant(grant)
    const known = this.named.get(assertLimitName(name))
    if (known !== undefined && shown(known) !== shown(settings))
      throw new CeleriacError('LIMIT_EXISTS', { limit: name, first: shown(known), second: shown(settings) })
    this.named.set(name, settings)
  }
}

function readGrant(grant: LimitGrant): Partial<LimitSettings> {
  return allAtOnce((check) => {
    check(() => refuseUnknown(grant, GRANT_KEYS, 'limit'), undefined)
    const { rateLimit, concurrency } = grant
    if (rateLimit === undefined && concurrency === undefined)
      check(() => {
        throw new CeleriacError('OPTION_INVALID', {
          option: 'limit',
          problem: 'grants nothing in particular; give rateLimit, concurrency or both',
        })
      }, undefined)
    return {
      ...(rateLimit !== undefined && check(() => rateOf(rateLimit), {})),
      ...(concurrency !== undefined && check(() => concurrencyOf(concurrency), {})),
    }
  })
}

/** Settings as people write them: `10/s, 5 running`. */
export function shown(settings: Partial<LimitSettings>): string {
  const { concurrency, rateLimit, ratePerMs, rateBurst } = settings
  const rate =
    typeof rateLimit === 'number' && typeof ratePerMs === 'number'
      ? [formatRate({ limit: rateLimit, perMs: ratePerMs, burst: rateBurst ?? 1 })]
      : []
  const running = typeof concurrency === 'number' ? [`${concurrency} running`] : []
  return [...rate, ...running].join(', ') || 'no limit'
}
