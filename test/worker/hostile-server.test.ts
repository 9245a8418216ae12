import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Celeriac } from '../../src/index.ts'
import { capturedLog, eventsOf, rejection } from '../support/apps.ts'
import { Failover } from '../support/failover.ts'
import { until } from '../support/until.ts'
import { TortureServer } from '../torture/driver/server.ts'

function appOn(url: string): Celeriac {
  const app = new Celeriac({ database: url, log: 'silent' })
  onTestFinished(() => app.stop())
  return app
}

describe('F-18: a server that is restarted under load', () => {
  test('loses no job and fails no enqueue, whichever way it goes down', { timeout: 90_000 }, async () => {
    const server = await TortureServer.start(18)
    onTestFinished(() => server.destroy())
    const url = server.url('postgres')
    const [app, producer] = [appOn(url), appOn(url)]
    await app.migrate()
    const runs = new Map<number, number>()
    const task = app.task('restart.flow', async (n: number) => {
      runs.set(n, (runs.get(n) ?? 0) + 1)
      await new Promise((resolve) => setImmediate(resolve))
      return n
    })
    const evicted = eventsOf(app, 'worker:evicted')
    const worker = app.worker({ concurrency: 10, stopTimeout: 0, abortGrace: 100 })
    await worker.start()
    let over = false
    const ids: string[] = []
    const produce = async (): Promise<void> => {
      while (!over) {
        const n = ids.push('')
        ids[n - 1] = (await producer.enqueue(task.name, [n])).id
      }
    }
    const producing = Promise.all(Array.from({ length: 4 }, produce))
    for (const manner of ['fast', 'immediate', 'fast'] as const) {
      const before = runs.size
      await until(() => runs.size > before + 100)
      await server.stop(manner)
      await server.startAgain()
    }
    const before = runs.size
    await until(() => runs.size > before + 100, { what: 'work after the last restart' })
    over = true
    await producing
    const handles = ids.map((id) => app.job<number>(id))
    const results = await Promise.all(handles.map((handle) => handle.result({ timeout: '30s' })))
    expect(results).toEqual(ids.map((_, index) => index + 1))
    expect([runs.size, Math.max(...runs.values()), evicted]).toEqual([ids.length, 1, []])
  })
})

describe('a failover', () => {
  test('F-21: nobody stays with a server that only reads any more', { timeout: 120_000 }, async () => {
    const pair = await Failover.start()
    onTestFinished(() => pair[Symbol.asyncDispose]())
    const app = appOn(pair.url)
    await app.migrate()
    const task = app.task('failover.flow', (n: number) => n)
    const worker = app.worker({ stopTimeout: 0, abortGrace: 100 })
    await worker.start()
    await Promise.all(
      (await task.enqueueMany(Array.from({ length: 50 }, (_, n) => [n]))).map((one) => one.result()),
    )
    await pair.caughtUp()
    const errors = eventsOf(app, 'error')
    const failovers = eventsOf(app, 'database:failover')
    await pair.demote()
    const standby = pair.primaryUrl
    const enqueuing = task.enqueue(100)
    // It talks to the one that only reads, until it is told where to go.
    const reader = new pg.Client({ connectionString: standby })
    await reader.connect()
    onTestFinished(() => reader.end())
    const there = async (): Promise<number> => {
      const { rowCount } = await reader.query(
        `select from pg_stat_activity where application_name like 'celeriac:%'`,
      )
      return rowCount ?? 0
    }
    await until(async () => (await there()) > 0)
    const begun = performance.now()
    await pair.promote()
    expect(await (await enqueuing).result({ timeout: '20s' })).toBe(100)
    expect(performance.now() - begun).toBeLessThan(20_000)
    const more = await task.enqueueMany(Array.from({ length: 200 }, (_, n) => [n]))
    await Promise.all(more.map((one) => one.result({ timeout: '20s' })))
    await until(async () => (await there()) === 0, { timeoutMs: 20_000, what: 'leaving the old primary' })
    // The one that took over writes in a timeline of its own.
    await until(() => failovers.length > 0, { timeoutMs: 20_000, what: 'the report of the failover' })
    const [{ from, to } = { from: '', to: '' }] = failovers
    expect([from.split('/')[0], to]).toEqual([
      to.split('/')[0],
      expect.not.stringMatching(new RegExp(`^${from}$`)),
    ])
    // R5, with some room: errors come no faster than the pauses between tries allow.
    expect(errors.length).toBeLessThan(200)
  })

  test('F-22, B-58: a worker refuses to start where nothing can be written', {
    timeout: 60_000,
  }, async () => {
    const pair = await Failover.start()
    onTestFinished(() => pair[Symbol.asyncDispose]())
    await new Celeriac({ database: pair.url, log: 'silent' }).migrate()
    await pair.caughtUp()
    const { log } = capturedLog()
    const app = new Celeriac({ database: pair.standbyUrl, log })
    onTestFinished(() => app.stop())
    app.task('read.only', () => undefined)
    const refused = await rejection(app.worker().start())
    expect(refused.code).toBe('READ_ONLY')
    expect(refused.message).toMatch(/is read-only \(standby\); connect to the primary$/)
  })
})
