import { describe, expect, test } from 'vitest'
import { allAtOnce } from '../../src/base/options.ts'
import type { TaskOptions } from '../../src/index.ts'
import { definitionOf } from '../../src/task/define.ts'
import { type Door, type DoorCircumstances, doorOf, type LimitsInForce } from '../../src/task/door.ts'
import { ownLimits } from '../../src/task/read-limits.ts'
import { refusal } from '../base/refusal.ts'

const NOTHING: LimitsInForce = { queues: new Map(), named: new Map(), chosen: new Set() }
const PLAIN: DoorCircumstances = { queue: 'default', labels: null, call: null, inForce: NOTHING }

const task = <Args extends readonly unknown[]>(options: TaskOptions<Args>) =>
  definitionOf('sync', options, () => 1, '')

function door<Args extends readonly unknown[]>(
  options: TaskOptions<Args>,
  args: readonly unknown[] = [],
  circumstances: Partial<DoorCircumstances> = {},
): Door | null {
  return doorOf(task(options), args, { ...PLAIN, ...circumstances })
}

describe('doorOf', () => {
  test('gives nothing for a task without limits', () => {
    expect(door({ queue: 'a', labels: { a: 'b' } })).toBeNull()
  })

  test('names the limits of the task by their kind', () => {
    expect(door({ rateLimit: '10/s', concurrency: 3 })).toEqual({
      limits: [
        ['task:sync/concurrency', ''],
        ['task:sync/rate', ''],
      ],
    })
  })

  test('T-83 holds several limits, each with its key, in order of names', () => {
    const options: TaskOptions<[tenant: string, pages: number]> = {
      rateLimit: [{ limit: 10, per: '1s', key: (tenant) => tenant }, '1000/h'],
      concurrency: [{ limit: 5, cost: (_, pages) => pages }, 100],
      limits: ['openai', { name: 'api', key: (_, pages) => pages, cost: 3 }],
      exclusive: (tenant) => tenant,
    }
    expect(door(options, ['acme', 2])).toEqual({
      limits: [
        ['api', '2', 3],
        ['openai', ''],
        ['task:sync/concurrency', '', 2],
        ['task:sync/concurrency/2', ''],
        ['task:sync/exclusive', 'acme'],
        ['task:sync/rate', 'acme'],
        ['task:sync/rate/2', ''],
      ],
    })
  })

  test('leaves out a limit whose key is null', () => {
    const options: TaskOptions<[string | null]> = { exclusive: (tenant) => tenant }
    expect(door(options, [null])).toBeNull()
    expect(door(options, ['acme'])).toEqual({ limits: [['task:sync/exclusive', 'acme']] })
  })

  test('writes numbers as keys', () => {
    const options: TaskOptions<[number | bigint]> = { exclusive: (id) => id }
    expect(door(options, [7])?.limits).toEqual([['task:sync/exclusive', '7']])
    expect(door(options, [7n])?.limits).toEqual([['task:sync/exclusive', '7']])
  })

  test('has the fairness of the task, or that of the call', () => {
    const options: TaskOptions<[string]> = {
      fairness: { key: (tenant) => tenant, weight: (key) => (key === 'big' ? 2.5 : 1) },
    }
    expect(door(options, ['big'])).toEqual({ limits: [], fair: ['big', 2.5] })
    expect(door(options, ['small'])).toEqual({ limits: [], fair: ['small', 1] })
    expect(door(options, ['small'], { call: { fair: ['other', 3] } })).toEqual({
      limits: [],
      fair: ['other', 3],
    })
  })

  test('adds up what a job takes of one limit', () => {
    const call = { limits: [['openai', '', 2] as const, ['openai', 'acme', 1] as const] }
    expect(door({ limits: ['openai'] }, [], { call })?.limits).toEqual([
      ['openai', '', 3],
      ['openai', 'acme'],
    ])
  })

  test('W-87 has the limits of the queue it stands in', () => {
    const mail = allAtOnce((check) =>
      ownLimits(
        { rateLimit: '100/m', concurrency: { limit: 2, key: (to: string) => to } },
        'queue:mail',
        check,
      ),
    )
    const inForce = { ...NOTHING, queues: new Map([['mail', mail]]) }
    expect(door({}, ['a@b'], { queue: 'mail', inForce })?.limits).toEqual([
      ['queue:mail/concurrency', 'a@b'],
      ['queue:mail/rate', ''],
    ])
    expect(door({}, ['a@b'], { queue: 'other', inForce })).toBeNull()
  })

  test('T-84 has limits that were put in force at run time', () => {
    const chosen = new Set(['task:sync/rate', 'queue:mail/concurrency', 'label:tenant=acme', 'openai'])
    const inForce = { ...NOTHING, chosen }
    const here = { queue: 'mail', labels: { tenant: 'acme', other: 'acme' }, inForce }
    expect(door({}, [], here)?.limits).toEqual([
      ['label:tenant=acme', ''],
      ['queue:mail/concurrency', ''],
      ['task:sync/rate', ''],
    ])
    // one that the task declares keeps its key
    expect(
      door({ rateLimit: { limit: 1, per: 1, key: () => 'k' } }, [], { ...here, labels: null })?.limits,
    ).toEqual([
      ['queue:mail/concurrency', ''],
      ['task:sync/rate', 'k'],
    ])
    expect(door({}, [], { inForce: { ...NOTHING, chosen: new Set(['task:other/rate']) } })).toBeNull()
  })
})

