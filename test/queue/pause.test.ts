import { describe, expect, test } from 'vitest'
import type { Celeriac } from '../../src/index.ts'
import { useApps } from '../support/apps.ts'
import { aQueue } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'pause' })
const apps = useApps(database)

/** Long enough that only a wake-up can be why a worker looks. */
const NEVER = { pollInterval: '10m', deafPollInterval: '10m' } as const

/** Jobs of a queue that were ever claimed, and how often. */
async function claims(queue: string): Promise<string> {
  const rows = await database.query<{ id: string; token: string }>(
    `select id, token from celeriac.jobs where queue = $1 and worker_id is not null
      union all select id, token from celeriac.results where queue = $1 and worker_id is not null order by id`,
    [queue],
  )
  return JSON.stringify(rows.map(({ id }) => id))
}

async function countOf(queue: string, state: 'settled' | 'open'): Promise<number> {
  const table = state === 'settled' ? 'results' : 'jobs'
  const [row] = await database.query<{ count: number }>(
    `select count(*)::integer as count from celeriac.${table} where queue = $1`,
    [queue],
  )
  return row?.count ?? 0
}

/** Several apps with a worker each, as several processes would have. */
async function fleet(queues: readonly string[], size = 3): Promise<Celeriac[]> {
  const all = Array.from({ length: size }, () => apps.app())
  for (const app of all) {
    app.task('work', (value: number) => value)
    app.task('other', (value: number) => value)
    await apps.worker(app, { queues, concurrency: 5, ...NEVER })
  }
  return all
}

async function many(app: Celeriac, queue: string, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, index) => app.enqueue('work', [index], { queue })))
}

/** Lets every worker look and run for a while: jobs of another queue pass through them. */
async function barrier(app: Celeriac, queue: string): Promise<void> {
  const handles = await Promise.all(
    Array.from({ length: 60 }, (_, index) => app.enqueue('other', [index], { queue })),
  )
  await Promise.all(handles.map((handle) => handle.result({ timeout: '20s' })))
}

describe('W-88 a paused queue', () => {
  test('is not claimed from once the pause has returned, whatever was under way', async () => {
    const beside = aQueue()
    const queues = Array.from({ length: 6 }, aQueue)
    const [app] = await fleet([...queues, beside])
    if (app === undefined) throw new Error('no app')
    for (const queue of queues) {
      await many(app, queue, 400)
      await until(async () => (await countOf(queue, 'settled')) > 5)
      await app.queues.pause(queue)
      // What was claimed ahead may still begin, or go back; neither is a claim.
      const before = await claims(queue)
      await many(app, queue, 20)
      await barrier(app, beside)
      const claimed = new Set(JSON.parse(before))
      for (const id of JSON.parse(await claims(queue))) expect(claimed.has(id)).toBe(true)
      expect(await countOf(queue, 'open')).toBeGreaterThan(0)
    }
    for (const queue of queues) await app.queues.resume(queue)
    await until(async () =>
      (await Promise.all(queues.map((queue) => countOf(queue, 'open')))).every((n) => n === 0),
    )
    for (const queue of queues) expect(await countOf(queue, 'settled')).toBe(420)
  })

  test('takes jobs, survives a restart of everything, and is woken by resume', async () => {
    const [queue, beside] = [aQueue(), aQueue()]
    const first = apps.app()
    await first.queues.pause(queue, { reason: 'SMTP outage' })
    await first.stop()
    const [app] = await fleet([queue, beside], 2)
    if (app === undefined) throw new Error('no app')
    const handle = await app.enqueue<number>('work', [7], { queue })
    await barrier(app, beside)
    expect(await handle.state()).toBe('pending')
    expect(await app.queues.resume(queue)).toBe('resumed')
    expect(await handle.result({ timeout: '10s' })).toBe(7)
  })

  test('resumes by itself when its time has come, also while every worker sleeps', async () => {
    const queue = aQueue()
    const [app] = await fleet([queue], 2)
    await app?.queues.pause(queue, { for: 400 })
    const handle = await app?.enqueue<number>('work', [8], { queue })
    expect(await handle?.state()).toBe('pending')
    expect(await handle?.result({ timeout: '10s' })).toBe(8)
    expect(await app?.queues.pauses()).not.toContainEqual(expect.objectContaining({ name: queue }))
  })

  test('lets what runs go on', async () => {
    const queue = aQueue()
    const app = apps.app()
    let finish: (() => void) | undefined
    const task = app.task('slow', { queue }, () => new Promise<void>((resolve) => (finish = resolve)))
    await apps.worker(app, { queues: [queue] })
    const handle = await task.enqueue()
    await until(() => finish !== undefined)
    await app.queues.pause(queue)
    finish?.()
    await handle.result({ timeout: '10s' })
  })

  test('does not wait for a handler, nor for a transaction of anybody', async () => {
    const queue = aQueue()
    const app = apps.app()
    await using holder = await openSession(database.url)
    await holder.query('begin')
    await holder.query('select from celeriac.pauses')
    await holder.query(`select celeriac.enqueue('work', '[1]', $1)`, [{ queue }])
    expect(await app.queues.pause(queue)).toBe('paused')
    await holder.query('rollback')
    await app.queues.resume(queue)
  })
})

