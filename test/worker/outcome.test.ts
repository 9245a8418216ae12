import { describe, expect, test } from 'vitest'
import { currentJob } from '../../src/index.ts'
import { capturedLog, eventsOf, gate, nextEvent, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'worker_outcome' })
const apps = useApps(database)

describe('snooze', () => {
  test('runs the job again and is not charged', async () => {
    const app = apps.app()
    const snoozed = eventsOf(app, 'job:snoozed')
    const seen: number[] = []
    const task = app.task('snoozes', { maxAttempts: 1, bind: true }, (job) => {
      seen.push(job.attempt)
      if (seen.length < 4) job.snooze('20ms')
      return 'awake'
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.result()).toBe('awake')
    expect(seen).toEqual([1, 2, 3, 4])
    expect(snoozed.map(({ delayMs }) => delayMs)).toEqual([20, 20, 20])
    expect(await database.query('select from celeriac.attempts where job_id = $1', [handle.id])).toEqual([])
  })

  test('refuses what is no duration, as an error of the handler', async () => {
    const app = apps.app()
    // @ts-expect-error: words are no duration
    const task = app.task('snoozes', { maxAttempts: 1 }, () => currentJob().snooze('a while'))
    await apps.worker(app)
    await expect((await task.enqueue()).result()).rejects.toMatchObject({
      cause: { code: 'OPTION_INVALID' },
    })
  })
})

describe('retry', () => {
  test('runs the job again after a delay of its own, charged', async () => {
    const app = apps.app()
    const retried = eventsOf(app, 'job:retried')
    const task = app.task('retries', { backoff: ['1h'], bind: true }, (job) => {
      if (job.attempt === 1) job.retry({ in: '5ms', reason: 'not ready' })
      return job.attempt
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.result({ timeout: '5s' })).toBe(2)
    expect(retried).toMatchObject([{ delayMs: 5, expected: true }])
    expect(
      await database.query(`select attempt, outcome, error from celeriac.attempts where job_id = $1`, [
        handle.id,
      ]),
    ).toEqual([{ attempt: 1, outcome: 'retry', error: { name: 'RetryRequested', message: 'not ready' } }])
  })

  test('fails the job when there is no attempt left, with the reason', async () => {
    const app = apps.app()
    const failed = nextEvent(app, 'job:failed')
    const task = app.task('retries', { maxAttempts: 2, backoff: [0] }, () =>
      currentJob().retry({ reason: 'never ready' }),
    )
    await apps.worker(app)
    await expect((await task.enqueue()).result()).rejects.toMatchObject({
      attempt: 2,
      cause: { code: 'RETRIES_EXHAUSTED', cause: { message: 'never ready' } },
    })
    expect(await failed).toMatchObject({ expected: false, error: { code: 'RETRIES_EXHAUSTED' } })
  })

  test('runs again also when the task retries nothing', async () => {
    const app = apps.app()
    const task = app.task('retries', { retryOn: [], bind: true }, (job) => {
      if (job.attempt === 1) job.retry({ in: 0 })
      return 'again'
    })
    await apps.worker(app)
    expect(await (await task.enqueue()).result()).toBe('again')
  })
})

describe('discard', () => {
  test('fails the job at once, with the reason', async () => {
    const app = apps.app()
    let runs = 0
    const task = app.task('discards', () => {
      runs += 1
      currentJob().discard('the user is gone')
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    await expect(handle.result()).rejects.toMatchObject({
      cause: { code: 'JOB_DISCARDED', message: `job ${handle.id} was discarded: the user is gone` },
    })
    expect(runs).toBe(1)
  })
})

describe('middleware', () => {
  test('wraps every handler, the first one outermost, inside of the job', async () => {
    const app = apps.app()
    const seen: string[] = []
    for (const name of ['a', 'b']) {
      app.use(async (job, next) => {
        seen.push(`${name} in ${job.task} ${currentJob().id === job.id}`)
        const value = await next()
        seen.push(`${name} out ${String(value)}`)
        return value
      })
    }
    const task = app.task('wrapped', () => {
      seen.push('handler')
      return 'value'
    })
    await apps.worker(app)
    expect(await (await task.enqueue()).result()).toBe('value')
    expect(seen).toEqual(['a in wrapped true', 'b in wrapped true', 'handler', 'b out value', 'a out value'])
  })

  test('may change the value, the error, or answer itself', async () => {
    const app = apps.app()
    let ran = 0
    app.use(async (job, next) => {
      if (job.task === 'wrapped.skipped') return 'from the cache'
      try {
        return [await next()]
      } catch (error) {
        throw new TypeError('wrapped', { cause: error })
      }
    })
    const [value, fails, skipped] = [
      app.task('wrapped.value', () => 1),
      app.task('wrapped.fails', { maxAttempts: 1 }, () => {
        throw new Error('inner')
      }),
      app.task('wrapped.skipped', () => {
        ran += 1
      }),
    ]
    await apps.worker(app)
    expect(await (await value.enqueue()).result()).toEqual([1])
    expect(await (await skipped.enqueue()).result()).toBe('from the cache')
    await expect((await fails.enqueue()).result()).rejects.toMatchObject({
      cause: { name: 'TypeError', message: 'wrapped', cause: { message: 'inner' } },
    })
    expect(ran).toBe(0)
  })

  test('lets control pass', async () => {
    const app = apps.app()
    const seen: unknown[] = []
    app.use(async (_, next) => {
      try {
        return await next()
      } catch (error) {
        seen.push(error instanceof Error)
        throw error
      }
    })
    const task = app.task('wrapped.snoozes', { bind: true, maxAttempts: 1 }, (job) => {
      if (job.attempt === 1) job.snooze(0)
      return 'done'
    })
    await apps.worker(app)
    expect(await (await task.enqueue()).result()).toBe('done')
    expect(seen).toEqual([true])
  })
})

describe('events', () => {
  test('tell the life of a job in order, after it is committed', async () => {
    const app = apps.app()
    const told: [string, unknown][] = []
    const names = ['job:claimed', 'job:retried', 'job:snoozed', 'job:succeeded', 'job:failed'] as const
    for (const name of names) app.on(name, ({ jobId, attempt }) => told.push([name, [jobId, attempt]]))
    const task = app.task('told', { backoff: [0], bind: true }, (job) => {
      if (job.attempt === 1) throw new Error('first')
      if (job.attempt === 2) job.snooze(0)
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    await handle.result()
    await until(() => told.length === 6)
    expect(told).toEqual([
      ['job:claimed', [handle.id, 1]],
      ['job:retried', [handle.id, 1]],
      ['job:claimed', [handle.id, 2]],
      ['job:snoozed', [handle.id, 2]],
      ['job:claimed', [handle.id, 3]],
      ['job:succeeded', [handle.id, 3]],
    ])
  })

  test('come once the row says so', async () => {
    const app = apps.app()
    const task = app.task('committed', () => 1)
    const state = gate<string>()
    app.on('job:succeeded', ({ jobId }) => {
      void app.job(jobId).state().then(state.open)
    })
    await apps.worker(app)
    await task.enqueue()
    expect(await state).toBe('succeeded')
  })

  test('are no longer heard by who took his listener back', async () => {
    const app = apps.app()
    const heard: string[] = []
    const off = app.on('job:succeeded', () => heard.push('first'))
    app.on('job:succeeded', () => heard.push('second'))
    const task = app.task('heard', () => 1)
    off()
    await apps.worker(app)
    await (await task.enqueue()).result()
    await until(() => heard.length > 0)
    expect(heard).toEqual(['second'])
  })
})

describe('log', () => {
  test('has one line per failure at level info, and none per job', async () => {
    const { log, lines } = capturedLog()
    const app = apps.app({ log })
    const good = app.task('log.good', () => 1)
    const bad = app.task('log.bad', { maxAttempts: 2, backoff: [0] }, () => {
      throw new RangeError('bad')
    })
    const worker = await apps.worker(app, { name: 'logger' })
    await Promise.all(
      (await good.enqueueMany(Array.from({ length: 20 }, () => []))).map((one) => one.result()),
    )
    const handle = await bad.enqueue()
    await handle.settled()
    await until(() => lines.some((line) => line.msg === 'job failed'))
    await worker.stop()
    await until(() => lines.some((line) => line.msg === 'worker stopped'))
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
      [30, 'worker started'],
      [40, 'job retried'],
      [50, 'job failed'],
      [30, 'worker stopping'],
      [30, 'worker stopped'],
    ])
    expect(lines[2]).toMatchObject({
      jobId: handle.id,
      task: 'log.bad',
      queue: 'default',
      attempt: 2,
      err: { type: 'RangeError', message: 'bad', stack: expect.stringContaining('outcome.test.ts') },
    })
  })

  test('has expected errors without noise', async () => {
    const { log, lines } = capturedLog()
    const app = apps.app({ log })
    const task = app.task('log.expected', { maxAttempts: 2, backoff: [0], expected: [RangeError] }, () => {
      throw new RangeError('out of stock')
    })
    await apps.worker(app)
    await (await task.enqueue()).settled()
    await until(() => lines.some((line) => line.msg === 'job failed as expected'))
    const told = lines.filter((line) => String(line.msg).startsWith('job'))
    expect(told.map(({ level, msg, error, err }) => [level, msg, error, err])).toEqual([
      [30, 'job retried as expected', 'out of stock', undefined],
      [30, 'job failed as expected', 'out of stock', undefined],
    ])
  })

  test('never shows control as an error', async () => {
    const { log, lines } = capturedLog()
    const app = apps.app({ log })
    const task = app.task('log.control', { bind: true }, (job) => {
      if (job.attempt === 1) job.snooze(0)
      if (job.attempt === 2) job.retry({ in: 0 })
      job.discard('enough')
    })
    await apps.worker(app)
    await (await task.enqueue()).settled()
    await until(() => lines.some((line) => String(line.msg).startsWith('job failed')))
    expect(lines.filter(({ level }) => Number(level) > 30)).toEqual([])
    expect(lines.filter(({ err }) => err !== undefined)).toEqual([])
  })

  test('of a handler names its job', async () => {
    const { log, lines } = capturedLog()
    const app = apps.app({ log })
    const task = app.task('log.own', { bind: true }, (job) => job.log.info({ step: 1 }, 'halfway'))
    await apps.worker(app)
    const handle = await task.enqueue()
    await handle.result()
    await until(() => lines.some((line) => line.msg === 'halfway'))
    expect(lines.find((line) => line.msg === 'halfway')).toMatchObject({
      jobId: handle.id,
      task: 'log.own',
      attempt: 1,
      step: 1,
    })
  })

  test('takes an error that cannot be read', async () => {
    const { log, lines } = capturedLog()
    const app = apps.app({ log })
    const task = app.task('log.broken', { maxAttempts: 1 }, () => {
      const error = new Error('broken')
      Object.defineProperty(error, 'stack', {
        get: () => {
          throw new Error('no stack')
        },
      })
      throw error
    })
    await apps.worker(app)
    await (await task.enqueue()).settled()
    await until(() => lines.some((line) => line.msg === 'job failed'))
    expect(lines.at(-1)).toMatchObject({ err: { message: 'broken' } })
  })
})
