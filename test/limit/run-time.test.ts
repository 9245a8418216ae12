import { describe, expect, test } from 'vitest'
import { RateLimited } from '../../src/index.ts'
import { gate, nextEvent, rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'limit_run_time' })
const apps = useApps(database)

const counts = async (task: string): Promise<Record<string, number>> => {
  const rows = await database.query<{ state: string; count: number }>(
    'select state::text, count(*)::int from celeriac.job_list where task = $1 group by 1',
    [task],
  )
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]))
}

describe('a limit at run time', () => {
  test('T-84 is set for a task that has none, stored, and lifted again', async () => {
    const app = apps.app()
    const task = app.task('set.task', (n: number) => n)
    const worker = await apps.worker(app)
    await app.limits.set({ task: 'set.task' }, { rateLimit: '1/h' })
    await task.enqueueMany([[1], [2], [3]])
    await until(
      async () => (await counts('set.task')).waiting === 2 && (await counts('set.task')).succeeded === 1,
    )
    expect(await counts('set.task')).toEqual({ succeeded: 1, waiting: 2 })
    await worker.stop()

    // as if everything had been restarted
    const other = apps.app()
    other.task('set.task', (n: number) => n)
    await apps.worker(other)
    expect(await other.limits.get('task:set.task/rate')).toMatchObject({
      condition: 'spent',
      rate: { limit: 1, perMs: 3_600_000, burst: 1 },
      started: 1,
      waitingLanes: 1,
      declared: null,
    })
    expect(await counts('set.task')).toEqual({ succeeded: 1, waiting: 2 })
    await other.limits.set({ task: 'set.task' }, { rateLimit: 0 })
    await until(async () => (await counts('set.task')).succeeded === 3)
  })

  test('T-84 wins over what code declares, until it is reset', async () => {
    const app = apps.app()
    const task = app.task('set.declared', { rateLimit: '1/h' }, (n: number) => n)
    await apps.worker(app)
    await task.enqueueMany([[1], [2], [3]])
    await until(async () => (await counts('set.declared')).waiting === 2)
    await app.limits.set({ task: 'set.declared' }, { rateLimit: { limit: 2, per: '1h', burst: 2 } })
    await until(async () => (await counts('set.declared')).succeeded === 2)
    const info = await app.limits.get('task:set.declared/rate')
    expect(info).toMatchObject({
      rate: { limit: 2, burst: 2 },
      declared: { rateLimit: 1, ratePerMs: 3_600_000, rateBurst: 1 },
      chosen: { rateLimit: 2, ratePerMs: 3_600_000, rateBurst: 2 },
    })
    expect(await app.limits.reset({ task: 'set.declared' })).toBe(true)
    expect(await app.limits.get('task:set.declared/rate')).toMatchObject({ rate: { limit: 1 }, chosen: null })
    expect(await app.limits.reset({ task: 'set.declared' })).toBe(false)
  })

  test('T-84 refuses what it cannot mean', async () => {
    const app = apps.app()
    app.task('set.known', () => 1)
    const { limits } = app
    expect(await rejection(limits.set({ task: 'set.unknown' }, { rateLimit: '1/s' }))).toMatchObject({
      code: 'TASK_UNKNOWN',
      message: 'no task "set.unknown" here; no worker has it either; did you mean "set.known"?',
    })
    const known = { task: 'set.known' }
    // @ts-expect-error: no rate
    expect(await rejection(limits.set(known, { rateLimit: '10/x' }))).toMatchObject({
      code: 'RATE_INVALID',
      message: 'rate "10/x" is not like "10/s", "100/m", "5/h", "1/d"',
    })
    expect(await rejection(limits.set(known, { concurrency: 1.5 }))).toMatchObject({ code: 'OPTION_INVALID' })
    expect(await rejection(limits.set(known, {}))).toMatchObject({ code: 'OPTION_INVALID' })
    // @ts-expect-error: no such setting
    expect(await rejection(limits.set(known, { rate: '1/s', concurrency: 1 }))).toMatchObject({
      code: 'OPTION_UNKNOWN',
    })
    expect(await rejection(limits.set('a b', { concurrency: 1 }))).toMatchObject({
      code: 'LIMIT_NAME',
      message: 'limit name "a b" may have up to 100 letters, digits and . _ - /',
    })
    expect(await rejection(limits.set('label:a=b', { concurrency: 1 }))).toMatchObject({ code: 'LIMIT_NAME' })
    expect(await rejection(limits.set('nobody', { concurrency: 1 }, { key: 'a' }))).toMatchObject({
      code: 'LIMIT_UNKNOWN',
      message: 'no limit "nobody"; a key needs a limit that is declared or set',
    })
    // @ts-expect-error: neither name, task nor queue
    expect(await rejection(limits.set({ tasks: 'a' }, { concurrency: 1 }))).toMatchObject({
      code: 'OPTION_INVALID',
    })
  })

  test('may be another for one key', async () => {
    const app = apps.app()
    const open = gate()
    const task = app.task(
      'set.key',
      { concurrency: { limit: 1, key: (tenant: string) => tenant } },
      (_tenant: string) => open,
    )
    await apps.worker(app)
    await app.limits.set({ task: 'set.key' }, { concurrency: 2 }, { key: 'big' })
    await task.enqueueMany([['big'], ['big'], ['big'], ['small'], ['small']])
    await until(async () => (await counts('set.key')).running === 3)
    expect(await app.limits.get('task:set.key/concurrency', 'big')).toMatchObject({
      key: 'big',
      condition: 'full',
      concurrency: 2,
      running: 2,
      waitingLanes: 1,
    })
    expect(await app.limits.get('task:set.key/concurrency', 'small')).toMatchObject({ concurrency: 1 })
    expect(await app.limits.get('task:set.key/concurrency', 'never')).toMatchObject({
      key: 'never',
      condition: 'open',
      concurrency: 1,
      running: 0,
    })
    await app.limits.reset({ task: 'set.key' }, { key: 'big' })
    expect(await app.limits.get('task:set.key/concurrency', 'big')).toMatchObject({ concurrency: 1 })
    open.open()
    await until(async () => (await counts('set.key')).succeeded === 5)
  })

  test('W-87 is set for a queue, whatever the tasks', async () => {
    const app = apps.app()
    const open = gate()
    const one = app.task('queue.one', { queue: 'narrow' }, () => open)
    const two = app.task('queue.two', { queue: 'narrow' }, () => open)
    await apps.worker(app, { queues: ['narrow'] })
    await app.limits.set({ queue: 'narrow' }, { concurrency: 2 })
    await Promise.all([one.enqueueMany([[], []]), two.enqueueMany([[], []])])
    const states = async () => {
      const rows = await database.query<{ state: string }>(
        `select state::text from celeriac.job_list where queue = 'narrow' order by state::text`,
      )
      return rows.map(({ state }) => state)
    }
    await until(async () => (await states()).join() === 'running,running,waiting,waiting')
    open.open()
    await until(async () => (await states()).every((state) => state === 'succeeded'))
  })

  test('is listed with its keys', async () => {
    const app = apps.app()
    app.limit('list.api', { rateLimit: '10/s', concurrency: 5 })
    await apps.worker(app)
    await app.limits.take('list.api', 'acme')
    const listed = (await app.limits.list()).filter(({ name }) => name === 'list.api')
    expect(listed).toMatchObject([
      { key: null, rate: { limit: 10, perMs: 1_000, burst: 1 }, concurrency: 5, started: 0 },
      { key: 'acme', rate: { limit: 10, perMs: 1_000, burst: 1 }, concurrency: 5, started: 1 },
    ])
  })
})

