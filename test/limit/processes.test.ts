import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { endWorkerProcesses, type WorkerProcess, workerProcess } from '../support/worker-processes.ts'
import { leastGap, mostAtOnce, mostInAnyWindow, startsOf } from './starts.ts'

const database = useDatabase({ name: 'limit_processes' })
const apps = useApps(database)
const program = join(import.meta.dirname, 'limited-program.ts')

afterEach(endWorkerProcesses)

/** Worker processes whose tasks are limited like this. */
async function processes(
  count: number,
  limited: Record<string, object>,
): Promise<readonly [WorkerProcess, ...WorkerProcess[]]> {
  process.env.LIMITED = JSON.stringify(limited)
  const all = await Promise.all(Array.from({ length: count }, () => workerProcess(database.url, { program })))
  return all as [WorkerProcess, ...WorkerProcess[]]
}

describe('a rate', () => {
  test('S12 T-80 T-81 is shared by all worker processes, and spaced evenly', async () => {
    await processes(4, { 'rate.shared': { rateLimit: '20/s' } })
    const task = apps.app().declare<(key: string) => number>('rate.shared')
    const handles = await task.enqueueMany(Array.from({ length: 45 }, () => ['a'] as [string]))
    await Promise.all(handles.map((handle) => handle.result({ timeout: '60s' })))
    const starts = await startsOf(database, 'rate.shared')
    expect(starts).toHaveLength(45)
    expect(mostInAnyWindow(starts, 1_000)).toBeLessThanOrEqual(20)
    expect(leastGap(starts)).toBeGreaterThanOrEqual(49.99)
    const rows = await database.query(
      `select distinct value from celeriac.results where task = 'rate.shared'`,
    )
    expect(rows.length).toBeGreaterThan(1)
  }, 90_000)

  test('T-88 lets a group of 20 at 10/s take 1.9 s, whatever the number of workers', async () => {
    await processes(3, { 'rate.group': { rateLimit: '10/s' } })
    const task = apps.app().declare<(key: string) => number>('rate.group')
    const handles = await task.enqueueMany(Array.from({ length: 20 }, () => ['a'] as [string]))
    await Promise.all(handles.map((handle) => handle.result({ timeout: '60s' })))
    const starts = await startsOf(database, 'rate.group')
    expect(starts).toHaveLength(20)
    // The other bound of 2.3 s is for an idle machine; that none is late without need, the bench shows.
    expect((starts.at(-1) ?? 0) - (starts[0] ?? 0)).toBeGreaterThanOrEqual(1_899.9)
    expect(mostInAnyWindow(starts, 1_000)).toBeLessThanOrEqual(10)
  }, 90_000)

  test('S12 holds in any window when bursts are allowed, also through kills (T-87, I12)', async () => {
    const limited = { 'rate.burst': { rateLimit: { limit: 15, per: '1s', burst: 15 } } }
    let alive = [...(await processes(3, limited))]
    const task = apps.app().declare<(key: string) => number>('rate.burst', { maxAttempts: 20 })
    await task.enqueueMany(Array.from({ length: 100 }, () => ['a'] as [string]))
    const begun: { id: string; attempt: number }[] = []
    for (const wanted of [20, 45, 70]) {
      await until(async () => (await startsOf(database, 'rate.burst')).length >= wanted, {
        timeoutMs: 60_000,
        what: `${wanted} starts`,
      })
      const [victim, ...others] = alive
      victim?.signal('SIGKILL')
      await victim?.ended
      begun.push(...(victim?.begun ?? []))
      alive = [...others, ...(await processes(1, limited))]
    }
    await until(
      async () => (await database.query(`select from celeriac.jobs where task = 'rate.burst'`)).length === 0,
      { timeoutMs: 60_000, what: 'the end of all jobs' },
    )
    const starts = await startsOf(database, 'rate.burst')
    expect(starts).toHaveLength(100)
    expect(mostInAnyWindow(starts, 1_000)).toBeLessThanOrEqual(15)
    // never zero for longer than a window, while jobs wait and a worker lives: what was lost is found within seconds
    const last = Math.max(...starts)
    expect(last - Math.min(...starts)).toBeGreaterThanOrEqual(6_000)
  }, 180_000)

  test('S89 is counted for each key', async () => {
    await processes(2, { 'rate.keyed': { rateLimit: { limit: 5, per: '1h', burst: 5, key: true } } })
    const task = apps.app().declare<(key: string) => number>('rate.keyed')
    await task.enqueueMany(
      ['a.example', 'b.example'].flatMap((host) => Array.from({ length: 8 }, () => [host] as [string])),
    )
    const rows = () =>
      database.query<{ host: string; state: string; count: number }>(
        `select coalesce(result.args, job.args) ->> 0 as host, list.state::text, count(*)::int
         from celeriac.job_list as list
         left join celeriac.results as result using (id) left join celeriac.jobs as job using (id)
         where list.task = 'rate.keyed' group by 1, 2 order by 1, 2`,
      )
    await until(async () => (await rows()).map(({ count }) => count).join() === '5,3,5,3', {
      timeoutMs: 30_000,
      what: 'five of each host',
    })
  }, 90_000)
})

