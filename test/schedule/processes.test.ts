import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Celeriac } from '../../src/index.ts'
import { useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { endWorkerProcesses, type WorkerProcess, workerProcess } from '../support/worker-processes.ts'

const database = useDatabase({ name: 'schedulers' })
const apps = useApps(database)
const program = join(import.meta.dirname, 'worker-program.ts')
const startProcess = () => workerProcess(database.url, { program, quiet: true })

afterEach(async () => {
  await endWorkerProcesses()
  await database.query(
    'truncate celeriac.schedules, celeriac.fires, celeriac.jobs, celeriac.results, celeriac.workers',
  )
})

/** Schedules of an interval that make up for everything. */
async function putMany(app: Celeriac, count: number, interval: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await app.schedules.put(`every ${index}`, { task: 'tick', interval, catchUp: 'all', catchUpMax: 1_000 })
  }
}

const fired = async (): Promise<number> =>
  Number(
    (
      await database.query<{ count: string }>(`select count(*) from celeriac.fires where outcome = 'fired'`)
    )[0]?.count,
  )

/** What is wrong with what has fired: gaps, instants off the grid, jobs that are not there or are too many. */
async function wrongs(): Promise<unknown[]> {
  return database.query(
    `with told as (
        select fire.schedule, fire.outcome, fire.job_id,
          extract(epoch from fire.instant) * 1000 as at, (schedule.rule ->> 'interval')::numeric as interval,
          extract(epoch from fire.instant - lag(fire.instant, 1, schedule.planned_from) over (
            partition by fire.schedule order by fire.instant)) * 1000 as gap
        from celeriac.fires as fire join celeriac.schedules as schedule on schedule.name = fire.schedule
      )
      select 'gap' as wrong, schedule, at, gap from told where gap <> interval
      union all
      select 'outcome', schedule, at, null from told where outcome <> 'fired'
      union all
      select 'no job', schedule, at, null from told
      where not exists (select from celeriac.job_list as job where job.id = told.job_id)
      union all
      select 'job of nobody', job.task, null, null from celeriac.job_list as job
      where not exists (select from celeriac.fires as fire where fire.job_id = job.id)
      union all
      select 'twice', schedule, min(at), count(*) from told group by schedule, job_id having count(*) > 1`,
  )
}

describe('many schedulers', () => {
  test('B-23 F-46 twenty at once: every instant fires, and none twice', async () => {
    const made = Array.from({ length: 20 }, () => {
      const app = apps.app({ guard: false })
      app.task('tick', () => undefined)
      return app
    })
    await Promise.all(made.map((app) => apps.worker(app)))
    const [first] = made
    if (first === undefined) return
    await putMany(first, 20, 500)
    await until(async () => (await fired()) > 120, { timeoutMs: 20_000 })
    await Promise.all(made.map((app) => app.stop()))
    expect(await wrongs()).toEqual([])
  })

  test('B-24 F-46 killed one after the other: the rest go on, no instant is lost and none fires twice', async () => {
    const app = apps.app()
    app.declare('tick')
    const running: WorkerProcess[] = await Promise.all([startProcess(), startProcess(), startProcess()])
    await putMany(app, 30, 500)
    for (let kill = 1; kill <= 4; kill += 1) {
      const so = await fired()
      await until(async () => (await fired()) > so + 60, { timeoutMs: 20_000 })
      running.shift()?.signal('SIGKILL')
      running.push(await startProcess())
    }
    const last = await fired()
    await until(async () => (await fired()) > last + 60, { timeoutMs: 20_000 })
    await database.query('update celeriac.schedules set paused_at = now()')
    // Whatever they had claimed runs elsewhere, to its end.
    await until(async () => (await database.query('select from celeriac.jobs')).length === 0, {
      timeoutMs: 30_000,
    })
    expect(await wrongs()).toEqual([])
    const [states] = await database.query(
      `select array_agg(distinct state::text) as all from celeriac.results`,
    )
    expect(states).toEqual({ all: ['succeeded'] })
  }, 120_000)

  test('B-25 one that was stopped and goes on fires nothing twice', async () => {
    const app = apps.app()
    app.declare('tick')
    const [frozen] = await Promise.all([startProcess(), startProcess()])
    await putMany(app, 5, 200)
    await until(async () => (await fired()) > 20)
    frozen.signal('SIGSTOP')
    const so = await fired()
    await until(async () => (await fired()) > so + 50, { timeoutMs: 20_000 })
    frozen.signal('SIGCONT')
    const thawed = await fired()
    await until(async () => (await fired()) > thawed + 50, { timeoutMs: 20_000 })
    await database.query('update celeriac.schedules set paused_at = now()')
    expect(await wrongs()).toEqual([])
  }, 90_000)

  test('B-20 F-46 all of them away: whatever the policy says is made up for, exactly', async () => {
    const app = apps.app()
    app.task('tick', () => undefined)
    for (const [name, options] of Object.entries({
      all: { catchUp: 'all', catchUpMax: 1_000 },
      last: { catchUp: 'last' },
      none: { catchUp: 'none' },
      late: { catchUp: 'all', catchUpMax: 1_000, deadline: '30m' },
    } as const)) {
      await app.schedules.put(name, { task: 'tick', interval: '5m', ...options })
    }
    await apps.worker(app)
    await until(async () => (await app.schedules.list()).every(({ nextRunAt }) => nextRunAt !== null))
    await app.schedules.pause('all')
    await app.schedules.resume('all')
    await until(async () => (await app.schedules.get('all')).nextRunAt)
    // An hour and a minute pass while nobody looks.
    await database.query(
      `update celeriac.schedules set planned_from = now() - interval '61 minutes', next_run_at = now() - interval '56 minutes',
        version = version + 1`,
    )
    await app.schedules.put('wake up', { task: 'tick', cron: '@yearly' })
    const counts = await until(async () => {
      const rows = await database.query<{ schedule: string; fired: string; missed: string }>(
        `select schedule, count(*) filter (where outcome = 'fired') as fired, count(*) filter (where outcome = 'missed') as missed
          from celeriac.fires group by 1 order by 1`,
      )
      return rows.length === 4 && rows
    })
    expect(counts).toEqual([
      { schedule: 'all', fired: '12', missed: '0' },
      { schedule: 'last', fired: '1', missed: '11' },
      { schedule: 'late', fired: '6', missed: '6' },
      { schedule: 'none', fired: '0', missed: '12' },
    ])
  })

  test('B-4 what several processes declare alike is there once', async () => {
    await Promise.all([startProcess(), startProcess()])
    await until(async () => (await fired()) > 10)
    await database.query('update celeriac.schedules set paused_at = now()')
    expect(await database.query(`select name from celeriac.schedules`)).toEqual([{ name: 'declared' }])
    expect(await wrongs()).toEqual([])
  })
})
