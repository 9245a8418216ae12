import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { blocked, eventsOf, gate, nextEvent, useApps, whileLocked } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'worker_faults' })
const apps = useApps(database)

describe('settling', () => {
  test('keeps a success whose statement the server cancelled', async () => {
    const app = apps.app()
    const done = gate()
    const task = app.task('fault.cancelled', async () => {
      await done
      return 'done'
    })
    const errors = eventsOf(app, 'error')
    await apps.worker(app)
    const handle = await task.enqueue()
    await until(async () => (await handle.state()) === 'running')
    await whileLocked(database, handle.id, async () => {
      done.open()
      const [pid] = await until(async () => {
        const pids = await blocked(database, '%work_cycle%')
        return pids.length > 0 ? pids : null
      })
      await database.query('select pg_cancel_backend($1)', [pid])
      await until(() => errors.length > 0)
    })
    expect(await handle.settled({ timeout: '10s' })).toEqual({ ok: true, value: 'done' })
  })
})

describe('handlers that never wait', () => {
  test('leave the event loop its turn in between: what is done is settled before all have begun', async () => {
    const app = apps.app()
    const settled = eventsOf(app, 'job:succeeded')
    const settledAtStart: number[] = []
    const task = app.task('fault.blocking', () => {
      settledAtStart.push(settled.length)
      const end = performance.now() + 150
      while (performance.now() < end);
    })
    const handles = await task.enqueueMany(Array.from({ length: 8 }, () => []))
    await apps.worker(app)
    await Promise.all(handles.map((handle) => handle.result({ timeout: '8s' })))
    expect(settledAtStart.at(-1)).toBeGreaterThan(0)
  })
})

describe('eviction', () => {
  test('loses no job that is claimed before the worker has a new life', async () => {
    const app = apps.app()
    const slow = gate()
    let runs = 0
    const task = app.task('fault.evicted', async (hold: boolean) => {
      runs += 1
      if (hold) await slow
    })
    const worker = await apps.worker(app)
    await task.enqueue(false).then((handle) => handle.result())
    const old = worker.id
    const evicted = nextEvent(app, 'worker:evicted')
    await database.query('delete from celeriac.workers where id = $1', [worker.id])
    await evicted
    const handles = [await task.enqueue(true), await task.enqueue(false)]
    await until(() => runs === 3, { what: 'the start of both' })
    expect(worker.id).not.toBe(old)
    slow.open()
    await Promise.all(handles.map((handle) => handle.result({ timeout: '6s' })))
  })
})

describe('at most once', () => {
  test('fails a job whose worker stopped cold instead of running it again', async () => {
    const app = apps.app()
    const begun = gate()
    let runs = 0
    const task = app.task('fault.once', { atMostOnce: true }, async () => {
      runs += 1
      begun.open()
      await new Promise(() => undefined)
    })
    const worker = await apps.worker(app)
    const handle = await task.enqueue()
    await begun
    await worker.stop({ timeout: 0 })
    await apps.worker(app)
    const settled = await handle.settled({ timeout: '3s' })
    expect([settled.ok, runs]).toEqual([false, 1])
  })
})

describe('cancel', () => {
  test('reaches a job that was claimed ahead before it begins, with its reason', async () => {
    const app = apps.app()
    const open = gate()
    const begun: string[] = []
    const task = app.task('fault.ahead', async (word: string) => {
      begun.push(word)
      if (word === 'hold') await open
    })
    const claimed = eventsOf(app, 'job:claimed')
    const cancelled = nextEvent(app, 'job:cancelled')
    await apps.worker(app, { concurrency: 1 })
    // Quick ones first, so that the worker claims ahead.
    const quick = await task.enqueueMany(Array.from({ length: 60 }, () => ['quick'] as [string]))
    await Promise.all(quick.map((handle) => handle.result()))
    const [, later] = await task.enqueueMany([['hold'], ['later']])
    await until(() => claimed.some(({ jobId }) => jobId === later?.id), { what: 'the claim of both' })
    expect(await later?.cancel({ reason: 'enough' })).toBe('requested')
    expect(await cancelled).toMatchObject({ jobId: later?.id, reason: 'enough' })
    open.open()
    expect(await later?.settled()).toMatchObject({ ok: false, error: { reason: 'enough' } })
    expect(begun).not.toContain('later')
  })
})

describe('the first heartbeat', () => {
  test('does not take back that the worker sleeps: a wake-up finds it from its first nap on', async () => {
    const producer = apps.app()
    const waits: number[] = []
    for (let round = 0; round < 5; round++) {
      const app = apps.app()
      const name = `fault.nap.${round}`
      app.task(name, () => undefined)
      const worker = await apps.worker(app, { queues: [name] })
      await until(async () => {
        const [row] = await database.query<{ idle: boolean }>(
          'select idle from celeriac.workers where id = $1',
          [worker.id],
        )
        return row?.idle
      })
      const begun = performance.now()
      const handle = await producer.enqueue(name, [], { queue: name })
      await handle.result({ timeout: '15s' })
      waits.push(performance.now() - begun)
      await worker.stop()
    }
    // A lost wake-up costs the rest of a heartbeat or a poll, which are 3 and 10 s.
    expect(Math.max(...waits)).toBeLessThan(1_500)
  })
})

describe('F-43 a clock of our own that is behind', () => {
  test('delays nothing: the database says what is due', async () => {
    const app = apps.app()
    const task = app.task('fault.clock', () => 'done')
    await apps.worker(app)
    const real = Date.now
    const spy = vi.spyOn(Date, 'now').mockImplementation(() => real() - 3_600_000)
    onTestFinished(() => spy.mockRestore())
    // The first one is found by any look; the ones after it only when the wake-up is believed.
    for (let round = 0; round < 3; round++) {
      expect(await (await task.enqueue()).result({ timeout: '3s' })).toBe('done')
      await until(async () => {
        const [row] = await database.query<{ idle: boolean }>(
          'select bool_and(idle) as idle from celeriac.workers',
        )
        return row?.idle
      })
    }
  })
})

describe('drain', () => {
  test('returns when what it may begin has begun, though some went back to others', async () => {
    const app = apps.app()
    const released = nextEvent(app, 'job:released')
    const quick = app.task('drain.quick', () => undefined)
    const slow = app.task('drain.slow', async () => {
      await released
    })
    await quick.enqueueMany(Array.from({ length: 30 }, () => []))
    await slow.enqueue()
    await quick.enqueueMany(Array.from({ length: 60 }, () => []))
    const begun = performance.now()
    expect(await app.drain({ concurrency: 1, max: 60, deadline: '4s' })).toBe(60)
    expect(performance.now() - begun).toBeLessThan(3_000)
  })

  test('returns at once in an app without tasks', async () => {
    const begun = performance.now()
    expect(await apps.app().drain({ deadline: '3s' })).toBe(0)
    expect(performance.now() - begun).toBeLessThan(2_000)
  })
})
