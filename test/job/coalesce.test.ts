import { describe, expect, test } from 'vitest'
import { rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase({ name: 'coalesce' })
const apps = useApps(database)

describe('enqueue', () => {
  test('shares statements among concurrent callers', async () => {
    const { app, statements } = apps.counted()
    const task = app.task('shared', (n: number) => n)
    const handles = await Promise.all(Array.from({ length: 500 }, (_, n) => task.enqueue(n)))
    expect(new Set(handles.map((handle) => handle.id)).size).toBe(500)
    expect(statements.filter((text) => text.includes('enqueue_jobs')).length).toBeLessThanOrEqual(5)
    const infos = await Promise.all([handles[0], handles[499]].map((handle) => handle?.info()))
    expect(infos.map((info) => info?.args)).toEqual([[0], [499]])
  })

  test('shares them among tasks and options, and mixes nothing up', async () => {
    const app = apps.app()
    const tasks = ['a', 'b', 'c'].map((name) => app.task(`mixed.${name}`, (n: number) => n))
    const handles = await Promise.all(
      Array.from({ length: 300 }, (_, n) =>
        (tasks[n % 3] ?? app.declare('never'))
          .with({ priority: n % 7, queue: `q${n % 2}` })
          .enqueue(n as never),
      ),
    )
    const rows = await database.query<{ id: string }>(
      `select id, task, queue, priority, (args -> 0)::int as n from celeriac.jobs where task like 'mixed.%'`,
    )
    const found = new Map(rows.map((row) => [row.id, row]))
    handles.forEach((handle, n) => {
      expect(found.get(handle.id)).toMatchObject({
        task: `mixed.${'abc'[n % 3]}`,
        queue: `q${n % 2}`,
        priority: n % 7,
        n,
      })
    })
  })

  test('gives each caller its own error, the others their jobs', async () => {
    await database.query(`create function refuse_job() returns trigger language plpgsql as
      $$ begin raise exception 'not %', new.args using errcode = '23514'; end $$`)
    await database.query(`create trigger refuse_job before insert on celeriac.jobs for each row
      when (new.task = 'refused' and new.args in ('[77]', '[333]')) execute function refuse_job()`)
    const task = apps.app().task('refused', (n: number) => n)
    const outcomes = await Promise.allSettled(
      Array.from({ length: 500 }, (_, n) => task.enqueue(n === 100 ? Number.NaN : n)),
    )
    await database.query('drop function refuse_job cascade')
    const refused = outcomes.flatMap((outcome, n) =>
      outcome.status === 'rejected' ? [[n, String(outcome.reason.message)]] : [],
    )
    expect(refused).toEqual([
      [77, 'not [77]'],
      [100, 'argument $[0] is NaN; JSON would turn it into null'],
      [333, 'not [333]'],
    ])
    const [row] = await database.query(
      `select count(*)::int as jobs from celeriac.jobs where task = 'refused'`,
    )
    expect(row).toEqual({ jobs: 497 })
  })

  test('does not wait with those who wait for an id that somebody else holds', async () => {
    const app = apps.app()
    const task = app.task('held', (n: number) => n)
    const id = '019a0000-0000-7000-8000-000000000001'
    const client = await database.pool.connect()
    try {
      await client.query('begin')
      await task.with({ tx: client, id }).enqueue(1)
      const waiting = rejection(task.with({ id }).enqueue(2))
      await Promise.all(Array.from({ length: 50 }, (_, n) => task.enqueue(n)))
      await client.query('commit')
      expect(await waiting).toMatchObject({ code: 'JOB_EXISTS' })
    } finally {
      client.release()
    }
  })

  test('sends what is left when the app stops', async () => {
    const app = apps.app()
    const task = app.task('left', (n: number) => n)
    const enqueuing = Promise.allSettled(Array.from({ length: 6_000 }, (_, n) => task.enqueue(n)))
    await app.stop()
    const failed = (await enqueuing).filter(({ status }) => status === 'rejected')
    expect(failed).toEqual([])
  })

  test('is refused once the app is stopped', async () => {
    const app = apps.app()
    const task = app.task('stopped', () => 1)
    await app.stop()
    expect(await rejection(task.enqueue())).toEqual({
      name: 'CeleriacError',
      code: 'APP_CLOSED',
      message: 'this app is stopped; make a new Celeriac to enqueue',
    })
  })

  test('says that nothing is installed', async () => {
    const app = apps.app({ schema: 'nowhere' })
    const refused = await rejection(app.task('t', () => 1).enqueue())
    expect(refused.code).toBe('NOT_MIGRATED')
    expect(refused.message).toMatch(
      /^schema "nowhere" is not installed in database ".+" at .+; run: npx celeriac migrate$/,
    )
  })

  test('B-61 says that nobody answers, without the password', async () => {
    const app = apps.app({ database: 'postgres://who:secret@127.0.0.1:1/none' })
    const refused = await rejection(app.task('t', () => 1).enqueue())
    expect(refused).toEqual({
      name: 'CeleriacError',
      code: 'CONNECT_FAILED',
      message: 'cannot reach 127.0.0.1:1 as "who": connect ECONNREFUSED 127.0.0.1:1',
    })
  })
})
