import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { refusal } from '../base/refusal.ts'
import { eventsOf, gate, nextEvent, rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'worker_claim' })
const apps = useApps(database)
const none = (count: number): [][] => Array.from({ length: count }, () => [])

describe('a worker', () => {
  test('claims only tasks it has registered, also behind many others', async () => {
    const [app, other] = [apps.app(), apps.app()]
    const known = app.task('claim.known', () => 'ran')
    const foreign = app.declare<() => string>('claim.foreign')
    const before = await foreign.enqueueMany(none(500))
    const handle = await known.enqueue()
    await apps.worker(app)
    expect(await handle.result()).toBe('ran')
    const [counts] = await database.query(
      `select count(*)::int as waiting, max(attempt) as attempts from celeriac.jobs where task = 'claim.foreign'`,
    )
    expect(counts).toEqual({ waiting: 500, attempts: 0 })
    other.task('claim.foreign', () => 'elsewhere')
    await apps.worker(other)
    const results = await Promise.all(before.map((one) => one.result()))
    expect(new Set(results)).toEqual(new Set(['elsewhere']))
  })

  test('B-24 says once that jobs wait for tasks nobody has', async () => {
    const app = apps.app()
    const told = eventsOf(app, 'tasks:unknown')
    const handles = await app.declare<() => void>('emal.send').enqueueMany(none(12))
    app.task('email.send', () => undefined)
    await apps.worker(app)
    await until(() => told.length > 0)
    expect(told).toEqual([{ tasks: [{ task: 'emal.send', jobs: 12 }] }])
    await Promise.all(handles.map((handle) => handle.cancel()))
  })

  test('runs tasks that are registered after it started', async () => {
    const app = apps.app()
    app.task('claim.first', () => 1)
    await apps.worker(app)
    const late = app.task('claim.late', () => 'late')
    expect(await (await late.enqueue()).result({ timeout: '5s' })).toBe('late')
  })

  test('is refused on a schema that is not there, with the command to run', async () => {
    const app = apps.app({ schema: 'missing' })
    const worker = app.worker()
    const refused = await rejection(worker.start())
    expect(refused.code).toBe('NOT_MIGRATED')
    expect(refused.message).toMatch(/^schema "missing" is not installed .* run: npx celeriac migrate$/)
  })

  test('B-47 needs no room in the pool of the app: its connections are its own', async () => {
    const app = apps.app({ maxConnections: 2 })
    const task = app.task('claim.small', (n: number) => n)
    await apps.worker(app, { concurrency: 20 })
    const handles = await task.enqueueMany(Array.from({ length: 50 }, (_, n) => [n]))
    await Promise.all(handles.map((handle) => handle.result({ timeout: '5s' })))
  })

  test.each<[string, object, string, string]>([
    [
      'B-46 no slots',
      { concurrency: 0 },
      'OPTION_INVALID',
      'concurrency must be an integer from 1 to 10000; got 0',
    ],
    [
      'half a slot',
      { concurrency: 1.5 },
      'OPTION_INVALID',
      'concurrency must be an integer from 1 to 10000; got 1.5',
    ],
    [
      'unknown options',
      { concurency: 2 },
      'OPTION_UNKNOWN',
      'unknown worker option "concurency"; did you mean "concurrency"?',
    ],
    [
      'no queues',
      { queues: [] },
      'OPTION_INVALID',
      'queues must be a list of queue names, or an object of weights; got an array of 0',
    ],
    ['a queue twice', { queues: ['a', 'a'] }, 'OPTION_INVALID', 'queues names "a" twice'],
    [
      'a weight of none',
      { queues: { a: 0 } },
      'OPTION_INVALID',
      'queues.a must be an integer from 1 to 1000; got 0',
    ],
    [
      'two problems',
      { concurrency: 0, queues: [''] },
      'OPTIONS_INVALID',
      '2 options are wrong: queue name "" is empty · concurrency must be an integer from 1 to 10000; got 0',
    ],
  ])('refuses %s', (_, options, code, message) => {
    expect(refusal(() => apps.app().worker(options))).toEqual({ code, message })
  })
})

