import { describe, expect, test } from 'vitest'
import { currentJob, type JobHandle } from '../../src/index.ts'
import { aborted, eventsOf, gate, nextEvent, useApps, whileLocked } from '../support/apps.ts'
import { codeOf, EFFECT, messageOf, useEffects } from '../support/effects.ts'
import { find } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'job_transactions' })
const apps = useApps(database)
const effects = useEffects(database)
const AT_ONCE = { backoff: ['10ms'] } as const

describe('job.transaction', () => {
  test('commits what the handler writes and the end of the job together', async () => {
    const app = apps.app()
    const [written, go] = [gate(), gate()]
    const task = app.task('tx.together', { bind: true }, async (job) =>
      job.transaction(async (tx) => {
        await tx.query(EFFECT, [job.id, job.attempt])
        written.open()
        await go
        return { paid: new Date(0) }
      }),
    )
    await apps.worker(app)
    const handle = await task.enqueue()
    await written
    expect([await effects.of(handle), await handle.state()]).toEqual([[], 'running'])
    const succeeded = nextEvent(app, 'job:succeeded')
    go.open()
    expect(await handle.result({ timeout: '5s' })).toEqual({ paid: new Date(0) })
    expect(await effects.of(handle)).toEqual([1])
    expect(await succeeded).toMatchObject({ jobId: handle.id, attempt: 1 })
    expect(await handle.info()).toMatchObject({ state: 'succeeded', attempt: 1 })
  })

  test('settles with the value of the function, whatever the handler does after it', async () => {
    const app = apps.app()
    const lost = eventsOf(app, 'job:lost')
    const task = app.task('tx.value', async () => {
      await currentJob().transaction(() => 'paid')
      throw new Error('too late')
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.result({ timeout: '5s' })).toBe('paid')
    expect([lost, await effects.lastError(handle)]).toEqual([[], null])
  })

  test('rolls back when the function throws, and the error is the handler’s', async () => {
    const app = apps.app()
    const task = app.task('tx.throws', { bind: true, ...AT_ONCE }, async (job) =>
      job.transaction(async (tx) => {
        await tx.query(EFFECT, [job.id, job.attempt])
        if (job.attempt === 1) throw new RangeError('declined')
        return job.attempt
      }),
    )
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.result({ timeout: '5s' })).toBe(2)
    expect(await effects.of(handle)).toEqual([2])
    expect(await effects.lastError(handle)).toMatchObject({ name: 'RangeError', message: 'declined' })
  })

  test('may be tried again by the handler once it is rolled back', async () => {
    const app = apps.app()
    const task = app.task('tx.again', { bind: true }, async (job) => {
      const once = (fails: boolean): Promise<string> =>
        job.transaction(async (tx) => {
          await tx.query(EFFECT, [job.id, job.attempt])
          if (fails) throw new Error('conflict')
          return 'second'
        })
      return once(true).catch(() => once(false))
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.result({ timeout: '5s' })).toBe('second')
    expect(await effects.of(handle)).toEqual([1])
  })

  test('enqueues children with the end of their parent, or not at all', async () => {
    const app = apps.app()
    const children: JobHandle<number>[] = []
    const child = app.task('tx.child', (n: number) => n)
    const task = app.task('tx.parent', { bind: true, ...AT_ONCE }, async (job) =>
      job.transaction(async (tx) => {
        children.push(...(await child.with({ tx }).enqueueMany([[job.attempt], [job.attempt]])))
        if (job.attempt === 1) throw new Error('undone')
        return children.length
      }),
    )
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.result({ timeout: '5s' })).toBe(4)
    const ends = await Promise.all(children.map((one) => one.settled({ timeout: '5s' }).catch(codeOf)))
    expect(ends).toEqual(['JOB_UNKNOWN', 'JOB_UNKNOWN', { ok: true, value: 2 }, { ok: true, value: 2 }])
    expect((await handle.children()).map(({ id }) => id)).toEqual(children.slice(2).map(({ id }) => id))
  })

  test('commits nothing when the job was taken away meanwhile: its effects are there once', async () => {
    const [first, second] = [apps.app(), apps.app()]
    const [begun, go] = [gate(), gate()]
    const ends: unknown[] = []
    const define = (app: ReturnType<typeof apps.app>) =>
      app.task('tx.rescued', { bind: true }, async (job) => {
        const done = job.transaction(async (tx) => {
          await tx.query(EFFECT, [job.id, job.attempt])
          if (job.attempt > 1) return 'second'
          begun.open()
          await go
          return 'first'
        })
        if (job.attempt === 1) ends.push(await done.catch(codeOf))
        return done
      })
    const task = define(first)
    define(second)
    await apps.worker(first, { concurrency: 1 })
    const handle = await task.enqueue()
    await begun
    await effects.takeAway(handle)
    await apps.worker(second)
    expect(await handle.result({ timeout: '5s' })).toBe('second')
    go.open()
    await until(() => ends.length > 0)
    expect([ends, await effects.of(handle)]).toEqual([['LEASE_LOST'], [2]])
    expect(await handle.result()).toBe('second')
  })

  test('drops the transaction of a job that is killed, and does not wait for the handler', async () => {
    const app = apps.app({ maxConnections: 2 })
    const [begun, never] = [gate(), gate()]
    const task = app.task('tx.killed', { bind: true }, async (job) =>
      job.transaction(async (tx) => {
        await tx.query(EFFECT, [job.id, job.attempt])
        begun.open()
        await never
      }),
    )
    await apps.worker(app)
    const handle = await task.enqueue()
    await begun
    expect(await handle.kill()).toBe('killed')
    await until(async () => (await effects.openTransactions()) === 0, { what: 'the end of the transaction' })
    expect([await effects.of(handle), await handle.state()]).toEqual([[], 'cancelled'])
  })

  test('drops the transaction of an attempt whose time is up', async () => {
    const app = apps.app()
    const refused: unknown[] = []
    const task = app.task('tx.limit', { bind: true, timeLimit: '100ms', maxAttempts: 1 }, async (job) =>
      job
        .transaction(async (tx) => {
          await tx.query(EFFECT, [job.id, job.attempt])
          await aborted(job.signal)
          await until(async () => (await effects.openTransactions()) === 0)
          return 'too late'
        })
        .catch((error: unknown) => refused.push(codeOf(error))),
    )
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.settled({ timeout: '5s' })).toMatchObject({
      ok: false,
      error: { cause: { code: 'TIME_LIMIT' } },
    })
    await until(() => refused.length > 0)
    expect([refused, await effects.of(handle)]).toEqual([['LEASE_LOST'], []])
  })

  test('has the last word when time is up while it settles', async () => {
    const app = apps.app()
    const failed = eventsOf(app, 'job:failed')
    const [begun, go] = [gate(), gate()]
    const task = app.task('tx.late', { bind: true, timeLimit: '300ms', maxAttempts: 1 }, async (job) =>
      job.transaction(async (tx) => {
        begun.open()
        await tx.query(EFFECT, [job.id, job.attempt])
        await go
        return 'in time'
      }),
    )
    await apps.worker(app)
    const handle = await task.enqueue()
    await begun
    await whileLocked(database, handle.id, async () => {
      go.open()
      await until(async () => (await effects.waiting('complete_attempt')) === 1)
      // Long enough for the limit to have come.
      await database.query('select pg_sleep(0.4)')
    })
    const succeeded = nextEvent(app, 'job:succeeded')
    expect(await handle.result({ timeout: '5s' })).toBe('in time')
    await succeeded
    expect([failed, await effects.of(handle)]).toEqual([[], [1]])
  })

  test('is not taken for lost by a heartbeat while its handler goes on', async () => {
    const app = apps.app()
    const lost = eventsOf(app, 'job:lost')
    const go = gate()
    const task = app.task('tx.beats', { bind: true }, async (job) => {
      await job.transaction(() => 'settled')
      await go
      return job.signal.aborted
    })
    const worker = await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.result({ timeout: '5s' })).toBe('settled')
    const beat = async (): Promise<unknown> => (await find(database, 'workers', worker.id))?.heartbeat_at
    const beats = new Set<unknown>()
    // It is asked about from the first heartbeat on that finds it older than a second.
    await until(async () => beats.add(await beat()).size >= 4, { timeoutMs: 15_000 })
    expect([lost, worker.running]).toEqual([[], 1])
    const succeeded = nextEvent(app, 'job:succeeded')
    go.open()
    expect(await succeeded).toMatchObject({ jobId: handle.id })
  }, 20_000)

  test('waits for one that the handler has not waited for', async () => {
    const app = apps.app()
    const task = app.task('tx.forgotten', { bind: true, maxAttempts: 1 }, (job, fails: boolean) => {
      void job.transaction(async (tx) => {
        await tx.query(EFFECT, [job.id, job.attempt])
        if (fails) throw new Error('nobody listens')
        return 'committed'
      })
      return 'returned'
    })
    await apps.worker(app)
    const [good, bad] = await task.enqueueMany([[false], [true]])
    expect(await good?.result({ timeout: '5s' })).toBe('committed')
    expect(await bad?.settled({ timeout: '5s' })).toMatchObject({
      ok: false,
      error: { cause: { message: 'nobody listens' } },
    })
    expect(await effects.count()).toBe(1)
  })

  test('is refused inside of another one, after one, and after the end of the attempt', async () => {
    const app = apps.app()
    const said: unknown[] = []
    const [over, asked] = [gate(), gate()]
    const task = app.task(
      'tx.refused',
      { bind: true, timeLimit: '200ms', maxAttempts: 1 },
      async (job, late: boolean) => {
        if (late) {
          await aborted(job.signal)
          await over
          said.push(await job.transaction(() => 1).catch(messageOf))
          said.push(attemptOf(() => job.progress(1)))
          asked.open()
          return
        }
        await job.transaction(async () => said.push(await job.transaction(() => 1).catch(messageOf)))
        said.push(await job.transaction(() => 1).catch(messageOf))
        said.push(attemptOf(() => job.progress(1)))
      },
    )
    await apps.worker(app)
    const once = await task.enqueue(false)
    await once.result({ timeout: '5s' })
    await until(() => said.length === 3)
    const late = await task.enqueue(true)
    await late.settled({ timeout: '5s' })
    over.open()
    await asked
    expect(said).toEqual([
      `job ${once.id} attempt 1 has an open transaction already; one transaction settles it`,
      `job ${once.id} attempt 1 is settled already; one transaction settles it`,
      `job ${once.id} attempt 1 is no longer held here`,
      `job ${late.id} attempt 1 is no longer held here`,
      `job ${late.id} attempt 1 is no longer held here`,
    ])
  })

  test('B-53 commits nothing when the function swallowed an error of a statement', async () => {
    const app = apps.app()
    const task = app.task('tx.swallowed', { bind: true, maxAttempts: 1 }, async (job) =>
      job.transaction(async (tx) => {
        await tx.query(EFFECT, [job.id, job.attempt])
        await tx.query('select 1 / 0').catch(() => undefined)
      }),
    )
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.settled({ timeout: '5s' })).toMatchObject({
      ok: false,
      error: { cause: { code: 'TX_ABORTED' } },
    })
    expect(await effects.of(handle)).toEqual([])
  })

  test.each(['commit', 'rollback'])('says so when the function itself sends %s', async (statement) => {
    const app = apps.app()
    const task = app.task('tx.ended', { bind: true, maxAttempts: 1 }, async (job) =>
      job.transaction((tx) => tx.query(statement).then(() => undefined)),
    )
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.settled({ timeout: '5s' })).toMatchObject({
      ok: false,
      error: { cause: { code: 'TX_ENDED' } },
    })
  })

  test('gives up a job whose value cannot be stored, with nothing committed', async () => {
    const app = apps.app()
    const task = app.task('tx.unstorable', { bind: true }, async (job) =>
      job.transaction(async (tx) => {
        await tx.query(EFFECT, [job.id, job.attempt])
        return () => 'a function'
      }),
    )
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.settled({ timeout: '5s' })).toMatchObject({
      ok: false,
      error: { attempt: 1, cause: { code: 'JSON_TYPE' } },
    })
    expect(await effects.of(handle)).toEqual([])
  })

  test('keeps the last progress, and what the job says of its result', async () => {
    const app = apps.app()
    const task = app.task('tx.options', { bind: true }, async (job) => {
      job.progress('nearly')
      return job.transaction(() => 'value')
    })
    await apps.worker(app)
    const handle = await task.with({ ignoreResult: true, resultTtl: '1h' }).enqueue()
    expect(await handle.result({ timeout: '5s' })).toBeUndefined()
    expect(await find(database, 'results', handle.id)).toMatchObject({
      state: 'succeeded',
      progress: 'nearly',
      value: null,
      expires_at: expect.any(String),
    })
  })

  test('leaves nothing of a job that was forgotten', async () => {
    const app = apps.app()
    const [begun, go] = [gate(), gate()]
    const task = app.task('tx.forget', { bind: true }, async (job) =>
      job.transaction(async (tx) => {
        await tx.query(EFFECT, [job.id, job.attempt])
        begun.open()
        await go
      }),
    )
    await apps.worker(app)
    const handle = await task.enqueue()
    await begun
    await handle.forget()
    const succeeded = nextEvent(app, 'job:succeeded')
    go.open()
    await succeeded
    expect(await effects.of(handle)).toEqual([1])
    expect(await handle.state().catch(codeOf)).toBe('JOB_UNKNOWN')
  })

  test('lasts as long as its handler needs, whatever idle transactions may take', async () => {
    const url = new URL(database.url)
    url.searchParams.set('options', '-c idle_in_transaction_session_timeout=100')
    const app = apps.app({ database: url.href })
    const task = app.task('tx.idle', { bind: true }, async (job) =>
      job.transaction(async () => {
        await database.query('select pg_sleep(0.4)')
        return 'lasted'
      }),
    )
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.result({ timeout: '5s' })).toBe('lasted')
  })

  test.each([
    ['none of ours', '', '0'],
    ['that of somebody else', '-c statement_timeout=7s', '7s'],
  ])('limits statements by %s', async (_, options, limit) => {
    const url = new URL(database.url)
    if (options !== '') url.searchParams.set('options', options)
    const app = apps.app({ database: url.href })
    const task = app.task('tx.limits', { bind: true }, async (job) =>
      job.transaction(async (tx) => (await tx.query('show statement_timeout')).rows[0].statement_timeout),
    )
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.result({ timeout: '5s' })).toBe(limit)
  })

  test('is a plain transaction when the task is called directly by the handler of another', async () => {
    const app = apps.app()
    const part = app.task('tx.part', { bind: true }, async (job, step: number) => {
      job.progress(step)
      return job.transaction(async (tx) => {
        await tx.query(EFFECT, [job.id, step])
        return step
      })
    })
    const whole = app.task('tx.whole', { bind: true, ...AT_ONCE }, async (job) => {
      await part(job.attempt * 10)
      if (job.attempt === 1) throw new Error('between the parts')
      return job.transaction(async () => [await part(21)])
    })
    await apps.worker(app)
    const handle = await whole.enqueue()
    expect(await handle.result({ timeout: '5s' })).toEqual([21])
    expect([await effects.of(handle), (await handle.info()).progress]).toEqual([[10, 20, 21], 21])
  })

  test('is a plain transaction when the task is called directly', async () => {
    const app = apps.app()
    const task = app.task('tx.direct', { bind: true }, async (job, fails: boolean) =>
      job.transaction(async (tx) => {
        await tx.query(EFFECT, [job.id, job.attempt])
        if (fails) throw new Error('undone')
        return 'done'
      }),
    )
    expect(await task(false)).toBe('done')
    await expect(task(true)).rejects.toThrow('undone')
    expect(await effects.count()).toBe(1)
  })
})

function attemptOf(work: () => void): string {
  try {
    work()
    return 'it went through'
  } catch (error) {
    return messageOf(error)
  }
}
