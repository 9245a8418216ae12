import { describe, expect, test } from 'vitest'
import { CronTimes } from '../../src/schedule/cron.ts'
import { readRule, ruleText, timetableOf } from '../../src/schedule/rule.ts'
import type { CronTable } from '../../src/task/every.ts'
import { refusal } from '../base/refusal.ts'

/** The next instants of a rule in UTC, without what is the same in all of them. */
function next(cron: string | CronTable, from: string, count: number, more: object = {}): string[] {
  const rule = readRule({ cron, ...more })
  const times = timetableOf(rule, { plannedFrom: 0, startsAt: null, endsAt: null })
  const found: string[] = []
  for (let at = times.next(Date.parse(from)); at !== null && found.length < count; at = times.next(at)) {
    found.push(new Date(at).toISOString().replace(/:00\.000Z$/, ''))
  }
  return found
}

/** A Wednesday. */
const NEW_YEAR = '2025-12-31T23:59:59Z'
const hoursOf = (found: readonly string[]): string[] => found.map((instant) => instant.slice(11))
const daysOf = (found: readonly string[]): string[] => found.map((instant) => instant.slice(5, 10))

describe('fields, as Celery has them', () => {
  test('B-30 none of them is every minute', () => {
    expect(hoursOf(next({}, NEW_YEAR, 3))).toEqual(['00:00', '00:01', '00:02'])
    expect(next({}, NEW_YEAR, 3)).toEqual(next('* * * * *', NEW_YEAR, 3))
  })

  test('B-31 minute and hour 0 is midnight', () => {
    expect(next({ minute: 0, hour: 0 }, NEW_YEAR, 2)).toEqual(['2026-01-01T00:00', '2026-01-02T00:00'])
  })

  const everyThree = ['00:00', '03:00', '06:00', '09:00', '12:00', '15:00', '18:00', '21:00']
  test.each<[string, CronTable, string[]]>([
    ['B-32 every third hour', { minute: 0, hour: '*/3' }, everyThree],
    ['B-33 the same as a list', { minute: 0, hour: '0,3,6,9,12,15,18,21' }, everyThree],
    ['B-34 every quarter of an hour', { minute: '*/15' }, ['00:00', '00:15', '00:30', '00:45']],
    [
      'B-38 two steps',
      { minute: 0, hour: '*/2,*/3' },
      ['00:00', '02:00', '03:00', '04:00', '06:00', '08:00'],
    ],
    [
      'B-39 a step and a range',
      { minute: 0, hour: '*/3,8-17' },
      [
        '00:00',
        '03:00',
        '06:00',
        '08:00',
        '09:00',
        '10:00',
        '11:00',
        '12:00',
        '13:00',
        '14:00',
        '15:00',
        '16:00',
      ],
    ],
    ['B-40 a range by steps', { minute: 0, hour: '8-18/4' }, ['08:00', '12:00', '16:00']],
    [
      'B-41 a range of hours around midnight',
      { minute: 0, hour: '22-2' },
      ['00:00', '01:00', '02:00', '22:00', '23:00'],
    ],
    [
      'B-41 a range of minutes around the hour',
      { hour: 7, minute: '50-10/5' },
      ['07:00', '07:05', '07:10', '07:50', '07:55'],
    ],
    [
      'B-45 a number, a list and a Set',
      { minute: [0, '30'], hour: new Set([7, 9]) },
      ['07:00', '07:30', '09:00', '09:30'],
    ],
  ])('%s', (_, cron, expected) => {
    expect(hoursOf(next(cron, NEW_YEAR, expected.length))).toEqual(expected)
  })

  test.each<[string, CronTable, string[]]>([
    ['B-35 a day by its name', { minute: 0, hour: 0, dayOfWeek: 'sunday' }, ['01-04', '01-11']],
    ['B-36 a day by its short name', { minute: 0, hour: 0, dayOfWeek: 'sun' }, ['01-04', '01-11']],
    [
      'B-41 a range of days around the week',
      { minute: 0, hour: 0, dayOfWeek: 'fri-mon' },
      ['01-02', '01-03', '01-04', '01-05', '01-09'],
    ],
    ['B-42 a day of the month', { minute: 0, hour: 0, dayOfMonth: '2' }, ['01-02', '02-02', '03-02']],
    ['B-42 a range of them', { minute: 0, hour: 0, dayOfMonth: '2-4' }, ['01-02', '01-03', '01-04', '02-02']],
    [
      'B-42 two ranges',
      { minute: 0, hour: 0, dayOfMonth: '1-2,15-16' },
      ['01-01', '01-02', '01-15', '01-16', '02-01'],
    ],
    [
      'B-43 every other day counts from the first',
      { minute: 0, hour: 0, dayOfMonth: '*/2' },
      ['01-01', '01-03', '01-05'],
    ],
    ['B-44 once a year', { minute: 0, hour: 0, dayOfMonth: 11, monthOfYear: 5 }, ['05-11', '05-11']],
    [
      'B-44 once in a quarter',
      { minute: 0, hour: 0, dayOfMonth: 1, monthOfYear: '*/3' },
      ['01-01', '04-01', '07-01', '10-01'],
    ],
    [
      'B-47 both days must match',
      { minute: 0, hour: 0, dayOfMonth: '13', dayOfWeek: 'fri' },
      ['02-13', '03-13', '11-13'],
    ],
    ['B-48 Sunday is 0 and 7', { minute: 0, hour: 0, dayOfWeek: 7 }, ['01-04', '01-11']],
  ])('%s', (_, cron, expected) => {
    expect(daysOf(next(cron, NEW_YEAR, expected.length))).toEqual(expected)
  })

  test('B-37 lists and names', () => {
    const found = next({ minute: '*/10', hour: '3,17,22', dayOfWeek: 'thu,fri' }, NEW_YEAR, 19)
    expect(found.slice(0, 2)).toEqual(['2026-01-01T03:00', '2026-01-01T03:10'])
    expect(found[18]).toBe('2026-01-02T03:00')
  })

  test.each<[string, CronTable, string]>([
    ['a step of 0', { minute: '*/0' }, 'minute must have a step of 1-60, got "0"'],
    ['nothing', { minute: '' }, 'cron.minute must be numbers'],
    ['a gap in a list', { minute: '1,,2' }, 'minute has an empty item in its list'],
    ['less than nothing', { minute: -1 }, 'minute must be 0-59, got -1'],
    ['minute 60', { minute: 60 }, 'minute must be 0-59, got 60'],
    ['hour 24', { hour: 24 }, 'hour must be 0-23, got 24'],
    ['day 0', { dayOfMonth: 0 }, 'day of month must be 1-31, got 0'],
    ['month 13', { monthOfYear: 13 }, 'month must be 1-12, got 13'],
    ['a question mark', { dayOfWeek: '?' }, 'cron.dayOfWeek must be'],
    ['L', { dayOfMonth: 'L' }, 'cron.dayOfMonth must be'],
    ['#', { dayOfWeek: '1#1' }, 'cron.dayOfWeek must be'],
    ['a word of another field', { minute: 'jan' }, 'minute must be 0-59, got "jan"'],
    ['text that is none', { hour: 'noon' }, 'hour must be 0-23, got "noon"'],
    ['two dashes', { hour: '1-2-3' }, 'hour must be 0-23, got 1-2-3'],
  ])('B-49 B-52 %s is refused where it is defined, by its field', (_, cron, problem) => {
    expect(refusal(() => readRule({ cron })).message).toContain(problem)
  })

  test('an unknown field is refused, with the one that was meant', () => {
    expect(refusal(() => readRule({ cron: { minutes: 0 } as CronTable })).message).toContain(
      'did you mean "minute"?',
    )
  })
})

