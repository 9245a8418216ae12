import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { currentJob, type Lock } from '../../src/index.ts'
import { aborted, eventsOf, gate, nextEvent, rejection, useApps } from '../support/apps.ts'
import { aKey } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'lock' })
const apps = useApps(database)

interface Listed {
  readonly key: string
  readonly kind: string
  readonly held: boolean
  readonly job_id: string | null
  readonly holder: string
  readonly pid: number | null
  readonly wanted_at: Date | null
}

const listed = (key: string): Promise<Listed[]> =>
  database.query<Listed>('select * from celeriac.lock_list where key = $1', [key])
const isHeld = async (key: string): Promise<boolean> => (await listed(key))[0]?.held === true

describe('S50, P-18: job.lock', () => {
  test('calls the function with the key to itself, and gives its value', async () => {
    const app = apps.app()
    const task = app.task('lock.value', { bind: true }, (job, key: string) =>
      job.lock(key, (lock) => ({ key: lock.key, kind: lock.kind, fence: typeof lock.fence })),
    )
    await apps.worker(app)
    const key = aKey()
    const handle = await task.enqueue(key)
    expect(await handle.result({ timeout: '10s' })).toEqual({ key, kind: 'session', fence: 'number' })
    expect(await listed(key)).toEqual([])
  })

  test('lets jobs of one process follow one another in the order in which they asked', async () => {
    const app = apps.app()
    const key = aKey()
    const [begun, order]: [number[], number[]] = [[], []]
    let inside = 0
    const open = gate()
    const task = app.task('lock.order', async (n: number) => {
      begun.push(n)
      return currentJob().lock(key, async () => {
        inside += 1
        order.push(n)
        expect(inside).toBe(1)
        await open
        inside -= 1
      })
    })
    await apps.worker(app, { concurrency: 20 })
    const handles = await task.enqueueMany(Array.from({ length: 20 }, (_, n) => [n]))
    await until(() => begun.length === 20)
    open.open()
    await Promise.all(handles.map((handle) => handle.result({ timeout: '10s' })))
    expect(order).toEqual(begun)
  })

  test('lock_list says who holds what', async () => {
    const app = apps.app()
    const [key, open] = [aKey(), gate()]
    const task = app.task('lock.listed', { bind: true }, (job) => job.lock(key, () => open.promise))
    const worker = await apps.worker(app)
    const handle = await task.enqueue()
    await until(() => isHeld(key))
    expect(await listed(key)).toMatchObject([
      { kind: 'session', held: true, job_id: handle.id, holder: worker.name, wanted_at: null },
    ])
    open.open()
    await handle.result({ timeout: '10s' })
    expect(await listed(key)).toEqual([])
  })

  test('gives the key back when the function throws, and throws that on', async () => {
    const app = apps.app()
    const key = aKey()
    const thrown = new Error('inside')
    await expect(app.lock(key, () => Promise.reject(thrown))).rejects.toBe(thrown)
    expect(await listed(key)).toEqual([])
    expect(await app.lock(key, () => 'free')).toBe('free')
  })

  test('every holding of a key has a larger fence than the one before', async () => {
    const [one, two] = [apps.app(), apps.app()]
    const key = aKey()
    const fences: number[] = []
    for (const app of [one, two, one, one, two]) fences.push(await app.lock(key, ({ fence }: Lock) => fence))
    expect(fences).toEqual(fences.toSorted((a, b) => a - b))
    expect(new Set(fences).size).toBe(5)
  })

  test('a key may be long and strange, but not anything', async () => {
    const app = apps.app()
    for (const key of ["it's; drop", 'ключ 鍵', 'x'.repeat(1024)])
      expect(await app.lock(key, (lock) => lock.key)).toBe(key)
    for (const key of ['', 'x'.repeat(1025), 'a\0b', 7])
      expect(await rejection(app.lock(key as string, () => 1))).toMatchObject({ code: 'OPTION_INVALID' })
    const task = app.task('lock.options', { bind: true }, (job) =>
      job.lock('k', () => 1, { onBusy: 'later' as 'wait' }),
    )
    await apps.worker(app)
    const failed = rejection((await task.with({ maxAttempts: 1 }).enqueue()).result({ timeout: '5s' }))
    expect((await failed).message).toContain('onBusy')
    expect(await rejection(app.lock('k', () => 1, { onBusy: 'retry' as 'wait' }))).toMatchObject({
      code: 'OPTION_INVALID',
    })
  })
})