describe('W-88 a paused task', () => {
  test('is not claimed in any queue, while others beside it are, and goes on when it is resumed', async () => {
    const queue = aQueue()
    const [app] = await fleet([queue], 2)
    if (app === undefined) throw new Error('no app')
    await app.queues.pause({ task: 'work' })
    const held = await Promise.all([1, 2, 3].map((value) => app.enqueue<number>('work', [value], { queue })))
    await barrier(app, queue)
    for (const handle of held) expect(await handle.state()).toBe('pending')
    // Workers have looked past them; resume has them look back.
    await app.queues.resume({ task: 'work' })
    expect(await Promise.all(held.map((handle) => handle.result({ timeout: '10s' })))).toEqual([1, 2, 3])
  })

  test('resumes by itself', async () => {
    const queue = aQueue()
    const [app] = await fleet([queue], 1)
    await app?.queues.pause({ task: 'work' }, { for: 300 })
    const handle = await app?.enqueue<number>('work', [9], { queue })
    expect(await handle?.result({ timeout: '10s' })).toBe(9)
  })
})

describe('W-88 a paused label', () => {
  test('holds the jobs that have it, those that are there and those that come, and no others', async () => {
    const queue = aQueue()
    const [app] = await fleet([queue], 2)
    if (app === undefined) throw new Error('no app')
    const before = await app.enqueue<number>('work', [1], {
      queue,
      labels: { tenant: 'acme' },
      delay: '300ms',
    })
    expect(await app.queues.pause({ label: { tenant: 'acme' } }, { reason: 'unpaid' })).toBe('paused')
    const held = await app.enqueue<number>('work', [2], { queue, labels: { tenant: 'acme', team: 'x' } })
    const other = await app.enqueue<number>('work', [3], { queue, labels: { tenant: 'other' } })
    expect(await other.result({ timeout: '10s' })).toBe(3)
    await until(async () => (await before.state()) === 'waiting')
    await until(async () => (await held.state()) === 'waiting')
    await barrier(app, queue)
    expect(await held.state()).toBe('waiting')
    expect(await app.queues.resume({ label: { tenant: 'acme' } })).toBe('resumed')
    expect(await Promise.all([before, held].map((handle) => handle.result({ timeout: '10s' })))).toEqual([
      1, 2,
    ])
    const late = await app.enqueue<number>('work', [4], { queue, labels: { tenant: 'acme' } })
    expect(await late.result({ timeout: '10s' })).toBe(4)
    expect(await database.query(`select from celeriac.limits where name like 'label:%'`)).toEqual([])
  })

  test('resumes by itself, through maintenance', async () => {
    const queue = aQueue()
    const [app] = await fleet([queue], 1)
    await app?.queues.pause({ label: { tenant: 'brief' } }, { for: 500 })
    const handle = await app?.enqueue<number>('work', [5], { queue, labels: { tenant: 'brief' } })
    expect(await handle?.result({ timeout: '15s' })).toBe(5)
  })
})

test.each(['queue', 'task'] as const)('W-88 a paused %s holds jobs that have limits, too', async (kind) => {
  const queue = aQueue()
  const app = apps.app()
  const options = { queue, concurrency: { limit: 2, key: (tenant: string) => tenant } }
  const task = app.task('limited', options, (tenant: string) => tenant)
  const free = app.task('free', { queue: kind === 'queue' ? aQueue() : queue }, () => 1)
  const beside = (await (await free.enqueue()).info()).queue
  await apps.worker(app, { queues: [...new Set([queue, beside])], ...NEVER })
  const target = kind === 'queue' ? queue : { task: 'limited' }
  await app.queues.pause(target)
  const before = await claims(queue)
  const held = await task.enqueueMany([['a'], ['a'], ['a'], ['b']])
  for (let round = 0; round < 20; round += 1) await (await free.enqueue()).result({ timeout: '10s' })
  for (const handle of held) expect(await handle.state()).not.toBe('running')
  if (kind === 'queue') expect(await claims(queue)).toBe(before)
  await app.queues.resume(target)
  const values = await Promise.all(held.map((handle) => handle.result({ timeout: '10s' })))
  expect(values).toEqual(['a', 'a', 'a', 'b'])
})

test('a paused key of a limit holds its jobs, and no others', async () => {
  const queue = aQueue()
  const app = apps.app()
  const task = app.task(
    'sync',
    { queue, concurrency: { limit: 5, key: (tenant: string) => tenant } },
    (tenant: string) => tenant,
  )
  await apps.worker(app, { queues: [queue], ...NEVER })
  const target = { limit: 'task:sync/concurrency', key: 'acme' }
  await app.queues.pause(target, { reason: 'asked to' })
  const held = await task.enqueue('acme')
  expect(await (await task.enqueue('other')).result({ timeout: '10s' })).toBe('other')
  expect(await held.state()).toBe('waiting')
  expect(await app.queues.resume(target)).toBe('resumed')
  expect(await held.result({ timeout: '10s' })).toBe('acme')
})

test('F-52 pauses and resumes from all sides at once end as the last one says, and lose nobody', async () => {
  const queue = aQueue()
  const fleets = await fleet([queue], 3)
  const [app] = fleets
  if (app === undefined) throw new Error('no app')
  for (let round = 0; round < 15; round += 1) {
    const handles = await Promise.all(
      fleets.flatMap((one) => [
        one.enqueue<number>('work', [round], { queue }),
        one.queues.pause(queue, { reason: `round ${round}` }),
        one.queues.resume(queue),
        one.queues.pause({ task: 'work' }),
        one.queues.resume({ task: 'work' }),
      ]),
    )
    await app.queues.resume(queue)
    await app.queues.resume({ task: 'work' })
    for (const handle of handles) {
      if (typeof handle !== 'string') expect(await handle.result({ timeout: '10s' })).toBe(round)
    }
  }
})
