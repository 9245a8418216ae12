import { describe, expect, expectTypeOf, test } from 'vitest'
import { type Duration, formatMs, toMs } from '../../src/base/duration.ts'
import { refusal } from './refusal.ts'

const DAY = 86_400_000
const delay = (value: unknown) => toMs(value, 'delay')
const timeLimit = (value: unknown) => toMs(value, 'timeLimit', { min: 1, max: 365 * DAY })
const notOne = (got: string) =>
  `delay must be a number of milliseconds >= 0 or a duration like "5m"; got ${got}`

describe('toMs', () => {
  test.each([
    [0, 0],
    [1500, 1500],
    ['0s', 0],
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5h', 5_400_000],
    ['.5m', 30_000],
    ['1.1m', 66_000],
    ['2d', 2 * DAY],
    ['1w', 7 * DAY],
  ])('reads %s', (given, expected) => {
    expect(delay(given)).toBe(expected)
  })

  test.each([
    ['B-34 negative', -1, notOne('-1')],
    ['B-34 NaN', Number.NaN, notOne('NaN')],
    ['B-34 words', '5 minutes', notOne('"5 minutes"')],
    ['B-34 no unit', '5', notOne('"5"')],
    ['B-34 unknown unit', '5y', notOne('"5y"')],
    ['B-34 negative text', '-5m', notOne('"-5m"')],
    ['B-34 newline', '5m\n', notOne('"5m\\n"')],
    ['B-34 nothing', undefined, notOne('undefined')],
    ['B-34 object', {}, notOne('an object')],
    ['B-36 Infinity', Number.POSITIVE_INFINITY, 'delay is Infinityms; the limit is 36525d'],
  ])('refuses %s', (_, given, message) => {
    expect(refusal(() => delay(given))).toEqual({ code: 'OPTION_INVALID', message })
  })

  test.each([
    ['B-36 400d', '400d', 'timeLimit is 400d; the limit is 365d'],
    ['B-36 as a number', 400 * DAY, 'timeLimit is 400d; the limit is 365d'],
    ['B-36 a millisecond over', 365 * DAY + 1, 'timeLimit is 31536000001ms; the limit is 365d'],
    ['too short', 0, 'timeLimit is 0ms; the least is 1ms'],
  ])('refuses %s', (_, given, message) => {
    expect(refusal(() => timeLimit(given))).toEqual({ code: 'OPTION_INVALID', message })
  })

  test('takes time limits of 2³¹ ms and more', () => {
    expect(timeLimit(2 ** 31)).toBe(2 ** 31)
    expect(timeLimit('365d')).toBe(365 * DAY)
  })
})

test('Duration is a number or a number with its unit', () => {
  expectTypeOf<'5m'>().toExtend<Duration>()
  expectTypeOf<1500>().toExtend<Duration>()
  expectTypeOf<'5 minutes'>().not.toExtend<Duration>()
})

test.each([
  [0, '0ms'],
  [0.4, '0ms'],
  [850, '850ms'],
  [1000, '1s'],
  [1234, '1.2s'],
  [59_999, '1m'],
  [90_000, '1m 30s'],
  [5_400_000, '1h 30m'],
  [3_599_999, '1h'],
  [DAY, '1d'],
  [DAY + 3_600_000, '1d 1h'],
  [400 * DAY, '400d'],
  [-1500, '-1.5s'],
])('formatMs shows %s as %s', (ms, expected) => {
  expect(formatMs(ms)).toBe(expected)
})
