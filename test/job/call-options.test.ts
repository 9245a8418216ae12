import { describe, expect, test } from 'vitest'
import { exponential, JobFailedError, PermanentError } from '../../src/index.ts'
import { aborted, eventsOf, gate, rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'call_options' })
const apps = useApps(database)

describe('queue', () => {
  test('is the line the job stands in', async () => {
    const app = apps.app()
    const where = app.task('where', { bind: true }, (job) => job.queue)
    await apps.worker(app, { queues: ['left'] })
    const right = await where.with({ queue: 'right' }).enqueue()
    const left = await where.with({ queue: 'left' }).enqueue()
    expect(await left.result()).toBe('left')
    expect(await right.state()).toBe('pending')
    await apps.worker(app, { queues: ['right'] })
    expect(await right.result()).toBe('right')
  })
})

describe('priority', () => {
  test('runs the larger first, and equals in their order', async () => {
    const app = apps.app()
    const order: string[] = []
    const task = app.task('ordered', (name: string) => {
      order.push(name)
    })
    const given: [string, number][] = [
      ['a', 0],
      ['b', -32_768],
      ['c', 32_767],
      ['d', 0],
      ['e', 5],
      ['f', 5],
    ]
    const handles = []
    for (const [name, priority] of given) handles.push(await task.with({ priority }).enqueue(name))
    await apps.worker(app, { concurrency: 1 })
    await Promise.all(handles.map((handle) => handle.result()))
    expect(order).toEqual(['c', 'e', 'f', 'a', 'd', 'b'])
  })
})

describe('delay and runAt', () => {
  test('hold a job back by the clock of the database', async () => {
    const app = apps.app()
    const task = app.task('delayed', () => 1)
    await apps.worker(app)
    const handle = await task.with({ delay: '300ms' }).enqueue()
    await handle.result()
    const { enqueuedAt, runAt, claimedAt } = await handle.info()
    expect((runAt?.getTime() ?? 0) - enqueuedAt.getTime()).toBe(300)
    const lateMs = (claimedAt?.getTime() ?? 0) - (runAt?.getTime() ?? 0)
    expect(lateMs).toBeGreaterThanOrEqual(0)
    expect(lateMs).toBeLessThan(500)
  })

  test('of a task hold for its calls; a call may say now', async () => {
    const app = apps.app()
    const task = app.task('delayed', { delay: '1h' }, () => 1)
    const later = await task.enqueue()
    const now = await task.with({ delay: 0 }).enqueue()
    await apps.worker(app)
    expect(await now.result()).toBe(1)
    expect(await later.state()).toBe('pending')
  })

  test.each([
    ['a Date', new Date('2050-06-01T12:00:00Z')],
    ['a text', '2050-06-01T14:00:00+02:00'],
    ['milliseconds', Date.UTC(2050, 5, 1, 12)],
  ])('take %s as the instant', async (_, runAt) => {
    const task = apps.app().task('at', () => 1)
    const handle = await task.with({ runAt }).enqueue()
    expect((await handle.info()).runAt).toEqual(new Date('2050-06-01T12:00:00Z'))
  })

  test('that are past mean now', async () => {
    const app = apps.app()
    const task = app.task('at', () => 1)
    await apps.worker(app)
    expect(await (await task.with({ runAt: '2001-01-01' }).enqueue()).result()).toBe(1)
  })
})

describe('expires', () => {
  test('cancels a job that has not begun in time, whoever serves its queue', async () => {
    const app = apps.app()
    const task = app.task('late', () => 1)
    await apps.worker(app, { queues: ['other'] })
    const handle = await task.with({ expires: '50ms', queue: 'nobody' }).enqueue()
    const settled = await handle.settled({ timeout: '10s' })
    expect(settled).toMatchObject({ ok: false, error: { name: 'JobCancelledError' } })
    expect(settled.ok ? '' : settled.error.message).toMatch(
      /was cancelled: expired: it had not begun by \d{4}-/,
    )
  })

  test('is never begun after it, though due', async () => {
    const app = apps.app()
    let runs = 0
    const task = app.task('late', () => {
      runs += 1
    })
    const handle = await task.with({ expires: new Date(Date.now() - 1_000) }).enqueue()
    await apps.worker(app)
    await (await task.enqueue()).result()
    await handle.settled({ timeout: '10s' })
    expect(runs).toBe(1)
  })

  test('does not end a job that has begun', async () => {
    const app = apps.app()
    const open = gate()
    const begun = gate()
    const task = app.task('begun', async () => {
      begun.open()
      await open
      return 'done'
    })
    await apps.worker(app)
    const handle = await task.with({ expires: '300ms' }).enqueue()
    await begun
    await until(async () => {
      const [row] = await database.query<{ late: boolean }>(
        'select expires_at < clock_timestamp() as late from celeriac.jobs where id = $1',
        [handle.id],
      )
      return row?.late
    })
    open.open()
    expect(await handle.result()).toBe('done')
  })
})

