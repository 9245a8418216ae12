import { describe, expect, test } from 'vitest'
import { type Celeriac, type CeleriacOptions, chain, chord, group } from '../../src/index.ts'
import { eventsOf, rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'routes' })
const apps = useApps(database)

/** Where a call of a task without options of its own goes. */
async function queueOf(app: Celeriac, task: string, args: readonly unknown[] = []): Promise<string> {
  return (await (await app.enqueue(task, args)).info()).queue
}

const routed = (routes: CeleriacOptions['routes'], more: Partial<CeleriacOptions> = {}): Celeriac =>
  apps.app({ ...(routes !== undefined && { routes }), ...more })

describe('where a job goes', () => {
  test('R-1 without a route: to the default queue, whose name may be chosen', async () => {
    expect(await queueOf(apps.app(), 'any')).toBe('default')
    const app = routed(undefined, { defaultQueue: 'celery' })
    expect(await queueOf(app, 'any')).toBe('celery')
    const task = app.task('mine', { queue: 'own' }, () => 1)
    expect((await (await task.enqueue()).info()).queue).toBe('own')
  })

  test('R-3 by its exact name, to a queue or with options', async () => {
    const app = routed({ 'feed.import': { queue: 'feeds' }, 'feed.clean': 'cleaning' })
    expect(await queueOf(app, 'feed.import')).toBe('feeds')
    expect(await queueOf(app, 'feed.clean')).toBe('cleaning')
    expect(await queueOf(app, 'feed.imports')).toBe('default')
    expect(await queueOf(app, 'Feed.import')).toBe('default')
  })

  test('R-4 an exact name goes before patterns, wherever it stands', async () => {
    const app = routed({ 'feed.*': 'patterns', '*': 'rest', 'feed.import': 'exact' })
    expect(await queueOf(app, 'feed.import')).toBe('exact')
  })

  test.each([
    ['feed.*', 'feed.a.b', true],
    ['feed.*', 'feed.', true],
    ['feed.*', 'feedback', false],
    ['*.import', 'a.b.import', true],
    ['*.import', 'import', false],
    ['a.?b*', 'a.xbc', true],
    ['a.?b*', 'a.bc', false],
    ['a.?', 'a.b', true],
    ['a.?', 'a.bc', false],
    ['a.*', 'axb', false],
    ['*', 'anything', true],
  ])('R-5 pattern %s and %s: %s', async (pattern, task, fits) => {
    expect(await queueOf(routed({ [pattern]: 'hit' }), task)).toBe(fits ? 'hit' : 'default')
  })

  test('R-5 the first pattern that fits counts', async () => {
    const app = routed({ 'a.*': 'first', '*.b': 'second' })
    expect(await queueOf(app, 'a.b')).toBe('first')
    expect(await queueOf(app, 'c.b')).toBe('second')
  })

  test('R-6 regular expressions match from the beginning, each time anew', async () => {
    const app = routed([
      [/(video|image)\.\w+/g, 'media'],
      ['feed.*', 'feeds'],
      ['video.tiny', 'tiny'],
    ])
    for (let round = 0; round < 2; round += 1) {
      expect(await queueOf(app, 'video.encode')).toBe('media')
      expect(await queueOf(app, 'my.video.encode')).toBe('default')
    }
    expect(await queueOf(app, 'feed.a')).toBe('feeds')
    expect(await queueOf(app, 'video.tiny')).toBe('tiny')
  })

  test('R-7 R-12 a function sees name, args and options, and answers a queue, options or nothing', async () => {
    const seen: unknown[] = []
    const app = routed((task, args, options) => {
      seen.push([task, args, options])
      if (args[0] === 'acme') return 'acme'
      return args[0] === 'big' ? { queue: 'big', priority: 9 } : null
    })
    const task = app.task('sync', (customer: string) => customer)
    const priority = { labels: { a: 'b' } }
    const handle = await task.with(priority).enqueue('acme')
    expect((await handle.info()).queue).toBe('acme')
    expect(seen).toEqual([['sync', ['acme'], priority]])
    expect(await (await task.enqueue('big')).info()).toMatchObject({ queue: 'big', priority: 9 })
    expect(await queueOf(app, 'sync', ['other'])).toBe('default')
    const many = await task.enqueueMany([['acme'], ['big'], ['x']])
    expect(await Promise.all(many.map(async (one) => (await one.info()).queue))).toEqual([
      'acme',
      'big',
      'default',
    ])
  })

  test('R-8 of several routers the first that answers counts', async () => {
    const app = routed([
      (task) => (task === 'a' ? 'function' : undefined),
      { a: 'never', b: 'first' },
      { '*': () => null },
      { d: 'second' },
    ])
    expect(await queueOf(app, 'a')).toBe('function')
    expect(await queueOf(app, 'b')).toBe('first')
    expect(await queueOf(app, 'd')).toBe('second')
  })

  test('R-10 the call goes before the task, the task before the routes', async () => {
    const app = routed({ '*': { queue: 'route', priority: 3 } })
    const open = app.task('open', () => 1)
    const own = app.task('own', { queue: 'task' }, () => 1)
    expect(await (await open.enqueue()).info()).toMatchObject({ queue: 'route', priority: 3 })
    expect(await (await own.enqueue()).info()).toMatchObject({ queue: 'task', priority: 3 })
    expect(await (await own.with({ queue: 'call', priority: 0 }).enqueue()).info()).toMatchObject({
      queue: 'call',
      priority: 0,
    })
    expect(await (await open.s().with({ queue: 'sig' }).enqueue()).info()).toMatchObject({ queue: 'sig' })
  })

  test('R-11 a route may say priority, expiry, attempts, time limits and labels', async () => {
    const app = routed({
      work: {
        priority: 2,
        expires: '1h',
        maxAttempts: 2,
        timeLimit: '5s',
        labels: { team: 'route', from: 'route' },
      },
    })
    const task = app.task('work', { labels: { team: 'task' } }, () => 1)
    const info = await (await task.with({ labels: { call: 'yes' } }).enqueue()).info()
    expect(info).toMatchObject({
      queue: 'default',
      priority: 2,
      maxAttempts: 2,
      labels: { team: 'task', from: 'route', call: 'yes' },
    })
    expect(info.expiresAt).toBeInstanceOf(Date)
    const [row] = await database.query('select options from celeriac.jobs where id = $1', [info.id])
    expect(row).toMatchObject({ options: { timeLimitMs: 5_000 } })
  })

  test('R-13 a route that throws is an error of the caller, and nothing is written', async () => {
    const app = routed(() => {
      throw new TypeError('no such customer')
    })
    const task = app.task('throws', (_: string) => 1)
    const error = await task.enqueue('x').catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'ROUTE_FAILED',
      message: expect.stringContaining('no such customer'),
    })
    expect(error).toMatchObject({ cause: expect.any(TypeError) })
    expect(await rejection(task.enqueueMany([['a'], ['b']]))).toMatchObject({ code: 'ROUTE_FAILED' })
    expect(await rejection(task.s('x').pipe(task.si('y')).enqueue())).toMatchObject({ code: 'ROUTE_FAILED' })
    expect(await database.query(`select from celeriac.jobs where task = 'throws'`)).toEqual([])
  })

  test('R-13 a route that answers with a promise, or with what is no option, is refused', async () => {
    const late = routed((async () => 'late') as never)
    expect(await rejection(late.enqueue('a'))).toMatchObject({ code: 'OPTION_INVALID' })
    const odd = routed((() => ({ que: 'x' })) as never)
    expect(await rejection(odd.enqueue('a'))).toMatchObject({ code: 'OPTION_UNKNOWN' })
  })

  test('R-14 holds for nodes of a canvas: links, members, bodies, callbacks', async () => {
    const app = routed([{ 'feed.*': 'feeds' }, (_, args) => (args.at(-1) === 'acme' ? 'acme' : null)])
    const fetch = app.task('feed.fetch', (name: string) => name)
    const merge = app.task('merge', (all: readonly string[]) => all.length)
    const note = app.task('note', (_: unknown, customer: string) => customer)
    const ids = await chain(chord([fetch.s('a'), fetch.s('b')], merge.s()), note.s('acme')).enqueue()
    const rows = await database.query<{ task: string; queue: string }>(
      `select distinct task, queue from celeriac.jobs where workflow_id = (
        select workflow_id from celeriac.jobs where id = $1) and task <> 'celeriac.group' order by 1`,
      [ids.id],
    )
    expect(rows).toEqual([
      { task: 'feed.fetch', queue: 'feeds' },
      { task: 'merge', queue: 'default' },
      { task: 'note', queue: 'acme' },
    ])
    await group([fetch.s('c'), fetch.s('d')]).enqueue()
  })

  test('R-14 a retry keeps its queue', async () => {
    const app = routed(() => 'chosen')
    const flaky = app.task('flaky', { backoff: [0], bind: true }, (job) => {
      if (job.attempt === 1) throw new Error('once')
      return job.queue
    })
    await apps.worker(app, { queues: ['chosen'] })
    expect(await (await flaky.enqueue()).result()).toBe('chosen')
  })

  test('R-14 a child of a handler is routed as any other call', async () => {
    const app = routed({ 'child.*': 'children' })
    const child = app.task('child.one', () => 1)
    const parent = app.task('parent', () => child.enqueue().then(({ id }) => id))
    await apps.worker(app)
    const id = await (await parent.enqueue()).result()
    expect((await app.job(id).info()).queue).toBe('children')
  })

  test('R-24 by labels: a function sees those of the call', async () => {
    const app = routed((_, __, { labels }) => (labels?.region === 'eu' ? 'eu' : null))
    const task = app.task('regional', () => 1)
    expect(await (await task.with({ labels: { region: 'eu' } }).enqueue()).info()).toMatchObject({
      queue: 'eu',
    })
    expect(await (await task.enqueue()).info()).toMatchObject({ queue: 'default' })
  })

  test('R-14 holds for what a schedule enqueues', async () => {
    const app = routed({ 'feed.*': { queue: 'feeds', priority: 6 } })
    app.task('feed.hourly', () => 1)
    await app.schedules.put('hourly-feed', { task: 'feed.hourly', interval: '1h' })
    await apps.worker(app)
    const handle = await app.schedules.runNow('hourly-feed')
    await until(async () => {
      const rows = await database.query(
        `select queue, priority from celeriac.jobs where task = 'feed.hourly'`,
      )
      expect(rows).toEqual([{ queue: 'feeds', priority: 6 }])
      return true
    })
    expect(handle).toBeDefined()
  })

  test('R-17 a queue may lend its jobs a priority; task, route and call go before it', async () => {
    const app = routed({ routed: { queue: 'mail', priority: 4 } }, { queues: { mail: { priority: 7 } } })
    const plain = app.task('plain', () => 1)
    const own = app.task('own', { queue: 'mail', priority: 0 }, () => 1)
    const infoOf = async (handle: Promise<{ info(): Promise<{ priority: number }> }>) =>
      (await (await handle).info()).priority
    expect(await infoOf(plain.with({ queue: 'mail' }).enqueue())).toBe(7)
    expect(await infoOf(plain.enqueue())).toBe(0)
    expect(await infoOf(own.enqueue())).toBe(0)
    expect(await infoOf(app.enqueue('routed'))).toBe(4)
    expect(await infoOf(plain.with({ queue: 'mail', priority: 1 }).enqueue())).toBe(1)
  })
})

