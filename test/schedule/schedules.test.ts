import { describe, expect, test } from 'vitest'
import { currentJob } from '../../src/index.ts'
import { eventsOf, nextEvent, rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'schedules' })
const apps = useApps(database)

const HOUR_MS = 3_600_000

/** Waits until a worker has worked out what is next. */
const planned = (app: ReturnType<typeof apps.app>, name: string) =>
  until(async () => (await app.schedules.get(name)).nextRunAt, { what: `the next instant of ${name}` })

describe('schedules made at run time', () => {
  test('B-80 B-82 B-88 are put, listed, changed and removed while workers run', async () => {
    const app = apps.app()
    const seen: unknown[] = []
    const task = app.task('put', (word: string) => void seen.push(word))
    await apps.worker(app)
    const made = await app.schedules.put('words', {
      task,
      interval: '1h',
      args: ['one'],
      description: 'says a word',
      options: { queue: 'default' },
    })
    expect(made).toMatchObject({
      name: 'words',
      task: 'put',
      condition: 'active',
      when: 'every 1h',
      args: ['one'],
      options: { queue: 'default' },
      source: 'runtime',
      overlap: 'allow',
      catchUp: 'last',
      description: 'says a word',
      lastRunAt: null,
      fires: 0,
    })
    await planned(app, 'words')
    await app.schedules.put('words', { task: 'put', interval: 100, args: ['two'] })
    await until(() => seen.length > 1)
    expect(new Set(seen)).toEqual(new Set(['two']))
    expect((await app.schedules.list()).map(({ name, description }) => [name, description])).toEqual([
      ['words', null],
    ])
    expect(await app.schedules.remove('words')).toBe('removed')
    expect(await app.schedules.list()).toEqual([])
  })

  test('an instant that has passed means now', async () => {
    const app = apps.app()
    const task = app.task('late', () => undefined)
    await apps.worker(app)
    const fired = nextEvent(app, 'schedule:fired')
    const at = new Date(Date.now() - 60_000)
    await app.schedules.put('late', { task, at })
    expect(await fired).toMatchObject({ schedule: 'late', instant: at, outcome: 'fired' })
  })

  test('are refused with everything that is wrong, and nothing is written', async () => {
    const app = apps.app()
    app.task('strict', (_: number) => undefined)
    expect(
      await rejection(app.schedules.put('x', { task: 'strict', cron: '* *', timezone: 'Mars/Base' })),
    ).toMatchObject({ code: 'TIMEZONE_UNKNOWN' })
    expect(await rejection(app.schedules.put('', { task: 'strict', cron: '@daily' }))).toMatchObject({
      message: 'name is empty',
    })
    expect(
      await rejection(app.schedules.put('x', { task: 'strict', cron: '@daily', args: [Number.NaN] })),
    ).toMatchObject({ code: 'JSON_NUMBER' })
    expect(await app.schedules.list()).not.toContainEqual(expect.objectContaining({ name: 'x' }))
    for (const verb of ['get', 'pause', 'resume', 'remove', 'runNow', 'preview', 'skipNext'] as const) {
      expect(await rejection(app.schedules[verb]('lates'))).toMatchObject({
        code: 'SCHEDULE_UNKNOWN',
        message: 'no schedule "lates"; did you mean "late"?',
      })
    }
  })

  test('B-83 a pause outlasts restarts, and what falls into it is not made up for', async () => {
    const app = apps.app()
    const task = app.task('paused', () => undefined)
    const worker = await apps.worker(app)
    await app.schedules.put('pausing', { task, interval: 100, catchUp: 'all' })
    await until(async () => (await app.schedules.get('pausing')).fires >= 2)
    await app.schedules.pause('pausing', { reason: 'migration' })
    const { fires } = await app.schedules.get('pausing')
    expect(await app.schedules.get('pausing')).toMatchObject({
      condition: 'paused',
      pauseReason: 'migration',
      nextRunAt: null,
    })
    expect(await app.schedules.preview('pausing')).toEqual([])
    await worker.stop()
    await apps.worker(app)
    await database.query(
      `update celeriac.schedules set planned_from = now() - interval '1 hour' where name = 'pausing'`,
    )
    expect((await app.schedules.get('pausing')).fires).toBe(fires)
    const before = Date.now()
    await app.schedules.resume('pausing')
    await until(async () => (await app.schedules.get('pausing')).fires >= fires + 2)
    const [first] = await database.query<{ instant: Date }>(
      `select instant from celeriac.fires where schedule = 'pausing' order by instant offset $1 limit 1`,
      [fires],
    )
    expect(first?.instant.getTime()).toBeGreaterThan(before)
    await app.schedules.remove('pausing')
  })

  test('B-27 run now, beside their instants, with the options of the task, paused or not', async () => {
    const app = apps.app()
    const task = app.task('manual', { queue: 'mail', bind: true }, (job, n: number) => [
      n,
      job.schedule?.name,
    ])
    await app.schedules.put('manual', { task, cron: '@yearly', args: [7] })
    await app.schedules.pause('manual')
    const handle = await app.schedules.runNow('manual')
    expect(await handle.info()).toMatchObject({ queue: 'mail' })
    await apps.worker(app, { queues: ['mail'] })
    expect(await handle.result({ timeout: '10s' })).toEqual([7, 'manual'])
    expect(await app.schedules.get('manual')).toMatchObject({ fires: 1, condition: 'paused' })
    expect(
      await database.query(`select job_id, outcome from celeriac.fires where schedule = 'manual'`),
    ).toEqual([{ job_id: handle.id, outcome: 'manual' }])
  })

  test('B-27 leave the next instant out, and preview the ones that come', async () => {
    const app = apps.app()
    const task = app.task('skipped', () => undefined)
    await apps.worker(app)
    await app.schedules.put('skipping', { task, interval: '1h', count: 3 })
    const first = await planned(app, 'skipping')
    const later = (hours: number) => new Date(first.getTime() + hours * HOUR_MS)
    expect(await app.schedules.preview('skipping', 9)).toEqual([first, later(1), later(2)])
    expect(await app.schedules.skipNext('skipping')).toEqual(first)
    expect(await app.schedules.preview('skipping', 2)).toEqual([later(1), later(2)])
    expect(
      await database.query(`select instant, outcome from celeriac.fires where schedule = 'skipping'`),
    ).toEqual([{ instant: first, outcome: 'skipped' }])
    await app.schedules.pause('skipping')
    expect(await rejection(app.schedules.skipNext('skipping'))).toMatchObject({
      code: 'SCHEDULE_STATE',
      message: 'schedule "skipping" has no next instant to skip: it is paused',
    })
  })

  test('B-27 preview a rule that is none yet', async () => {
    const app = apps.app()
    expect(
      await app.schedules.preview({ cron: '0 9 * * 1-5', timezone: 'Europe/Lisbon' }, 3, {
        from: '2026-03-27T12:00:00Z',
      }),
    ).toEqual(
      ['2026-03-30T08:00:00Z', '2026-03-31T08:00:00Z', '2026-04-01T08:00:00Z'].map((at) => new Date(at)),
    )
    expect(
      await app.schedules.preview({ interval: '1d', end: '2026-01-02T12:00:00Z' }, 9, { from: '2026-01-01' }),
    ).toEqual([new Date('2026-01-02')])
    expect(await rejection(app.schedules.preview({ cron: '0 0 30 2 *' }))).toMatchObject({
      code: 'CRON_NEVER',
    })
  })
})

