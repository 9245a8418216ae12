import { describe, expect, test } from 'vitest'
import { gate, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'limit_lanes' })
const apps = useApps(database)

const limit = (name: string, settings: object) =>
  database.query(
    `insert into celeriac.limits (name, declared) values ($1, $2)
     on conflict (name) do update set declared = excluded.declared`,
    [name, settings],
  )

describe('a job that is limited', () => {
  test('waits in a lane while as many run as may, and begins when one ends', async () => {
    await limit('task:two/concurrency', { concurrency: 2 })
    const app = apps.app()
    const open = [gate(), gate(), gate()]
    const begun: number[] = []
    const task = app.task('two', { concurrency: 2 }, async (n: number) => {
      begun.push(n)
      await open[n]
      return n
    })
    await apps.worker(app, { concurrency: 5 })
    const handles = await task.enqueueMany([[0], [1], [2]])
    await until(() => begun.length === 2)
    expect(await Promise.all(handles.map((handle) => handle.state()))).toEqual([
      'running',
      'running',
      'waiting',
    ])
    open[1]?.open()
    await until(() => begun.length === 3)
    for (const one of open) one.open()
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual([0, 1, 2])
  })

  test('is put into its lane by the worker when SQL has enqueued it', async () => {
    await limit('task:one/concurrency', { concurrency: 1 })
    const app = apps.app()
    const open = gate()
    let running = 0
    let most = 0
    app.task('one', { concurrency: 1 }, async () => {
      running += 1
      most = Math.max(most, running)
      await open
      running -= 1
    })
    await apps.worker(app, { concurrency: 5 })
    for (let n = 0; n < 4; n += 1) await database.query(`select celeriac.enqueue('one')`)
    await until(async () => {
      const [row] = await database.query<{ count: number }>(
        `select count(*)::int from celeriac.jobs where task = 'one' and run_at is null and lane_id is not null`,
      )
      return row?.count === 3
    })
    open.open()
    await until(
      async () => (await database.query(`select from celeriac.jobs where task = 'one'`)).length === 0,
    )
    expect(most).toBe(1)
    const rows = await database.query(
      `select from celeriac.results where task = 'one' and attempt = 1 and state = 'succeeded'`,
    )
    expect(rows).toHaveLength(4)
  })

  test('starts at its rate, whoever enqueues', async () => {
    await limit('task:rated/rate', { rateLimit: 20, ratePerMs: 1000 })
    const app = apps.app()
    const task = app.task('rated', { rateLimit: '20/s' }, () => undefined)
    await apps.worker(app, { concurrency: 5 })
    await apps.worker(app, { concurrency: 5 })
    const handles = await task.enqueueMany(Array.from({ length: 20 }, () => []))
    await Promise.all(handles.map((handle) => handle.result()))
    const rows = await database.query<{ gap: number }>(
      `select extract(epoch from claimed_at - lag(claimed_at) over (order by claimed_at))::float8 * 1000 as gap
         from celeriac.results where task = 'rated'`,
    )
    expect(rows.slice(1).filter(({ gap }) => gap < 50)).toEqual([])
  })

  test('takes turns with others by key, whatever their backlogs', async () => {
    const app = apps.app()
    const order: string[] = []
    const task = app.task('fair', { fairness: { key: (tenant: string) => tenant } }, (tenant: string) => {
      order.push(tenant)
    })
    const handles = await task.enqueueMany([
      ...Array.from({ length: 50 }, (): [string] => ['big']),
      ...Array.from({ length: 3 }, (): [string] => ['small']),
    ])
    await apps.worker(app, { concurrency: 1 })
    await Promise.all(handles.map((handle) => handle.result()))
    expect(order.lastIndexOf('small')).toBeLessThan(8)
  })
})