describe('strictQueues', () => {
  const strict = (more: Partial<CeleriacOptions> = {}) =>
    apps.app({ strictQueues: true, queues: { mail: { description: 'to customers' }, video: {} }, ...more })

  test('R-2 W-81 refuses a queue that is not declared, with the one that was meant', async () => {
    const app = strict()
    const task = app.task('send', () => 1)
    const refused = { code: 'QUEUE_UNKNOWN', message: expect.stringContaining('did you mean "mail"?') }
    expect(() => task.with({ queue: 'mial' })).toThrow(expect.objectContaining(refused))
    expect(await rejection(app.enqueue('send', [], { queue: 'mial' }))).toMatchObject(refused)
    expect(() => app.task('other', { queue: 'mial' }, () => 1)).toThrow(expect.objectContaining(refused))
    expect(await rejection(chain(task.s().with({ queue: 'mial' }), task.si()).enqueue())).toMatchObject(
      refused,
    )
  })

  test('R-2 takes the declared ones and the default, from calls, routes and workers', async () => {
    const app = strict({ routes: { film: 'video' }, defaultQueue: 'main' })
    const task = app.task('send', () => 1)
    await task.with({ queue: 'mail' }).enqueue()
    expect(await queueOf(app, 'film')).toBe('video')
    expect(await queueOf(app, 'send')).toBe('main')
  })

  test('R-2 without it a queue is there once it is used', async () => {
    const app = apps.app({ queues: { mail: {} } })
    expect((await (await app.enqueue('any', [], { queue: 'new' })).info()).queue).toBe('new')
  })
})