describe('concurrency', () => {
  test('W-87 F-53 is never exceeded, and no slot leaks when workers are killed', async () => {
    const limited = { 'slots.few': { concurrency: 3 } }
    let alive = [...(await processes(3, limited))]
    const task = apps.app().declare<(key: string, what: string) => number>('slots.few', { maxAttempts: 50 })
    await task.enqueueMany(Array.from({ length: 12 }, () => ['a', 'hold'] as [string, string]))
    const running = async () => {
      const [row] = await database.query<{ count: number }>(
        `select count(*)::int from celeriac.jobs where task = 'slots.few' and worker_id is not null`,
      )
      return row?.count ?? 0
    }
    for (let round = 0; round < 3; round += 1) {
      await until(async () => (await running()) === 3, { timeoutMs: 60_000, what: 'three running' })
      const victim = alive.find(({ begun }) => begun.length > 0) ?? alive[0]
      victim?.signal('SIGKILL')
      await victim?.ended
      alive = [...alive.filter((one) => one !== victim), ...(await processes(1, limited))]
    }
    await until(async () => (await running()) === 3, { timeoutMs: 20_000, what: 'three running again' })
    for (const one of alive) one.open()
    await until(
      async () => {
        for (const one of alive) one.open()
        return (await database.query(`select from celeriac.jobs where task = 'slots.few'`)).length === 0
      },
      { timeoutMs: 20_000, what: 'the end of all jobs' },
    )
    expect(await mostAtOnce(database, 'slots.few')).toBeLessThanOrEqual(3)
  }, 180_000)

  test('W-87 keeps the jobs of each key apart', async () => {
    const workers = await processes(2, { 'slots.keyed': { concurrency: { limit: 1, key: true } } })
    const task = apps.app().declare<(key: string, what: string) => number>('slots.keyed')
    await task.enqueueMany(
      ['a', 'b', 'c'].flatMap((key) => Array.from({ length: 4 }, () => [key, 'hold'] as [string, string])),
    )
    const running = () =>
      database.query<{ key: string; count: number }>(
        `select args ->> 0 as key, count(*)::int from celeriac.jobs
         where task = 'slots.keyed' and worker_id is not null group by 1 order by 1`,
      )
    const each = [
      { key: 'a', count: 1 },
      { key: 'b', count: 1 },
      { key: 'c', count: 1 },
    ]
    await until(async () => JSON.stringify(await running()) === JSON.stringify(each), { what: 'one of each' })
    for (const one of workers) one.open()
    await until(
      async () => (await database.query(`select from celeriac.jobs where task = 'slots.keyed'`)).length === 0,
      { timeoutMs: 30_000, what: 'the end of all jobs' },
    )
    expect(await mostAtOnce(database, 'slots.keyed', true)).toBe(1)
  }, 90_000)
})
