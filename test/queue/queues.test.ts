import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { chain } from '../../src/index.ts'
import { gate, rejection, useApps } from '../support/apps.ts'
import { aJob, aQueue, find, fromNow, jobsLike } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'queues' })
const apps = useApps(database)

describe('list', () => {
  test('R-18 tells what is in a queue, who serves it, and since when the oldest job is due', async () => {
    const app = apps.app({ queues: { mail: { description: 'to customers' } } })
    const queue = aQueue()
    const open = gate()
    const task = app.task('held-open', { queue }, () => open.promise)
    await apps.worker(app, { queues: [queue], concurrency: 1 })
    const running = await task.enqueue()
    await until(async () => (await running.state()) === 'running')
    const due = fromNow(-60_000)
    await aJob(database, { queue, run_at: due, task: 'nobody' })
    await aJob(database, { queue, run_at: fromNow(60_000) })
    await aJob(database, { queue, state: 'waiting' })
    const listed = await app.queues.list()
    expect(listed.find(({ name }) => name === queue)).toEqual({
      name: queue,
      description: null,
      ready: 1,
      scheduled: 1,
      waiting: 1,
      held: 0,
      running: 1,
      oldestReadyAt: new Date(due),
      workers: 1,
      slots: 1,
      unserved: false,
      pause: null,
    })
    expect(listed.find(({ name }) => name === 'mail')).toMatchObject({
      description: 'to customers',
      ready: 0,
    })
    open.open()
  })

  test('R-22 flags a queue that holds jobs and that nobody serves', async () => {
    const app = apps.app()
    const [left, served, empty] = [aQueue(), aQueue(), aQueue()]
    await apps.worker(app, { queues: [served, empty] })
    await aJob(database, { queue: left, state: 'waiting' })
    await aJob(database, { queue: served, task: 'nobody' })
    const listed = new Map((await app.queues.list()).map((queue) => [queue.name, queue.unserved]))
    expect([listed.get(left), listed.get(served), listed.get(empty)]).toEqual([true, false, false])
  })

  test('W-88 tells what is paused, why and since when, also of a queue that holds nothing', async () => {
    const app = apps.app()
    const queue = aQueue()
    const end = new Date(Date.now() + 60_000)
    expect(await app.queues.pause(queue, { reason: 'SMTP outage', until: end })).toBe('paused')
    const listed = await app.queues.list()
    expect(listed.find(({ name }) => name === queue)).toMatchObject({
      pause: { reason: 'SMTP outage', since: expect.any(Date), until: end },
      unserved: false,
    })
    await app.queues.pause({ task: 'mail.send' }, { for: '1h' })
    const pauses = await app.queues.pauses()
    expect(pauses).toContainEqual(
      expect.objectContaining({ kind: 'queue', name: queue, reason: 'SMTP outage' }),
    )
    expect(pauses).toContainEqual(expect.objectContaining({ kind: 'task', name: 'mail.send', reason: null }))
    const task = pauses.find(({ kind }) => kind === 'task')
    expect(Number(task?.until) - Number(task?.since)).toBe(3_600_000)
    expect(await app.queues.resume(queue)).toBe('resumed')
    expect(await app.queues.resume(queue)).toBe('running')
    expect(await app.queues.resume({ task: 'mail.send' })).toBe('resumed')
  })
})

describe('pause', () => {
  test.each<[string, unknown, object, string]>([
    ['a name no queue has', 'a b', {}, 'queue name'],
    ['two labels', { label: { a: '1', b: '2' } }, {}, 'must be one label'],
    ['a label that cannot be told from its value', { label: { 'a=b': '1' } }, {}, 'has a name with "="'],
    ['something else', { quue: 'x' }, {}, 'unknown pause option'],
    ['two ends', 'mail', { for: '1s', until: new Date() }, 'give for or until'],
    ['an unknown option', 'mail', { raeson: 'x' }, 'did you mean "reason"'],
  ])('refuses %s', async (_, target, options, message) => {
    const { message: said } = await rejection(apps.app().queues.pause(target as never, options))
    expect(said).toContain(message)
  })

  test('refuses an end that is past', async () => {
    await rejection(apps.app().queues.pause('mail', { until: new Date(Date.now() - 60_000) }))
  })
})