describe('take', () => {
  test('spends a rate outside jobs, under the window of the jobs', async () => {
    const app = apps.app()
    app.limit('take.api', { rateLimit: { limit: 3, per: '1h', burst: 3 } })
    const task = app.task('take.job', { limits: ['take.api'] }, () => 1)
    await apps.worker(app)
    expect(await app.limits.take('take.api', null, 2)).toEqual({ granted: true, retryAt: null })
    await (await task.enqueue()).result()
    const refused = await app.limits.take('take.api')
    expect(refused.granted).toBe(false)
    expect(refused.retryAt).toBeInstanceOf(Date)
    const [row] = await database.query<{ wait: number }>(
      `select extract(epoch from $1::timestamptz - celeriac.clock())::float8 as wait`,
      [refused.retryAt],
    )
    expect(row?.wait).toBeGreaterThan(3_000)
    expect(row?.wait).toBeLessThanOrEqual(3_600)
    const waiting = await task.enqueue()
    await until(async () => (await waiting.state()) === 'waiting')
  })

  test('counts each key for itself', async () => {
    const app = apps.app()
    await app.limits.set('take.keyed', { rateLimit: '1/h' })
    expect((await app.limits.take('take.keyed', 'a')).granted).toBe(true)
    expect((await app.limits.take('take.keyed', 'b')).granted).toBe(true)
    expect((await app.limits.take('take.keyed', 'a')).granted).toBe(false)
  })

  test('waits for its turn as long as it may', async () => {
    const app = apps.app()
    await app.limits.set('take.wait', { rateLimit: '20/s' })
    const taken = await Promise.all(
      Array.from({ length: 5 }, () => app.limits.take('take.wait', null, 1, { wait: '10s' })),
    )
    expect(taken.map(({ granted }) => granted)).toEqual([true, true, true, true, true])
    await app.limits.set('take.wait', { rateLimit: '1/h' })
    expect((await app.limits.take('take.wait', null, 1, { wait: '1s' })).granted).toBe(false)
  })

  test('never grants more than the rate to many at once', async () => {
    const app = apps.app()
    await app.limits.set('take.crowd', { rateLimit: { limit: 5, per: '1h', burst: 5 } })
    const taken = await Promise.all(Array.from({ length: 20 }, () => app.limits.take('take.crowd')))
    expect(taken.filter(({ granted }) => granted)).toHaveLength(5)
  })

  test('grants at once where the rate is off', async () => {
    const app = apps.app()
    await app.limits.set('take.off', { concurrency: 1 })
    expect(await app.limits.take('take.off', null, 100)).toEqual({ granted: true, retryAt: null })
  })

  test('refuses what is never granted', async () => {
    const { limits } = apps.app()
    await limits.set('take.little', { rateLimit: '2/s' })
    expect(await rejection(limits.take('take.little', null, 3))).toMatchObject({
      code: 'LIMIT_UNITS',
      message: '3 units of limit "take.little" are never granted; ask for 1 to 2',
    })
    expect(await rejection(limits.take('take.nobody'))).toMatchObject({
      code: 'LIMIT_UNKNOWN',
      message: 'no limit "take.nobody"; declare it, or set it',
    })
    expect(await rejection(limits.take('take.little', null, 0))).toMatchObject({ code: 'OPTION_INVALID' })
    expect(await rejection(limits.take('take.little', ''))).toMatchObject({ code: 'LIMIT_KEY' })
  })
})

