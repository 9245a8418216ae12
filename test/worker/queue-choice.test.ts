import { describe, expect, test } from 'vitest'
import { resolveWorkerOptions, type WorkerOptions } from '../../src/worker/options.ts'
import { Turns } from '../../src/worker/turns.ts'
import { rejection, useApps } from '../support/apps.ts'
import { aQueue, find } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const APP = { defaultQueue: 'main', declared: ['mail', 'video'], assertQueue: (name: string) => name }
const turnsOf = (options: WorkerOptions, app = APP): Turns => new Turns(resolveWorkerOptions(options, app))

describe('which queues', () => {
  test('W-80 those that are listed, in their order', () => {
    expect(turnsOf({ queues: ['a', 'b'] }).names).toEqual(['a', 'b'])
  })

  test('W-80 without a list: the default one and those of the app, by turns', () => {
    const turns = turnsOf({})
    expect(turns.names).toEqual(['main', 'mail', 'video'])
    expect([turns.next()[0], turns.next()[0], turns.next()[0], turns.next()[0]]).toEqual([
      'main',
      'mail',
      'video',
      'main',
    ])
    expect(turnsOf({}, { ...APP, declared: [] }).names).toEqual(['main'])
  })

  test('W-80 excluded ones are left out: of a list, of those of the app, of all there are', () => {
    expect(turnsOf({ queues: ['a', 'b', 'c'], exclude: ['b'] }).names).toEqual(['a', 'c'])
    expect(turnsOf({ exclude: ['mail'] }).names).toEqual(['main', 'video'])
    const open = turnsOf({ exclude: ['dead', 'x.*'] }, { ...APP, declared: [] })
    open.admit(['a', 'dead', 'x.y', 'b'])
    expect(open.names).toEqual(['a', 'b'])
  })

  test('W-80 an unknown name among the excluded is refused', () => {
    expect(() => turnsOf({ queues: ['a'], exclude: ['c'] })).toThrow('is not among the queues')
    expect(() => turnsOf({ exclude: ['mial'] })).toThrow('did you mean "mail"')
    expect(() => turnsOf({ queues: ['a'], exclude: ['*'] })).toThrow('leaves no queue')
    expect(() => turnsOf({ exclude: 'a' as never })).toThrow('must be a list')
  })

  test('W-80 a pattern takes in what fits, once, and not what is named beside it', () => {
    const turns = turnsOf({ queues: ['urgent', 'mail.*', '*'], exclude: ['mail.dead'] })
    expect(turns.isOpen).toBe(true)
    expect(turns.admit(['z', 'mail.b', 'urgent', 'mail.dead', 'mail.a'])).toBe(true)
    expect(turns.admit(['z', 'mail.a'])).toBe(false)
    expect(turns.names).toEqual(['urgent', 'mail.b', 'mail.a', 'z'])
  })
})

describe('in which order', () => {
  test('W-86 ordered: as listed; those of a pattern take turns in their place', () => {
    const turns = turnsOf({ queues: ['urgent', '*'] })
    turns.admit(['a', 'b', 'c'])
    expect([turns.next(), turns.next(), turns.next(), turns.next()].map((order) => order.join(' '))).toEqual([
      'urgent a b c',
      'urgent b c a',
      'urgent c a b',
      'urgent a b c',
    ])
  })

  test('W-86 ordered is strict: a later queue is never looked at first', () => {
    const turns = turnsOf({ queues: ['a', 'b'] })
    for (let turn = 0; turn < 10; turn += 1) expect(turns.next()).toEqual(['a', 'b'])
  })

  test('W-86 weighted: each is first as often as its weight says, and queues that join share', () => {
    const turns = turnsOf({ queues: { a: 3, '*': 1 } })
    turns.admit(['b', 'c'])
    const first = { a: 0, b: 0, c: 0 } as Record<string, number>
    for (let turn = 0; turn < 500; turn += 1) {
      const [name = ''] = turns.next()
      first[name] = (first[name] ?? 0) + 1
    }
    expect(first).toEqual({ a: 300, b: 100, c: 100 })
  })
})

describe('with a database', () => {
  const database = useDatabase({ name: 'queue_choice' })
  const apps = useApps(database)

  test('W-80 a worker of all queues serves one that nobody has used before, and says so', async () => {
    const app = apps.app()
    const task = app.task('anywhere', { bind: true }, (job) => job.queue)
    const dead = aQueue()
    const worker = await apps.worker(app, { queues: ['*'], exclude: [dead] })
    const queue = aQueue()
    // From elsewhere, so that nothing in this process hears of it.
    const [row] = await database.query<{ id: string }>(
      `select celeriac.enqueue('anywhere', '[]', $1) as id`,
      [{ queue }],
    )
    expect(await app.job(row?.id ?? '').result({ timeout: '10s' })).toBe(queue)
    await until(async () => {
      const served = await find(database, 'workers', worker.id)
      return Array.isArray(served?.queues) && served.queues.includes(queue)
    })
    const left = await task.with({ queue: dead }).enqueue()
    expect(await (await task.with({ queue: aQueue() }).enqueue()).result()).not.toBe(dead)
    expect(await left.state()).toBe('pending')
  })

  test('W-81 an undeclared queue is served, unless only declared ones may be used', async () => {
    const app = apps.app({ strictQueues: true, queues: { mail: {} } })
    expect(() => app.worker({ queues: ['mial'] })).toThrow('did you mean "mail"')
    app.worker({ queues: ['mail', 'default'] })
    await rejection(app.enqueue('x', [], { queue: 'mial' }))
    const free = apps.app({ queues: { mail: {} } })
    const queue = aQueue()
    const task = free.task('free', { queue }, () => 1)
    await apps.worker(free, { queues: [queue] })
    expect(await (await task.enqueue()).result()).toBe(1)
  })
})