describe('S46: while the key is held', () => {
  const held = async <Result>(key: string, work: () => Promise<Result>): Promise<Result> => {
    const [app, open] = [apps.app(), gate()]
    const holding = app.lock(key, () => open.promise)
    await until(() => isHeld(key))
    try {
      return await work()
    } finally {
      open.open()
      await holding
    }
  }

  test("'skip' goes on without the function, and says who holds it", async () => {
    const [app, key] = [apps.app(), aKey()]
    let calls = 0
    const outcome = await held(key, () => app.lock(key, () => (calls += 1), { onBusy: 'skip' }))
    expect(outcome).toMatchObject({
      skipped: true,
      holder: { name: expect.stringContaining(String(process.pid)), jobId: null, since: expect.any(Date) },
    })
    expect(calls).toBe(0)
    expect(await app.lock(key, () => 'mine', { onBusy: 'skip' })).toEqual({ skipped: false, value: 'mine' })
  })

  test("'skip' within one process is told at once, too", async () => {
    const [app, key, open] = [apps.app(), aKey(), gate()]
    const task = app.task('lock.skip', { bind: true }, (job) =>
      job.lock(key, () => open.promise, { onBusy: 'skip' }),
    )
    await apps.worker(app)
    const first = await task.enqueue()
    await until(() => isHeld(key))
    const second = await (await task.enqueue()).result({ timeout: '5s' })
    expect(second).toMatchObject({ skipped: true, holder: { jobId: first.id } })
    open.open()
    expect(await first.result({ timeout: '5s' })).toMatchObject({ skipped: false })
  })

  test("'wait' gives up after its timeout and names the holder", async () => {
    const [app, key] = [apps.app(), aKey()]
    const refused = await held(key, () => rejection(app.lock(key, () => 1, { timeout: '300ms' })))
    expect(refused).toMatchObject({
      code: 'LOCK_TIMEOUT',
      message: expect.stringMatching(`"${key}" was not free within 300ms: .*:${process.pid} holds it`),
    })
    expect(await app.lock(key, () => 'later')).toBe('later')
  })

  test('who waits in another process gets it soon after it is released', async () => {
    const [app, key] = [apps.app(), aKey()]
    let waiting: Promise<string> | undefined
    await held(key, async () => {
      waiting = app.lock(key, () => 'mine')
      await until(async () => (await listed(key))[0]?.wanted_at !== null)
    })
    expect(await waiting).toBe('mine')
  })

  test("'retry' sends the job back uncharged until it is free", async () => {
    const [app, key] = [apps.app(), aKey()]
    const task = app.task('lock.retry', { bind: true, maxAttempts: 1 }, (job) =>
      job.lock(key, () => job.attempt, { onBusy: 'retry' }),
    )
    await apps.worker(app)
    const snoozed = nextEvent(app, 'job:snoozed')
    const handle = await held(key, async () => {
      const one = await task.enqueue()
      const { delayMs } = await snoozed
      expect(delayMs).toBeGreaterThanOrEqual(500)
      expect(delayMs).toBeLessThanOrEqual(1_000)
      return one
    })
    expect(await handle.result({ timeout: '15s' })).toBeGreaterThan(1)
  })

  test('a cancelled job waits no longer', async () => {
    const [app, key] = [apps.app(), aKey()]
    const task = app.task('lock.cancelled', { bind: true }, (job) => job.lock(key, () => 'never'))
    await apps.worker(app)
    await held(key, async () => {
      const handle = await task.enqueue()
      await until(async () => (await listed(key))[0]?.wanted_at !== null)
      expect(await handle.cancel({ reason: 'enough' })).toBe('requested')
      await until(async () => (await handle.state()) === 'cancelled')
    })
    expect(await app.lock(key, () => 'free')).toBe('free')
  })

  test('a worker that stops gives back the job that waits', async () => {
    const [app, key] = [apps.app(), aKey()]
    const task = app.task('lock.stopped', { bind: true }, (job) => job.lock(key, () => 'never'))
    const worker = await apps.worker(app)
    await held(key, async () => {
      const handle = await task.enqueue()
      await until(async () => (await listed(key))[0]?.wanted_at !== null)
      await worker.stop({ timeout: 0 })
      expect(await handle.info()).toMatchObject({ state: 'pending', attempt: 1 })
    })
    expect(await app.lock(key, () => 'free')).toBe('free')
  })

  test('an app that stops refuses whoever waits', async () => {
    const [app, key] = [apps.app(), aKey()]
    await held(key, async () => {
      const refused = rejection(app.lock(key, () => 1))
      await until(async () => (await listed(key))[0]?.wanted_at !== null)
      await app.stop()
      expect(await refused).toMatchObject({ code: 'APP_CLOSED' })
    })
  })

  test('the functions of one process do not keep another waiting for ever', async () => {
    const [busy, other, key] = [apps.app(), apps.app(), aKey()]
    let over = false
    // Two of them take turns, so that the line here is never empty.
    const turns = [1, 2].map(async () => {
      while (!over) await busy.lock(key, () => new Promise((resolve) => setImmediate(resolve)))
    })
    await until(() => isHeld(key))
    expect(await other.lock(key, () => 'mine', { timeout: '10s' })).toBe('mine')
    over = true
    await Promise.all(turns)
  })
})