describe('maxAttempts and backoff', () => {
  test('run a job as often as is said, by a list of delays whose last repeats', async () => {
    const app = apps.app()
    const retried = eventsOf(app, 'job:retried')
    const task = app.task('fails', { maxAttempts: 4, backoff: [1, 3] }, () => {
      throw new RangeError('always')
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    await expect(handle.result()).rejects.toMatchObject({
      name: 'JobFailedError',
      attempt: 4,
      cause: { name: 'RangeError', message: 'always' },
    })
    expect(retried.map(({ attempt, delayMs }) => [attempt, delayMs])).toEqual([
      [1, 1],
      [2, 3],
      [3, 3],
    ])
    const attempts = await database.query(
      `select attempt, outcome, error ->> 'name' as name, error ->> 'message' as message
        from celeriac.attempts where job_id = $1 order by attempt`,
      [handle.id],
    )
    expect(attempts).toEqual(
      [1, 2, 3, 4].map((attempt) => ({
        attempt,
        outcome: attempt === 4 ? 'failed' : 'retry',
        name: 'RangeError',
        message: 'always',
      })),
    )
  })

  test('1 means never again', async () => {
    const app = apps.app()
    let runs = 0
    const task = app.task('once', () => {
      runs += 1
      throw new Error('no')
    })
    await apps.worker(app)
    await expect((await task.with({ maxAttempts: 1 }).enqueue()).result()).rejects.toThrow('no')
    expect(runs).toBe(1)
  })

  test('grow exponentially, without jitter to the millisecond', async () => {
    const app = apps.app()
    const retried = eventsOf(app, 'job:retried')
    const backoff = exponential({ base: 2, factor: 3, max: 10, jitter: false })
    const task = app.task('grows', { maxAttempts: 5 }, () => {
      throw new Error('no')
    })
    await apps.worker(app)
    await (await task.with({ backoff }).enqueue()).settled()
    expect(retried.map(({ delayMs }) => delayMs)).toEqual([2, 6, 10, 10])
  })

  test('draw the whole delay by default', async () => {
    const app = apps.app()
    const retried = eventsOf(app, 'job:retried')
    const task = app.task('jitters', { maxAttempts: 2 }, () => {
      throw new Error('no')
    })
    const handles = await task.enqueueMany(Array.from({ length: 200 }, () => []))
    await apps.worker(app, { concurrency: 50 })
    await until(() => retried.length === 200)
    const delays = retried.map(({ delayMs }) => delayMs)
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...delays)).toBeLessThanOrEqual(1_000)
    const mean = delays.reduce((sum, delay) => sum + delay, 0) / delays.length
    expect(mean).toBeGreaterThan(350)
    expect(mean).toBeLessThan(650)
    await Promise.all(handles.map((handle) => handle.cancel()))
  })

  test('may be a function of the attempt and the error; null gives up', async () => {
    const app = apps.app()
    const asked: [number, string][] = []
    const task = app.task(
      'asks',
      {
        maxAttempts: 10,
        backoff: (attempt, error) => {
          asked.push([attempt, error instanceof Error ? error.message : ''])
          return attempt < 3 ? attempt : null
        },
      },
      () => {
        throw new Error('why')
      },
    )
    await apps.worker(app)
    expect(await rejection((await task.enqueue()).result())).toMatchObject({ code: 'JOB_FAILED' })
    expect(asked).toEqual([
      [1, 'why'],
      [2, 'why'],
      [3, 'why'],
    ])
  })
})