describe('what cannot be', () => {
  test.each<[string, unknown, string]>([
    ['R-9 the path of a module', 'my/routes.js', 'import its function'],
    ['a number', 7, 'must be an object of routes'],
    ['a queue that cannot be', { a: 'no queue' }, 'queue name'],
    ['an unknown option', { a: { quue: 'x' } }, 'did you mean "queue"'],
    ['R-15 an exchange', { a: { exchange: 'x' } }, 'unknown route option'],
    ['nothing', { a: null }, 'says nothing'],
    ['a name no task can have', { 'a b': 'x' }, 'task name'],
    ['a priority beyond', { a: { priority: 99_999 } }, 'priority'],
  ])('as a route: %s', (_, routes, message) => {
    expect(() => apps.app({ routes: routes as never })).toThrow(message)
  })

  test('as an option of a queue', () => {
    expect(() => apps.app({ queues: { mail: { prio: 1 } } as never })).toThrow('unknown queues.mail option')
    expect(() => apps.app({ queues: ['mail'] as never })).toThrow('must be an object of queues')
  })
})

test('R-7 a task whose routes look at no args is routed once, and costs nothing per call', async () => {
  let asked = 0
  const app = routed([
    { fixed: 'fixed' },
    () => {
      asked += 1
      return null
    },
  ])
  const fixed = app.task('fixed', () => 1)
  await fixed.enqueueMany([[], [], []])
  expect(asked).toBe(0)
})

test('S events tell the queue a job was routed to', async () => {
  const app = routed({ 'a.*': 'aside' })
  const succeeded = eventsOf(app, 'job:succeeded')
  const task = app.task('a.task', () => 1)
  await apps.worker(app, { queues: ['aside'] })
  await (await task.enqueue()).result()
  await until(() => succeeded.length === 1)
  expect(succeeded[0]).toMatchObject({ queue: 'aside' })
})