describe('a function that holds a key', () => {
  test('may ask for it again, at any depth', async () => {
    const [app, key] = [apps.app(), aKey()]
    const helper = (): Promise<number> => app.lock(key, ({ fence }) => fence, { onBusy: 'skip' }).then(inner)
    const inner = (outcome: { skipped: boolean; value?: number }): number => outcome.value ?? -1
    const task = app.task('lock.again', { bind: true }, (job) =>
      job.lock(key, async ({ fence }) => [
        fence === (await job.lock(key, (lock) => lock.fence)),
        fence === (await helper()),
        await isHeld(key),
      ]),
    )
    await apps.worker(app)
    expect(await (await task.enqueue()).result({ timeout: '10s' })).toEqual([true, true, true])
    expect(await listed(key)).toEqual([])
  })

  test('two branches of one job exclude each other', async () => {
    const [app, key] = [apps.app(), aKey()]
    let [inside, most] = [0, 0]
    const branch = (): Promise<void> =>
      app.lock(key, async () => {
        inside += 1
        most = Math.max(most, inside)
        await new Promise((resolve) => setImmediate(resolve))
        inside -= 1
      })
    const task = app.task('lock.branches', async () => {
      await Promise.all([branch(), branch(), branch()])
    })
    await apps.worker(app)
    await (await task.enqueue()).result({ timeout: '10s' })
    expect(most).toBe(1)
  })

  test('keeps it until all that asked again have ended', async () => {
    const [app, key, open] = [apps.app(), aKey(), gate()]
    let left: Promise<unknown> = Promise.resolve()
    await app.lock(key, () => {
      left = app.lock(key, () => open.promise)
    })
    expect(await app.lock(key, () => 1, { onBusy: 'skip' })).toMatchObject({ skipped: true })
    open.open()
    await left
    expect(await app.lock(key, () => 1, { onBusy: 'skip' })).toMatchObject({ skipped: false })
  })

  test('has it in a task that it calls directly, too', async () => {
    const [app, key] = [apps.app(), aKey()]
    const part = app.task('lock.part', { bind: true }, (job) => job.lock(key, ({ fence }) => fence))
    const whole = app.task('lock.whole', { bind: true }, (job) =>
      job.lock(key, async ({ fence }) => fence === (await part())),
    )
    await apps.worker(app)
    expect(await (await whole.enqueue()).result({ timeout: '10s' })).toBe(true)
    expect(await part()).toBeGreaterThan(0)
  })
})

describe('a deadlock', () => {
  test('within a process is found by whoever closes the circle', async () => {
    const app = apps.app()
    const [one, two] = [aKey(), aKey()]
    const [hasOne, hasTwo] = [gate(), gate()]
    const first = app.lock(one, async () => {
      hasOne.open()
      await hasTwo
      return app.lock(two, () => 'both')
    })
    const second = app.lock(two, async () => {
      hasTwo.open()
      await hasOne
      return rejection(app.lock(one, () => 'never'))
    })
    expect(await second).toMatchObject({
      code: 'LOCK_DEADLOCK',
      message: expect.stringContaining(`waits for "${two}"`),
    })
    expect(await first).toBe('both')
  })

  test('of three jobs is found, and the job that closed it is tried again', async () => {
    const app = apps.app()
    const keys = [aKey(), aKey(), aKey()]
    const at = (n: number): string => keys[n % 3] ?? ''
    let holding = 0
    const all = gate()
    const task = app.task('lock.circle', { bind: true, backoff: [10] }, (job, n: number) =>
      job.lock(at(n), async () => {
        holding += 1
        if (holding === 3) all.open()
        await all
        return job.lock(at(n + 1), () => n)
      }),
    )
    const retried = eventsOf(app, 'job:retried')
    await apps.worker(app)
    const handles = await task.enqueueMany([[0], [1], [2]])
    expect(await Promise.all(handles.map((one) => one.result({ timeout: '20s' })))).toEqual([0, 1, 2])
    expect(retried[0]?.error).toMatchObject({ code: 'LOCK_DEADLOCK' })
  })

  test('between processes ends with the timeout', async () => {
    const [app, other] = [apps.app(), apps.app()]
    const [one, two] = [aKey(), aKey()]
    const [hasOne, hasTwo] = [gate(), gate()]
    const first = app.lock(one, async () => {
      hasOne.open()
      await hasTwo
      return app.lock(two, () => 'both')
    })
    const second = other.lock(two, async () => {
      hasTwo.open()
      await hasOne
      return rejection(other.lock(one, () => 'never', { timeout: '200ms' }))
    })
    expect(await second).toMatchObject({ code: 'LOCK_TIMEOUT' })
    expect(await first).toBe('both')
  })

  test('is not what a line in order is', async () => {
    const app = apps.app()
    const [one, two] = [aKey(), aKey()]
    const both = (n: number): Promise<number> => app.lock(one, () => app.lock(two, () => n))
    expect(await Promise.all([0, 1, 2, 3, 4].map(both))).toEqual([0, 1, 2, 3, 4])
  })
})