describe('retryOn, giveUpOn, expected', () => {
  class Flaky extends Error {}
  class VeryFlaky extends Flaky {}

  async function attemptsOf(options: object, thrown: unknown): Promise<number> {
    const app = apps.app()
    const task = app.task('throws', { maxAttempts: 3, backoff: [0], ...options }, () => {
      throw thrown
    })
    await apps.worker(app)
    const settled = await (await task.enqueue()).settled()
    const error = settled.ok ? null : settled.error
    await app.stop()
    return error instanceof JobFailedError ? error.attempt : 0
  }

  test.each<[string, object, unknown, number]>([
    ['any error is retried', {}, new Error('x'), 3],
    ['a class that is listed is retried', { retryOn: [Flaky] }, new Flaky('x'), 3],
    ['so is its subclass', { retryOn: [Flaky] }, new VeryFlaky('x'), 3],
    ['a class that is not listed fails at once', { retryOn: [Flaky] }, new Error('x'), 1],
    ['Error stands for all', { retryOn: [Error] }, new TypeError('x'), 3],
    ['a function tells', { retryOn: [(error: Error) => error.message === 'x'] }, new Error('x'), 3],
    ['a function tells otherwise', { retryOn: [(error: Error) => error.message === 'y'] }, new Error('x'), 1],
    ['an empty list retries nothing', { retryOn: [] }, new Error('x'), 1],
    ['giveUpOn fails at once', { giveUpOn: [Flaky] }, new VeryFlaky('x'), 1],
    ['giveUpOn leaves the others', { giveUpOn: [Flaky] }, new Error('x'), 3],
    ['giveUpOn wins over retryOn', { retryOn: [Flaky], giveUpOn: [VeryFlaky] }, new VeryFlaky('x'), 1],
    ['a function that throws knows nothing', { giveUpOn: [() => JSON.parse('{')] }, new Error('x'), 3],
    ['a permanent error is final', { retryOn: [Error] }, new PermanentError('x'), 1],
    ['what is no error is retried', {}, 'a text', 3],
    ['expected errors are retried', { expected: [Flaky] }, new Flaky('x'), 3],
  ])('%s', async (_, options, thrown, attempts) => {
    expect(await attemptsOf(options, thrown)).toBe(attempts)
  })
})

