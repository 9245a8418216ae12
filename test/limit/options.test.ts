import { describe, expect, test } from 'vitest'
import { formatRate, parseRate } from '../../src/base/rate.ts'
import type { TaskOptions } from '../../src/index.ts'
import { resolveCallOptions, resolveTaskOptions } from '../../src/task/options.ts'
import { refusal } from '../base/refusal.ts'

const limitsOf = (options: TaskOptions<never[]>) =>
  resolveTaskOptions(options, 'sync').limits?.limits.map(({ name, settings }) => [name, settings])

describe('a rate', () => {
  test.each([
    ['10/s', 10, 1_000],
    ['100/m', 100, 60_000],
    ['5/h', 5, 3_600_000],
    ['1/d', 1, 86_400_000],
    ['0.5/s', 1, 2_000],
    ['2.5/s', 5, 2_000],
    ['0.25/m', 1, 240_000],
    ['010.0/s', 10, 1_000],
  ] as const)('is read from %s', (text, limit, perMs) => {
    expect(parseRate(text)).toEqual({ limit, perMs, burst: 1 })
  })

  test('is read from its parts', () => {
    expect(parseRate({ limit: 10, per: '90s', burst: 3 })).toEqual({ limit: 10, perMs: 90_000, burst: 3 })
    expect(parseRate({ limit: 10, per: 250 })).toEqual({ limit: 10, perMs: 250, burst: 1 })
  })

  test.each([
    ['10/x', '"10/x"'],
    ['10', '"10"'],
    ['', '""'],
    ['-1/s', '"-1/s"'],
    ['1e3/s', '"1e3/s"'],
    [' 1/s', '" 1/s"'],
    ['0/s', '"0/s"'],
    ['0.0/s', '"0.0/s"'],
    ['1/constructor', '"1/constructor"'],
    [10, '10'],
    [null, 'null'],
    [Number.NaN, 'NaN'],
  ])('B-45 is refused when it is %j', (rate, shown) => {
    expect(refusal(() => parseRate(rate))).toEqual({
      code: 'RATE_INVALID',
      message: `rate ${shown} is not like "10/s", "100/m", "5/h", "1/d"`,
    })
  })

  test.each([
    [{ limit: 0, per: '1s' }, 'rateLimit.limit must be an integer from 1 to 1000000; got 0'],
    [
      { limit: 5 },
      'rateLimit.per must be a number of milliseconds >= 0 or a duration like "5m"; got undefined',
    ],
    [{ limit: 5, per: 0 }, 'rateLimit.per is 0ms; the least is 1ms'],
    [{ limit: 5, per: '366d' }, 'rateLimit.per is 366d; the limit is 365d'],
    [{ limit: 5, per: '1s', burst: 6 }, 'rateLimit.burst must be an integer from 1 to 5; got 6'],
    ['1000001/s', 'the limit of rateLimit must be an integer from 1 to 1000000; got 1000001'],
    [
      '0.000001/d',
      'the period of rateLimit in ms must be an integer from 1 to 31536000000; got 86400000000000',
    ],
  ])('is refused with parts that do not fit: %j', (rate, message) => {
    expect(refusal(() => parseRate(rate))).toEqual({ code: 'OPTION_INVALID', message })
  })

  test('is written as people write it', () => {
    const written = ['10/s', '0.5/s', '100/m'] as const
    expect(written.map((rate) => formatRate(parseRate(rate)))).toEqual(['10/s', '1 in 2s', '100/m'])
    expect(formatRate({ limit: 5, perMs: 90_000, burst: 2 })).toBe('5 in 90s, 2 at once')
    expect(formatRate({ limit: 5, perMs: 250, burst: 1 })).toBe('5 in 250ms')
  })
})

