import { describe, expect, test } from 'vitest'
import { type Codec, currentJob, taggedCodec } from '../../src/index.ts'
import { rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase({ name: 'job_values' })
const apps = useApps(database)

const VALUES: [string, unknown][] = [
  ['null', null],
  ['texts', 'ü "quoted" \\ \u2028 😀 {"$date": 1}'],
  ['numbers', [0, -1, 1.5, 2 ** 53, 1e-300, 1e300]],
  ['a Date', new Date('2026-01-02T03:04:05.678Z')],
  ['a bigint', 12_345_678_901_234_567_890n],
  [
    'a Map',
    new Map<unknown, unknown>([
      ['a', 1n],
      [{ key: true }, new Date(0)],
    ]),
  ],
  ['a Set', new Set(['a', 2, new Date(1)])],
  ['a Buffer', Buffer.from('bytes')],
  ['undefined in an object', { a: undefined, b: 1 }],
  ['what looks like a tag', { $date: 'no date', $: 1, other: { $map: [] } }],
  ['deep things', { list: [[[{ a: [new Map([['x', new Set([1n])]])] }]]] }],
  ['odd keys', { '': 1, 'a.b': 2, constructor: 3, ключ: 4 }],
]

describe('values', () => {
  test.each(VALUES)('%s come through args, result and progress', async (_, value) => {
    const app = apps.app()
    const task = app.task('echo', { bind: true }, (job, given: unknown) => {
      expect(job.args).toEqual([value])
      expect(currentJob().args).toEqual([value])
      job.progress(given)
      return given
    })
    await apps.worker(app)
    const handle = await task.enqueue(value)
    expect(await handle.result()).toEqual(value)
    const info = await handle.info()
    expect([info.args, info.value, info.progress]).toEqual([[value], value, value])
  })

  test('are bytes again after they were', async () => {
    const app = apps.app()
    const task = app.task('bytes', (bytes: Uint8Array) => bytes.map((byte) => 255 - byte))
    await apps.worker(app)
    const result = await (await task.enqueue(new Uint8Array([0, 1, 254]))).result()
    expect([result instanceof Uint8Array, [...result]]).toEqual([true, [255, 254, 1]])
  })

  test('are readable in SQL', async () => {
    const task = apps.app().task('readable', (..._: unknown[]) => 1)
    const handle = await task.enqueue(new Date(0), { n: 1 })
    const rows = await database.query('select args from celeriac.jobs where id = $1', [handle.id])
    expect(rows).toEqual([{ args: [{ $date: '1970-01-01T00:00:00.000Z' }, { n: 1 }] }])
  })

  test('may be an error', async () => {
    const app = apps.app()
    const task = app.task('error', (error: Error) => [error instanceof Error, error.message, error])
    await apps.worker(app)
    const result = await (await task.enqueue(new TypeError('kept', { cause: 'why' }))).result()
    expect(result.slice(0, 2)).toEqual([true, 'kept'])
    expect(result[2]).toMatchObject({ name: 'TypeError', message: 'kept' })
  })

  test('are copies: what the caller changes later is not seen', async () => {
    const app = apps.app()
    const task = app.task('copied', (given: { n: number }) => given.n)
    await apps.worker(app)
    const given = { n: 1 }
    const enqueuing = task.enqueue(given)
    given.n = 2
    expect(await (await enqueuing).result()).toBe(1)
  })

  const REFUSED: [string, unknown, string, string][] = [
    ['a function', { cb: () => 1 }, 'JSON_TYPE', 'argument $[0].cb is a function and cannot be stored'],
    [
      'a NUL',
      { name: 'a\0' },
      'JSON_NUL',
      'argument $[0].name contains U+0000 at index 1; PostgreSQL cannot store it; remove it or pass bytes as a Buffer',
    ],
    [
      'an instance',
      { user: new (class User {})() },
      'JSON_CLASS',
      'argument $[0].user is an instance of User; give a codec or pass a plain object',
    ],
    [
      'too much',
      'x'.repeat(1_048_576),
      'PAYLOAD_SIZE',
      'arguments of "refuses" take 1 MB as JSON; the limit is 1 MB (maxArgsBytes); store the data elsewhere and pass a reference',
    ],
  ]
  test.each(REFUSED)('refuse %s before anything is written', async (_, value, code, message) => {
    const { app, statements } = apps.counted()
    const refused = await rejection(app.task('refuses', (_: unknown) => 1).enqueue(value))
    expect(refused).toMatchObject({ code })
    if (code !== 'PAYLOAD_SIZE') expect(refused.message).toBe(message)
    expect(statements).toEqual([])
  })

  test('B-62 fail a job whose result cannot be stored, at once', async () => {
    const app = apps.app()
    let runs = 0
    const task = app.task('bad', () => {
      runs += 1
      return { x: () => 1 }
    })
    const big = app.task('big', () => 'x'.repeat(2_000_000))
    await apps.worker(app)
    await expect((await task.enqueue()).result()).rejects.toMatchObject({
      cause: { code: 'JSON_TYPE', message: 'result of "bad": $.x is a function and cannot be stored' },
    })
    await expect((await big.enqueue()).result()).rejects.toMatchObject({ cause: { code: 'RESULT_SIZE' } })
    expect(runs).toBe(1)
  })

  test('B-64 record whatever is thrown', async () => {
    const app = apps.app()
    const thrown: unknown[] = [undefined, null, 'text', {}, 7n, Symbol('s'), Object.create(null), () => 1]
    const getter = new Error('getter')
    Object.defineProperty(getter, 'stack', {
      get: () => {
        throw new Error('no stack')
      },
    })
    const cyclic = new Error('cyclic')
    cyclic.cause = cyclic
    const trap = (): never => {
      throw new Error('trap')
    }
    const proxy: unknown = new Proxy({}, { get: trap, has: trap, ownKeys: trap, getPrototypeOf: trap })
    thrown.push(getter, cyclic, new Error('x\0\uD83D'.repeat(100_000)), proxy)
    thrown.push(
      new AggregateError(
        Array.from({ length: 10_000 }, (_, n) => new Error(`${n}`)),
        'many',
      ),
    )
    const task = app.task('throws', { maxAttempts: 1 }, (n: number) => {
      throw thrown[n]
    })
    await apps.worker(app)
    const handles = await task.enqueueMany(thrown.map((_, n) => [n]))
    const settled = await Promise.all(handles.map((handle) => handle.settled({ timeout: '10s' })))
    expect(settled.map((end) => !end.ok && end.error.cause instanceof Error)).toEqual(thrown.map(() => true))
    const messages = settled.map((end) => (end.ok ? '' : (end.error.cause as Error).message))
    expect(messages.slice(0, 3)).toEqual([
      'thrown value was undefined',
      'thrown value was null',
      'thrown value was "text"',
    ])
    expect(messages.every((message) => message.length <= 4_200)).toBe(true)
  })
})

describe('codec', () => {
  class Money {
    readonly cents: number
    constructor(cents: number) {
      this.cents = cents
    }
  }
  const codec: Codec = {
    encode: (value) => (value instanceof Money ? { money: value.cents } : taggedCodec.encode(value)),
    decode: (json) =>
      typeof json === 'object' && json !== null && 'money' in json
        ? new Money(Number(json.money))
        : taggedCodec.decode(json),
  }

  test('takes values there and back', async () => {
    const app = apps.app({ codec })
    const task = app.task('pay', { bind: true }, (job, amount: Money, at: Date) => {
      job.progress(amount)
      return [amount instanceof Money && amount.cents === 5, at instanceof Date] as unknown
    })
    const back = app.task('back', () => new Money(7))
    await apps.worker(app)
    const handle = await task.enqueue(new Money(5), new Date(0))
    expect(await handle.result()).toEqual([true, true])
    expect((await handle.info()).args).toEqual([new Money(5), new Date(0)])
    expect((await handle.info()).progress).toEqual(new Money(5))
    expect(await (await back.enqueue()).result()).toBeInstanceOf(Money)
  })

  test('is told about in the error when it fails', async () => {
    const broken = apps.app({ codec: { encode: () => JSON.parse('{'), decode: (json) => json } })
    expect(await rejection(broken.task('t', (_: number) => 1).enqueue(1))).toMatchObject({
      code: 'CODEC_FAILED',
    })
  })
})
