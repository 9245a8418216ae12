import { afterEach, describe, expect, test } from 'vitest'
import { Celeriac } from '../../src/index.ts'
import { aQueue, jobsLike } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { until } from '../support/until.ts'

const database = useDatabase()
const apps: Celeriac[] = []
afterEach(async () => {
  for (const app of apps.splice(0)) await app.stop()
})

/** An app whose one task notes what it was called with. */
function anApp(options: { listen?: boolean } = {}) {
  const app = new Celeriac({ database: database.url, log: 'silent', ...options })
  apps.push(app)
  const seen: unknown[] = []
  const note = app.task('work', (value: unknown) => {
    seen.push(value)
  })
  return { app, note, seen }
}

describe.each([{ listen: true }, { listen: false }])('a worker with %o', (options) => {
  test('misses no job of a transaction that commits late, below its floor', async () => {
    const queue = aQueue()
    const { app, note, seen } = anApp(options)
    await app.worker({ queues: [queue], concurrency: 5 }).start()
    await using late = await openSession(database.url)
    const waves = 6
    for (let wave = 0; wave < waves; wave += 1) {
      await late.query('begin')
      // Straight into the table: nobody is told, neither now nor at commit.
      await jobsLike(late, 3, { queue, args: [`late ${wave}`], run_at: new Date().toISOString() })
      const jobs = await note
        .with({ queue })
        .enqueueMany(Array.from({ length: 300 }, () => [wave] as [unknown]))
      await Promise.all(jobs.map((job) => job.result({ timeout: '20s' })))
      await late.query('commit')
    }
    await until(() => seen.filter((value) => typeof value === 'string').length === 3 * waves, {
      what: 'the late jobs',
      timeoutMs: 15_000,
    })
    expect(seen).toHaveLength(303 * waves)
  })

  test('goes on while somebody holds a snapshot, and misses nothing', async () => {
    const queue = aQueue()
    const { app, note, seen } = anApp(options)
    await using holder = await openSession(database.url)
    await holder.query('begin isolation level repeatable read')
    await holder.query('select count(*) from celeriac.jobs')
    await app.worker({ queues: [queue], concurrency: 20 }).start()
    for (let wave = 0; wave < 4; wave += 1) {
      const jobs = await note
        .with({ queue })
        .enqueueMany(Array.from({ length: 1_000 }, (_, index) => [wave * 1_000 + index] as [unknown]))
      await Promise.all(jobs.map((job) => job.result({ timeout: '20s' })))
    }
    await holder.query('rollback')
    expect(new Set(seen).size).toBe(4_000)
    expect(seen).toHaveLength(4_000)
  })

  test('runs the larger priority first, over more priorities than it remembers', async () => {
    const queue = aQueue()
    const { app, note, seen } = anApp(options)
    const priorities = Array.from({ length: 70 }, (_, index) => ((index * 37) % 70) - 35)
    for (const priority of priorities) {
      await note.with({ queue, priority }).enqueueMany([[priority], [priority]])
    }
    await app.worker({ queues: [queue], concurrency: 1 }).start()
    await until(() => seen.length === 140, { what: 'all jobs' })
    const sorted = [...(seen as number[])].sort((one, other) => other - one)
    expect(seen).toEqual(sorted)
  })

  test('does not let future jobs of a larger priority hide due ones', async () => {
    const queue = aQueue()
    const { app, note, seen } = anApp(options)
    await note
      .with({ queue, priority: 9, delay: '1h' })
      .enqueueMany(Array.from({ length: 500 }, () => ['later']))
    await app.worker({ queues: [queue], concurrency: 2 }).start()
    for (const value of ['one', 'two', 'three']) {
      const job = await note.with({ queue, priority: value === 'two' ? -5 : 1 }).enqueue(value)
      await job.result({ timeout: '10s' })
    }
    expect(seen).toEqual(['one', 'two', 'three'])
  })
})
