import { afterEach, describe, expect, test } from 'vitest'
import { eventsOf, useApps } from '../support/apps.ts'
import { FakePooler } from '../support/fake-pooler.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { endWorkerProcesses, workerProcess } from '../support/worker-processes.ts'

const database = useDatabase({ name: 'flow_pooled' })
const apps = useApps(database)

afterEach(endWorkerProcesses)
afterEach(() => database.query('truncate celeriac.workers'))

describe('behind a transaction pooler (F-42b)', () => {
  test('everything runs without sessions that last, and says so', async () => {
    const fake = new FakePooler({ url: database.url, mode: 'transaction' })
    const url = await fake.start()
    await using _ = fake
    const app = apps.app({ database: url })
    const said = eventsOf(app, 'database:pooler')
    const task = app.task('pooled', (n: number) => n + 1)
    await apps.worker(app)
    const handles = await task.enqueueMany(Array.from({ length: 50 }, (_, n) => [n]))
    const results = await Promise.all(handles.map((handle) => handle.result({ timeout: '15s' })))
    expect(results).toEqual(Array.from({ length: 50 }, (_, n) => n + 1))
    expect(said).toEqual([{ missedAfterMs: 15_000 }])
    const [row] = await database.query('select presence_key from celeriac.workers')
    expect(row).toEqual({ presence_key: null })
    expect(await database.query("select from pg_stat_activity where query ilike 'listen %'")).toEqual([])
  })

  test('R3: a worker that is killed is missed by its heartbeats alone', { timeout: 90_000 }, async () => {
    const fake = new FakePooler({ url: database.url, mode: 'transaction' })
    const url = await fake.start()
    await using _ = fake
    const victim = await workerProcess(url, { concurrency: 1 })
    const handle = await apps.app().declare<() => number>('hold').enqueue()
    await until(() => victim.begun.length === 1)
    const heir = await workerProcess(url)
    victim.signal('SIGKILL')
    await until(() => heir.begun.length === 1, { timeoutMs: 40_000, what: 'the rescue' })
    heir.open()
    expect(await handle.result({ timeout: '5s' })).toBe(heir.pid)
    expect(await handle.info()).toMatchObject({ attempt: 2, losses: 1 })
  })

  test('a direct URL for the guard gives all of it back', async () => {
    const fake = new FakePooler({ url: database.url, mode: 'transaction' })
    const url = await fake.start()
    await using _ = fake
    const app = apps.app({ database: url, directUrl: database.url })
    const said = eventsOf(app, 'database:pooler')
    const task = app.task('direct', () => 'ran')
    await apps.worker(app)
    expect(await (await task.enqueue()).result({ timeout: '5s' })).toBe('ran')
    const [row] = await database.query('select presence_key is not null as held from celeriac.workers')
    expect([said, row]).toEqual([[], { held: true }])
  })
})