describe('move', () => {
  test('R-20 moves jobs of a task, up to a number, and says where each was', async () => {
    const app = apps.app()
    const [from, to] = [aQueue(), aQueue()]
    const ids = (await jobsLike(database, 3, { queue: from, task: 'mail.send' })).toSorted()
    await aJob(database, { queue: from, task: 'pdf' })
    expect(await app.queues.move({ from, to, task: 'mail.*', dryRun: true })).toMatchObject({ changed: 3 })
    const first = await app.queues.move({ from, to, task: 'mail.*', limit: 2 })
    expect(first).toEqual({
      changed: 2,
      outcomes: { changed: 2 },
      jobs: ids.slice(0, 2).map((jobId) => ({
        jobId,
        outcome: 'changed',
        was: { queue: from },
        now: { queue: to },
      })),
    })
    expect(await app.queues.move({ from, to, task: 'mail_send' })).toMatchObject({ changed: 0 })
    expect(await app.queues.move({ from, to })).toMatchObject({ changed: 2 })
  })

  test('R-20 a moved job runs where it is, at once, although workers have looked further on there', async () => {
    const app = apps.app()
    const [from, to] = [aQueue(), aQueue()]
    const task = app.task('moved', { bind: true }, (job) => job.queue)
    const old = await task.with({ queue: from }).enqueue()
    await apps.worker(app, { queues: [to] })
    await (await task.with({ queue: to }).enqueue()).result()
    await app.queues.move({ from, to })
    expect(await old.result()).toBe(to)
  })

  test('goes through more than a page', async () => {
    const app = apps.app()
    const [from, to] = [aQueue(), aQueue()]
    await jobsLike(database, 2_300, { queue: from })
    const report = await app.queues.move({ from, to })
    expect(report).toMatchObject({ changed: 2_300, outcomes: { changed: 2_300 } })
    expect(report.jobs).toHaveLength(1_000)
  })

  test('F-52 comes back for what somebody held for a moment, and says what somebody holds for long', async () => {
    const app = apps.app()
    const [from, to] = [aQueue(), aQueue()]
    const [id = ''] = await jobsLike(database, 1, { queue: from })
    await using holder = await openSession(database.url)
    await holder.query('begin')
    await holder.query('select from celeriac.jobs where id = $1 for update', [id])
    expect(await app.queues.move({ from, to })).toMatchObject({ changed: 0, outcomes: { busy: 1 } })
    const moving = app.queues.move({ from, to })
    await holder.query('rollback')
    expect(await moving).toMatchObject({ changed: 1, outcomes: { changed: 1 } })
  })

  test('refuses to move to the same queue, and to a name that cannot be', async () => {
    const { queues } = apps.app()
    expect(await rejection(queues.move({ from: 'a', to: 'a' }))).toMatchObject({ code: 'OPTION_INVALID' })
    expect(await rejection(queues.move({ from: 'a', to: 'b c' }))).toMatchObject({
      code: 'QUEUE_NAME_INVALID',
    })
  })
})

