import { describe, expect, test } from 'vitest'
import { gate, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'limit_starting' })
const apps = useApps(database)

const statesOf = async (task: string): Promise<string> => {
  const rows = await database.query<{ state: string }>(
    'select state::text from celeriac.job_list where task = $1 order by state::text',
    [task],
  )
  return rows.map(({ state }) => state).join()
}

describe('jobs that are held back by a limit', () => {
  test('T-82 hold no slot, and do not block others of their queue', async () => {
    const app = apps.app()
    const held = app.task('still.held', { rateLimit: '1/h' }, (n: number) => n)
    const free = app.task('still.free', (n: number) => n)
    await apps.worker(app, { concurrency: 1 })
    const first = await held.enqueueMany(Array.from({ length: 20 }, (_, n) => [n]))
    await first[0]?.result()
    const others = await free.enqueueMany(Array.from({ length: 20 }, (_, n) => [n]))
    expect(await Promise.all(others.map((handle) => handle.result()))).toHaveLength(20)
    expect((await statesOf('still.held')).split(',').filter((state) => state === 'waiting')).toHaveLength(19)
  })

  test('T-83 pass every limit of several', async () => {
    const app = apps.app()
    const task = app.task(
      'both',
      {
        rateLimit: [
          { limit: 100, per: '1s', burst: 100, key: (key: string) => key },
          { limit: 3, per: '1h', burst: 3 },
        ],
      },
      (key: string) => key,
    )
    await apps.worker(app)
    await task.enqueueMany(['a', 'b', 'a', 'b', 'a'].map((key) => [key]))
    await until(async () => (await statesOf('both')) === 'succeeded,succeeded,succeeded,waiting,waiting')
    expect(await app.limits.get('task:both/rate', 'a')).toMatchObject({ condition: 'open' })
    expect(await app.limits.get('task:both/rate/2')).toMatchObject({ condition: 'spent', started: 3 })
  })

  test('T-85 are counted again when they are retried', async () => {
    const app = apps.app()
    const task = app.task(
      'again',
      { rateLimit: { limit: 3, per: '1h', burst: 3 }, backoff: [0], maxAttempts: 3 },
      (fails: boolean) => {
        if (fails) throw new Error('as asked')
      },
    )
    await apps.worker(app)
    await expect((await task.enqueue(true)).result()).rejects.toThrow('as asked')
    const next = await task.enqueue(false)
    await until(async () => (await next.state()) === 'waiting')
    expect(await app.limits.get('task:again/rate')).toMatchObject({ started: 3, condition: 'spent' })
  })

  test('T-86 begin in order of priority, then of their arrival', async () => {
    const app = apps.app()
    const order: string[] = []
    const open = gate()
    const task = app.task('order', { concurrency: 1 }, async (name: string) => {
      order.push(name)
      if (name === 'first') await open
    })
    await apps.worker(app, { concurrency: 5 })
    await task.enqueue('first')
    await until(() => order.length === 1)
    await task.enqueueMany([['low 1'], ['low 2']])
    await task.with({ priority: 5 }).enqueueMany([['high 1'], ['high 2']])
    await task.with({ priority: -5 }).enqueue('least')
    await until(async () => (await statesOf('order')) === 'running,waiting,waiting,waiting,waiting,waiting')
    open.open()
    await until(() => order.length === 6)
    expect(order).toEqual(['first', 'high 1', 'high 2', 'low 1', 'low 2', 'least'])
  })

  test('T-89 say when the next may begin', async () => {
    const app = apps.app()
    const task = app.task('when', { rateLimit: '1/h' }, () => 1)
    await apps.worker(app)
    await task.enqueueMany([[], []])
    await until(async () => (await statesOf('when')) === 'succeeded,waiting')
    const [row] = await database.query<{ condition: string; wait: number }>(
      `select condition, extract(epoch from next_start_at - celeriac.clock())::float8 as wait
       from celeriac.limit_list where name = 'task:when/rate'`,
    )
    expect(row?.condition).toBe('spent')
    expect(row?.wait).toBeGreaterThan(3_500)
    expect(row?.wait).toBeLessThanOrEqual(3_600)
  })

  test('take as much of a limit as they cost', async () => {
    const app = apps.app()
    const open = gate()
    const task = app.task(
      'costly',
      { concurrency: { limit: 5, cost: (units: number) => units } },
      (_units: number) => open,
    )
    await apps.worker(app, { concurrency: 10 })
    await task.enqueueMany([[2], [2], [2]])
    await until(async () => (await statesOf('costly')) === 'running,running,waiting')
    expect(await app.limits.get('task:costly/concurrency')).toMatchObject({ running: 4, concurrency: 5 })
    open.open()
    await until(async () => (await statesOf('costly')) === 'succeeded,succeeded,succeeded')
  })

  test('are kept apart by exclusive, and share limits that stand alone', async () => {
    const app = apps.app()
    app.limit('narrow', { concurrency: 2 })
    const open = gate()
    const one = app.task(
      'one',
      { limits: ['narrow'], exclusive: (key: string) => key },
      (_key: string) => open,
    )
    const two = app.task('two', (_key: string) => open)
    await apps.worker(app, { concurrency: 10 })
    await one.enqueueMany([['a'], ['a']])
    await until(async () => (await statesOf('one')) === 'running,waiting')
    await two.with({ limits: ['narrow'] }).enqueueMany([['x'], ['y']])
    await until(async () => (await statesOf('two')) === 'running,waiting')
    open.open()
    await until(
      async () =>
        `${await statesOf('one')} ${await statesOf('two')}` === 'succeeded,succeeded succeeded,succeeded',
    )
  })

  test('fail for good when their key cannot be told', async () => {
    const app = apps.app()
    app.task(
      'keyless',
      { exclusive: (user: { id: string }) => user.id.toUpperCase() },
      (_user: { id: string }) => 1,
    )
    await apps.worker(app)
    const [row] = await database.query<{ id: string }>(`select celeriac.enqueue('keyless', '[null]') as id`)
    await until(async () => (await statesOf('keyless')) === 'failed')
    const info = await app.job(row?.id ?? '').info()
    expect(info).toMatchObject({ state: 'failed', attempt: 1 })
  })
})

