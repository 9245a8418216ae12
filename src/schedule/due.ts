import type { DueSchedule } from '../db/calls/schedule.ts'
import { type Timetable, timetableOf } from './rule.ts'

/** What is to become of an instant. */
export interface Tick {
  readonly at: number
  /** False: it is missed. */
  readonly fires: boolean
}

/** What a schedule is to do now, and when it is next; null for never again. */
export interface Plan {
  readonly ticks: readonly Tick[]
  readonly next: number | null
}

const MINUTE_MS = 60_000
const DAY_MS = 1_440 * MINUTE_MS
/** How far to look back for the latest instants; whatever is missing is further back. */
const WINDOWS_MS = [
  MINUTE_MS,
  10 * MINUTE_MS,
  120 * MINUTE_MS,
  DAY_MS,
  8 * DAY_MS,
  62 * DAY_MS,
  366 * DAY_MS,
  Number.POSITIVE_INFINITY,
]
/** How late an instant may be where none is to be made up for: a worker that starts again is not that slow. */
const ON_TIME_MS = 10_000
/** Missed instants that the ledger names. */
const MOST_MISSED = 100

/**
 * Decides what is due, from the instant that was planned and never from now: whoever asks, and when, the instants are
 * the same.
 *
 * @param now - by the clock of the database
 */
export function planOf(schedule: DueSchedule, now: number): Plan {
  const times = timetableOf(schedule.rule, schedule)
  const { nextRunAt, plannedFrom, catchUp, catchUpMax, left } = schedule
  if (nextRunAt === null) return { ticks: [], next: times.next(plannedFrom) }
  const most = catchUp === 'all' ? catchUpMax : 1
  const due = latest(times, nextRunAt, now, most + MOST_MISSED)
  const oldest = now - (schedule.deadlineMs ?? (catchUp === 'none' ? ON_TIME_MS : Number.POSITIVE_INFINITY))
  const wanted = due.slice(-most).filter((at) => at >= oldest)
  const firing = new Set(left === null ? wanted : wanted.slice(0, left))
  return { ticks: due.map((at) => ({ at, fires: firing.has(at) })), next: times.next(now) }
}

/** The latest instants from `first` to `until`, however many there were: nobody counts the seconds of a year. */
function latest(times: Timetable, first: number, until: number, most: number): number[] {
  for (const window of WINDOWS_MS) {
    const from = Math.max(first, until - window)
    // What was planned is due, also when somebody has put it where the rule has nothing.
    const found: number[] = from === first ? [first] : []
    for (
      let at = times.next(from === first ? first : from - 1);
      at !== null && at <= until;
      at = times.next(at)
    )
      found.push(at)
    if (from === first || found.length >= most) return found.slice(-most)
  }
  return []
}
