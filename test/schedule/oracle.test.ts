import { Cron } from 'croner'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CronTimes } from '../../src/schedule/cron.ts'

/** Zones with clocks that are set, and days on which they are, far from each other and odd. */
const DAYS: readonly (readonly [zone: string, ...days: string[]])[] = [
  ['America/New_York', '2026-03-08', '2026-11-01', '2031-03-09', '2035-11-04'],
  ['Europe/Berlin', '2026-03-29', '2026-10-25', '2034-03-26'],
  ['Europe/Lisbon', '2027-03-28', '2027-10-31'],
  ['Australia/Lord_Howe', '2026-04-05', '2026-10-04', '2030-04-07'],
  ['Africa/Casablanca', '2026-02-15', '2026-03-22', '2027-03-14'],
  ['America/Sao_Paulo', '2018-02-18', '2018-11-04', '2026-05-05'],
  ['Asia/Beirut', '2026-03-29', '2026-10-25'],
  ['America/Santiago', '2026-04-05', '2026-09-06'],
  ['Pacific/Apia', '2011-12-30', '2026-04-01'],
  ['Asia/Kathmandu', '2026-06-01'],
  ['UTC', '2026-06-01'],
]
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

const inZone = fc
  .constantFrom(...DAYS)
  .chain(([zone, ...days]) => fc.tuple(fc.constant(zone), fc.constantFrom(...days)))
const number = (min: number, max: number) => fc.integer({ min, max })
const step = fc.constantFrom(2, 3, 5, 7, 10, 15, 20, 30)
const minute = fc.oneof(
  number(0, 59).map(String),
  fc.uniqueArray(number(0, 59), { minLength: 2, maxLength: 4 }).map((list) => list.join(',')),
  step.map((by) => `*/${by}`),
)
const fixedHour = fc.oneof(
  { weight: 3, arbitrary: number(0, 4).map(String) },
  number(0, 23).map(String),
  fc.tuple(number(0, 5), number(6, 23)).map(([from, to]) => `${from}-${to}`),
  fc.uniqueArray(number(0, 23), { minLength: 2, maxLength: 5 }).map((list) => list.join(',')),
)
const hour = fc.oneof(fixedHour, fc.constantFrom('*', '*', '*/2', '*/3'))
const day = fc.constantFrom(
  '* * *',
  '* * *',
  '* * 0',
  '* * 1-5',
  '*/2 * *',
  '1,4,5,8,15,22,25,29 * *',
  'L * *',
)
const cron = fc.tuple(minute, hour, day).map((fields) => fields.join(' '))

describe('against what others say', () => {
  test('F-45 every instant of days on which clocks are set is as the clocks of the zone show it', () => {
    fc.assert(
      fc.property(cron, inZone, (expression, [zone, date]) => {
        const from = Date.parse(`${date}T00:00Z`) - 30 * HOUR_MS
        const to = from + 80 * HOUR_MS
        expect(ours(expression, zone, from, to)).toEqual(walked(expression, zone, from, to))
      }),
      { numRuns: 150 },
    )
  })

  test('F-45 croner agrees, where it promises the same', () => {
    fc.assert(
      fc.property(cron, inZone, (expression, [zone, date]) => {
        // It leaves out a day that a zone has left out, and has ways of its own with several fixed times in one gap.
        fc.pre(/^\S+ \*|^\d+ \d+ /.test(expression) && date !== '2011-12-30')
        const from = Date.parse(`${date}T00:00Z`) - 30 * HOUR_MS
        const to = from + 80 * HOUR_MS
        expect(ours(expression, zone, from, to)).toEqual(theirs(expression, zone, from, to))
      }),
      { numRuns: 400 },
    )
  })

  test('F-45 ten years of a daily run: one a day, whatever becomes of the clocks', () => {
    for (const [zone] of DAYS) {
      const times = new CronTimes('30 2 * * *', zone, 'or')
      const shown = new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' })
      const days = new Set<string>()
      let runs = 0
      for (
        let at = times.next(Date.UTC(2026, 0, 1, 12));
        at !== null && at < Date.UTC(2036, 0, 1);
        at = times.next(at)
      ) {
        days.add(shown.format(at))
        runs += 1
      }
      expect([zone, runs, days.size]).toEqual([zone, days.size, runs])
      expect(runs).toBeGreaterThan(3_650)
    }
  })

  test('B-23 whoever asks, from whenever: the instants are the same', () => {
    fc.assert(
      fc.property(cron, inZone, number(0, 80 * 60 - 1), (expression, [zone, date], minutes) => {
        const from = Date.parse(`${date}T00:00Z`) - 30 * HOUR_MS
        const to = from + 80 * HOUR_MS
        const middle = from + minutes * MINUTE_MS + 17_123
        const all = ours(expression, zone, from, to)
        expect(ours(expression, zone, middle, to)).toEqual(all.filter((at) => Date.parse(at) >= middle))
      }),
      { numRuns: 300 },
    )
  })
})