describe('a declaration', () => {
  const declared = (like: string) =>
    database.query<{ name: string; declared: unknown; chosen: unknown }>(
      'select name, declared, chosen from celeriac.limits where name like $1 order by name',
      [like],
    )
  const version = async () =>
    (await database.query<{ version: string }>('select version from celeriac.settings'))[0]?.version

  test('is stored before anything is claimed, and changes nothing when it says the same', async () => {
    const make = () => {
      const app = apps.app({ queues: { 'decl.queue': { rateLimit: '50/s' } } })
      app.task('decl.same', { rateLimit: '10/s', concurrency: [5, { limit: 1, key: () => 'a' }] }, () => 1)
      app.limit('decl.api', { rateLimit: '5/m', concurrency: 2 })
      return app
    }
    await apps.worker(make())
    expect([
      ...(await declared('%decl.same%')),
      ...(await declared('%decl.queue%')),
      ...(await declared('decl.api')),
    ]).toEqual([
      { name: 'task:decl.same/concurrency', declared: { concurrency: 5 }, chosen: null },
      { name: 'task:decl.same/concurrency/2', declared: { concurrency: 1 }, chosen: null },
      {
        name: 'task:decl.same/rate',
        declared: { rateLimit: 10, ratePerMs: 1_000, rateBurst: 1 },
        chosen: null,
      },
      {
        name: 'queue:decl.queue/rate',
        declared: { rateLimit: 50, ratePerMs: 1_000, rateBurst: 1 },
        chosen: null,
      },
      {
        name: 'decl.api',
        declared: { rateLimit: 5, ratePerMs: 60_000, rateBurst: 1, concurrency: 2 },
        chosen: null,
      },
    ])
    const before = await version()
    await apps.worker(make())
    expect(await version()).toBe(before)
  })

  test('is taken back when the code says nothing more, and keeps what was chosen', async () => {
    const first = apps.app()
    first.task('decl.gone', { rateLimit: '10/s', concurrency: 5 }, () => 1)
    first.task('decl.other', { rateLimit: '10/s' }, () => 1)
    await apps.worker(first)
    await first.limits.set({ task: 'decl.gone' }, { concurrency: 7 })
    const second = apps.app()
    second.task('decl.gone', () => 1)
    await apps.worker(second)
    expect(await declared('task:decl.gone/%')).toEqual([
      { name: 'task:decl.gone/concurrency', declared: null, chosen: { concurrency: 7 } },
    ])
    // of a task that this worker does not know
    expect(await declared('task:decl.other/%')).toHaveLength(1)
  })

  test('may join while workers run', async () => {
    const app = apps.app()
    app.task('decl.first', () => 1)
    await apps.worker(app)
    const open = gate()
    const task = app.task('decl.later', { concurrency: 1 }, () => open)
    await task.enqueueMany([[], [], []])
    await until(async () => (await statesOf('decl.later')) === 'running,waiting,waiting')
    app.limit('decl.joined', { concurrency: 3 })
    await until(async () => (await declared('decl.joined')).length === 1)
    open.open()
    await until(async () => (await statesOf('decl.later')) === 'succeeded,succeeded,succeeded')
  })

  test('is missed: names that nobody has said anything of are reported', async () => {
    const app = apps.app()
    app.task('decl.typo', { limits: ['opnai'] }, () => 1)
    const missed: unknown[] = []
    app.on('limits:unknown', (event) => missed.push(event))
    await apps.worker(app)
    expect(missed).toEqual([{ limits: ['opnai'] }])
  })

  test('is refused when it says two things', () => {
    const app = apps.app()
    app.limit('decl.twice', { concurrency: 3 })
    app.limit('decl.twice', { concurrency: 3 })
    expect(() => app.limit('decl.twice', { concurrency: 4 })).toThrow(
      'limit "decl.twice" is declared twice, and differently: 3 running and 4 running',
    )
    expect(() => app.limit('a:b', { concurrency: 4 })).toThrow('limit name "a:b" contains ":"')
    expect(() => app.limit('decl.nothing', {})).toThrow('limit grants nothing in particular')
    expect(() => apps.app({ queues: { mail: { concurrency: 0 } } })).toThrow(
      'queues.mail.concurrency must be an integer from 1 to 10000; got 0',
    )
  })
})

