import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { jobsLike, rowsOf } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { claimJobs } from '../support/verbs.ts'

const database = useDatabase()

test('each claim is a HOT update', async () => {
  const worker = randomUUID()
  // As wide as jobs are, so that the room left on each page counts.
  const args = [{ text: 'x'.repeat(100) }]
  await jobsLike(database, 5_000, { queue: 'hot', args })
  await using session = await openSession(database.url)
  for (;;) {
    const { taken } = await claimJobs(session, { worker, queue: 'hot', wanted: 100 })
    if (taken === 0) break
  }
  const [counted] = await rowsOf(
    session,
    `select pg_stat_force_next_flush(), (
      select (n_tup_upd, n_tup_hot_upd)::text from pg_stat_user_tables where relid = 'celeriac.jobs'::regclass
    ) as before`,
  )
  expect(counted).toBeDefined()
  const [row] = await rowsOf(
    session,
    `select n_tup_upd::integer as updated, n_tup_hot_upd::integer as hot
      from pg_stat_user_tables where relid = 'celeriac.jobs'::regclass`,
  )
  expect(row).toEqual({ updated: 5_000, hot: 5_000 })
})

test('no index holds what a claim or a heartbeat changes', async () => {
  const rows = await rowsOf(
    database,
    `select index.indexrelid::regclass::text as index, attribute.attname as column
      from pg_index as index
      join pg_attribute as attribute on attribute.attrelid = index.indrelid and attribute.attnum > 0
      where index.indrelid in ('celeriac.jobs'::regclass, 'celeriac.workers'::regclass)
        and pg_get_indexdef(index.indexrelid) ~ ('\\m' || attribute.attname || '\\M')
        and attribute.attname in ('worker_id', 'token', 'attempt', 'claimed_at', 'progress', 'cancel_requested_at',
          'cancel_reason', 'heartbeat_at', 'suspected_at', 'running', 'idle', 'stopping', 'stats')`,
  )
  expect(rows).toEqual([])
})
