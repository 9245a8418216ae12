import { describe, expect, onTestFinished, test } from 'vitest'
import { eventsOf, gate, useApps } from '../support/apps.ts'
import { createDatabase, type TestDatabase, useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'restored_from' })
const apps = useApps(database)

/** Copies what a dump of the data holds into an installation elsewhere. */
async function restore(from: TestDatabase, into: TestDatabase): Promise<void> {
  for (const table of ['queues', 'workers', 'jobs', 'results', 'attempts', 'listeners']) {
    const [row] = await from.query<{ rows: unknown }>(
      `select coalesce(jsonb_agg(to_jsonb(x)), '[]') as rows from celeriac.${table} as x`,
    )
    await into.query(
      `insert into celeriac.${table} select * from jsonb_populate_recordset(null::celeriac.${table}, $1) on conflict do nothing`,
      [JSON.stringify(row?.rows)],
    )
  }
}

describe('F-40 a backup that is restored elsewhere', () => {
  test('runs again what ran when it was made, as lost once, while the original goes on untouched', {
    timeout: 60_000,
  }, async () => {
    const open = gate()
    const app = apps.app()
    const begun: string[] = []
    app.task('backed.up', { bind: true }, async (job) => {
      begun.push(job.id)
      await open
      return 'original'
    })
    await apps.worker(app, { concurrency: 3 })
    const handles = await app
      .declare<() => string>('backed.up')
      .enqueueMany(Array.from({ length: 5 }, () => []))
    await until(() => begun.length === 3)

    const copy = await createDatabase({ name: 'restored_to' })
    onTestFinished(() => copy.drop())
    await restore(database, copy)
    // It was made an hour ago, on another server.
    await copy.query(
      `update celeriac.workers set heartbeat_at = heartbeat_at - interval '1 hour', started_at = started_at - interval '1 hour',
        steady_since = steady_since - interval '1 hour'`,
    )
    const elsewhere = apps.app({ database: copy.url })
    const rescued = eventsOf(elsewhere, 'worker:rescued')
    elsewhere.task('backed.up', () => 'copy')
    await apps.worker(elsewhere)
    for (const { id } of handles) {
      expect(await elsewhere.job(id).result({ timeout: '30s' })).toBe('copy')
    }
    const losses = await Promise.all(handles.map(async ({ id }) => (await elsewhere.job(id).info()).losses))
    expect(losses.toSorted()).toEqual([0, 0, 1, 1, 1])
    expect(rescued).toMatchObject([{ rescued: 3, failed: 0 }])

    open.open()
    for (const handle of handles) expect(await handle.result({ timeout: '10s' })).toBe('original')
    expect(await database.query('select max(losses) as losses from celeriac.results')).toEqual([
      { losses: 0 },
    ])
  })
})