describe('queues', () => {
  async function order(queues: string[] | Record<string, number>, count: number): Promise<string[]> {
    const app = apps.app()
    const names = Array.isArray(queues) ? queues : Object.keys(queues)
    const seen: string[] = []
    const task = app.task('queues.seen', { bind: true }, (job) => {
      seen.push(job.queue)
    })
    const handles = []
    for (const queue of names.toReversed()) {
      handles.push(...(await task.with({ queue }).enqueueMany(none(count))))
    }
    await apps.worker(app, { queues, concurrency: 1 })
    await Promise.all(handles.map((handle) => handle.result()))
    return seen
  }

  test('in a list come in their order', async () => {
    const seen = await order(['a', 'b', 'c'], 30)
    expect(seen).toEqual([...Array(30).fill('a'), ...Array(30).fill('b'), ...Array(30).fill('c')])
  })

  test('with weights share the turns, and none starves', async () => {
    const seen = await order({ heavy: 3, light: 1 }, 2_000)
    const half = seen.slice(0, 2_000)
    const light = half.filter((queue) => queue === 'light').length
    expect(light).toBeGreaterThan(200)
    expect(light).toBeLessThan(900)
  })

  test('that a worker does not serve are left alone', async () => {
    const app = apps.app()
    const task = app.task('queues.alone', () => 1)
    const handle = await task.with({ queue: 'alone' }).enqueue()
    await apps.worker(app, { queues: ['else'] })
    await (await task.with({ queue: 'else' }).enqueue()).result()
    expect(await handle.state()).toBe('pending')
  })
})

describe('concurrency', () => {
  test('is never exceeded, and is reached', async () => {
    const app = apps.app()
    let [running, most] = [0, 0]
    const task = app.task('slots.counted', async (turns: number) => {
      running += 1
      most = Math.max(most, running)
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve))
      running -= 1
    })
    const handles = await task.enqueueMany(Array.from({ length: 1_000 }, (_, n) => [n % 7]))
    await apps.worker(app, { concurrency: 5 })
    await Promise.all(handles.map((handle) => handle.result()))
    expect(most).toBe(5)
  })

  test('of one slow handler leaves the jobs claimed ahead to others', async () => {
    const [app, other] = [apps.app(), apps.app()]
    const open = gate()
    const begun = gate()
    const quick = app.task('ahead.quick', () => app)
    const slow = app.task('ahead.slow', async () => {
      begun.open()
      await open
    })
    const ran = other.task('ahead.quick', () => undefined)
    const warm = await ran.enqueueMany(none(400))
    const blocking = await slow.enqueue()
    const behind = await ran.enqueueMany(none(400))
    await apps.worker(app, { concurrency: 1 })
    expect(quick.name).toBe(ran.name)
    await begun
    await apps.worker(other)
    const results = await Promise.all(
      [...warm, ...behind].map((handle) => handle.settled({ timeout: '10s' })),
    )
    expect(results).toHaveLength(800)
    expect(await blocking.state()).toBe('running')
    const [row] = await database.query(
      `select count(*)::int as charged from celeriac.results
        where task = 'ahead.quick' and state = 'succeeded' and attempt - snoozes - losses > 1`,
    )
    expect(row).toEqual({ charged: 0 })
    open.open()
    await blocking.result()
  })
})