describe('time limits', () => {
  test('abort the signal at the soft one; what returns then still counts', async () => {
    const app = apps.app()
    const task = app.task('soft', { bind: true, softTimeLimit: '20ms' }, async (job) => {
      const reason = await aborted(job.signal)
      return reason instanceof Error && 'code' in reason ? reason.code : reason
    })
    await apps.worker(app)
    expect(await (await task.enqueue()).result()).toBe('SOFT_TIME_LIMIT')
  })

  test('name the soft limit as the error of a handler that gave way', async () => {
    const app = apps.app()
    const options = { bind: true, softTimeLimit: '20ms', maxAttempts: 1 } as const
    const task = app.task('soft', options, async (job) => {
      await aborted(job.signal)
      throw new DOMException('The operation was aborted', 'AbortError')
    })
    await apps.worker(app)
    await expect((await task.enqueue()).result()).rejects.toMatchObject({
      cause: { code: 'SOFT_TIME_LIMIT' },
    })
  })

  test('fail an attempt at the hard one, free its slot, and refuse what it does later', async () => {
    const app = apps.app()
    const open = gate()
    const after = gate<unknown>()
    const options = { bind: true, timeLimit: '30ms', maxAttempts: 1 } as const
    const task = app.task('hard', options, async (job) => {
      await open
      try {
        job.progress(1)
        after.open('stored')
      } catch (error) {
        after.open(error)
      }
      return 'too late'
    })
    const quick = app.task('quick', () => 'quick')
    await apps.worker(app, { concurrency: 1 })
    const handle = await task.enqueue()
    await expect(handle.result()).rejects.toMatchObject({
      cause: {
        code: 'TIME_LIMIT',
        message: expect.stringContaining('ran longer than its time limit of 30ms'),
      },
    })
    expect(await (await quick.enqueue()).result()).toBe('quick')
    open.open()
    expect(await after).toMatchObject({ code: 'LEASE_LOST' })
    expect((await handle.info()).state).toBe('failed')
  })

  test('are counted for each attempt, and given by the call', async () => {
    const app = apps.app()
    const failed = eventsOf(app, 'job:retried')
    const task = app.task('hard', { timeLimit: '1h' }, () => new Promise<never>(() => undefined))
    await apps.worker(app)
    const call = task.with({ timeLimit: '20ms', maxAttempts: 2, backoff: [0] })
    await expect((await call.enqueue()).result()).rejects.toMatchObject({ attempt: 2 })
    expect(failed[0]?.durationMs).toBeGreaterThanOrEqual(19)
  })

  test('of a year are not over at once', async () => {
    const app = apps.app()
    const open = gate()
    const task = app.task('long', { bind: true, timeLimit: '365d', softTimeLimit: '364d' }, async (job) => {
      await open
      return job.signal.aborted
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    await until(async () => (await handle.state()) === 'running')
    open.open()
    expect(await handle.result()).toBe(false)
  })
})

describe('ignoreResult and resultTtl', () => {
  test('keep the state and not the value', async () => {
    const app = apps.app()
    const task = app.task('ignored', { ignoreResult: true }, (x: number) => x)
    await apps.worker(app)
    const [ignored, kept] = [await task.enqueue(1), await task.with({ ignoreResult: false }).enqueue(2)]
    expect([await ignored.result(), await kept.result()]).toEqual([undefined, 2])
    expect((await ignored.info()).state).toBe('succeeded')
  })

  test('keep the error all the same', async () => {
    const app = apps.app()
    const task = app.task('ignored', { ignoreResult: true, maxAttempts: 1 }, () => {
      throw new Error('kept')
    })
    await apps.worker(app)
    await expect((await task.enqueue()).result()).rejects.toThrow('kept')
  })

  test('date the end of what is kept', async () => {
    const app = apps.app()
    const task = app.task('ttl', () => 1)
    await apps.worker(app)
    const handle = await task.with({ resultTtl: '1h' }).enqueue()
    await handle.result()
    const rows = await database.query(
      'select extract(epoch from expires_at - settled_at)::int as seconds from celeriac.results where id = $1',
      [handle.id],
    )
    expect(rows).toEqual([{ seconds: 3600 }])
    await database.query(`update celeriac.results set expires_at = now() where id = $1`, [handle.id])
    await database.query(`select celeriac.prune_results(null, 100)`)
    expect(await rejection(handle.state())).toMatchObject({ code: 'JOB_UNKNOWN' })
  })
})

describe('atMostOnce', () => {
  test('is one attempt, whatever the task says', async () => {
    const app = apps.app()
    let runs = 0
    const task = app.task('once', { maxAttempts: 5, backoff: [0] }, () => {
      runs += 1
      throw new Error('no')
    })
    await apps.worker(app)
    const handle = await task.with({ atMostOnce: true }).enqueue()
    await expect(handle.result()).rejects.toMatchObject({ attempt: 1 })
    expect(runs).toBe(1)
  })
})

describe('labels', () => {
  test('travel with the job and stay with its result', async () => {
    const app = apps.app()
    const task = app.task('labelled', { bind: true }, (job) => job.labels)
    await apps.worker(app)
    const handle = await task.with({ labels: { tenant: 'acme', trace: 'ü"\\' } }).enqueue()
    expect(await handle.result()).toEqual({ tenant: 'acme', trace: 'ü"\\' })
    expect((await handle.info()).labels).toEqual({ tenant: 'acme', trace: 'ü"\\' })
  })
})

describe('id', () => {
  const id = (end: number): string => `019a0000-0000-7000-8000-0000000000${end.toString().padStart(2, '0')}`

  test('is that of the job', async () => {
    const task = apps.app().task('chosen', () => 1)
    expect((await task.with({ id: id(1) }).enqueue()).id).toBe(id(1))
    expect((await task.with({ id: id(2).toUpperCase() }).enqueue()).id).toBe(id(2))
  })

  test('is refused when a job has it', async () => {
    const task = apps.app().task('chosen', (x: number) => x)
    const handle = await task.with({ id: id(3) }).enqueue(1)
    expect(await rejection(task.with({ id: id(3) }).enqueue(2))).toEqual({
      name: 'CeleriacError',
      code: 'JOB_EXISTS',
      message: `job ${id(3)} exists already; give another id, or none`,
    })
    expect((await handle.info()).args).toEqual([1])
  })

  test('is refused when a settled job has it', async () => {
    const app = apps.app()
    const task = app.task('chosen', (x: number) => x)
    const worker = await apps.worker(app)
    const handle = await task.with({ id: id(4) }).enqueue(1)
    await handle.result()
    await worker.stop()
    expect(await rejection(task.with({ id: id(4) }).enqueue(2))).toMatchObject({ code: 'JOB_EXISTS' })
    expect(await handle.info()).toMatchObject({ state: 'succeeded', args: [1], value: 1 })
  })

  test('is given to one of many that want it at once', async () => {
    const task = apps.app().task('chosen', (x: number) => x)
    const call = task.with({ id: id(5) })
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => call.enqueue(n)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(
      outcomes.filter((one) => one.status === 'rejected' && one.reason.code === 'JOB_EXISTS'),
    ).toHaveLength(19)
  })

  test('names one job, not many', async () => {
    const task = apps.app().task('chosen', (x: number) => x)
    expect(await rejection(task.with({ id: id(6) }).enqueueMany([[1], [2]]))).toMatchObject({
      code: 'OPTION_INVALID',
    })
  })
})