describe('limits of a task', () => {
  test('are named by the task, later ones by their number', () => {
    expect(
      limitsOf({
        rateLimit: ['10/s', { limit: 9, per: '1m', burst: 3, cost: 2, key: () => 'a' }],
        concurrency: [5, { limit: 1, key: () => 'a' }],
        exclusive: () => 'a',
        limits: ['openai'],
      }),
    ).toEqual([
      ['task:sync/rate', { rateLimit: 10, ratePerMs: 1_000, rateBurst: 1 }],
      ['task:sync/rate/2', { rateLimit: 9, ratePerMs: 60_000, rateBurst: 3 }],
      ['task:sync/concurrency', { concurrency: 5 }],
      ['task:sync/concurrency/2', { concurrency: 1 }],
      ['task:sync/exclusive', { concurrency: 1 }],
      ['openai', null],
    ])
  })

  test('are none for a task without', () => {
    expect(resolveTaskOptions({ queue: 'a' }, 'sync').limits).toBeNull()
  })

  test.each([
    [0, 'concurrency must be an integer from 1 to 10000; got 0'],
    [1.5, 'concurrency must be an integer from 1 to 10000; got 1.5'],
    [1e6, 'concurrency must be an integer from 1 to 10000; got 1000000'],
    ['5', 'concurrency must be an integer from 1 to 10000; got "5"'],
    [null, 'concurrency must be an integer from 1 to 10000; got null'],
    [{ limit: 0 }, 'concurrency.limit must be an integer from 1 to 10000; got 0'],
    [[5, { limit: -1 }], 'concurrency[1].limit must be an integer from 1 to 10000; got -1'],
    [{ limit: 1, cost: 0 }, 'concurrency.cost must be an integer from 1 to 1000000; got 0'],
    [{ limit: 1, key: 'tenant' }, 'concurrency.key must be a function of the args; got "tenant"'],
  ])('B-46 are refused: concurrency %j', (concurrency, message) => {
    const options: object = { concurrency }
    expect(refusal(() => limitsOf(options))).toEqual({ code: 'OPTION_INVALID', message })
  })

  test.each<[object, string, string]>([
    [
      { concurrency: { limit: 1, keys: () => 'a' } },
      'OPTION_UNKNOWN',
      'unknown concurrency option "keys"; did you mean "key"?',
    ],
    [
      { rateLimit: { limit: 1, per: '1s', brust: 2 } },
      'OPTION_UNKNOWN',
      'unknown rateLimit option "brust"; did you mean "burst"?',
    ],
    [
      { limits: 'openai' },
      'OPTION_INVALID',
      'limits must be a list of names, or of { name, key, cost }; got "openai"',
    ],
    [{ limits: [''] }, 'LIMIT_NAME', 'limit name "" is empty'],
    [
      { limits: ['task:x/rate'] },
      'LIMIT_NAME',
      'limit name "task:x/rate" contains ":"; allowed are letters, digits and . _ - /',
    ],
    [{ limits: [{ key: () => 'a' }] }, 'LIMIT_NAME', 'limit name undefined is not a string'],
    [{ limits: [7] }, 'OPTION_INVALID', 'limits[0] must be a name, or { name, key, cost }; got 7'],
    [
      { exclusive: true },
      'OPTION_INVALID',
      'exclusive must be a function of the args that gives a key; got true',
    ],
    [{ fairness: 'tenant' }, 'OPTION_INVALID', 'fairness must be { key, weight }; got "tenant"'],
    [{ fairness: {} }, 'OPTION_INVALID', 'fairness.key must be a function of the args; got undefined'],
    [
      { fairness: { key: () => 'a', weight: 0 } },
      'OPTION_INVALID',
      'fairness.weight must be a number from 0.001 to 1000000; got 0',
    ],
    [
      { limits: Array.from({ length: 17 }, (_, index) => `l${index}`) },
      'OPTION_INVALID',
      'limits are 17; a job may have at most 16',
    ],
  ])('are refused: %j', (options, code, message) => {
    expect(refusal(() => limitsOf(options))).toEqual({ code, message })
  })
})

describe('limits of a call', () => {
  const task = resolveTaskOptions({}, 'sync')
  const limitsOfCall = (options: object) => resolveCallOptions(options, task).callLimits

  test('are read with texts as keys', () => {
    expect(limitsOfCall({})).toBeNull()
    expect(
      limitsOfCall({ limits: ['openai', { name: 'api', key: 'acme', cost: 2 }], fairness: 'acme' }),
    ).toEqual({
      limits: [
        ['openai', '', 1],
        ['api', 'acme', 2],
      ],
      fair: ['acme', 1],
    })
    expect(limitsOfCall({ fairness: { key: 'acme', weight: 2 } })).toEqual({ fair: ['acme', 2] })
  })

  test.each(['rateLimit', 'concurrency', 'exclusive'])('are refused when they are %s', (option) => {
    expect(refusal(() => limitsOfCall({ [option]: '10/s' }))).toEqual({
      code: 'OPTION_INVALID',
      message: `${option} belongs to the task, whose jobs share it; for one call give limits, by name; to change it at run time use app.limits.set`,
    })
  })

  test.each<[object, string]>([
    [{ limits: [{ name: 'a', key: () => 'x' }] }, 'LIMIT_KEY'],
    [{ limits: [{ name: 'a', cost: 0 }] }, 'OPTION_INVALID'],
    [{ limits: { name: 'a' } }, 'OPTION_INVALID'],
    [{ limits: [null] }, 'OPTION_INVALID'],
    [{ fairness: '' }, 'LIMIT_KEY'],
    [{ fairness: { key: 'a', weight: -1 } }, 'OPTION_INVALID'],
  ])('are refused: %j', (options, code) => {
    expect(refusal(() => limitsOfCall(options)).code).toBe(code)
  })
})