describe('expressions', () => {
  test('B-46 have five fields, or six with seconds first', () => {
    expect(next('0 3 * * mon', NEW_YEAR, 1)).toEqual(['2026-01-05T03:00'])
    expect(next('30 0 3 * * mon', NEW_YEAR, 1)).toEqual(['2026-01-05T03:00:30.000Z'])
    for (const cron of ['', '* * * *', '* * * * * * *']) {
      expect(refusal(() => readRule({ cron })).message).toContain('must have 5 fields')
    }
  })

  test('B-47 either day is enough, as in cron, unless both are asked for', () => {
    expect(daysOf(next('0 0 13 * fri', NEW_YEAR, 4))).toEqual(['01-02', '01-09', '01-13', '01-16'])
    expect(daysOf(next('0 0 13 * fri', NEW_YEAR, 2, { dayMatch: 'and' }))).toEqual(['02-13', '03-13'])
    expect(
      daysOf(next({ minute: 0, hour: 0, dayOfMonth: 13, dayOfWeek: 5 }, NEW_YEAR, 2, { dayMatch: 'or' })),
    ).toEqual(['01-02', '01-09'])
  })

  test('B-50 have aliases, and as many spaces as one likes', () => {
    expect(next('@hourly', NEW_YEAR, 2)).toEqual(['2026-01-01T00:00', '2026-01-01T01:00'])
    expect(next('@daily', NEW_YEAR, 2)).toEqual(next(' 0  0 * * * ', NEW_YEAR, 2))
    expect(daysOf(next('@weekly', NEW_YEAR, 1))).toEqual(['01-04'])
    expect(next('@monthly', NEW_YEAR, 2)).toEqual(['2026-01-01T00:00', '2026-02-01T00:00'])
    expect(next('@yearly', NEW_YEAR, 2)).toEqual(['2026-01-01T00:00', '2027-01-01T00:00'])
    expect(refusal(() => readRule({ cron: '@noon' })).message).toContain('known are @yearly')
  })

  test('know the last day, the last Friday and the second Monday of a month', () => {
    expect(daysOf(next('0 0 L * *', NEW_YEAR, 3))).toEqual(['01-31', '02-28', '03-31'])
    expect(daysOf(next('0 0 * * 5L', NEW_YEAR, 2))).toEqual(['01-30', '02-27'])
    expect(daysOf(next('0 0 * * 1#2', NEW_YEAR, 2))).toEqual(['01-12', '02-09'])
  })

  test.each([
    ['61 * * * *', 'cron "61 * * * *": minute must be 0-59, got 61 (column 1)'],
    ['0 0 * * 1#6', 'cron "0 0 * * 1#6": day of week must be 0-7 or sun-sat, got "1#6" (column 9)'],
    ['0 0 15W * *', 'cron "0 0 15W * *": day of month must be 1-31, got "15W" (column 5)'],
    ['0 0 * jan,foo *', 'cron "0 0 * jan,foo *": month must be 1-12 or jan-dec, got "foo" (column 11)'],
    ['0 0 * * 1#1,3', 'cron "0 0 * * 1#1,3": day of week can have 1#1 only alone (column 9)'],
  ])('bad B-42 %s is refused by its field and column', (cron, message) => {
    expect(refusal(() => readRule({ cron }))).toMatchObject({ code: 'CRON_INVALID', message })
  })

  test.each([
    '0 0 30 2 *',
    '0 0 31 2,4,6,9,11 *',
    '0 0 0 31 4 *',
  ])('bad B-43 B-51 %s never fires, and is refused', (cron) => {
    expect(refusal(() => readRule({ cron }))).toMatchObject({ code: 'CRON_NEVER' })
  })

  test('bad B-44 B-77 an unknown zone is refused, with the nearest one', () => {
    expect(refusal(() => readRule({ cron: '@daily', timezone: 'America/NewYork' }))).toMatchObject({
      code: 'TIMEZONE_UNKNOWN',
      message: '"America/NewYork" is not a time zone; did you mean "America/New_York"?',
    })
    // An offset does not know when clocks are set.
    expect(refusal(() => readRule({ cron: '@daily', timezone: '+02:00' })).code).toBe('TIMEZONE_UNKNOWN')
  })

  test('B-53 29 February comes in leap years', () => {
    expect(next('0 0 29 2 *', NEW_YEAR, 3)).toEqual([
      '2028-02-29T00:00',
      '2032-02-29T00:00',
      '2036-02-29T00:00',
    ])
    expect(next('0 0 29 2 *', '2095-01-01T00:00:00Z', 2)).toEqual(['2096-02-29T00:00', '2104-02-29T00:00'])
    expect(next('0 0 29 2 mon', NEW_YEAR, 2, { dayMatch: 'and' })).toEqual([
      '2044-02-29T00:00',
      '2072-02-29T00:00',
    ])
  })

  test('B-54 start from whatever instant they are asked for', () => {
    expect(next('@daily', '2001-02-03T04:05:06Z', 1)).toEqual(['2001-02-04T00:00'])
  })

  test('F-48 go on past 2038, and end with the year 9999', () => {
    expect(next('0 0 1 1 *', '2037-12-31T00:00:00Z', 2)).toEqual(['2038-01-01T00:00', '2039-01-01T00:00'])
    expect(next('0 0 * * *', '9999-12-30T12:00:00Z', 5)).toEqual(['9999-12-31T00:00'])
    expect(next('0 0 * * *', '9999-12-30T12:00:00Z', 5, { timezone: 'Asia/Kathmandu' })).toHaveLength(2)
  })

  test('are told as they were written', () => {
    expect(ruleText(readRule({ cron: '0 7 * * 1-5', timezone: 'Europe/Lisbon' }))).toBe(
      '0 7 * * 1-5 Europe/Lisbon',
    )
    expect(ruleText(readRule({ cron: { minute: [0, 30], hour: '22-2' } }))).toBe('0,30 22-2 * * *')
  })

  test('is asked for step by step, and stays on its grid', () => {
    const times = new CronTimes('*/5 * * * *', 'America/New_York', 'or')
    let at = Date.UTC(2026, 0, 1)
    for (let count = 0; count < 5_000; count += 1) at = times.next(at) ?? Number.NaN
    expect(at).toBe(Date.UTC(2026, 0, 1) + 5_000 * 300_000)
  })
})