describe('hold', () => {
  test('lets nothing start under a key until it is released', async () => {
    const app = apps.app()
    app.limit('hold.api', { concurrency: 10 })
    const task = app.task(
      'hold.job',
      { limits: [{ name: 'hold.api', key: (tenant: string) => tenant }] },
      (tenant: string) => tenant,
    )
    await apps.worker(app)
    await app.limits.hold('hold.api', { key: 'acme', reason: 'they asked us to stop' })
    const [held, free] = await task.enqueueMany([['acme'], ['other']])
    expect(await free?.result()).toBe('other')
    expect(await held?.state()).toBe('waiting')
    expect(await app.limits.get('hold.api', 'acme')).toMatchObject({
      condition: 'held',
      held: { until: null, reason: 'they asked us to stop' },
      nextStartAt: null,
    })
    expect((await app.limits.take('hold.api', 'acme')).granted).toBe(false)
    expect(await app.limits.release('hold.api', { key: 'acme' })).toBe(true)
    expect(await held?.result()).toBe('acme')
    expect(await app.limits.release('hold.api')).toBe(false)
  })

  test('ends by itself', async () => {
    const app = apps.app()
    const task = app.task('hold.task', () => 1)
    await apps.worker(app)
    await app.limits.hold({ task: 'hold.task' }, { until: '300ms' })
    const handle = await task.enqueue()
    await until(async () => (await handle.state()) === 'waiting')
    expect(await handle.result()).toBe(1)
  })

  test('refuses to guess the key', async () => {
    const { limits } = apps.app()
    await limits.set('hold.keyed', { rateLimit: '1/s' })
    await limits.take('hold.keyed', 'acme')
    expect(await rejection(limits.hold('hold.keyed'))).toMatchObject({
      code: 'LIMIT_KEY',
      message: 'the key of limit "hold.keyed" is missing: it has keys, and each is held for itself',
    })
  })
})

