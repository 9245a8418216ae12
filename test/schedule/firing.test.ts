import { describe, expect, test } from 'vitest'
import { currentJob } from '../../src/index.ts'
import { eventsOf, gate, nextEvent, rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'firing' })
const apps = useApps(database)

/** What the ledger says of a schedule, in order. */
const ledger = (name: string) =>
  database.query<{ instant: Date; job_id: string | null; outcome: string }>(
    'select instant, job_id, outcome from celeriac.fires where schedule = $1 order by instant',
    [name],
  )

describe('a schedule in code', () => {
  test('B-8 B-15 B-86 B-87 fires one interval after it was first seen, and every fire is on record', async () => {
    const app = apps.app()
    const seen: { id: string; schedule: unknown }[] = []
    app
      .task('tick', () => {
        const { id, schedule } = currentJob()
        seen.push({ id, schedule })
      })
      .every({ interval: 200, name: 'ticking', catchUp: 'all' })
    const fired = eventsOf(app, 'schedule:fired')
    await apps.worker(app)
    await until(() => seen.length >= 3)
    const [row] = await database.query<{ planned_from: Date }>(
      `select planned_from from celeriac.schedules where name = 'ticking'`,
    )
    const instants = [200, 400, 600].map((ms) => new Date((row?.planned_from.getTime() ?? 0) + ms))
    expect(fired.slice(0, 3).map(({ instant }) => instant)).toEqual(instants)
    expect(seen.slice(0, 3).map(({ schedule }) => schedule)).toEqual(
      instants.map((instant) => ({ name: 'ticking', instant })),
    )
    expect((await ledger('ticking')).slice(0, 3)).toEqual(
      instants.map((instant, index) => ({ instant, job_id: seen[index]?.id, outcome: 'fired' })),
    )
    await app.schedules.pause('ticking')
    const { fires, lastRunAt } = await app.schedules.get('ticking')
    expect(fires).toBe((await ledger('ticking')).length)
    expect(lastRunAt).toEqual((await ledger('ticking')).at(-1)?.instant)
  })

  test('B-2 B-22 R-14 its jobs have its options over those of the task', async () => {
    const app = apps.app({ routes: { report: { maxAttempts: 7 } } })
    app
      .task('report', { queue: 'mail', priority: 3, labels: { kind: 'report' } }, () => undefined)
      .every({
        at: new Date(Date.now() + 2_000),
        options: { priority: 9, labels: { tenant: 'acme' }, expires: '1h' },
      })
    const fired = nextEvent(app, 'schedule:fired')
    await apps.worker(app, { queues: ['other'] })
    const { jobId, schedule, instant } = await fired
    expect(schedule).toBe(`report (at ${instant.toISOString()})`)
    const [job] = await database.query(
      `select queue, priority, max_attempts, labels, expires_at - enqueued_at = interval '1h' as expires, id
        from celeriac.jobs where task = 'report'`,
    )
    expect(job).toEqual({
      queue: 'mail',
      priority: 9,
      max_attempts: 7,
      labels: { kind: 'report', tenant: 'acme' },
      expires: true,
      id: jobId,
    })
  })

  test('B-5 makes its args when it fires, and others do not wait for that', async () => {
    const app = apps.app()
    const slow = gate()
    const seen: unknown[] = []
    const work = app.task('work', (word: string, at: Date) => void seen.push([word, at]))
    const at = new Date(Date.now() + 2_000)
    work.every({ at, name: 'lazy', args: (instant) => ['lazy', instant] })
    work.every({
      at,
      name: 'slow',
      args: async (instant) => {
        await slow
        return ['slow', instant]
      },
    })
    work.every({ at: new Date(at.getTime() + 200), name: 'plain', args: ['plain', at] })
    await apps.worker(app)
    await until(() => seen.length === 2)
    expect(seen).toEqual([
      ['lazy', at],
      ['plain', at],
    ])
    slow.open()
    await until(() => seen.length === 3)
    expect(seen[2]).toEqual(['slow', at])
  })

  test('B-12 args that cannot be made are no lost fire: the instant is tried again', async () => {
    const app = apps.app()
    const seen: unknown[] = []
    let tries = 0
    const fragile = app.task('fragile', (n: number) => void seen.push(n))
    const errors = eventsOf(app, 'error')
    await apps.worker(app)
    fragile.every({
      at: new Date(Date.now() + 1_500),
      name: 'fragile',
      args: () => {
        tries += 1
        if (tries === 1) throw new Error('not yet')
        return [tries]
      },
    })
    await until(() => seen.length > 0)
    expect(seen).toEqual([2])
    expect(errors.map(({ during }) => during)).toEqual(['firing schedule "fragile"'])
  })

  test('B-64 B-84 one with a count, or one moment, is finished after that', async () => {
    const app = apps.app()
    app.task('few', () => undefined).every({ interval: 100, count: 3, name: 'few' })
    const once = app.task('once', () => undefined)
    await apps.worker(app)
    once.every({ at: new Date(Date.now() + 1_500), name: 'once' })
    once.every({ at: new Date(Date.now() - 1_500), name: 'past' })
    const ended = async (name: string) => (await app.schedules.get(name)).condition === 'finished'
    await until(async () => (await ended('few')) && (await ended('once')) && (await ended('past')))
    expect(await app.schedules.get('few')).toMatchObject({ fires: 3, nextRunAt: null })
    expect(await ledger('few')).toHaveLength(3)
    expect(await ledger('once')).toHaveLength(1)
    // It may have stood in the code for years.
    expect(await ledger('past')).toEqual([])
    expect(await app.schedules.preview('few')).toEqual([])
  })

  test('jitter puts jobs off, not instants', async () => {
    const app = apps.app()
    app.task('spread', () => undefined).every({ interval: 100, count: 5, jitter: '1h', name: 'spread' })
    await apps.worker(app)
    await until(async () => (await ledger('spread')).length === 5)
    const rows = await database.query<{ late: number }>(
      `select extract(epoch from job.run_at - fire.instant)::float8 as late
        from celeriac.fires as fire join celeriac.jobs as job on job.id = fire.job_id where schedule = 'spread'`,
    )
    expect(rows).toHaveLength(5)
    for (const { late } of rows) {
      expect(late).toBeGreaterThanOrEqual(0)
      expect(late).toBeLessThan(3_601)
    }
    expect(new Set(rows.map(({ late }) => Math.round(late))).size).toBeGreaterThan(1)
  })

  test('drain fires what is due and runs it', async () => {
    const app = apps.app()
    const seen: unknown[] = []
    const task = app.task('bounded', () => void seen.push(currentJob().schedule?.name))
    await app.schedules.put('due', { task, cron: '* * * * * *' })
    await database.query(
      `update celeriac.schedules set next_run_at = date_trunc('second', now()) - interval '1 minute' where name = 'due'`,
    )
    expect(await app.drain({ deadline: '5s' })).toBeGreaterThan(0)
    expect(seen).toContain('due')
    await app.schedules.remove('due')
  })

  test('is refused where it is defined, and twice', async () => {
    const app = apps.app()
    const task = app.task('defined', { args: anArg('a number') }, (n: number) => n)
    expect(() => task.every({ cron: '61 * * * *', args: [1] })).toThrow('minute must be 0-59, got 61')
    task.every({ cron: '@daily', args: [1] })
    expect(() => task.every({ cron: '@daily', args: [2] })).toThrow(
      /^schedule "defined \(@daily\)" is declared twice: .*firing.test.ts:\d+ and .*firing.test.ts:\d+; give one of them another name$/,
    )
    task.every({ cron: '@daily', name: 'wrong', args: ['one' as never] })
    expect(await rejection(apps.worker(app))).toMatchObject({ code: 'ARGS_REJECTED' })
  })
})

/** A Standard Schema of one arg that is a number. */
function anArg(message: string) {
  return {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value: unknown) =>
        Array.isArray(value) && typeof value[0] === 'number'
          ? { value: value as [number] }
          : { issues: [{ message }] },
      types: undefined as unknown as { input: [number]; output: [number] },
    },
  } as const
}
