import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { JobHandle } from '../../src/index.ts'
import { eventsOf, gate, nextEvent, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { openProxy } from '../support/proxied.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'hostile_connections' })
const apps = useApps(database)

describe('F-17: while connections are ended at random', () => {
  test('every job runs, none is rescued wrongly, nothing is thrown at the process', async () => {
    const app = apps.app()
    const runs = new Map<number, number>()
    const task = app.task('ended.flow', async (n: number) => {
      runs.set(n, (runs.get(n) ?? 0) + 1)
      await new Promise((resolve) => setImmediate(resolve))
      return n
    })
    const evicted = eventsOf(app, 'worker:evicted')
    const rescued = eventsOf(app, 'worker:rescued')
    await apps.worker(app, { concurrency: 10 })
    const handles: JobHandle<number>[] = []
    for (let round = 0; round < 6; round += 1) {
      // Enqueued while the connections are being ended.
      const enqueuing = Promise.all([
        task.enqueueMany(Array.from({ length: 150 }, (_, n) => [round * 1_000 + n])),
        ...Array.from({ length: 50 }, (_, n) => task.enqueue(round * 1_000 + 500 + n)),
      ])
      await database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name like 'celeriac:%' and random() < 0.4`,
      )
      const [many, ...single] = await enqueuing
      handles.push(...many, ...single)
      await until(() => runs.size > round * 200)
    }
    const results = await Promise.all(handles.map((handle) => handle.result({ timeout: '20s' })))
    expect(results.length).toBe(1_200)
    expect([runs.size, Math.max(...runs.values()), evicted, rescued]).toEqual([1_200, 1, [], []])
  })
})

describe('F-23: where handlers use up the pool', () => {
  test('jobs are claimed and settled all the same', async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 2 })
    onTestFinished(() => pool.end())
    const app = apps.app({ database: pool })
    const held = gate()
    let holding = 0
    const hold = app.task('full.hold', async () => {
      const client = await pool.connect()
      holding += 1
      await held
      client.release()
    })
    const quick = app.task('full.quick', (n: number) => n)
    const holders = await Promise.all(Array.from({ length: 2 }, () => hold.enqueue()))
    const handles = await quick.enqueueMany(Array.from({ length: 300 }, (_, n) => [n]))
    let done = 0
    app.on('job:succeeded', ({ task }) => {
      if (task === 'full.quick') done += 1
    })
    await apps.worker(app, { concurrency: 20 })
    await until(() => holding === 2)
    await until(() => done === 300, { what: 'settling without the shared pool' })
    held.open()
    await Promise.all([...holders, ...handles].map((handle) => handle.result({ timeout: '10s' })))
  })
})

describe('F-20: where the server takes no more connections', () => {
  test('a worker goes on once it does', async () => {
    await database.query(`create role few login password 'secret'`)
    await database.query(`do $$ begin execute format('grant %I to few', current_user); end $$`)
    onTestFinished(async () => void (await database.query('drop owned by few; drop role few')))
    const url = new URL(database.url)
    url.username = 'few'
    url.password = 'secret'
    const app = apps.app({ database: url.href })
    onTestFinished(() => app.stop())
    const task = app.task('full.server', (n: number) => n)
    await apps.worker(app)
    await (await task.enqueue(0)).result()
    const [lost, back] = [nextEvent(app, 'worker:disconnected'), nextEvent(app, 'worker:connected')]
    await database.query('alter role few connection limit 0')
    await database.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'few'`)
    await lost
    const enqueuing = task.enqueue(1)
    const refused = await new pg.Client({ connectionString: url.href }).connect().catch((error) => error.code)
    expect(refused).toBe('53300')
    await database.query('alter role few connection limit -1')
    await back
    expect(await (await enqueuing).result({ timeout: '10s' })).toBe(1)
  })
})

describe('F-33: a worker whose answer is lost', () => {
  test.each([
    ['claim', true],
    ['settle', false],
  ])('to a %s loses no job and runs none twice', { timeout: 60_000 }, async (_, claims) => {
    const way = await openProxy(database.url)
    onTestFinished(() => way[Symbol.asyncDispose]())
    const app = apps.app({ database: way.url })
    const producer = apps.app()
    const name = `dropped.${claims ? 'claim' : 'settle'}`
    const open = gate()
    const runs = new Map<number, number>()
    const task = app.task(name, async (n: number) => {
      runs.set(n, (runs.get(n) ?? 0) + 1)
      await open
      return n
    })
    await apps.worker(app, { concurrency: 10 })
    const dropped = gate()
    const drop = (): void =>
      way.proxy.dropNextReply(/work_cycle/, 'reset', ({ ids }) => {
        // A look that found nothing is of no interest.
        if (claims && ids.length === 0) drop()
        else dropped.open()
      })
    if (claims) {
      drop()
      open.open()
    }
    const handles = await Promise.all(
      Array.from({ length: 10 }, (_, n) => producer.enqueue<number>(task.name, [n])),
    )
    if (!claims) {
      await until(() => runs.size === 10)
      drop()
      open.open()
    }
    await dropped
    const results = await Promise.all(handles.map((handle) => handle.result({ timeout: '30s' })))
    expect(results).toEqual(handles.map((_, n) => n))
    expect(Math.max(...runs.values())).toBe(1)
  })
})

describe('F-39: a schema that is dropped while a worker runs', () => {
  test('stops the worker, which says what to do', { timeout: 60_000 }, async () => {
    const schema = 'dropped_schema'
    const app = apps.app({ schema })
    await app.migrate()
    const task = app.task('schema.gone', () => 'done')
    const errors = eventsOf(app, 'error')
    const running = app.worker({ stopTimeout: 0 }).run()
    await (await task.enqueue()).result()
    await database.query(`drop schema ${schema} cascade`)
    await expect(running).rejects.toMatchObject({ code: 'NOT_MIGRATED' })
    expect(errors.length).toBeLessThan(20)
  })
})