describe('a lock whose session ends', () => {
  const end = async (key: string): Promise<void> => {
    const [row] = await listed(key)
    await database.query('select pg_terminate_backend($1)', [row?.pid])
  }

  test('aborts its signal; what the function returns is refused', async () => {
    const [app, key] = [apps.app(), aKey()]
    const lost = nextEvent(app, 'lock:lost')
    let reason: unknown
    let fence = 0
    const refused = rejection(
      app.lock(key, async (lock) => {
        fence = lock.fence
        await until(() => isHeld(key))
        await end(key)
        reason = await aborted(lock.signal)
        return 'late'
      }),
    )
    expect(await refused).toMatchObject({ code: 'LOCK_LOST' })
    expect(reason).toMatchObject({ code: 'LOCK_LOST', facts: { key, fence } })
    expect(await lost).toEqual({ key, fence, jobId: null })
    // The session comes back by itself.
    expect(await app.lock(key, () => 'again')).toBe('again')
  })

  test('is free for others; a late write of its old holder is refused by its fence', async () => {
    const [app, other, key] = [apps.app(), apps.app(), aKey()]
    await database.query(
      'create table if not exists guarded (key text primary key, value text, fence bigint)',
    )
    await database.query('insert into guarded values ($1, null, 0)', [key])
    const write = async (lock: Lock, value: string): Promise<number> => {
      const { rowCount } = await database.pool.query(
        'update guarded set value = $2, fence = $3 where key = $1 and fence <= $3',
        [key, value, lock.fence],
      )
      return rowCount ?? 0
    }
    const done = gate()
    const refused = rejection(
      app.lock(key, async (lock) => {
        expect(await write(lock, 'first')).toBe(1)
        await end(key)
        await other.lock(key, async (theirs) => expect(await write(theirs, 'second')).toBe(1))
        // By now it knows better, but it might not look.
        expect(await write(lock, 'late')).toBe(0)
        const client = new pg.Client({ connectionString: database.url })
        await client.connect()
        await client.query('begin')
        await expect(lock.assert(client)).rejects.toMatchObject({ code: 'LOCK_LOST' })
        await expect(
          client.query('select celeriac.assert_lock($1, $2)', [key, lock.fence]),
        ).rejects.toMatchObject({ code: 'ZC030' })
        await client.end()
        // Nor is it any use to ask for it again.
        expect(await rejection(app.lock(key, () => 1))).toMatchObject({ code: 'LOCK_LOST' })
        done.open()
      }),
    )
    expect(await refused).toMatchObject({ code: 'LOCK_LOST' })
    await done
    expect(await database.query('select value from guarded where key = $1', [key])).toEqual([
      { value: 'second' },
    ])
  })

  test('nobody takes it while a transaction relies on it', async () => {
    const [app, other, key] = [apps.app(), apps.app(), aKey()]
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    let taken: Promise<string> | undefined
    const done = gate()
    const refused = rejection(
      app.lock(key, async (lock) => {
        await client.query('begin')
        await lock.assert(client)
        await end(key)
        await aborted(lock.signal)
        expect(await other.lock(key, () => 1, { onBusy: 'skip' })).toMatchObject({ skipped: true })
        taken = other.lock(key, () => 'taken')
        await client.query('commit')
        expect(await taken).toBe('taken')
        done.open()
      }),
    )
    expect(await refused).toMatchObject({ code: 'LOCK_LOST' })
    await done
    await client.end()
  })

  test('what a dead holder left is cleared away when the next session begins', async () => {
    const [one, two, key] = [apps.app(), apps.app(), aKey()]
    await rejection(
      one.lock(key, async ({ signal }) => {
        await end(key)
        await aborted(signal)
      }),
    )
    expect(await listed(key)).toMatchObject([{ held: false, pid: null }])
    await database.query(`update celeriac.locks set since = since - interval '1 hour' where key = $1`, [key])
    await two.lock(aKey(), () => 1)
    expect(await listed(key)).toEqual([])
  })
})
