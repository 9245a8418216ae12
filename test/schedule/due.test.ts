import { describe, expect, test } from 'vitest'
import type { DueSchedule } from '../../src/db/calls/schedule.ts'
import { planOf } from '../../src/schedule/due.ts'
import { readRule, timetableOf } from '../../src/schedule/rule.ts'
import { readSettings } from '../../src/schedule/settings.ts'
import { definitionOf } from '../../src/task/define.ts'
import { refusal } from '../base/refusal.ts'

const NOON = Date.parse('2026-06-01T12:00:00Z')
const HOUR_MS = 3_600_000

/** A schedule of one second that was due at noon. */
function due(fields: Partial<DueSchedule> = {}): DueSchedule {
  return {
    name: 'work (every 1s)',
    version: 1,
    task: 'work',
    args: [],
    lazy: false,
    options: {},
    rule: { interval: 1_000 },
    overlap: 'allow',
    catchUp: 'last',
    catchUpMax: 100,
    deadlineMs: null,
    jitterMs: 0,
    startsAt: null,
    endsAt: null,
    left: null,
    plannedFrom: NOON - 1_000,
    nextRunAt: NOON,
    ...fields,
  }
}

/** Instants that fire, in seconds after noon, and when the next one is. */
function fires(schedule: DueSchedule, now: number): { fires: number[]; next: number | null } {
  const { ticks, next } = planOf(schedule, now)
  return {
    fires: ticks.filter((tick) => tick.fires).map(({ at }) => (at - NOON) / 1_000),
    next: next === null ? null : (next - NOON) / 1_000,
  }
}

describe('what is due', () => {
  test('in time: the instant that was planned, and the next one counts from it', () => {
    expect(fires(due(), NOON + 40)).toEqual({ fires: [0], next: 1 })
  })

  test.each([
    ['B-20 last', { catchUp: 'last' }, [3_600]],
    ['none, though the last one is in time', { catchUp: 'none' }, [3_600]],
    ['all, up to the limit', { catchUp: 'all', catchUpMax: 3 }, [3_598, 3_599, 3_600]],
    [
      'B-21 all, but none that is older than the deadline',
      { catchUp: 'all', deadlineMs: 1_500 },
      [3_599, 3_600],
    ],
  ] as const)('B-20 F-46 after an hour without a scheduler, of one a second: %s', (_, policy, expected) => {
    expect(fires(due(policy), NOON + HOUR_MS + 10)).toEqual({ fires: expected, next: 3_601 })
  })

  test.each([
    ['last: exactly one', 'last', [3_300]],
    ['none: none', 'none', []],
    ['all: every one', 'all', [0, 300, 600, 900, 1_200, 1_500, 1_800, 2_100, 2_400, 2_700, 3_000, 3_300]],
  ] as const)('B-20 F-46 after an hour without a scheduler, of one every five minutes: %s', (_, catchUp, expected) => {
    for (const rule of [{ interval: 300_000 }, { cron: '*/5 * * * *', timezone: 'Asia/Tokyo' }]) {
      const schedule = due({ rule, catchUp, plannedFrom: NOON - 300_000 })
      expect(fires(schedule, NOON + HOUR_MS - 30_000)).toEqual({ fires: expected, next: 3_600 })
    }
  })

  test('what is missed is named, the latest hundred at most', () => {
    const { ticks } = planOf(due(), NOON + HOUR_MS)
    expect(ticks).toHaveLength(101)
    expect(ticks.filter((tick) => !tick.fires).at(-1)).toEqual({ at: NOON + HOUR_MS - 1_000, fires: false })
  })

  test('a year without a scheduler is not counted second by second', () => {
    const year = 365 * 24 * HOUR_MS
    expect(fires(due({ rule: { cron: '* * * * * *', timezone: 'Europe/Lisbon' } }), NOON + year + 5)).toEqual(
      {
        fires: [year / 1_000],
        next: year / 1_000 + 1,
      },
    )
  })

  test('no more than are left', () => {
    expect(fires(due({ catchUp: 'all', left: 2 }), NOON + 5_000).fires).toEqual([0, 1])
  })

  test('B-85 nothing before its start, nothing after its end', () => {
    const unplanned = { nextRunAt: null, plannedFrom: NOON }
    expect(fires(due({ ...unplanned, startsAt: NOON + 500 }), NOON)).toEqual({ fires: [], next: 0.5 })
    expect(fires(due({ endsAt: NOON }), NOON)).toEqual({ fires: [0], next: null })
    expect(fires(due({ ...unplanned, endsAt: NOON + 900 }), NOON)).toEqual({ fires: [], next: null })
  })

  test('B-64 one moment is due once; one that has passed never', () => {
    const rule = { at: new Date(NOON).toISOString() }
    expect(fires(due({ rule, nextRunAt: null }), NOON - 500)).toEqual({ fires: [], next: 0 })
    expect(fires(due({ rule }), NOON + 5)).toEqual({ fires: [0], next: null })
    expect(fires(due({ rule, nextRunAt: null, plannedFrom: NOON }), NOON)).toEqual({ fires: [], next: null })
  })
})

