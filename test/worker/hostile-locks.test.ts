import { describe, expect, test } from 'vitest'
import { blocked, eventsOf, gate, useApps, whileLocked } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'hostile_locks' })
const apps = useApps(database)

describe('F-32: while somebody holds the row of a running job', () => {
  test('other jobs flow, and that one settles once he lets go', async () => {
    const app = apps.app()
    const held = gate()
    const errors = eventsOf(app, 'error')
    let runs = 0
    const slow = app.task('locked.slow', async () => {
      runs += 1
      await held
      return 'kept'
    })
    const quick = app.task('locked.quick', (n: number) => n)
    await apps.worker(app, { concurrency: 4 })
    const handle = await slow.enqueue()
    await until(() => runs === 1)
    await whileLocked(database, handle.id, async () => {
      held.open()
      await until(async () => (await blocked(database, '%work_cycle%')).length > 0)
      // Round after round, so that what waits is tried again between them.
      for (let round = 0; round < 4; round += 1) {
        const handles = await quick.enqueueMany(Array.from({ length: 200 }, (_, n) => [n]))
        await Promise.all(handles.map((one) => one.result({ timeout: '10s' })))
      }
    })
    expect(await handle.result({ timeout: '10s' })).toBe('kept')
    expect(runs).toBe(1)
    // It is told what hinders.
    for (const { error } of errors) expect(error).toMatchObject({ code: '55P03' })
  })

  test('a cancel of it waits for him, and is heard then', async () => {
    const app = apps.app()
    const task = app.task('locked.cancel', () => undefined)
    const handle = await task.enqueue()
    const cancelling = await whileLocked(database, handle.id, async () => {
      const promise = handle.cancel()
      await until(async () => (await blocked(database, '%cancel_jobs%')).length > 0)
      return { promise }
    })
    expect(await cancelling.promise).toBe('cancelled')
  })
})

describe('F-34: while somebody has locked the table of jobs', () => {
  test('everything stands still, then goes on; no job runs twice', async () => {
    const app = apps.app()
    const runs = new Map<number, number>()
    const task = app.task('locked.table', async (n: number) => {
      runs.set(n, (runs.get(n) ?? 0) + 1)
      await new Promise((resolve) => setImmediate(resolve))
      return n
    })
    const evicted = eventsOf(app, 'worker:evicted')
    await apps.worker(app, { concurrency: 8 })
    const before = await task.enqueueMany(Array.from({ length: 400 }, (_, n) => [n]))
    await until(() => runs.size > 50, { every: 1 })
    const client = await database.pool.connect()
    await client.query('begin')
    await client.query('lock table celeriac.jobs in access exclusive mode')
    const during = task.enqueue(1_000)
    // Longer than any limit of a worker for locks.
    const since = performance.now()
    await until(() => performance.now() - since > 2_000)
    await client.query('commit')
    client.release()
    const results = await Promise.all([...before, await during].map((one) => one.result({ timeout: '20s' })))
    expect(results.length).toBe(401)
    expect([Math.max(...runs.values()), evicted]).toEqual([1, []])
  })
})

describe('F-31: a deadlock', () => {
  test('between a settle and somebody else costs nobody his outcome', async () => {
    const app = apps.app()
    const [first, second] = [gate(), gate()]
    let runs = 0
    const task = app.task('locked.dead', async (n: number) => {
      runs += 1
      await (n === 1 ? first : second)
      return n
    })
    await apps.worker(app, { concurrency: 4 })
    const [one, two] = await task.enqueueMany([[1], [2]])
    await until(() => runs === 2)
    const client = await database.pool.connect()
    const ids = [one?.id ?? '', two?.id ?? ''].toSorted()
    await client.query('begin')
    // The settle of both takes the lower id and waits for the higher; then we want the lower.
    await client.query('select from celeriac.jobs where id = $1 for update', [ids[1]])
    first.open()
    second.open()
    await until(async () => (await blocked(database, '%work_cycle%')).length > 0)
    await client.query('select from celeriac.jobs where id = $1 for update', [ids[0]]).catch(() => undefined)
    await client.query('rollback')
    client.release()
    expect(await Promise.all([one?.result({ timeout: '10s' }), two?.result({ timeout: '10s' })])).toEqual([
      1, 2,
    ])
    expect(runs).toBe(2)
  })
})
