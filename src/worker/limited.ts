import { isCeleriacError } from '../base/errors.ts'
import { RateLimited } from '../limit/rate-limited.ts'
import type { Door } from '../task/door.ts'

/** What a handler learned of a limit that somebody else sets. */
export interface LimitMet {
  readonly waitMs: number
  readonly reason: string
  /** Limits and keys under which nothing starts meanwhile. */
  readonly hold: readonly (readonly [name: string, key: string])[]
}

/** Tells what a handler that threw `RateLimited` has met; null for anything else it threw. */
export function limitMet(thrown: unknown, task: string, door: Door | null): LimitMet | null {
  if (!isCeleriacError(thrown, 'RATE_LIMITED') || !isRateLimited(thrown)) return null
  const { waitMs, reason, limit } = thrown
  return { waitMs, reason, hold: [limitToHold(task, door, limit)] }
}

/** Another copy of the package in the process has a class of its own. */
function isRateLimited(thrown: object): thrown is RateLimited {
  return thrown instanceof RateLimited || ('waitMs' in thrown && typeof thrown.waitMs === 'number')
}

/**
 * The one that was named; else the rate of the task, or the only limit that stands alone, or what keeps the task's jobs
 * apart, with the key of this job; else all of the task.
 */
function limitToHold(
  task: string,
  door: Door | null,
  named: string | null,
): readonly [name: string, key: string] {
  const limits = door?.limits ?? []
  const find = (name: string) => limits.find(([one]) => one === name)
  const alone = limits.filter(([name]) => !name.includes(':'))
  const found =
    named !== null
      ? find(named)
      : (find(`task:${task}/rate`) ??
        (alone.length === 1 ? alone[0] : undefined) ??
        find(`task:${task}/exclusive`) ??
        find(`task:${task}/concurrency`))
  return found === undefined ? [named ?? `task:${task}/rate`, ''] : [found[0], found[1]]
}