describe('wake-ups', () => {
  test('reach a worker in another process without a poll', async () => {
    const [app, other] = [apps.app(), apps.app()]
    other.task('wake.far', () => performance.now())
    await apps.worker(other, { pollInterval: '1h' })
    const task = app.declare<() => number>('wake.far')
    const took: number[] = []
    for (let turn = 0; turn < 10; turn += 1) {
      await until(async () => (await database.query('select from celeriac.workers where idle')).length)
      const asked = performance.now()
      const begun = await (await task.enqueue()).result({ timeout: '5s' })
      took.push(begun - asked)
    }
    expect(took.toSorted((one, another) => one - another)[4]).toBeLessThan(100)
  })

  test('are not forgotten when they come while a look is under way that has not seen the job', async () => {
    // Without LISTEN there is one wake-up, and no second one that comes late enough.
    const app = apps.app({ listen: false })
    const task = app.task('wake.meanwhile', (n: number) => n)
    await apps.worker(app, { deafPollInterval: '1h' })
    await until(async () => (await database.query('select from celeriac.workers where idle')).length)
    await using late = onceAFullLookFoundNothing(() => task.with({ priority: 3 }).enqueue(2))
    const first = await task.enqueue(1)
    expect(await first.result({ timeout: '10s' })).toBe(1)
    expect(await (await late.done).result({ timeout: '10s' })).toBe(2)
  })

  test('are not needed: everything works without LISTEN', async () => {
    const [app, other] = [apps.app({ listen: false }), apps.app({ listen: false })]
    let fails = true
    other.task('deaf.task', { backoff: [10] }, (n: number) => {
      if (fails) {
        fails = false
        throw new Error('once')
      }
      return n
    })
    await apps.worker(other, { deafPollInterval: '50ms' })
    const task = app.declare<(n: number) => number>('deaf.task')
    const handles = [await task.enqueue(1), await task.with({ delay: '150ms' }).enqueue(2)]
    const [a, b] = await Promise.all(handles.map((handle) => handle.result({ timeout: '10s' })))
    expect([a, b]).toEqual([1, 2])
    const listening = await database.query(
      `select from pg_stat_activity where datname = current_database() and query like 'listen %'`,
    )
    expect(listening).toEqual([])
  })

  test('come for a job that is due later', async () => {
    const [app, other] = [apps.app(), apps.app()]
    other.task('wake.later', () => 'later')
    await apps.worker(other, { pollInterval: '1h' })
    const handle = await app.declare<() => string>('wake.later').with({ delay: '1500ms' }).enqueue()
    expect(await handle.result({ timeout: '5s' })).toBe('later')
    const { runAt, claimedAt } = await handle.info()
    expect(Number(claimedAt) - Number(runAt)).toBeLessThan(500)
  })
})

describe('two apps', () => {
  test('in two schemas of one database do not disturb each other', async () => {
    const [left, right] = [apps.app(), apps.app({ schema: 'right_side' })]
    await right.migrate()
    const [one, two] = [left.task('side', () => 'left'), right.task('side', () => 'right')]
    await apps.worker(left)
    await apps.worker(right)
    const handles = await Promise.all([one.enqueue(), two.enqueue(), one.enqueue(), two.enqueue()])
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual([
      'left',
      'right',
      'left',
      'right',
    ])
    expect(await rejection(left.job(handles[1]?.id ?? '').state())).toMatchObject({ code: 'JOB_UNKNOWN' })
    const workers = await database.query('select from right_side.workers')
    expect(workers).toHaveLength(1)
  })

  test('in one schema run each job once', async () => {
    const runs = new Map<number, number>()
    const workers = [apps.app(), apps.app(), apps.app()]
    for (const app of workers) {
      app.task('shared.once', (n: number) => {
        runs.set(n, (runs.get(n) ?? 0) + 1)
      })
      await apps.worker(app, { concurrency: 4 })
    }
    const producer = apps.app()
    const task = producer.declare<(n: number) => void>('shared.once')
    const handles = await task.enqueueMany(Array.from({ length: 3_000 }, (_, n) => [n]))
    await Promise.all(handles.map((handle) => handle.result({ timeout: '20s' })))
    expect([runs.size, Math.max(...runs.values())]).toEqual([3_000, 1])
  })
})

