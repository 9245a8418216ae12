import { CeleriacError } from '../base/errors.ts'

/** @throws {CeleriacError} `OPTION_INVALID` for a soft limit that is longer than the hard one. */
export function assertTimeLimits({
  timeLimitMs,
  softTimeLimitMs,
}: {
  timeLimitMs: number | null
  softTimeLimitMs: number | null
}): void {
  if (timeLimitMs === null || softTimeLimitMs === null || softTimeLimitMs <= timeLimitMs) return
  throw new CeleriacError('OPTION_INVALID', {
    option: 'softTimeLimit',
    problem: `is ${softTimeLimitMs}ms, longer than the timeLimit of ${timeLimitMs}ms`,
  })
}