function ours(expression: string, zone: string, from: number, to: number): string[] {
  const times = new CronTimes(expression, zone, 'or')
  const found: string[] = []
  for (let at = times.next(from - 1); at !== null && at < to; at = times.next(at))
    found.push(new Date(at).toISOString())
  return found
}

function theirs(expression: string, zone: string, from: number, to: number): string[] {
  const job = new Cron(expression, { timezone: zone })
  const found: string[] = []
  for (let at = job.nextRun(new Date(from - 1000)); at !== null && at.getTime() < to; at = job.nextRun(at)) {
    found.push(at.toISOString())
  }
  return found
}

/** Looks at the clock on the wall in every minute, and knows nothing of how it is set. */
function walked(expression: string, zone: string, from: number, to: number): string[] {
  const wall = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  })
  const read = (at: number): number => {
    const part = Object.fromEntries(wall.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0 } = part
    return Date.UTC(year, month - 1, day, hour, minute)
  }
  const matches = matcher(expression)
  const everyHour = expression.split(' ')[1]?.startsWith('*') === true
  const found: string[] = []
  // A day and more before, to know what has been shown already.
  const seen = new Set<number>()
  let before = read(from - 25 * HOUR_MS - MINUTE_MS)
  for (let at = from - 25 * HOUR_MS; at < to; at += MINUTE_MS) {
    const shown = read(at)
    let fires = matches(shown) && (everyHour || !seen.has(shown))
    if (!everyHour) {
      for (let left = before + MINUTE_MS; left < shown; left += MINUTE_MS) fires ||= matches(left)
    }
    if (fires && at >= from) found.push(new Date(at).toISOString())
    seen.add(shown)
    before = shown
  }
  return found
}

/** A matcher of what is drawn above, of one wall-clock minute. */
function matcher(expression: string): (wall: number) => boolean {
  const [minutes = '', hours = '', daysOfMonth = '', , daysOfWeek = ''] = expression.split(' ')
  const set = (text: string, min: number, max: number): Set<number> =>
    new Set(
      text.split(',').flatMap((item) => {
        const [range = '', by = '1'] = item.split('/')
        const [from = min, to = range === '*' ? max : from] =
          range === '*' ? [] : range.split('-').map(Number)
        return Array.from({ length: to - from + 1 }, (_, index) => from + index).filter(
          (value) => (value - from) % Number(by) === 0,
        )
      }),
    )
  const [minute, hour] = [set(minutes, 0, 59), set(hours, 0, 23)]
  const dayOfMonth = daysOfMonth === 'L' ? null : set(daysOfMonth, 1, 31)
  const dayOfWeek = set(daysOfWeek, 0, 6)
  return (wall) => {
    const date = new Date(wall)
    const inMonth =
      dayOfMonth?.has(date.getUTCDate()) ?? new Date(wall + 24 * HOUR_MS).getUTCMonth() !== date.getUTCMonth()
    return (
      minute.has(date.getUTCMinutes()) &&
      hour.has(date.getUTCHours()) &&
      inMonth &&
      dayOfWeek.has(date.getUTCDay())
    )
  }
}