describe('intervals', () => {
  const span = { plannedFrom: NOON + 123, startsAt: null, endsAt: null }

  test('B-8 B-9 stay on their grid: a thousand runs later they have not drifted by a millisecond', () => {
    const times = timetableOf(readRule({ interval: '90s' }), span)
    // Whoever asks is late, now by more and now by less.
    let asked = span.plannedFrom
    for (let run = 1; run <= 1_000; run += 1) {
      const at = times.next(asked)
      expect(at).toBe(span.plannedFrom + run * 90_000)
      asked = (at ?? 0) + ((run * 7_919) % 1_500)
    }
  })

  test('B-10 aligned ones are on multiples of the interval', () => {
    const times = timetableOf(readRule({ interval: '1h', aligned: true }), span)
    expect(times.next(NOON + 123)).toBe(NOON + HOUR_MS)
    expect(times.next(NOON - 1)).toBe(NOON)
  })

  test('one with a start begins with it', () => {
    const times = timetableOf(readRule({ interval: '1h' }), { ...span, startsAt: NOON + 500 })
    expect(times.next(0)).toBe(NOON + 500)
    expect(times.next(NOON + 500)).toBe(NOON + 500 + HOUR_MS)
  })

  test('B-7 B-60 are durations of at least a tenth of a second', () => {
    expect(
      ['250ms', '2s', '3m', '4h', '5d', '1w', 1_500].map((interval) =>
        readRule({ interval: interval as '1s' }),
      ),
    ).toEqual(
      [250, 2_000, 180_000, 14_400_000, 432_000_000, 604_800_000, 1_500].map((interval) => ({ interval })),
    )
    for (const interval of [0, -1, 99, Number.NaN, 'soon' as '1s']) {
      expect(refusal(() => readRule({ interval })).message).toMatch(/^interval /)
    }
  })
})

describe('what a schedule is told', () => {
  const task = definitionOf('work', {}, () => undefined, 'here')
  const refused = (given: object) => refusal(() => readSettings(task, given as never, [])).message

  test('B-81 has one rule, not none and not two', () => {
    expect(refused({})).toBe('schedule says not when: give cron, interval or at')
    expect(refused({ cron: '@daily', interval: '1h' })).toBe('give cron or interval, not both')
    expect(refused({ interval: '1h', timezone: 'UTC' })).toBe('timezone belongs to cron; leave it out')
  })

  test('F-48 instants lie between 1970 and 9999', () => {
    expect(refused({ at: '275760-09-13' })).toContain('is not a date')
    expect(refused({ at: new Date(8.64e15) })).toBe('at 275760-09-13 is after the year 9999')
    expect(refused({ at: 'infinity' })).toBe('at "infinity" is not a date')
    expect(readSettings(task, { at: '9999-12-31T23:59:59Z' }, []).rule).toEqual({
      at: '9999-12-31T23:59:59.000Z',
    })
    expect(refused({ interval: '1h', start: '2030-01-02', end: '2030-01-01' })).toContain('is before start')
  })

  test.each([
    [{ overlap: 'queueOne' }, 'overlap must be one of "allow", "skip", "queue", "cancel"'],
    [{ catchUp: 'one' }, 'catchUp must be one of "none", "last", "all"'],
    [{ catchUpMax: 1_001 }, 'catchUpMax must be an integer from 1 to 1000'],
    [{ count: 0 }, 'count must be an integer from 1'],
    [{ jitter: -1 }, 'jitter must be'],
    [{ deadline: 'soon' }, 'deadline must be'],
    [{ description: '' }, 'description is empty'],
    [{ overlaps: 'skip' }, 'unknown schedule option "overlaps"; did you mean "overlap"?'],
    [{ options: { id: 'x' } }, 'options.id is for one job'],
    [{ options: { queue: 'a b' } }, 'queue name "a b" contains U+0020'],
    [{ options: { expires: new Date(0) } }, 'options.expires must be a duration'],
  ])('%o is refused by its name', (given, message) => {
    expect(refused({ interval: '1h', ...given })).toContain(message)
  })

  test('everything that is wrong is said at once', () => {
    expect(refused({ cron: '61 * * * *', overlap: 'x', count: 0 })).toMatch(
      /^3 options are wrong: cron .* · /,
    )
  })
})
