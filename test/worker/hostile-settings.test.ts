import { describe, expect, onTestFinished, test } from 'vitest'
import type { Celeriac } from '../../src/index.ts'
import { aborted, eventsOf, gate, nextEvent, useApps } from '../support/apps.ts'
import { createHostileRole } from '../support/hostile.ts'
import { createDatabase, useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'hostile_settings' })
const apps = useApps(database)

async function hostileApp(): Promise<Celeriac> {
  const role = await createHostileRole(database)
  onTestFinished(() => role[Symbol.asyncDispose]())
  return apps.app({ database: role.url })
}

describe('F-29, F-30: where a role has hostile settings', () => {
  test('jobs are enqueued, run, retried, failed, cancelled and waited for as anywhere', async () => {
    const app = await hostileApp()
    const errors = eventsOf(app, 'error')
    const add = app.task('hostile.add', (x: number, text: string) => ({ sum: x + 0.1, text, none: null }))
    const flaky = app.task(
      'hostile.flaky',
      { maxAttempts: 2, backoff: [10], bind: true },
      async (job, ok: boolean) => {
        await job.progress({ part: 0.1 })
        if (job.attempt === 1 || !ok) throw new Error(`not yet, 'quoted' \\ "so"`)
        return job.attempt
      },
    )
    const slow = app.task('hostile.slow', { bind: true }, async (job) => {
      throw await aborted(job.signal)
    })
    await apps.worker(app, { concurrency: 4 })
    const text = `'; -- \\' \\\\ NULL {a,b} "x"`
    const [added, retried, failed, cancelled] = [
      await add.enqueue(1, text),
      await flaky.enqueue(true),
      await flaky.enqueue(false),
      await slow.enqueue(),
    ]
    const many = await add.enqueueMany(Array.from({ length: 1_500 }, (_, n) => [n, 'NULL']))
    const later = await add.with({ delay: '300ms' }).enqueue(2, 'later')
    expect(await added.result()).toEqual({ sum: 1.1, text, none: null })
    expect(await retried.result()).toBe(2)
    expect(await failed.settled()).toMatchObject({ ok: false, error: { code: 'JOB_FAILED' } })
    await until(async () => (await cancelled.state()) === 'running')
    expect(await cancelled.cancel({ reason: 'enough' })).toBe('requested')
    expect(await cancelled.settled()).toMatchObject({ ok: false })
    expect(await later.result()).toMatchObject({ text: 'later' })
    const results = await Promise.all(many.map((handle) => handle.result({ timeout: '20s' })))
    expect(results.map(({ sum }) => sum)).toEqual(many.map((_, n) => n + 0.1))
    const info = await later.info()
    expect(Math.abs((info.runAt?.getTime() ?? 0) - (info.enqueuedAt?.getTime() ?? 0) - 300)).toBeLessThan(5)
    expect(errors).toEqual([])
  })

  test('a worker keeps its sessions, its heartbeat and its jobs for longer than any of the limits', async () => {
    const app = await hostileApp()
    const open = gate()
    let runs = 0
    const task = app.task('hostile.long', async () => {
      runs += 1
      await open
    })
    const [lost, evicted, errors] = [
      eventsOf(app, 'worker:disconnected'),
      eventsOf(app, 'worker:evicted'),
      eventsOf(app, 'error'),
    ]
    const worker = await apps.worker(app)
    const handle = await task.enqueue()
    const heartbeat = async (): Promise<string | undefined> => {
      const rows = await database.query<{ at: string }>(
        'select heartbeat_at::text as at from celeriac.workers where id = $1',
        [worker.id],
      )
      return rows[0]?.at
    }
    const first = await until(heartbeat)
    // Two heartbeats take longer than all limits together.
    const second = await until(async () => {
      const at = await heartbeat()
      return at !== first && at
    })
    await until(async () => (await heartbeat()) !== second)
    open.open()
    await handle.result()
    expect([runs, lost, evicted, errors]).toEqual([1, [], [], []])
  })

  test('the schema is installed', async () => {
    await using empty = await createDatabase({ migrate: false, name: 'hostile_migrate' })
    await using role = await createHostileRole(empty)
    const app = apps.app({ database: role.url })
    expect((await app.migrate()).applied.length).toBeGreaterThan(10)
    const done = nextEvent(app, 'job:succeeded')
    const task = app.task('hostile.first', () => 'done')
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.result()).toBe('done')
    await done
    await app.stop()
  })
})