describe('a key', () => {
  const keyed = (key: unknown) => () =>
    door({ exclusive: (() => key) as () => string, concurrency: 1 }, ['acme'])

  test.each([
    ['empty', '', 'is empty; give null for a job that the limit does not concern'],
    ['too long', 'é'.repeat(128), 'takes 256 bytes; the limit is 255'],
    ['with a NUL', 'a\0', 'contains U+0000; PostgreSQL cannot store it'],
    ['half a character', '\ud800', 'contains half of a character (a lone surrogate)'],
    [
      'undefined',
      undefined,
      'is undefined; it must be a string or a number, or null for a job that the limit does not concern',
    ],
    [
      'an object',
      { tenant: 1 },
      'is an object; it must be a string or a number, or null for a job that the limit does not concern',
    ],
    [
      'no number',
      Number.NaN,
      'is NaN; it must be a string or a number, or null for a job that the limit does not concern',
    ],
    ['a promise', Promise.resolve('a'), 'is a promise; a key is needed at once'],
  ])('is refused when it is %s', (_, key, problem) => {
    expect(refusal(keyed(key))).toEqual({
      code: 'LIMIT_KEY',
      message: `the key of limit "task:sync/exclusive" ${problem}`,
    })
  })

  test('is refused when its function throws, with the reason', () => {
    const options: TaskOptions<[{ id: string }]> = { exclusive: (user) => user.id.toUpperCase() }
    expect(refusal(() => door(options, []))).toEqual({
      code: 'LIMIT_KEY',
      message:
        'the key of limit "task:sync/exclusive" cannot be told: Cannot read properties of undefined (reading \'id\')',
    })
  })

  test('may take 255 bytes', () => {
    expect(keyed('a'.repeat(255))()?.limits[1]).toEqual(['task:sync/exclusive', 'a'.repeat(255)])
  })
})

describe('a cost', () => {
  test('is refused when it is more than there will ever be', () => {
    expect(refusal(() => door({ concurrency: { limit: 2, cost: 3 } }))).toEqual({
      code: 'LIMIT_COST',
      message: 'a job of "sync" costs 3 of limit "task:sync/concurrency", which lets 2 run',
    })
    const options: TaskOptions<[number]> = { rateLimit: { limit: 5, per: '1s', cost: (n) => n } }
    expect(door(options, [5])?.limits).toEqual([['task:sync/rate', '', 5]])
    expect(refusal(() => door(options, [6]))).toEqual({
      code: 'LIMIT_COST',
      message: 'a job of "sync" costs 6 of limit "task:sync/rate", which grants 5 per period',
    })
  })

  test('is compared with limits that stand alone, where the app declares them', () => {
    const inForce = { ...NOTHING, named: new Map([['openai', { rateLimit: 2 }]]) }
    expect(refusal(() => door({ limits: [{ name: 'openai', cost: 3 }] }, [], { inForce })).code).toBe(
      'LIMIT_COST',
    )
    expect(door({ limits: [{ name: 'other', cost: 3 }] }, [], { inForce })).not.toBeNull()
  })

  test('is refused when it is no integer from 1', () => {
    expect(
      refusal(() =>
        door({ concurrency: { limit: 2, cost: (n: number) => n } } as TaskOptions<never[]>, [0.5]),
      ),
    ).toEqual({
      code: 'OPTION_INVALID',
      message: 'the cost of limit "task:sync/concurrency" must be an integer from 1 to 1000000; got 0.5',
    })
  })
})