describe('drain', () => {
  test('runs what is due and returns how many began', async () => {
    const app = apps.app()
    const ran: number[] = []
    const task = app.task('drained', (n: number) => {
      ran.push(n)
    })
    await task.enqueueMany(Array.from({ length: 120 }, (_, n) => [n]))
    const later = await task.with({ delay: '1h' }).enqueue(-1)
    expect(await app.drain()).toBe(120)
    expect(ran).toHaveLength(120)
    expect(await later.state()).toBe('pending')
    expect(await database.query('select from celeriac.workers')).toEqual([])
    await later.cancel()
  })

  test('begins no more than max', async () => {
    const app = apps.app()
    let runs = 0
    const task = app.task('drained.some', () => {
      runs += 1
    })
    const handles = await task.enqueueMany(none(80))
    expect(await app.drain({ max: 25 })).toBe(25)
    expect(runs).toBe(25)
    expect(await app.drain({ max: 1 })).toBe(1)
    expect(await app.drain()).toBe(54)
    await Promise.all(handles.map((handle) => handle.result()))
  })

  test('ends at its deadline and gives back what runs', async () => {
    const app = apps.app()
    const task = app.task('drained.slow', () => new Promise<never>(() => undefined))
    const handle = await task.enqueue()
    const begun = performance.now()
    expect(await app.drain({ deadline: '1s', abortGrace: '50ms' })).toBe(1)
    expect(performance.now() - begun).toBeLessThan(5_000)
    expect(await handle.info()).toMatchObject({ state: 'pending' })
    await handle.cancel()
  })

  test('of nothing returns 0', async () => {
    const app = apps.app()
    app.task('drained.none', () => 1)
    expect(await app.drain()).toBe(0)
  })

  test('runs what its jobs enqueue, too', async () => {
    const app = apps.app()
    const seen: number[] = []
    const task = app.task('drained.deep', async (n: number): Promise<void> => {
      seen.push(n)
      if (n > 0) await task.enqueue(n - 1)
    })
    await task.enqueue(5)
    expect(await app.drain()).toBe(6)
    expect(seen).toEqual([5, 4, 3, 2, 1, 0])
  })

  test('leaves no wake-up waiting: a second one sees new jobs', async () => {
    const app = apps.app()
    const task = app.task('drained.twice', () => 1)
    const stopped = nextEvent(app, 'worker:stopped')
    await app.drain()
    await stopped
    await task.enqueue()
    expect(await app.drain()).toBe(1)
  })
})

/** Does something between the answer to a look at everything that has found nothing, and its arrival; once. */
function onceAFullLookFoundNothing<Value>(
  what: () => Promise<Value>,
): AsyncDisposable & { done: Promise<Value> } {
  const { query } = pg.Client.prototype
  let told: (value: Promise<Value>) => void = () => undefined
  const done = new Promise<Value>((resolve) => {
    told = resolve
  })
  pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]): unknown {
    const answer: unknown = Reflect.apply(query, this, args)
    const { text = '', values = [] } = args[0] as { text?: string; values?: unknown[] }
    const isFull = text.includes('work_cycle') && Number(values[6]) > 0 && !String(values[7]).includes(':')
    if (!isFull || !(answer instanceof Promise)) return answer
    return answer.then(async (result: pg.QueryResult<{ work_cycle: string }>) => {
      const groups: [string, number, string | null, unknown[]][] = JSON.parse(
        result.rows[0]?.work_cycle ?? '',
      )[4]
      if (pg.Client.prototype.query !== query && groups.every(([, , , jobs]) => jobs.length === 0)) {
        pg.Client.prototype.query = query
        const doing = what()
        told(doing)
        await doing
      }
      return result
    })
  } as typeof query
  return {
    done,
    [Symbol.asyncDispose]: async () => {
      pg.Client.prototype.query = query
    },
  }
}
