import { describe, expect, test } from 'vitest'
import { JobCancelledError, JobFailedError, ResultTimeoutError } from '../../src/index.ts'
import { aborted, gate, nextEvent, rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'job_handle' })
const apps = useApps(database)
const NOBODY = '019a0000-0000-7000-8000-000000000000'

describe('result', () => {
  test('throws what the handler threw, as the cause', async () => {
    const app = apps.app()
    class Declined extends Error {
      readonly code = 'E_DECLINED'
    }
    const task = app.task('declines', { maxAttempts: 1 }, () => {
      throw new Declined('no funds', { cause: new TypeError('balance') })
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    const error = await handle.result().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(JobFailedError)
    expect(error).toMatchObject({
      code: 'JOB_FAILED',
      jobId: handle.id,
      task: 'declines',
      attempt: 1,
      message: `job ${handle.id} (declines) failed in attempt 1: no funds`,
      cause: { message: 'no funds', code: 'E_DECLINED', cause: { name: 'TypeError', message: 'balance' } },
    })
    expect((error as JobFailedError).cause).toBeInstanceOf(Error)
    expect(((error as JobFailedError).cause as Error).stack).toContain('handle.test.ts')
  })

  test('times out without touching the job', async () => {
    const app = apps.app()
    const open = gate()
    const task = app.task('slow', async () => {
      await open
      return 1
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    const error = await handle.result({ timeout: '50ms' }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ResultTimeoutError)
    expect(error).toMatchObject({
      code: 'RESULT_TIMEOUT',
      message: `job ${handle.id} has not settled within 50ms; it goes on, and its handle may be asked again`,
    })
    open.open()
    expect(await handle.result()).toBe(1)
  })

  test('rejects with the reason of its signal', async () => {
    const handle = await apps
      .app()
      .task('never', () => 1)
      .enqueue()
    const controller = new AbortController()
    const waiting = handle.result({ signal: controller.signal })
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    await expect(handle.result({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  test('B-41 tells an unknown id from one that waits', async () => {
    const app = apps.app()
    expect(await rejection(app.job(NOBODY).result())).toEqual({
      name: 'CeleriacError',
      code: 'JOB_UNKNOWN',
      message: `no job ${NOBODY} (never created, deleted, or not visible to you)`,
    })
    expect(await rejection(app.job(NOBODY).settled())).toMatchObject({ code: 'JOB_UNKNOWN' })
    const waiting = await app.task('waits', () => 1).enqueue()
    expect(await rejection(waiting.result({ timeout: 30 }))).toMatchObject({ code: 'RESULT_TIMEOUT' })
  })

  test('tells undefined from null', async () => {
    const app = apps.app()
    const nothing = app.task('nothing', () => undefined)
    const none = app.task('none', () => null)
    await apps.worker(app)
    expect(await (await nothing.enqueue()).result()).toBeUndefined()
    expect(await (await none.enqueue()).result()).toBeNull()
  })

  test('comes from any process that knows the id', async () => {
    const [one, other] = [apps.app(), apps.app()]
    const task = one.task('here', () => 'there')
    await apps.worker(one)
    const handle = await task.enqueue()
    expect(await other.job<string>(handle.id).result()).toBe('there')
    expect(JSON.stringify({ handle })).toBe(`{"handle":"${handle.id}"}`)
  })

  test('comes at once when the job was settled long ago', async () => {
    const app = apps.app()
    const task = app.task('past', () => 'past')
    await apps.worker(app)
    const handle = await task.enqueue()
    await handle.result()
    const begun = performance.now()
    expect(await apps.app().job(handle.id).result()).toBe('past')
    expect(performance.now() - begun).toBeLessThan(500)
  })

  test('is never awaited by accident', async () => {
    const handle = await apps
      .app()
      .task('never', () => 1)
      .enqueue()
    expect('then' in handle).toBe(false)
    expect(await Promise.resolve(handle)).toBe(handle)
  })

  test('refuses an id that is none', () => {
    expect(() => apps.app().job('1; drop table')).toThrow('"1; drop table" is not a job id')
  })

  test('ends when the app stops', { timeout: 5_000 }, async () => {
    const app = apps.app()
    const handle = await app.task('never', () => 1).enqueue()
    const waiting = rejection(handle.result())
    const feed = handle.progress()[Symbol.asyncIterator]().next()
    await until(async () => {
      const [row] = await database.query<{ count: number }>('select count(*)::int from celeriac.listeners')
      return row?.count
    })
    await app.stop()
    expect(await waiting).toMatchObject({ code: 'APP_CLOSED' })
    expect(await feed).toEqual({ done: true, value: undefined })
    expect(await rejection(handle.result())).toMatchObject({ code: 'APP_CLOSED' })
  })

  test('says so when it can never come', { timeout: 5_000 }, async () => {
    const app = apps.app({ schema: 'not_installed' })
    expect(await rejection(app.job(NOBODY).result())).toMatchObject({ code: 'NOT_MIGRATED' })
  })
})

describe('settled', () => {
  test('is the end as a value', async () => {
    const app = apps.app()
    const task = app.task('either', { maxAttempts: 1 }, (good: boolean) => {
      if (good) return 'fine'
      throw new Error('bad')
    })
    await apps.worker(app)
    const [good, bad] = [await task.enqueue(true), await task.enqueue(false)]
    expect(await good.settled()).toEqual({ ok: true, value: 'fine' })
    expect(await bad.settled()).toMatchObject({ ok: false, error: { name: 'JobFailedError' } })
  })
})

describe('state and info', () => {
  test('follow a job through its life', async () => {
    const app = apps.app()
    const [begun, open] = [gate(), gate()]
    const task = app.task('lives', async (x: number) => {
      begun.open()
      await open
      return x * 2
    })
    const handle = await task.with({ labels: { a: 'b' }, priority: 2 }).enqueue(21)
    expect(await handle.state()).toBe('pending')
    expect(await handle.info()).toMatchObject({
      attempt: 0,
      workerId: null,
      claimedAt: null,
      settledAt: null,
    })
    const worker = await apps.worker(app)
    await begun
    expect(await handle.state()).toBe('running')
    expect(await handle.info()).toMatchObject({
      attempt: 1,
      workerId: worker.id,
      claimedAt: expect.any(Date),
    })
    open.open()
    await handle.result()
    expect(await handle.info()).toEqual({
      id: handle.id,
      state: 'succeeded',
      task: 'lives',
      queue: 'default',
      priority: 2,
      args: [21],
      labels: { a: 'b' },
      attempt: 1,
      maxAttempts: 5,
      losses: 0,
      progress: null,
      value: 42,
      error: null,
      cancelRequested: false,
      workerId: worker.id,
      rootId: handle.id,
      parentId: null,
      enqueuedAt: expect.any(Date),
      runAt: expect.any(Date),
      claimedAt: expect.any(Date),
      settledAt: expect.any(Date),
      expiresAt: null,
    })
  })

  test('refuse an unknown id', async () => {
    const handle = apps.app().job(NOBODY)
    const asked = [handle.state(), handle.info(), handle.cancel(), handle.retry()].map(rejection)
    expect((await Promise.all(asked)).map(({ code }) => code)).toEqual(asked.map(() => 'JOB_UNKNOWN'))
  })
})

describe('cancel', () => {
  test('settles a waiting job at once, with the reason, and tells who waits', async () => {
    const [app, other] = [apps.app(), apps.app()]
    const handle = await app.task('waits', () => 1).enqueue()
    const waiting = other.job(handle.id).settled({ timeout: '10s' })
    await until(async () => {
      const [row] = await database.query<{ count: number }>('select count(*)::int from celeriac.listeners')
      return row?.count
    })
    expect(await handle.cancel({ reason: 'no longer needed' })).toBe('cancelled')
    const settled = await waiting
    const error = settled.ok ? null : settled.error
    expect(error).toBeInstanceOf(JobCancelledError)
    expect(error).toMatchObject({
      reason: 'no longer needed',
      message: `job ${handle.id} (waits) was cancelled: no longer needed`,
    })
    await expect(handle.result()).rejects.toBeInstanceOf(JobCancelledError)
    expect(await handle.state()).toBe('cancelled')
  })

  test('settles scheduled and retrying jobs at once', async () => {
    const app = apps.app()
    const task = app.task('fails', { backoff: ['1h'] }, () => {
      throw new Error('once')
    })
    const scheduled = await task.with({ delay: '1h' }).enqueue()
    expect(await scheduled.cancel()).toBe('cancelled')
    await apps.worker(app)
    const retried = nextEvent(app, 'job:retried')
    const retrying = await task.enqueue()
    await retried
    expect(await retrying.cancel()).toBe('cancelled')
    expect([await scheduled.state(), await retrying.state()]).toEqual(['cancelled', 'cancelled'])
    expect(await rejection(retrying.result())).toMatchObject({
      message: `job ${retrying.id} (fails) was cancelled: cancelled`,
    })
  })

  test.each([
    ['this', false],
    ['another', true],
  ])('aborts the handler in %s process within 100 ms', async (_, elsewhere) => {
    const app = apps.app()
    const other = elsewhere ? apps.app() : app
    const begun = gate()
    const stopped = gate<number>()
    const task = app.task('runs', { bind: true }, async (job) => {
      begun.open()
      const reason = await aborted(job.signal)
      stopped.open(performance.now())
      throw reason
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    await begun
    await until(async () => (await handle.state()) === 'running')
    const asked = performance.now()
    expect(await other.job(handle.id).cancel({ reason: 'stop it' })).toBe('requested')
    expect((await stopped) - asked).toBeLessThan(100)
    await expect(handle.result()).rejects.toMatchObject({ name: 'JobCancelledError', reason: 'stop it' })
    expect(await handle.state()).toBe('cancelled')
  })

  test('says why through the signal', async () => {
    const app = apps.app()
    const begun = gate()
    const task = app.task('runs', { bind: true }, async (job) => {
      begun.open()
      throw await aborted(job.signal)
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    const cancelled = nextEvent(app, 'job:cancelled')
    await begun
    await handle.cancel({ reason: 'because' })
    expect((await cancelled).jobId).toBe(handle.id)
    await expect(handle.result()).rejects.toBeInstanceOf(JobCancelledError)
  })

  test('keeps the result of a handler that finishes all the same', async () => {
    const app = apps.app()
    const begun = gate()
    const task = app.task('finishes', { bind: true }, async (job) => {
      begun.open()
      await aborted(job.signal)
      return 'finished'
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    await begun
    await handle.cancel()
    expect(await handle.result()).toBe('finished')
  })

  test('settles without a handler that does not stop, and frees its slot', async () => {
    const app = apps.app()
    const begun = gate()
    const task = app.task('deaf', async () => {
      begun.open()
      await new Promise(() => undefined)
    })
    const quick = app.task('quick', () => 1)
    await apps.worker(app, { concurrency: 1, abortGrace: '50ms' })
    const handle = await task.enqueue()
    await begun
    await handle.cancel()
    await expect(handle.result()).rejects.toBeInstanceOf(JobCancelledError)
    expect(await (await quick.enqueue()).result()).toBe(1)
  })

  test('cancels instead of running again what fails after it was asked', async () => {
    const app = apps.app({ listen: false })
    const [begun, open] = [gate(), gate()]
    let runs = 0
    const task = app.task('fails', { backoff: [0] }, async () => {
      runs += 1
      begun.open()
      await open
      throw new Error('failed')
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    await begun
    expect(await handle.cancel()).toBe('requested')
    open.open()
    expect(await handle.settled()).toMatchObject({ ok: false, error: { name: 'JobCancelledError' } })
    expect(runs).toBe(1)
  })

  test('changes nothing about a settled job', async () => {
    const app = apps.app()
    const task = app.task('done', () => 1)
    await apps.worker(app)
    const handle = await task.enqueue()
    await handle.result()
    expect(await handle.cancel()).toBe('settled')
    expect(await handle.state()).toBe('succeeded')
  })

  test('and the claim: exactly one of them wins', async () => {
    const app = apps.app()
    let runs = 0
    const task = app.task('raced', () => {
      runs += 1
    })
    await apps.worker(app)
    const handles = await task.enqueueMany(Array.from({ length: 300 }, () => []))
    const outcomes = await Promise.all(handles.map((handle) => handle.cancel()))
    const settled = await Promise.all(handles.map((handle) => handle.settled({ timeout: '10s' })))
    const succeeded = settled.filter(({ ok }) => ok).length
    expect(settled.filter(({ ok }, index) => ok && outcomes[index] === 'cancelled')).toEqual([])
    expect(runs).toBe(succeeded)
  })
})

describe('retry', () => {
  test('runs a failed job again under its id', async () => {
    const app = apps.app()
    let good = false
    const task = app.task('mends', { maxAttempts: 1 }, () => {
      if (good) return 'mended'
      throw new Error('not yet')
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    await expect(handle.result()).rejects.toThrow('not yet')
    good = true
    expect(await handle.retry()).toBe('retried')
    expect(await handle.result()).toBe('mended')
    expect(await handle.info()).toMatchObject({ state: 'succeeded', attempt: 2, error: null })
  })

  test('runs a cancelled and a succeeded job again', async () => {
    const app = apps.app()
    let runs = 0
    const task = app.task('again', () => {
      runs += 1
      return runs
    })
    const handle = await task.enqueue()
    await handle.cancel()
    expect(await handle.retry()).toBe('retried')
    await apps.worker(app)
    expect(await handle.result()).toBe(1)
    expect(await handle.retry()).toBe('retried')
    await until(async () => (await handle.info()).value === 2)
  })

  test('makes a job due that waits for its backoff', async () => {
    const app = apps.app()
    const retried = nextEvent(app, 'job:retried')
    const task = app.task('backs.off', { backoff: ['1h'], bind: true }, (job) => {
      if (job.attempt === 1) throw new Error('first')
      return 'second'
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    await retried
    expect(await handle.retry()).toBe('retried')
    expect(await handle.result({ timeout: '5s' })).toBe('second')
  })

  test('leaves a running job alone', async () => {
    const app = apps.app()
    const [begun, open] = [gate(), gate()]
    const task = app.task('runs', async () => {
      begun.open()
      await open
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    await begun
    expect(await handle.retry()).toBe('running')
    open.open()
    await handle.result()
    expect((await handle.info()).attempt).toBe(1)
  })
})

describe('forget', () => {
  test('removes what is kept of a settled job', async () => {
    const app = apps.app()
    const task = app.task('fails', { maxAttempts: 1 }, () => {
      throw new Error('forget me')
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    await handle.settled()
    await handle.forget()
    expect(await rejection(handle.state())).toMatchObject({ code: 'JOB_UNKNOWN' })
    expect(await database.query('select from celeriac.attempts where job_id = $1', [handle.id])).toEqual([])
  })

  test('lets a running job finish and leave nothing', async () => {
    const app = apps.app()
    const [begun, open] = [gate(), gate()]
    const task = app.task('runs', async () => {
      begun.open()
      await open
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    const succeeded = nextEvent(app, 'job:succeeded')
    await begun
    await handle.forget()
    expect(await handle.state()).toBe('running')
    const waiting = rejection(handle.result({ timeout: '10s' }))
    open.open()
    await succeeded
    expect(await waiting).toMatchObject({ code: 'JOB_UNKNOWN' })
  })

  test('leaves no attempts of a job that fails afterwards', async () => {
    const app = apps.app()
    const [begun, open] = [gate(), gate()]
    const task = app.task('fails', { maxAttempts: 1 }, async () => {
      begun.open()
      await open
      throw new Error('forgotten')
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    const failed = nextEvent(app, 'job:failed')
    await begun
    await handle.forget()
    open.open()
    await failed
    expect(await database.query('select from celeriac.attempts where job_id = $1', [handle.id])).toEqual([])
  })

  test('of an unknown job is nothing', async () => {
    await apps.app().job(NOBODY).forget()
  })
})

describe('children', () => {
  test('are what the handler enqueued, oldest first, at any depth of calls', async () => {
    const app = apps.app()
    const leaf = app.task('leaf', { bind: true }, (job) => [job.rootId, job.parentId])
    const middle = app.task('middle', async () => {
      const one = await leaf.enqueue()
      return one.id
    })
    const top = app.task('top', async () => {
      const one = await middle.enqueue()
      const others = await leaf.enqueueMany([[], []])
      const named = await app.enqueue('leaf')
      return [one, ...others, named].map((handle) => handle.id)
    })
    await apps.worker(app)
    const handle = await top.enqueue()
    const ids = await handle.result()
    expect((await handle.children()).map((child) => child.id)).toEqual(ids)
    const [middleId = ''] = ids
    const leafId = (await app.job<string>(middleId).result()) ?? ''
    expect(await app.job(leafId).result()).toEqual([handle.id, middleId])
    expect((await app.job(middleId).children()).map((child) => child.id)).toEqual([leafId])
    expect(await app.job(leafId).children()).toEqual([])
  })
})