describe('purge', () => {
  test('R-19 cancels what waits for a worker, counts first, and leaves what runs and what is not due', async () => {
    const app = apps.app()
    const queue = aQueue()
    const open = gate()
    const task = app.task('purged', { queue }, (wait: boolean) => (wait ? open.promise : null))
    await apps.worker(app, { queues: [queue], concurrency: 1 })
    const running = await task.enqueue(true)
    await until(async () => (await running.state()) === 'running')
    const due = await task.enqueue(false)
    const later = await task.with({ delay: '1h' }).enqueue(false)
    expect(await app.queues.purge(queue, { dryRun: true })).toMatchObject({ changed: 1 })
    expect(await app.queues.purge(queue, { dryRun: true, scheduled: true })).toMatchObject({ changed: 2 })
    expect(await app.queues.purge(queue)).toMatchObject({
      changed: 1,
      jobs: [{ jobId: due.id, outcome: 'cancelled' }],
    })
    expect(await rejection(due.result())).toMatchObject({
      code: 'JOB_CANCELLED',
      message: expect.stringContaining('purged'),
    })
    expect(await later.state()).toBe('pending')
    expect(await app.queues.purge(queue, { scheduled: true, reason: 'moving house' })).toMatchObject({
      changed: 1,
    })
    expect((await rejection(later.result())).message).toContain('moving house')
    open.open()
    await running.result()
  })

  test('R-19 ends what follows from a purged node of a canvas', async () => {
    const app = apps.app()
    const queue = aQueue()
    const task = app.task('node', (value: number) => value)
    const handle = await chain(task.s(1).with({ queue }), task.s().with({ queue: aQueue() })).enqueue()
    expect(await app.queues.purge(queue)).toMatchObject({ changed: 1 })
    await rejection(handle.result({ timeout: '5s' }))
    expect(await handle.state()).not.toBe('waiting')
  })
})

describe('reprioritise and reschedule', () => {
  test('change jobs by id or by what they have in common, and say what they were', async () => {
    const app = apps.app()
    const queue = aQueue()
    const acme = await aJob(database, { queue, labels: { tenant: 'acme' }, run_at: fromNow(-5_000) })
    const other = await aJob(database, { queue, labels: { tenant: 'other' } })
    const unknown = randomUUID()
    const raised = await app.queues.reprioritise([acme, unknown], 5)
    expect(raised.outcomes).toEqual({ changed: 1, unknown: 1 })
    expect(raised.jobs).toContainEqual({
      jobId: acme,
      outcome: 'changed',
      was: { priority: 0 },
      now: { priority: 5 },
    })
    expect(await app.queues.reprioritise({ queue }, 5)).toMatchObject({ outcomes: { changed: 1, same: 1 } })
    const at = new Date(Date.now() + 3_600_000)
    const late = await app.queues.reschedule({ queue, labels: { tenant: 'acme' } }, { runAt: at })
    expect(late.jobs).toEqual([
      {
        jobId: acme,
        outcome: 'changed',
        was: { runAt: expect.any(Date) },
        now: { runAt: at },
      },
    ])
    expect(await find(database, 'jobs', other)).toMatchObject({ priority: 5 })
    expect(await app.queues.reschedule(acme, { delay: 0 })).toMatchObject({ changed: 1 })
  })

  test('W-86 the larger priority runs first, also when it was given later', async () => {
    const app = apps.app()
    const queue = aQueue()
    const order: string[] = []
    const task = app.task('ordered', { queue }, (name: string) => void order.push(name))
    const [, second] = [await task.enqueue('first'), await task.enqueue('second')]
    await app.queues.reprioritise(second.id, 9)
    await apps.worker(app, { queues: [queue], concurrency: 1 })
    await until(() => order.length === 2)
    expect(order).toEqual(['second', 'first'])
  })

  test('a job that runs, or has run, is told and left alone', async () => {
    const app = apps.app()
    const queue = aQueue()
    const open = gate()
    const task = app.task('left-alone', { queue }, () => open.promise)
    await apps.worker(app, { queues: [queue] })
    const handle = await task.enqueue()
    await until(async () => (await handle.state()) === 'running')
    expect(await app.queues.reprioritise(handle.id, 5)).toMatchObject({
      changed: 0,
      outcomes: { running: 1 },
    })
    open.open()
    await handle.result()
    expect(await app.queues.reschedule(handle.id, { delay: '1m' })).toMatchObject({
      outcomes: { settled: 1 },
    })
  })

  test.each<[string, () => Promise<unknown>, string]>([
    ['a filter that means everything', () => apps.app().queues.reprioritise({}, 5), 'every job'],
    ['a priority that cannot be', () => apps.app().queues.reprioritise({ queue: 'a' }, 1e6), 'priority'],
    ['what is no id', () => apps.app().queues.reprioritise('mail', 1), 'not a job id'],
    ['a dry run by id', () => apps.app().queues.reprioritise([randomUUID()], 1, { dryRun: true }), 'dryRun'],
    [
      'two times',
      () => apps.app().queues.reschedule('x', { runAt: 0, delay: 1 } as never),
      'give runAt or delay',
    ],
  ])('refuse %s', async (_, refused, message) => {
    expect((await rejection(refused())).message).toContain(message)
  })
})

