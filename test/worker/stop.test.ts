import { describe, expect, test } from 'vitest'
import { aborted, eventsOf, gate, nextEvent, rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'worker_stop' })
const apps = useApps(database)

async function held(): Promise<number> {
  const [row] = await database.query<{ held: number }>(
    'select count(*)::int as held from celeriac.jobs where worker_id is not null',
  )
  return row?.held ?? -1
}

describe('stop', () => {
  test('warm lets finish what runs, and begins nothing more', async () => {
    const app = apps.app()
    const [begun, open] = [gate(), gate()]
    const task = app.task('stop.warm', async () => {
      begun.open()
      await open
      return 'finished'
    })
    const worker = app.worker({ concurrency: 1 })
    await worker.start()
    const [first, second] = [await task.enqueue(), await task.enqueue()]
    await begun
    const stopping = worker.stop()
    const third = await task.enqueue()
    open.open()
    await stopping
    expect(await first.result()).toBe('finished')
    expect([await second.state(), await third.state()]).toEqual(['pending', 'pending'])
    expect([worker.running, await held()]).toEqual([0, 0])
    expect(await database.query('select from celeriac.workers')).toEqual([])
    await Promise.all([second.cancel(), third.cancel()])
  })

  test('gives back at once what it claimed and has not begun, uncharged', async () => {
    const app = apps.app()
    const [begun, open] = [gate(), gate()]
    const quick = app.task('stop.quick', () => 1)
    const slow = app.task('stop.slow', async () => {
      begun.open()
      await open
    })
    const warm = await quick.enqueueMany(Array.from({ length: 300 }, () => []))
    const blocking = await slow.enqueue()
    const behind = await quick.enqueueMany(Array.from({ length: 300 }, () => []))
    const worker = app.worker({ concurrency: 1 })
    await worker.start()
    await begun
    const stopping = worker.stop()
    await until(async () => (await held()) === 1)
    open.open()
    await stopping
    await blocking.result()
    await Promise.all(warm.map((handle) => handle.result()))
    const [row] = await database.query(
      `select count(*)::int as jobs, max(attempt - snoozes - losses) as charged from celeriac.jobs`,
    )
    expect(row).toEqual({ jobs: behind.length, charged: 0 })
    await app.drain()
  })

  test('cold aborts what runs after the timeout, and gives back what does not stop', async () => {
    const app = apps.app()
    const begun = gate()
    const reasons: unknown[] = []
    const task = app.task('stop.cold', { bind: true }, async (job) => {
      begun.open()
      reasons.push(await aborted(job.signal))
      await new Promise(() => undefined)
    })
    const worker = app.worker({ abortGrace: '50ms' })
    await worker.start()
    const handle = await task.enqueue()
    const released = nextEvent(app, 'job:released')
    await begun
    await worker.stop({ timeout: '20ms' })
    expect(reasons).toMatchObject([{ code: 'WORKER_STATE' }])
    expect((await released).jobId).toBe(handle.id)
    expect(await handle.info()).toMatchObject({ state: 'pending', workerId: null })
    await handle.cancel()
  })

  test('keeps what a handler returns when it is aborted', async () => {
    const app = apps.app()
    const begun = gate()
    const task = app.task('stop.returns', { bind: true }, async (job) => {
      begun.open()
      await aborted(job.signal)
      return 'so far'
    })
    const worker = await apps.worker(app)
    const handle = await task.enqueue()
    await begun
    await worker.stop({ timeout: 0 })
    expect(await handle.result()).toBe('so far')
  })

  test('is cold when it is called a second time', async () => {
    const app = apps.app()
    const begun = gate()
    const task = app.task('stop.twice', { bind: true }, async (job) => {
      begun.open()
      throw await aborted(job.signal)
    })
    const worker = app.worker({ stopTimeout: '1h' })
    await worker.start()
    const handle = await task.enqueue()
    await begun
    const [first, second] = [worker.stop(), worker.stop()]
    await Promise.all([first, second])
    expect(await handle.state()).toBe('pending')
    await handle.cancel()
  })

  test('of the app waits with a warm stop that goes on, instead of making it cold', async () => {
    const app = apps.app()
    const [begun, open] = [gate(), gate()]
    const task = app.task('stop.both', { bind: true }, async (job) => {
      begun.open()
      await open
      return job.signal.aborted
    })
    const worker = app.worker()
    await worker.start()
    const handle = await task.enqueue()
    await begun
    const stopping = nextEvent(app, 'worker:stopping')
    const stops = [worker.stop(), app.stop()]
    await stopping
    setImmediate(open.open)
    await Promise.all(stops)
    expect(await apps.app().job(handle.id).result()).toBe(false)
  })

  test('happens at the end of a block', async () => {
    const app = apps.app()
    const task = app.task('stop.block', () => 'ran')
    const stopped = eventsOf(app, 'worker:stopped')
    {
      await using worker = app.worker()
      await worker.start()
      expect(await (await task.enqueue()).result()).toBe('ran')
    }
    expect(stopped).toHaveLength(1)
    expect(await database.query('select from celeriac.workers')).toEqual([])
  })

  test('before the start is nothing, and start after it is refused', async () => {
    const app = apps.app()
    const worker = app.worker()
    await worker.stop()
    expect(await rejection(worker.start())).toEqual({
      name: 'CeleriacError',
      code: 'WORKER_STATE',
      message: 'the worker is stopped; make a new one with app.worker()',
    })
  })

  test('right after start leaves nothing behind', async () => {
    const app = apps.app()
    const task = app.task('stop.race', () => 1)
    const handles = await task.enqueueMany(Array.from({ length: 50 }, () => []))
    for (let turn = 0; turn < 10; turn += 1) {
      const worker = app.worker()
      const starting = worker.start()
      await Promise.all([starting, worker.stop()])
    }
    expect([await held(), await database.query('select from celeriac.workers')]).toEqual([0, []])
    await app.drain()
    await Promise.all(handles.map((handle) => handle.result()))
  })

  test('loses no outcome that is on its way', async () => {
    const app = apps.app()
    const runs = new Map<number, number>()
    const task = app.task('stop.buffered', (n: number) => {
      runs.set(n, (runs.get(n) ?? 0) + 1)
    })
    const handles = await task.enqueueMany(Array.from({ length: 2_000 }, (_, n) => [n]))
    for (let turn = 0; turn < 8; turn += 1) {
      const worker = app.worker()
      const busy = nextEvent(app, 'job:succeeded')
      await worker.start()
      if (runs.size < 2_000) await busy
      await worker.stop()
    }
    await app.drain()
    await Promise.all(handles.map((handle) => handle.result()))
    expect([runs.size, Math.max(...runs.values())]).toEqual([2_000, 1])
  })

  test('lets a job wait for its retry, for others to run', async () => {
    const [app, other] = [apps.app(), apps.app()]
    let fails = true
    const handler = (): string => {
      if (!fails) return 'elsewhere'
      fails = false
      throw new Error('once')
    }
    const task = app.task('stop.retry', { backoff: ['200ms'] }, handler)
    other.task('stop.retry', handler)
    const worker = await apps.worker(app)
    const retried = nextEvent(app, 'job:retried')
    const handle = await task.enqueue()
    await retried
    await worker.stop()
    await apps.worker(other)
    expect(await handle.result({ timeout: '5s' })).toBe('elsewhere')
  })

  test('refuses a timeout that is none, as a promise', async () => {
    const worker = await apps.worker(apps.app())
    const stop = async (): Promise<void> => worker.stop({ timeout: 'soon' as '1s' })
    expect(await rejection(stop())).toMatchObject({ code: 'OPTION_INVALID' })
  })
})

describe('a stopped app', () => {
  test('makes no worker and closes what it opened', async () => {
    const app = apps.app()
    const task = app.task('closed', () => 1)
    await apps.worker(app)
    await (await task.enqueue()).result()
    await app.stop()
    await app.stop()
    expect(() => app.worker()).toThrow(expect.objectContaining({ code: 'APP_CLOSED' }))
    await until(async () => {
      const rows = await database.query(
        `select from pg_stat_activity
          where datname = current_database() and application_name like 'celeriac:%'`,
      )
      return rows.length === 0
    })
  })

  test('leaves a pool of yours open', async () => {
    const app = apps.app({ database: database.pool })
    const task = app.task('pooled', () => 1)
    await apps.worker(app)
    await (await task.enqueue()).result()
    await app.stop()
    expect(await database.query('select 1 as one')).toEqual([{ one: 1 }])
  })
})