describe('RateLimited', () => {
  test('holds the key for all jobs, and charges no attempt', async () => {
    const app = apps.app()
    let told = false
    const task = app.task(
      'told.key',
      { maxAttempts: 1, rateLimit: { limit: 1000, per: '1s', burst: 1000, key: (tenant: string) => tenant } },
      (tenant: string) => {
        if (tenant === 'acme' && !told) {
          told = true
          throw new RateLimited({ until: '2s', reason: '429' })
        }
        return tenant
      },
    )
    await apps.worker(app)
    const limited = nextEvent(app, 'job:limited')
    const first = await task.enqueue('acme')
    expect(await limited).toMatchObject({
      jobId: first.id,
      delayMs: 2_000,
      limits: ['task:told.key/rate acme'],
      reason: '429',
    })
    const [second, other] = await task.enqueueMany([['acme'], ['other']])
    expect(await other?.result()).toBe('other')
    expect(await second?.state()).toBe('waiting')
    expect(await app.limits.get('task:told.key/rate', 'acme')).toMatchObject({
      condition: 'held',
      held: { reason: '429' },
    })
    expect(await first.result()).toBe('acme')
    expect(await second?.result()).toBe('acme')
    expect((await first.info()).maxAttempts).toBe(1)
    // not one of them began before the hold was over
    const [row] = await database.query<{ early: number }>(
      `select count(*)::int as early from celeriac.results, celeriac.buckets
       where results.task = 'told.key' and results.args ->> 0 = 'acme' and limit_name = 'task:told.key/rate' and key = 'acme'
         and claimed_at < held_until`,
    )
    expect(row?.early).toBe(0)
  })

  test('holds the whole task where it has no limit of its own', async () => {
    const app = apps.app()
    let told = false
    const task = app.task('told.task', () => {
      if (told) return 1
      told = true
      throw new RateLimited({ retryAfter: '1' })
    })
    await apps.worker(app)
    const limited = nextEvent(app, 'job:limited')
    const first = await task.enqueue()
    expect(await limited).toMatchObject({ delayMs: 1_000, limits: ['task:told.task/rate'] })
    const second = await task.enqueue()
    await until(async () => (await second.state()) === 'waiting')
    expect(await Promise.all([first.result(), second.result()])).toEqual([1, 1])
  })

  test('holds the limit that it names', async () => {
    const app = apps.app()
    app.limit('told.api', { concurrency: 5 })
    app.limit('told.other', { concurrency: 5 })
    let told = false
    const task = app.task('told.named', { limits: ['told.api', 'told.other'] }, () => {
      if (told) return 1
      told = true
      throw new RateLimited({ until: '500ms', limit: 'told.other' })
    })
    await apps.worker(app)
    const limited = nextEvent(app, 'job:limited')
    const handle = await task.enqueue()
    expect(await limited).toMatchObject({ limits: ['told.other'] })
    expect((await app.limits.get('told.api'))?.held).toBeNull()
    expect(await handle.result()).toBe(1)
  })

  test('reads Retry-After, in seconds or as a date', () => {
    expect(new RateLimited({ retryAfter: '120' }).waitMs).toBe(120_000)
    expect(new RateLimited({ retryAfter: 1.5 }).waitMs).toBe(1_500)
    expect(new RateLimited({ retryAfter: null }).waitMs).toBe(30_000)
    expect(new RateLimited({ retryAfter: null, until: '5s' }).waitMs).toBe(5_000)
    expect(new RateLimited({ until: new Date(0) }).waitMs).toBe(0)
    const date = new Date(Date.now() + 3_600_000).toUTCString()
    const { waitMs } = new RateLimited({ retryAfter: date })
    expect(waitMs).toBeGreaterThan(3_500_000)
    expect(waitMs).toBeLessThanOrEqual(3_600_000)
    expect(() => new RateLimited({ retryAfter: 'soon' })).toThrow('retryAfter must be seconds or a date')
    // @ts-expect-error: no such option
    expect(() => new RateLimited({ untill: '5s' })).toThrow('did you mean "until"?')
  })
})
