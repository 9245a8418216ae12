import { afterEach, describe, expect, test } from 'vitest'
import { blocked, eventsOf, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { until } from '../support/until.ts'
import { endWorkerProcesses, workerProcess } from '../support/worker-processes.ts'

const database = useDatabase({ name: 'flow_leaving' })
const apps = useApps(database)

afterEach(endWorkerProcesses)

describe('a worker process', () => {
  test('F-05 that is told to stop while its claim is under way gives back what that brings, uncharged', {
    timeout: 30_000,
  }, async () => {
    const worker = await workerProcess(database.url)
    await using session = await openSession(database.url)
    await session.query('begin')
    await session.query('lock table celeriac.jobs in access exclusive mode')
    await session.query(`select celeriac.enqueue('hold', '[]') from generate_series(1, 5)`)
    await database.query(`select celeriac.wake_workers('default', now())`)
    await until(async () => (await blocked(database, '%work_cycle%')).length > 0, { what: 'the claim' })
    worker.signal('SIGTERM')
    await until(() => worker.stopping)
    await session.query('commit')
    expect(await worker.ended).toBe(0)
    expect(worker.begun).toEqual([])
    const jobs = await database.query(
      'select worker_id, attempt, snoozes, losses, count(*)::int as jobs from celeriac.jobs group by 1, 2, 3, 4',
    )
    expect(jobs).toEqual([{ worker_id: null, attempt: 0, snoozes: 0, losses: 0, jobs: 5 }])
  })
})

describe('many workers that start at once', () => {
  test('F-14 on an empty database install it once, keep to their connections, and run each job once', {
    timeout: 60_000,
  }, async () => {
    await database.query('drop schema celeriac cascade')
    const many = Array.from({ length: 8 }, () => apps.app())
    const installed = await Promise.all(many.map((app) => app.migrate()))
    expect(installed.filter(({ applied }) => applied.length > 0)).toHaveLength(1)
    const evicted = many.flatMap((app) => eventsOf(app, 'worker:evicted'))
    let runs = 0
    for (const app of many) {
      app.task('crowd', () => {
        runs += 1
      })
    }
    await Promise.all(many.map((app) => apps.worker(app)))
    const handles = await apps
      .app()
      .declare<() => void>('crowd')
      .enqueueMany(Array.from({ length: 500 }, () => []))
    await Promise.all(handles.map((handle) => handle.result({ timeout: '20s' })))
    const sessions = await database.query<{ sessions: number }>(
      `select application_name as name, count(*)::int as sessions from pg_stat_activity
        where datname = current_database() and application_name like 'celeriac:%' group by 1`,
    )
    // Two of the guard's, two for the cycle, two for maintenance, and what the apps' pools opened for a moment.
    expect(sessions.reduce((sum, row) => sum + row.sessions, 0)).toBeLessThanOrEqual(many.length * 8 + 10)
    expect([runs, evicted]).toEqual([500, []])
  })
})
