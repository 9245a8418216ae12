import { describe, expect, test } from 'vitest'
import { currentJob } from '../../src/index.ts'
import { rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase({ name: 'enqueue_many' })
const apps = useApps(database)
const items = (count: number): [number][] => Array.from({ length: count }, (_, n) => [n])

async function jobsOf(task: string): Promise<number> {
  const [row] = await database.query<{ jobs: number }>(
    'select count(*)::int as jobs from celeriac.jobs where task = $1',
    [task],
  )
  return row?.jobs ?? -1
}

describe('enqueueMany', () => {
  test('gives handles in order, and runs in that order', async () => {
    const app = apps.app()
    const order: number[] = []
    const task = app.task('many.ordered', (n: number) => {
      order.push(n)
      return currentJob().id
    })
    const handles = await task.enqueueMany(items(2_300))
    await apps.worker(app, { concurrency: 1 })
    const ids = await Promise.all(handles.map((handle) => handle.result()))
    expect(ids).toEqual(handles.map((handle) => handle.id))
    expect(order).toEqual(items(2_300).flat())
  })

  test('is one statement for a thousand', async () => {
    const { app, statements } = apps.counted()
    await app.task('many.one', (n: number) => n).enqueueMany(items(1_000))
    expect(statements.filter((text) => text.includes('enqueue_jobs'))).toHaveLength(1)
  })

  test('B-48 takes none', async () => {
    const { app, statements } = apps.counted()
    expect(await app.task('many.none', () => 1).enqueueMany([])).toEqual([])
    expect(statements).toEqual([])
  })

  test('B-49 enqueues nothing when item 3,500 of 5,000 is bad', async () => {
    const task = apps.app().task('many.bad', (n: number) => n)
    const bad = items(5_000).map(([n]) => [n === 3_499 ? Number.POSITIVE_INFINITY : n] as [number])
    expect(await rejection(task.enqueueMany(bad))).toEqual({
      name: 'CeleriacError',
      code: 'JSON_NUMBER',
      message:
        'item 3500 of 5000: argument $[0] is Infinity; JSON would turn it into null; nothing was enqueued',
    })
    expect(await jobsOf('many.bad')).toBe(0)
  })

  test('enqueues nothing when the server refuses one', async () => {
    await database.query(`create function refuse_job() returns trigger language plpgsql as
      $$ begin raise exception 'not this one' using errcode = '23514'; end $$`)
    await database.query(`create trigger refuse_job before insert on celeriac.jobs for each row
      when (new.task = 'many.refused' and new.args = '[3499]') execute function refuse_job()`)
    const task = apps.app().task('many.refused', (n: number) => n)
    expect(await rejection(task.enqueueMany(items(5_000)))).toMatchObject({ message: 'not this one' })
    expect(await jobsOf('many.refused')).toBe(0)
    await database.query('drop function refuse_job cascade')
  })

  test('B-50 reads any iterable, also one that waits, in pieces', async () => {
    const task = apps.app().task('many.async', (n: number) => n)
    let ended = false
    async function* source(): AsyncGenerator<[number]> {
      try {
        for (const item of items(2_500)) {
          if (item[0] % 500 === 0) await new Promise((resolve) => setImmediate(resolve))
          yield item
        }
      } finally {
        ended = true
      }
    }
    expect(await task.enqueueMany(source())).toHaveLength(2_500)
    expect(await task.enqueueMany(new Set(items(3)))).toHaveLength(3)
    expect([await jobsOf('many.async'), ended]).toEqual([2_503, true])
  })

  test('enqueues nothing when the iterable throws on its way', async () => {
    const task = apps.app().task('many.throws', (n: number) => n)
    function* source(): Generator<[number]> {
      yield* items(2_500)
      throw new RangeError('no more')
    }
    await expect(task.enqueueMany(source())).rejects.toThrow(new RangeError('no more'))
    expect(await jobsOf('many.throws')).toBe(0)
  })

  test('closes the iterable when the server refuses', async () => {
    await database.query(`create function refuse_all() returns trigger language plpgsql as
      $$ begin raise exception 'refused' using errcode = '23514'; end $$`)
    await database.query(`create trigger refuse_all before insert on celeriac.jobs for each row
      when (new.task = 'many.closes') execute function refuse_all()`)
    const task = apps.app().task('many.closes', (n: number) => n)
    let closed = false
    async function* source(): AsyncGenerator<[number]> {
      try {
        yield* items(20_000)
      } finally {
        closed = true
      }
    }
    try {
      await expect(task.enqueueMany(source())).rejects.toThrow('refused')
      expect(closed).toBe(true)
    } finally {
      await database.query('drop function refuse_all cascade')
    }
  })

  test('refuses an item that is no list', async () => {
    const task = apps.app().task('many.shape', (n: number) => n)
    // @ts-expect-error: plain JavaScript can do this
    expect(await rejection(task.enqueueMany([[1], 2]))).toMatchObject({
      code: 'ARGS_REJECTED',
      message:
        'item 2 of 2: arguments of "many.shape" are invalid: must be a list of positional arguments; nothing was enqueued',
    })
  })

  test('takes the options of the call for each', async () => {
    const task = apps.app().task('many.options', (n: number) => n)
    const handles = await task.with({ queue: 'q', priority: 5, delay: '1h' }).enqueueMany(items(2))
    for (const handle of handles) expect(await handle.info()).toMatchObject({ queue: 'q', priority: 5 })
  })

  test('wakes a sleeping worker, in any number of pieces', async () => {
    const [app, elsewhere] = [apps.app(), apps.app()]
    elsewhere.task('many.wakes', (n: number) => n)
    await apps.worker(elsewhere, { pollInterval: '1h' })
    const handles = await app.declare<(n: number) => number>('many.wakes').enqueueMany(items(1_500))
    const results = await Promise.all(handles.map((handle) => handle.result({ timeout: '10s' })))
    expect(results).toEqual(items(1_500).flat())
  })
})