describe('plain SQL', () => {
  test('B-14 B-89 is noticed at once: many schedules changed by one update', async () => {
    const app = apps.app()
    const seen: unknown[] = []
    const task = app.task('bulk', () => void seen.push(currentJob().schedule?.name))
    await apps.worker(app)
    const names = ['a', 'b', 'c'].map((letter) => `bulk ${letter}`)
    for (const name of names) await app.schedules.put(name, { task, cron: '@yearly' })
    for (const name of names) await planned(app, name)
    await database.query(`update celeriac.schedules set rule = '{"interval": 200}' where name like 'bulk %'`)
    await until(() => new Set(seen).size === 3, { timeoutMs: 2_000 })
    await database.query(`update celeriac.schedules set paused_at = now() where name like 'bulk %'`)
    expect((await app.schedules.get('bulk a')).condition).toBe('paused')
    await database.query(`delete from celeriac.schedules where name like 'bulk %'`)
  })

  test('B-89 makes schedules, too', async () => {
    const app = apps.app()
    app.task('made', () => undefined)
    await apps.worker(app)
    const fired = nextEvent(app, 'schedule:fired', ({ schedule }) => schedule === 'by hand')
    await database.query(
      `insert into celeriac.schedules (name, task, rule) values ('by hand', 'made', '{"cron": "* * * * * *"}')`,
    )
    expect(await fired).toMatchObject({ task: 'made', outcome: 'fired' })
    await database.query(`delete from celeriac.schedules where name = 'by hand'`)
  })

  test.each([
    ['two rules', `'{"cron": "* * * * *", "interval": 5}'`, 'schedules_have_one_rule'],
    ['no rule', `'{}'`, 'schedules_have_one_rule'],
  ])('B-81 %s are refused', async (_, rule, constraint) => {
    await expect(
      database.query(`insert into celeriac.schedules (name, task, rule) values ('bad', 'x', ${rule})`),
    ).rejects.toMatchObject({ constraint })
  })

  test.each([
    ['a rule', `rule = '{"cron": "61 * * * *"}'`, 'minute must be 0-59, got 61'],
    ['a zone', `rule = '{"cron": "* * * * * *", "timezone": "Mars/Base"}'`, '"Mars/Base" is not a time zone'],
    ['options', `options = '{"queue": "a b"}'`, 'queue name "a b" contains U+0020'],
  ])('B-13 %s that cannot be: it is disabled with the reason, others go on, and it is tried again once it is changed', async (_, wrong, reason) => {
    const app = apps.app()
    const task = app.task('broken', () => undefined)
    const broken = eventsOf(app, 'schedule:broken')
    await apps.worker(app)
    await app.schedules.put('well', { task, interval: 100 })
    await app.schedules.put('ill', { task, interval: 100 })
    await until(async () => (await app.schedules.get('ill')).fires > 0)
    await database.query(`update celeriac.schedules set ${wrong} where name = 'ill'`)
    await until(async () => (await app.schedules.get('ill')).condition === 'broken')
    expect(await app.schedules.get('ill')).toMatchObject({
      lastError: expect.stringContaining(reason),
      nextRunAt: null,
    })
    await until(() => broken.length > 0)
    expect(broken).toMatchObject([{ schedule: 'ill', task: 'broken' }])
    const { fires } = await app.schedules.get('well')
    await until(async () => (await app.schedules.get('well')).fires > fires + 1)
    await app.schedules.put('ill', { task, interval: 100 })
    const mended = await app.schedules.get('ill')
    expect(mended).toMatchObject({ condition: 'active', lastError: null })
    await until(async () => (await app.schedules.get('ill')).fires > mended.fires)
    for (const name of ['well', 'ill']) await app.schedules.remove(name)
  })

  test('B-13 F-48 values that no rule would make do not stop the others, nor a worker that starts', async () => {
    const app = apps.app()
    const task = app.task('odd', () => undefined)
    const errors = eventsOf(app, 'error')
    const worker = await apps.worker(app)
    for (const name of ['odd', 'even']) await app.schedules.put(name, { task, interval: 200 })
    await planned(app, 'odd')
    for (const odd of [
      `ends_at = 'infinity', starts_at = '-infinity'`,
      `next_run_at = 'infinity', starts_at = 'infinity'`,
      `rule = '{"interval": "1s"}', starts_at = null`,
      `rule = '{"interval": 1e300}'`,
      `rule = '{"interval": {}}'`,
      `rule = '{"cron": null}'`,
      `rule = '{"at": "infinity"}'`,
      `rule = '{"interval": 100}', jitter_ms = 9223372036854775807`,
      `options = '{"delay": "99999999d"}', jitter_ms = 0`,
      `options = '{"labels": 5}'`,
    ]) {
      await database.query(`update celeriac.schedules set ${odd} where name = 'odd'`)
      await database.query('select celeriac.judge_schedules()')
      const { fires } = await app.schedules.get('even')
      await until(async () => (await app.schedules.get('even')).fires > fires + 1, {
        what: `firing beside ${odd}`,
      })
    }
    await worker.stop()
    await apps.worker(app)
    expect(errors).toEqual([])
    for (const name of ['odd', 'even']) await app.schedules.remove(name)
  })

  test('B-13 a task that no worker knows: it waits with the reason, and fires once somebody does', async () => {
    const app = apps.app()
    app.task('known', () => undefined)
    await app.schedules.put('unknown', { task: 'stranger', at: new Date(Date.now() - 10_000) })
    await database.query(
      `update celeriac.schedules set next_run_at = (rule ->> 'at')::timestamptz where name = 'unknown'`,
    )
    await apps.worker(app)
    expect(await app.schedules.get('unknown')).toMatchObject({
      condition: 'active',
      fires: 0,
      lastError: 'no living worker has registered the task "stranger"',
    })
    const other = apps.app()
    other.task('stranger', () => undefined)
    await apps.worker(other)
    await until(async () => (await app.schedules.get('unknown')).fires === 1)
    expect(await app.schedules.get('unknown')).toMatchObject({ lastError: null, condition: 'finished' })
  })

  test('B-90 thousands that are due at one instant each fire once', async () => {
    const app = apps.app()
    app.task('crowd', () => undefined)
    await database.query(
      `insert into celeriac.schedules (name, task, rule)
        select 'crowd ' || n, 'crowd', '{"cron": "* * * * *"}' from generate_series(1, 2000) as n`,
    )
    await database.query(
      `update celeriac.schedules set next_run_at = date_trunc('minute', now()) where name like 'crowd %'`,
    )
    await apps.worker(app, { queues: ['other'] })
    const counted = (): Promise<{ count: string }[]> =>
      database.query(
        `select count(*) from celeriac.fires where schedule like 'crowd %' and job_id is not null`,
      )
    await until(async () => Number((await counted())[0]?.count) >= 2_000, { timeoutMs: 20_000 })
    await database.query(`delete from celeriac.schedules where name like 'crowd %'`)
    const twice = await database.query(
      `select schedule from celeriac.fires where schedule like 'crowd %' group by schedule, instant having count(*) > 1`,
    )
    expect(twice).toEqual([])
    expect(await database.query(`select count(*) from celeriac.jobs where task = 'crowd'`)).toEqual(
      await counted(),
    )
  })

  test('a row that somebody holds does not hold up the others', async () => {
    const app = apps.app()
    const task = app.task('held', () => undefined)
    await apps.worker(app)
    for (const name of ['held', 'free']) await app.schedules.put(name, { task, interval: 100 })
    await planned(app, 'held')
    const client = await database.pool.connect()
    try {
      await client.query('begin')
      await client.query(`select from celeriac.schedules where name = 'held' for update`)
      const { fires } = await app.schedules.get('free')
      await until(async () => (await app.schedules.get('free')).fires > fires + 5)
    } finally {
      await client.query('rollback')
      client.release()
    }
    const { fires } = await app.schedules.get('held')
    await until(async () => (await app.schedules.get('held')).fires > fires)
    for (const name of ['held', 'free']) await app.schedules.remove(name)
  })
})
