import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { startEmbedded } from '../../src/embedded/index.ts'
import { placeIn } from '../../src/embedded/place.ts'
import { awaitGone, findPostmaster } from '../../src/embedded/postmaster.ts'
import { Celeriac } from '../../src/index.ts'
import { eventsOf, gate, nextEvent, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'worker_connection' })
const apps = useApps(database)

/** Ends sessions of ours, as an administrator or a broken network does. */
async function endSessions(role: string): Promise<number> {
  const rows = await database.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name like $1`,
    [`celeriac:${role}`],
  )
  return rows.length
}

describe('a worker', () => {
  test('F-26 whose sessions are ended by somebody opens others, catches up at once and works on', async () => {
    const [app, producer] = [apps.app(), apps.app()]
    const open = gate()
    let runs = 0
    const task = app.task('goes.on', async (hold: boolean) => {
      runs += 1
      if (hold) await open
      return 'on'
    })
    const worker = await apps.worker(app, { pollInterval: '1h' })
    const held = await task.enqueue(true)
    await until(() => runs === 1)
    const [lost, back] = [nextEvent(app, 'worker:disconnected'), nextEvent(app, 'worker:connected')]
    const hears = nextEvent(app, 'listen:changed', ({ hearing }) => hearing)
    const evicted = eventsOf(app, 'worker:evicted')
    expect(await endSessions('beat')).toBe(1)
    expect(await endSessions('listen')).toBe(1)
    const elsewhere = producer.declare<(hold: boolean) => string>('goes.on')
    const missed = await elsewhere.enqueue(false)
    expect((await lost).workerId).toBe(worker.id)
    await back
    await hears
    expect(await missed.result({ timeout: '3s' })).toBe('on')
    const quick = await elsewhere.enqueue(false)
    expect(await quick.result({ timeout: '3s' })).toBe('on')
    open.open()
    expect(await held.result({ timeout: '3s' })).toBe('on')
    expect([runs, evicted.length, (await held.info()).losses]).toEqual([3, 0, 0])
  })

  test('settles though its pool of connections is ended again and again', async () => {
    const app = apps.app()
    const runs = new Map<number, number>()
    const task = app.task('kept', async (n: number) => {
      runs.set(n, (runs.get(n) ?? 0) + 1)
      await new Promise((resolve) => setImmediate(resolve))
      return n
    })
    const handles = await task.enqueueMany(Array.from({ length: 2_000 }, (_, n) => [n]))
    await apps.worker(app, { concurrency: 20 })
    for (let turn = 1; turn <= 4; turn += 1) {
      await until(() => runs.size >= turn * 300, { every: 1 })
      await endSessions('pool')
    }
    const results = await Promise.all(handles.map((handle) => handle.result({ timeout: '20s' })))
    expect(results).toEqual(handles.map((_, n) => n))
    expect(Math.max(...runs.values())).toBe(1)
  })
})

describe('a restart of the server', () => {
  test.each([
    ['fast', 'SIGINT'],
    ['after a crash', 'SIGQUIT'],
  ] as const)('%s: handlers that run meanwhile settle afterwards', { timeout: 60_000 }, async (_, signal) => {
    const dir = await mkdtemp(join(tmpdir(), 'celeriac restart '))
    const first = await startEmbedded({ dir, version: 18 })
    let server = first
    const app = new Celeriac({ database: server.url, log: 'silent' })
    try {
      await app.migrate()
      const open = gate()
      const runs = new Map<number, number>()
      const task = app.task('survives', async (n: number) => {
        runs.set(n, (runs.get(n) ?? 0) + 1)
        await open
        return n
      })
      const worker = app.worker({ concurrency: 20, stopTimeout: 0, abortGrace: 100 })
      await worker.start()
      const handles = await task.enqueueMany(Array.from({ length: 40 }, (_, n) => [n]))
      await until(() => runs.size === 20)
      const results = Promise.all(handles.map((handle) => handle.result({ timeout: '40s' })))
      const back = nextEvent(app, 'worker:connected')
      const postmaster = await findPostmaster(placeIn(server.dir).data)
      process.kill(postmaster?.pid ?? 0, signal)
      await awaitGone(postmaster?.pid ?? 0, 10_000)
      // Half of them end while nobody answers.
      open.open()
      const url = server.url
      server = await startEmbedded({ dir })
      expect(server.url).toBe(url)
      await back
      expect(await results).toEqual(handles.map((_, n) => n))
      expect([runs.size, Math.max(...runs.values())]).toEqual([40, 1])
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      const left = await client.query('select from celeriac.jobs')
      await client.end()
      expect(left.rowCount).toBe(0)
    } finally {
      await app.stop()
      await first.stop()
      await server.stop()
      await rm(dir, { recursive: true, force: true, maxRetries: 5 })
    }
  })
})