describe('set_limit in psql', () => {
  test.each([
    ['{"rateLimit": "0.5/s"}', { concurrency: null, rateLimit: 1, ratePerMs: 2_000, rateBurst: 1 }],
    ['{"rateLimit": "2.5/s"}', { concurrency: null, rateLimit: 5, ratePerMs: 2_000, rateBurst: 1 }],
    [
      '{"rateLimit": "100/m", "concurrency": 3}',
      { concurrency: 3, rateLimit: 100, ratePerMs: 60_000, rateBurst: 1 },
    ],
    [
      '{"rateLimit": {"limit": 9, "perMs": 500, "burst": 2}}',
      { concurrency: null, rateLimit: 9, ratePerMs: 500, rateBurst: 2 },
    ],
    [
      '{"rateLimit": 0, "concurrency": null}',
      { concurrency: null, rateLimit: null, ratePerMs: null, rateBurst: null },
    ],
  ])('reads %s', async (settings, effective) => {
    await database.query(`delete from celeriac.limits where name = 'psql.good'`)
    const [row] = await database.query<{ set_limit: unknown }>('select celeriac.set_limit($1, $2)', [
      'psql.good',
      settings,
    ])
    expect(row?.set_limit).toEqual(effective)
  })

  test.each([
    ['{"rateLimit": "10/x"}', 'rate "10/x" is not like "10/s", "100/m", "5/h", "1/d"'],
    ['{"rateLimit": "0/s"}', 'rate "0/s" is not like'],
    ['{"rateLimit": true}', 'rate true is not like'],
    ['{"rateLimit": {"limit": 5}}', 'rate {"limit": 5} has no limit'],
    ['{"rateLimit": {"limit": 5, "perMs": 10, "burst": 6}}', 'burst from 1 to the limit'],
    ['{"concurrency": 1.5}', 'concurrency must be an integer from 1 to 10000; got 1.5'],
    ['{"concurrency": "5"}', 'concurrency must be an integer from 1 to 10000; got "5"'],
    ['{"rate": "1/s"}', "a limit has no 'rate'; it has rateLimit and concurrency"],
  ])('refuses %s', async (settings, message) => {
    await expect(database.query(`select celeriac.set_limit('psql.bad', $1)`, [settings])).rejects.toThrow(
      message,
    )
  })
})
