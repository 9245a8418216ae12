import { describe, expect, test } from 'vitest'
import { chain, isCeleriacError } from '../../src/index.ts'
import { rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase({ name: 'unique_calls' })
const apps = useApps(database)

describe('T-109 a unique job', () => {
  test('has the key that its task makes of its args', async () => {
    const task = apps
      .app()
      .task(
        'sync',
        { unique: { key: (tenant: string, n: number) => `${tenant}/${n % 2}` } },
        (t: string, n: number) => t + n,
      )
    const handles = await task.enqueueMany([
      ['acme', 1],
      ['acme', 2],
      ['acme', 3],
      ['zoo', 1],
    ])
    expect(handles.map(({ outcome }) => outcome)).toEqual(['inserted', 'inserted', 'kept', 'inserted'])
    expect(handles[2]?.id).toBe(handles[0]?.id)
    expect(handles[2]?.differs).toEqual(['$[1]'])
    const rows = await database.query(`select key from celeriac.unique_keys where task = 'sync' order by key`)
    expect(rows).toEqual([{ key: 'acme/0' }, { key: 'acme/1' }, { key: 'zoo/1' }])
  })

  test('is none where its key is null, and then pays nothing', async () => {
    const { app, statements } = apps.counted()
    const task = app.task('maybe', { unique: { key: (id: string | null) => id } }, (id: string | null) => id)
    const [one, other] = [await task.enqueue(null), await task.enqueue(null)]
    expect(one.id).not.toBe(other.id)
    expect(statements.filter((text) => text.includes('enqueue_unique'))).toEqual([])
    const many = await task.enqueueMany([[null], ['a'], [null], ['a']])
    expect(many.map(({ outcome }) => outcome)).toEqual(['inserted', 'inserted', 'inserted', 'kept'])
  })

  test('is none for a call that says so', async () => {
    const task = apps.app().task('usually', { unique: { key: 'one' } }, () => 1)
    const held = await task.enqueue()
    expect((await task.with({ unique: null }).enqueue()).id).not.toBe(held.id)
    expect((await task.with({ unique: { key: 'two' } }).enqueue()).outcome).toBe('inserted')
    expect((await task.enqueue()).id).toBe(held.id)
  })

  test('may have an id of the choice of its caller', async () => {
    const task = apps.app().declare<() => void>('chosen')
    const id = '018f0000-0000-7000-8000-00000000c405'
    const call = task.with({ id, unique: { key: 'chosen' } })
    expect(await call.enqueue()).toMatchObject({ id, outcome: 'inserted' })
    expect(await call.enqueue()).toMatchObject({ id, outcome: 'kept' })
    const other = task.with({ id, unique: { key: 'another' } })
    expect(await rejection(other.enqueue())).toMatchObject({ code: 'JOB_EXISTS' })
    expect(await database.query(`select from celeriac.unique_keys where key = 'another'`)).toEqual([])
  })

  test('gives a handle to the job that is there, and to its result', async () => {
    const app = apps.app()
    const task = app.task('handled', { unique: { key: 'handled', until: '1h' } }, (n: number) => n * 2)
    const first = await task.enqueue(1)
    await apps.worker(app)
    const second = await task.enqueue(2)
    expect(await second.result({ timeout: '5s' })).toBe(2)
    expect(second).toMatchObject({ id: first.id, outcome: 'kept', differs: ['$[0]'] })
    expect(app.job(first.id)).toMatchObject({ outcome: 'inserted', differs: [] })
  })

  test('names the places where its args differ', async () => {
    const task = apps.app().declare<(...args: unknown[]) => void>('differs')
    const call = task.with({ unique: { key: 'differs' } })
    await call.enqueue({ a: 1, list: [1, 2], same: { x: 1 } }, new Date(0))
    const { differs } = await call.enqueue({ b: 1, list: [1, 3, 4], same: { x: 1 } }, new Date(1))
    expect(differs).toEqual(['$[0].a', '$[0].list[1]', '$[0].list[2]', '$[0].b', '$[1].$date'])
    expect((await call.enqueue({ list: [1, 2], same: { x: 1 }, a: 1 }, new Date(0))).differs).toEqual([])
  })

  test('is the child of the handler that enqueued it first', async () => {
    const app = apps.app()
    const child = app.task('child', { unique: { key: 'child' } }, () => 1)
    const parent = app.task('parent', async () => (await child.with({ delay: '1h' }).enqueue()).id)
    await apps.worker(app)
    const [one, other] = [await parent.enqueue(), await parent.enqueue()]
    const ids = await Promise.all([one, other].map((handle) => handle.result({ timeout: '5s' })))
    expect(ids[0]).toBe(ids[1])
    const children = await Promise.all([one, other].map(async (handle) => (await handle.children()).length))
    expect(children.toSorted()).toEqual([0, 1])
  })

  test('takes over everything of a call that replaces it, and keeps its id', async () => {
    const task = apps.app().declare<(n: number) => void>('replaced')
    const unique = { key: 'replaced', until: 'started', onConflict: 'replace' } as const
    const first = await task.with({ unique, delay: '1h', labels: { a: '1' }, expires: '2h' }).enqueue(1)
    const runAt = new Date('2040-01-01T00:00:00Z')
    const options = { queue: 'other', priority: 7, runAt, maxAttempts: 9, timeLimit: '5s' } as const
    const second = await task.with({ unique, labels: { b: '2' }, ...options }).enqueue(2)
    expect(second).toMatchObject({ id: first.id, outcome: 'replaced' })
    expect(await second.info()).toMatchObject({
      queue: 'other',
      priority: 7,
      runAt,
      maxAttempts: 9,
      labels: { b: '2' },
      expiresAt: null,
      args: [2],
    })
    const [row] = await database.query('select options from celeriac.jobs where id = $1', [first.id])
    expect(row).toEqual({ options: { timeLimitMs: 5000 } })
  })

  test('is refused in a canvas', async () => {
    const app = apps.app()
    const unique = app.task('node', { unique: { key: 'node' } }, (n: number) => n)
    const plain = app.task('plain', (n: number) => n)
    const refused = await rejection(chain(plain.s(1), unique.s()).enqueue())
    expect(refused).toMatchObject({
      code: 'OPTION_INVALID',
      message: 'unique cannot hold for "node" in a canvas; enqueue the task by itself, or give unique: null',
    })
    await chain(plain.s(1), unique.with({ unique: null }).s()).enqueue()
  })

  test('may be a signature that is enqueued by itself', async () => {
    const task = apps.app().task('alone', { unique: { key: 'alone' } }, (n: number) => n)
    const [one, other] = [await task.s(1).enqueue(), await task.s(2).enqueue()]
    expect(other).toMatchObject({ id: one.id, outcome: 'kept', differs: ['$[0]'] })
  })
})

describe('T-109 debounce', () => {
  test('puts the job off with each call, to the maximum, and the last args win', async () => {
    const task = apps.app().declare<(n: number) => void>('debounced')
    const call = task.with({ debounce: { key: 'typing', wait: '10s', maxWait: '25s' } })
    const runsIn = async (id: string): Promise<number> => {
      const [row] = await database.query<{ ms: number }>(
        `select round(extract(epoch from job.run_at - held.since) * 1000)::int as ms
          from celeriac.jobs as job join celeriac.unique_keys as held on held.job_id = job.id where job.id = $1`,
        [id],
      )
      return row?.ms ?? -1
    }
    const first = await call.enqueue(1)
    expect([first.outcome, await runsIn(first.id)]).toEqual(['inserted', 10_000])
    // As if the calls before had come so much earlier.
    const pass = (ms: number) =>
      database.query(
        `update celeriac.unique_keys set since = since - $1 * interval '1 ms' where key = 'typing'`,
        [ms],
      )
    await pass(8_000)
    const second = await call.enqueue(2)
    expect(second).toMatchObject({ id: first.id, outcome: 'replaced', differs: ['$[0]'] })
    expect(await runsIn(first.id)).toBeGreaterThanOrEqual(18_000)
    expect(await runsIn(first.id)).toBeLessThan(25_000)
    await pass(10_000)
    await call.enqueue(3)
    expect(await runsIn(first.id)).toBe(25_000)
    await pass(60_000)
    await call.enqueue(4)
    const [row] = await database.query(
      `select args, run_at <= clock_timestamp() as due from celeriac.jobs where id = $1`,
      [first.id],
    )
    expect(row).toEqual({ args: [4], due: true })
  })

  test('begins anew once the job has begun', async () => {
    const app = apps.app()
    const task = app.task(
      'debounced.runs',
      { debounce: { key: (n: number) => n % 2, wait: 1 } },
      (n: number) => n,
    )
    const first = await task.enqueue(1)
    await apps.worker(app)
    expect(await first.result({ timeout: '5s' })).toBe(1)
    const second = await task.enqueue(3)
    expect(second.outcome).toBe('inserted')
    expect(await second.result({ timeout: '5s' })).toBe(3)
  })

  test('makes one job of a burst, which runs with the last args', async () => {
    const app = apps.app()
    const runs: number[] = []
    const task = app.task('burst', { debounce: { key: 'burst', wait: '300ms' } }, (n: number) => runs.push(n))
    await apps.worker(app)
    const handles = []
    for (let n = 1; n <= 20; n += 1) handles.push(await task.enqueue(n))
    expect(new Set(handles.map(({ id }) => id)).size).toBe(1)
    await handles[0]?.result({ timeout: '5s' })
    expect(runs).toEqual([20])
  })
})

describe('T-109 throttle', () => {
  test('lets the first call of a period through, and no other', async () => {
    const app = apps.app()
    const task = app.task(
      'throttled',
      { throttle: { key: (n: number) => n % 2, every: '1h' } },
      (n: number) => n,
    )
    await apps.worker(app)
    const first = await task.enqueue(1)
    expect(await first.result({ timeout: '5s' })).toBe(1)
    const others = await task.enqueueMany([[3], [5], [2]])
    expect(others.map(({ outcome }) => outcome)).toEqual(['kept', 'kept', 'inserted'])
    await database.query(`update celeriac.unique_keys set expires_at = now() where task = 'throttled'`)
    expect((await task.enqueue(7)).outcome).toBe('inserted')
  })
})

describe('B-38 a key', () => {
  const task = () => apps.app().declare<() => void>('keys')

  test.each([
    ['empty', '', 'unique.key is empty'],
    ['too long', 'ä'.repeat(150), 'unique.key takes 300 bytes; the limit is 255'],
    ['with U+0000', 'a\0b', 'unique.key contains U+0000 at index 1; PostgreSQL cannot store it'],
    ['with half a character', 'a\ud800', 'unique.key contains half of a character'],
    ['that is no text', {}, 'unique.key must be a string'],
    ['that is missing', undefined, 'unique.key must be a string'],
  ])('that is %s is refused', async (_, key, message) => {
    const given = { unique: { key: key as string } }
    expect(() => task().with(given)).toThrow(message)
    const made = apps.app().task('made', { unique: { key: () => key as string } }, () => 1)
    expect(await rejection(made.enqueue())).toMatchObject({ code: 'OPTION_INVALID' })
    const many = made.enqueueMany([[]])
    await expect(many).rejects.toSatisfy((error) => isCeleriacError(error, 'OPTION_INVALID'))
    await expect(many).rejects.toThrow('item 1 of 1')
  })

  test('of 255 bytes, a number or a bigint is taken', async () => {
    for (const key of ['ä'.repeat(127), 7, 7n, -1.5])
      expect((await task().with({ unique: { key } }).enqueue()).outcome).toBe(
        key === 7n ? 'kept' : 'inserted',
      )
  })

  test('that its function promises, or throws, is refused before anything is written', async () => {
    const app = apps.app()
    const promised = app.task('promised', { unique: { key: (async () => 'a') as never } }, () => 1)
    expect(await rejection(promised.enqueue())).toMatchObject({
      message: 'unique.key is a promise; a key is needed at once',
    })
    const thrown = app.task(
      'thrown',
      {
        unique: {
          key: () => {
            throw new TypeError('no tenant')
          },
        },
      },
      () => 1,
    )
    expect(await rejection(thrown.enqueue())).toMatchObject({ name: 'TypeError', message: 'no tenant' })
  })
})

test('B-39 the same key with other args: the job it belongs to and the places are named', async () => {
  const task = apps.app().declare<(order: { id: number; items: string[] }) => void>('order')
  const call = task.with({ unique: { key: 'order-7', onConflict: 'reject' } })
  const { id } = await call.enqueue({ id: 7, items: ['tea'] })
  await expect(call.enqueue({ id: 7, items: ['tea', 'milk'] })).rejects.toMatchObject({
    code: 'UNIQUE_CONFLICT',
    facts: { jobId: id, key: 'order-7', task: 'order' },
    details: { differs: ['$[0].items[1]'] },
    message: `the key "order-7" of "order" belongs to job ${id}, whose args differ at $[0].items[1]; with onConflict: "keep" the call gives that job instead`,
  })
})

describe('T-109 options that make no sense are refused where they are given', () => {
  test.each([
    [{ unique: { key: 'a' }, throttle: { key: 'a', every: '1s' } }, 'give unique or throttle, not both'],
    [{ debounce: { key: 'a', wait: '1s' }, delay: '1s' }, 'give debounce or delay, not both'],
    [{ debounce: { key: 'a', wait: '1s' }, runAt: new Date() }, 'give debounce or runAt, not both'],
    [{ debounce: { key: 'a', wait: '2s', maxWait: '1s' } }, 'debounce.maxWait is 1s; the least is 2s'],
    [{ debounce: { key: 'a' } }, 'debounce.wait must be a number of milliseconds'],
    [{ throttle: { key: 'a', every: 0 } }, 'throttle.every is 0ms; the least is 1ms'],
    [{ unique: { key: 'a', until: 'begun' } }, 'unique.until must be one of "started", "settled"'],
    [
      { unique: { key: 'a', until: 'settled', states: ['running'] } },
      'give unique.until or unique.states, not both',
    ],
    [{ unique: { key: 'a', states: [] } }, 'unique.states must be a list of states'],
    [{ unique: { key: 'a', states: ['done'] } }, 'unique.states[0] must be one of'],
    [{ unique: { key: 'a', onConflict: 'drop' } }, 'unique.onConflict must be one of'],
    [{ unique: { key: 'a', wait: 1 } }, 'unknown unique option "wait"'],
    [{ unique: 'a' }, 'unique must be an object with a key; got "a"'],
  ])('%o', (options, message) => {
    const task = apps.app().declare<() => void>('refusing')
    expect(() => task.with(options as never)).toThrow(message)
  })

  test('and a later with() replaces what an earlier one said', async () => {
    const task = apps.app().declare<() => void>('later')
    const call = task.with({ debounce: { key: 'a', wait: '1h' } }).with({ unique: { key: 'b' } })
    expect(await (await call.enqueue()).info()).toMatchObject({ state: 'pending' })
    const rows = await database.query(`select key from celeriac.unique_keys where task = 'later'`)
    expect(rows).toEqual([{ key: 'b' }])
  })
})
