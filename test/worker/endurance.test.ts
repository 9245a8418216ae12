import { describe, expect, test } from 'vitest'
import { useApps } from '../support/apps.ts'
import { aJob, find } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'worker_endurance' })
const apps = useApps(database)

/** What this process holds on to, by kind. */
function held(): Record<string, number> {
  const kinds: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) kinds[kind] = (kinds[kind] ?? 0) + 1
  for (const name of process.eventNames()) kinds[`on ${String(name)}`] = process.listenerCount(name)
  return kinds
}

describe('a worker', () => {
  test('F-11 holds on to nothing of ten thousand runs', { timeout: 60_000 }, async () => {
    const warnings: unknown[] = []
    const warned = (warning: unknown): void => void warnings.push(warning)
    process.on('warning', warned)
    const app = apps.app()
    const task = app.task('endures', { bind: true, timeLimit: '1h' }, (job, n: number) => {
      if (n % 100 === 0) job.progress(n)
      job.signal.addEventListener('abort', () => undefined)
      if (n % 50 === 0) throw new Error('now and then')
    })
    await apps.worker(app, { concurrency: 50 })
    const run = async (jobs: number): Promise<void> => {
      const list = Array.from({ length: jobs }, (_, n) => [n] as [number])
      const handles = await task.with({ maxAttempts: 1 }).enqueueMany(list)
      await Promise.all(handles.map((handle) => handle.settled({ timeout: '40s' })))
    }
    await run(1_000)
    const before = held()
    await run(10_000)
    // Timers of limits and of handles are gone with their jobs; a few of the worker's own come and go.
    await until(
      () => {
        const after = held()
        return Object.keys(after).every((kind) => (after[kind] ?? 0) <= (before[kind] ?? 0) + 5)
      },
      { what: `no more than ${JSON.stringify(before)}; there is ${JSON.stringify(held())}` },
    )
    process.off('warning', warned)
    expect(warnings).toEqual([])
  })

  test('F-36 runs, and fences, a job whose numbers have left 32 bits', async () => {
    const app = apps.app()
    const token = 3_000_000_000_000
    const fields = { task: 'numbers', token, attempt: 2_000_000_000, snoozes: 2_000_000_000, max_attempts: 2 }
    const id = await aJob(database, fields)
    app.task('numbers', { bind: true, backoff: ['1h'] }, (job) => {
      job.progress(job.attempt)
      if (job.attempt === 2_000_000_001) throw new Error('once')
      return job.attempt
    })
    const handle = app.job<number>(id)
    await apps.worker(app)
    const retried = await until(async () => {
      const job = await find(database, 'jobs', id)
      return job?.worker_id === null && job.token === token + 1
    })
    expect(retried).toBe(true)
    await handle.retry()
    expect(await handle.result({ timeout: '5s' })).toBe(2_000_000_002)
    expect((await find(database, 'results', id))?.token).toBeGreaterThan(token + 1)
  })
})
