import { describe, expect, test } from 'vitest'
import { CronTimes } from '../../src/schedule/cron.ts'
import { readRule, timetableOf } from '../../src/schedule/rule.ts'

/** The instants of an expression in a time, in UTC. */
function within(cron: string, zone: string, from: string, to: string): string[] {
  const times = new CronTimes(cron, zone, 'or')
  const found: string[] = []
  for (let at = times.next(Date.parse(from) - 1); at !== null && at < Date.parse(to); at = times.next(at)) {
    found.push(new Date(at).toISOString().slice(0, 16))
  }
  return found
}

describe('the wall clock of a zone', () => {
  test('B-70 decides: nine in Berlin is eight in winter and seven in summer', () => {
    expect(within('0 9 * * *', 'Europe/Berlin', '2026-01-15T00:00Z', '2026-01-16T00:00Z')).toEqual([
      '2026-01-15T08:00',
    ])
    expect(within('0 9 * * *', 'Europe/Berlin', '2026-07-15T00:00Z', '2026-07-16T00:00Z')).toEqual([
      '2026-07-15T07:00',
    ])
  })

  test.each([
    [
      'New York',
      '30 2 * * *',
      'America/New_York',
      '2026-03-08T05:00Z',
      '2026-03-09T04:00Z',
      ['2026-03-08T07:00'],
    ],
    [
      'New York, several in the gap',
      '0,30 2 * * *',
      'America/New_York',
      '2026-03-08T05:00Z',
      '2026-03-09T04:00Z',
      ['2026-03-08T07:00'],
    ],
    [
      'New York, and one that is there anyway',
      '30 2,3 * * *',
      'America/New_York',
      '2026-03-08T05:00Z',
      '2026-03-09T04:00Z',
      ['2026-03-08T07:00', '2026-03-08T07:30'],
    ],
    ['Berlin', '0 2 29 3 *', 'Europe/Berlin', '2026-03-28T23:00Z', '2026-03-29T22:00Z', ['2026-03-29T01:00']],
    [
      'Lord Howe, by half an hour',
      '15 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-03T13:30Z',
      '2026-10-04T13:00Z',
      ['2026-10-03T15:30'],
    ],
    [
      'Apia, by a whole day',
      '0 9 * * *',
      'Pacific/Apia',
      '2011-12-30T10:00Z',
      '2011-12-31T10:00Z',
      ['2011-12-30T10:00', '2011-12-30T19:00'],
    ],
    [
      'Casablanca, at the end of Ramadan',
      '30 2 * * *',
      'Africa/Casablanca',
      '2026-03-22T00:00Z',
      '2026-03-22T23:00Z',
      ['2026-03-22T02:00'],
    ],
    ['Lisbon', '30 1 * * *', 'Europe/Lisbon', '2026-03-29T00:00Z', '2026-03-29T23:00Z', ['2026-03-29T01:00']],
  ])('B-71 F-45 is put forward over a fixed time: it fires once, at the first instant after (%s)', (_, cron, zone, from, to, expected) => {
    expect(within(cron, zone, from, to)).toEqual(expected)
  })

  test.each([
    [
      'New York',
      '30 1 * * *',
      'America/New_York',
      '2026-11-01T04:00Z',
      '2026-11-02T05:00Z',
      ['2026-11-01T05:30'],
    ],
    ['Berlin', '30 2 * * *', 'Europe/Berlin', '2026-10-24T22:00Z', '2026-10-25T23:00Z', ['2026-10-25T00:30']],
    [
      'Lord Howe',
      '45 1 * * *',
      'Australia/Lord_Howe',
      '2026-04-04T13:00Z',
      '2026-04-05T13:30Z',
      ['2026-04-04T14:45'],
    ],
    [
      'several minutes of one hour',
      '*/20 1 * * *',
      'America/New_York',
      '2026-11-01T04:00Z',
      '2026-11-02T05:00Z',
      ['2026-11-01T05:00', '2026-11-01T05:20', '2026-11-01T05:40'],
    ],
  ])('B-72 F-45 is put back over a fixed time: it fires the first time (%s)', (_, cron, zone, from, to, expected) => {
    expect(within(cron, zone, from, to)).toEqual(expected)
  })

  test('B-72 who asks between the two is told of tomorrow', () => {
    const times = new CronTimes('30 1 * * *', 'America/New_York', 'or')
    for (const minutes of [31, 59, 60, 75, 89, 90, 91]) {
      const asked = Date.parse('2026-11-01T05:00Z') + minutes * 60_000
      expect(new Date(times.next(asked) ?? 0).toISOString()).toBe('2026-11-02T06:30:00.000Z')
    }
  })

  test('B-72 F-45 what fires every hour does so in both passes, and at no hour that is not there', () => {
    const autumn = ['2026-11-01T04:00Z', '2026-11-02T05:00Z'] as const
    const spring = ['2026-03-08T05:00Z', '2026-03-09T04:00Z'] as const
    expect(within('0 * * * *', 'America/New_York', ...autumn)).toHaveLength(25)
    expect(within('*/10 * * * *', 'America/New_York', ...autumn)).toHaveLength(150)
    expect(within('0 * * * *', 'America/New_York', ...spring)).toHaveLength(23)
    expect(within('*/10 * * * *', 'America/New_York', ...spring)).toHaveLength(138)
  })

  test('B-73 is nothing to an interval', () => {
    const span = { plannedFrom: Date.parse('2026-11-01T00:00Z'), startsAt: null, endsAt: null }
    const times = timetableOf(readRule({ interval: '1h' }), span)
    let at = span.plannedFrom
    for (let hour = 1; hour <= 48; hour += 1) {
      expect(times.next(at)).toBe(at + 3_600_000)
      at += 3_600_000
    }
  })

  test('B-75 is kept by the name of the zone', () => {
    expect(readRule({ cron: '@daily', timezone: 'Europe/Lisbon' })).toEqual({
      cron: '@daily',
      timezone: 'Europe/Lisbon',
    })
    expect(readRule({ cron: '@daily' })).toEqual({ cron: '@daily', timezone: 'UTC' })
  })

  test.each([
    ['Asia/Kathmandu', '2026-06-01T03:15'],
    ['Asia/Kolkata', '2026-06-01T03:30'],
    ['Australia/Eucla', '2026-06-01T00:15'],
    ['Asia/Tokyo', '2026-06-01T00:00'],
    ['Pacific/Kiritimati', '2026-06-01T19:00'],
  ])('B-76 F-45 may be off by halves and quarters, and never set (%s)', (zone, expected) => {
    expect(within('0 9 * * *', zone, '2026-06-01T00:00Z', '2026-06-02T00:00Z')).toEqual([expected])
  })
})