test('R-20 a job that a limit of its queue holds runs at once where there is none', async () => {
  const [narrow, wide] = [aQueue(), aQueue()]
  const app = apps.app({ queues: { [narrow]: { concurrency: 1 } } })
  const open = gate()
  const task = app.task('narrow', { bind: true }, async (job, wait: boolean) => {
    if (wait) await open
    return job.queue
  })
  await apps.worker(app, { queues: [narrow, wide] })
  const first = await task.with({ queue: narrow }).enqueue(true)
  await until(async () => (await first.state()) === 'running')
  const held = await task.with({ queue: narrow }).enqueue(false)
  await until(async () => (await held.state()) === 'waiting')
  expect(await app.queues.move({ from: narrow, to: wide })).toMatchObject({ changed: 1 })
  expect(await held.result({ timeout: '10s' })).toBe(wide)
  const [row] = await database.query('select options from celeriac.results where id = $1', [held.id])
  expect(row).toEqual({ options: null })
  // And one that comes is held there again.
  const other = await task.with({ queue: wide, delay: '1h' }).enqueue(false)
  await app.queues.move({ from: wide, to: narrow })
  await app.queues.reschedule(other.id, { delay: 0 })
  await until(async () => (await other.state()) === 'waiting')
  open.open()
  expect(await other.result({ timeout: '10s' })).toBe(narrow)
})

describe('reroute', () => {
  test('R-21 moves what waits to where the same calls would go now', async () => {
    const from = aQueue()
    const [acme, feeds, own] = [aQueue(), aQueue(), aQueue()]
    const old = apps.app({ defaultQueue: from })
    const calls: [string, unknown[]][] = [
      ['feed.import', []],
      ['sync', ['acme']],
      ['sync', ['other']],
      ['owned', []],
      ['stranger', []],
    ]
    const handles = []
    for (const [task, args] of calls) handles.push(await old.enqueue(task, args))
    const app = apps.app({
      defaultQueue: from,
      routes: [{ 'feed.*': feeds }, (_, args) => (args[0] === 'acme' ? acme : null)],
    })
    app.task('owned', { queue: own }, () => 1)
    app.declare('sync')
    expect(await app.queues.reroute({ queue: from }, { dryRun: true })).toMatchObject({
      changed: 3,
      outcomes: { changed: 3, same: 2 },
    })
    expect(await handles[0]?.info()).toMatchObject({ queue: from })
    expect(await app.queues.reroute({ queue: from })).toMatchObject({ changed: 3 })
    const queues = await Promise.all(handles.map(async (handle) => (await handle.info()).queue))
    expect(queues).toEqual([feeds, acme, from, own, from])
  })
})

describe('strictQueues', () => {
  test('R-2 refuses to pause or to fill a queue that is not declared', async () => {
    const { queues } = apps.app({ strictQueues: true, queues: { mail: {} } })
    expect(await rejection(queues.pause('mial'))).toMatchObject({ code: 'QUEUE_UNKNOWN' })
    expect(await rejection(queues.move({ from: 'old', to: 'mial' }))).toMatchObject({ code: 'QUEUE_UNKNOWN' })
    expect(await queues.move({ from: 'old', to: 'mail' })).toMatchObject({ changed: 0 })
  })
})
