import { describe, expect, test } from 'vitest'
import type { JobContext } from '../../src/index.ts'
import { useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'

/*
 * Callers write a row and enqueue in one transaction, while workers run what they enqueued. Whatever the key, one job
 * runs at a time, and for each call a job begins after it that sees what it wrote.
 */
const database = useDatabase({ name: 'unique_rerun_races' })
const apps = useApps(database)
const CALLS = 1_200
const KEYS = 3

describe.each(['rerun', 'replace'] as const)('F-52 T-109 calls with %s while jobs run', (onConflict) => {
  test('are seen by a job that begins after them, one at a time for each key', async () => {
    await database.query(`create table writes_${onConflict} (key int, n int)`)
    const running = new Map<number, number>()
    const doubles: string[] = []
    let runs = 0
    const [producer, ...consumers] = [apps.app(), apps.app(), apps.app()]
    const unique = { key: (key: number) => key, onConflict }
    const tasks = [producer, ...consumers].map((app) =>
      app.task(
        'raced',
        { unique, bind: true, backoff: [1], expected: [Error] },
        async (job: JobContext, key: number, n: number) => {
          const others = running.get(key) ?? 0
          if (others > 0) doubles.push(`${key} at ${n}`)
          running.set(key, others + 1)
          runs += 1
          try {
            const rows = await database.query<{ n: number }>(
              `select n from writes_${onConflict} where key = $1`,
              [key],
            )
            for (const row of rows) witnesses.get(row.n)?.add(job.id)
            if (runs % 9 === 0) throw new Error('again')
          } finally {
            running.set(key, (running.get(key) ?? 1) - 1)
          }
        },
      ),
    )
    const witnesses = new Map<number, Set<string>>()
    for (const app of consumers) await apps.worker(app, { concurrency: 6 })
    const told = new Map<number, string>()
    const call = async (first: number): Promise<void> => {
      const [task] = tasks
      if (task === undefined) return
      await using session = await openSession(database.url)
      for (let n = first; n < CALLS; n += 4) {
        const key = n % KEYS
        witnesses.set(n, new Set())
        await session.query('begin')
        await session.query(`insert into writes_${onConflict} values ($1, $2)`, [key, n])
        const handle = await task.with({ tx: session.client }).enqueue(key, n)
        told.set(n, handle.id)
        await session.query('commit')
      }
    }
    await Promise.all([0, 1, 2, 3].map(call))
    for (const id of new Set(told.values())) await producer?.job(id).result({ timeout: '30s' })
    expect(doubles).toEqual([])
    expect([...told].filter(([n, id]) => witnesses.get(n)?.has(id) !== true)).toEqual([])
    expect(new Set(told.values()).size).toBeLessThan(CALLS)
  }, 120_000)
})
