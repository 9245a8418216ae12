import { describe, expect, test } from 'vitest'
import type { JobHandle } from '../../src/index.ts'
import {
  aborted,
  blocked,
  type Gate,
  gate,
  recordStatements,
  rejection,
  useApps,
  whileLocked,
} from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'job_progress' })
const apps = useApps(database)

async function all(handle: JobHandle): Promise<unknown[]> {
  const seen: unknown[] = []
  for await (const value of handle.progress()) seen.push(value)
  return seen
}

async function stored(handle: JobHandle): Promise<unknown> {
  const rows = await database.query<{ progress: unknown }>(
    'select progress from celeriac.job_detail where id = $1',
    [handle.id],
  )
  return rows[0]?.progress
}

describe('progress', () => {
  test('comes in order, step by step, and ends with the job', async () => {
    const [app, other] = [apps.app(), apps.app()]
    const steps = Array.from({ length: 5 }, () => gate())
    const task = app.task('steps', { bind: true }, async (job) => {
      for (const [index, step] of steps.entries()) {
        job.progress({ done: index + 1, of: 5 })
        await step
      }
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    const seen: unknown[] = []
    for await (const value of other.job(handle.id).progress()) {
      seen.push(value)
      steps[seen.length - 1]?.open()
    }
    expect(seen).toEqual([1, 2, 3, 4, 5].map((done) => ({ done, of: 5 })))
    expect(await handle.state()).toBe('succeeded')
  })

  test('always delivers the last report, also one made at the very end', async () => {
    const app = apps.app()
    const task = app.task('last', { bind: true }, (job, n: number) => {
      job.progress(n)
      job.progress(n * 2)
    })
    await apps.worker(app)
    const handles = await task.enqueueMany(Array.from({ length: 50 }, (_, n) => [n + 1]))
    const seen = await Promise.all(handles.map((handle) => all(handle)))
    expect(seen.map((values) => values.at(-1))).toEqual(handles.map((_, n) => (n + 1) * 2))
  })

  test('is stored before the job is settled, also while an earlier report is on its way', async () => {
    const app = apps.app()
    const [first, open] = [gate(), gate()]
    const task = app.task('on.its.way', { bind: true }, async (job) => {
      job.progress('first')
      first.open()
      await open
      return 'done'
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    await first
    await whileLocked(database, handle.id, async () => {
      await until(async () => (await blocked(database, '%report_progress%')).length)
      open.open()
    })
    expect(await handle.result()).toBe('done')
    expect(await stored(handle)).toBe('first')
  })

  test('of a thousand reports a second is written a few times', async () => {
    const app = apps.app()
    const statements = recordStatements()
    const task = app.task('chatty', { bind: true }, async (job) => {
      const end = performance.now() + 500
      let count = 0
      while (performance.now() < end) {
        for (let burst = 0; burst < 5; burst += 1) {
          count += 1
          job.progress(count)
        }
        await new Promise((resolve) => setImmediate(resolve))
      }
      return count
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    const seen = await all(handle)
    const count = await handle.result()
    expect(count).toBeGreaterThan(500)
    expect(seen.at(-1)).toBe(count)
    expect(seen).toEqual([...seen].sort((one, other) => Number(one) - Number(other)))
    const writes = statements.filter((text) => text.includes('report_progress')).length
    expect(writes).toBeGreaterThan(2)
    expect(writes).toBeLessThanOrEqual(12)
  })

  test('takes every value that args take', async () => {
    const app = apps.app()
    const steps: Gate[] = [gate(), gate(), gate()]
    const values = [new Map([['a', 1n]]), new Map([['a', 2n]]), { at: new Date(0), set: new Set([1]) }]
    const task = app.task('tagged', { bind: true }, async (job) => {
      for (const [index, value] of values.entries()) {
        job.progress(value)
        await steps[index]
      }
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    const seen: unknown[] = []
    for await (const value of handle.progress()) {
      seen.push(value)
      steps[seen.length - 1]?.open()
    }
    expect(seen).toEqual(values)
  })

  test('refuses what cannot be stored, in the handler', async () => {
    const app = apps.app()
    const task = app.task('bad', { bind: true, maxAttempts: 1 }, (job) => job.progress({ cb: () => 1 }))
    await apps.worker(app)
    await expect((await task.enqueue()).result()).rejects.toMatchObject({ cause: { code: 'JSON_TYPE' } })
  })

  test('B-65 of an attempt that is not ours any more is refused, in the handler', async () => {
    const app = apps.app()
    const refused = gate<{ code: unknown }>()
    const begun = gate()
    const task = app.task('progress.late', { bind: true }, async (job) => {
      begun.open()
      await aborted(job.signal)
      refused.open(await rejection((async () => job.progress('late'))()))
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    await begun
    await handle.kill()
    expect(await refused).toMatchObject({ code: 'LEASE_LOST' })
  })

  test('of one job that cannot be read holds up no other', async () => {
    const codec = {
      encode: (value: unknown) => value,
      decode: (json: unknown) => {
        if (json === 'unreadable') throw new Error('unreadable')
        return json
      },
    }
    const app = apps.app({ codec })
    const open = gate()
    const task = app.task('reports', { bind: true }, async (job, value: string) => {
      job.progress(value)
      await open
      return value
    })
    await apps.worker(app)
    const bad = await task.enqueue('unreadable'.toUpperCase())
    await until(() => stored(bad))
    await database.query(`update celeriac.jobs set progress = '"unreadable"' where id = $1`, [bad.id])
    const good = await task.enqueue('good')
    const broken = rejection(all(bad))
    const [seen] = [all(good)]
    open.open()
    expect(await good.result({ timeout: '5s' })).toBe('good')
    expect(await seen).toEqual(['good'])
    expect(await broken).toMatchObject({ code: 'DECODE_FAILED' })
  })

  test('can be followed by many, and more than once', async () => {
    const app = apps.app()
    const task = app.task('followed', { bind: true }, (job) => job.progress('end'))
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await Promise.all([all(handle), all(handle), all(app.job(handle.id))])).toEqual([
      ['end'],
      ['end'],
      ['end'],
    ])
    const feed = handle.progress()
    for (let turn = 0; turn < 2; turn += 1) {
      const seen: unknown[] = []
      for await (const value of feed) seen.push(value)
      expect(seen).toEqual(['end'])
    }
  })

  test('lets its reader go', async () => {
    const app = apps.app()
    const open = gate()
    const task = app.task('left', { bind: true }, async (job) => {
      job.progress(1)
      await open
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    for await (const value of handle.progress()) {
      expect(value).toBe(1)
      break
    }
    open.open()
    await handle.result()
  })

  test('is shown with the job, and stays with its result', async () => {
    const app = apps.app()
    const task = app.task('shown', { bind: true }, (job) => job.progress({ done: 1 }))
    await apps.worker(app)
    const handle = await task.enqueue()
    await handle.result()
    expect((await handle.info()).progress).toEqual({ done: 1 })
  })
})
