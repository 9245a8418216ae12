import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  backoffDelayMs,
  backoffFromJson,
  backoffToJson,
  DEFAULT_BACKOFF,
  exponential,
  parseBackoff,
} from '../../src/base/backoff.ts'
import { refusal } from './refusal.ts'

const steady = exponential({ base: '1s', factor: 2, max: '10m', jitter: false })
const delays = (policy: Parameters<typeof backoffDelayMs>[0], attempts: readonly number[]) =>
  attempts.map((attempt) => backoffDelayMs(policy, attempt, undefined))

describe('backoffDelayMs', () => {
  test('grows by the factor up to the maximum', () => {
    expect(delays(steady, [1, 2, 3, 10, 11, 1_000_000])).toEqual([
      1000, 2000, 4000, 512_000, 600_000, 600_000,
    ])
  })

  test('draws a full jitter from nothing to the whole delay', () => {
    const drawn = [0, 0.5, 0.999_999].map((random) =>
      backoffDelayMs(DEFAULT_BACKOFF, 3, undefined, () => random),
    )
    expect(drawn).toEqual([0, 2000, 4000])
  })

  test('repeats the last delay of a list', () => {
    expect(delays(parseBackoff(['1s', 5000, '1m']), [1, 2, 3, 4, 1e6])).toEqual([
      1000, 5000, 60_000, 60_000, 60_000,
    ])
  })

  test('asks a function, which may refuse another attempt', () => {
    const policy = parseBackoff((attempt: number, error: unknown) =>
      error === 'gone' ? null : `${attempt}m`,
    )
    expect(backoffDelayMs(policy, 2, 'busy')).toBe(120_000)
    expect(backoffDelayMs(policy, 2, 'gone')).toBeNull()
  })

  test('refuses what is no duration from a function', () => {
    expect(
      refusal(() =>
        backoffDelayMs(
          parseBackoff(() => 'soon'),
          1,
          undefined,
        ),
      ),
    ).toEqual({
      code: 'OPTION_INVALID',
      message:
        'the delay returned by backoff must be a number of milliseconds >= 0 or a duration like "5m"; got "soon"',
    })
  })

  test('is always a whole number within its bounds', () => {
    const policies = fc.record({
      baseMs: fc.nat(1e9),
      extra: fc.nat(1e9),
      factor: fc.double({ min: 1, max: 1000, noNaN: true }),
    })
    const attempts = fc.oneof(fc.integer({ min: -5, max: 100 }), fc.constantFrom(1e6, 1e308))
    fc.assert(
      fc.property(
        policies,
        attempts,
        fc.double({ min: 0, max: 0.999_999, noNaN: true }),
        fc.boolean(),
        (given, attempt, random, jitter) => {
          const { baseMs, extra, factor } = given
          const policy = exponential({ base: baseMs, max: baseMs + extra, factor, jitter })
          const delay = backoffDelayMs(policy, attempt, undefined, () => random)
          expect(Number.isInteger(delay) && Number(delay) >= 0 && Number(delay) <= policy.maxMs).toBe(true)
        },
      ),
    )
  })
})

describe('parseBackoff', () => {
  test.each([
    ['a word', 'fast', 'backoff must be exponential({ … }), a list of durations or a function; got "fast"'],
    ['nothing', null, 'backoff must be exponential({ … }), a list of durations or a function; got null'],
    ['an empty list', [], 'backoff is an empty list; set maxAttempts to 1 for no retry'],
    [
      'a bad delay',
      ['1s', -1],
      'backoff[1] must be a number of milliseconds >= 0 or a duration like "5m"; got -1',
    ],
    ['a long list', new Array(1001).fill(1), 'backoff has 1001 delays; the limit is 1000'],
    [
      'a factor below one',
      { ...steady, factor: 0.5 },
      'backoff.factor must be a number from 1 to 1000; got 0.5',
    ],
    [
      'a factor that is NaN',
      { ...steady, factor: Number.NaN },
      'backoff.factor must be a number from 1 to 1000; got NaN',
    ],
    [
      'a jitter that is a word',
      { ...steady, jitter: 'full' },
      'backoff.jitter must be true or false; got "full"',
    ],
    [
      'a base above the maximum',
      { ...steady, baseMs: 700_000 },
      'backoff.base is 11m 40s, longer than max (10m)',
    ],
  ])('refuses %s', (_, given, message) => {
    expect(refusal(() => parseBackoff(given))).toEqual({ code: 'OPTION_INVALID', message })
  })
})

describe('backoffToJson', () => {
  test.each([steady, DEFAULT_BACKOFF, ['1s', 5000]])('comes back from a row', (given) => {
    const policy = parseBackoff(given)
    expect(backoffFromJson(JSON.parse(JSON.stringify(backoffToJson(policy))))).toEqual(policy)
  })

  test('refuses a function', () => {
    expect(refusal(() => backoffToJson(parseBackoff(() => 1)))).toEqual({
      code: 'OPTION_INVALID',
      message: 'backoff is a function and cannot be stored with one job; put it on the task',
    })
  })
})
