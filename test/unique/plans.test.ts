import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { openSession, type Session } from '../support/session.ts'

/* Plans of the statements inside, from a session that has planned them while the tables were empty. */

const ROWS = 50_000
const WALKS =
  /Seq Scan on (jobs|results\w*|unique_keys)|Index Only Scan using jobs_have_one_id|Hash Join|Merge Join/

describe('enqueue_unique on large tables, planned when they were empty', () => {
  let database: TestDatabase
  let session: Session
  let plans: string[] = []

  beforeAll(async () => {
    database = await createDatabase({ name: 'unique_plans' })
    for (const table of ['jobs', 'unique_keys'])
      await database.query(`alter table celeriac.${table} set (autovacuum_enabled = off)`)
    await database.query('analyze celeriac.jobs; analyze celeriac.unique_keys; analyze celeriac.results')
    session = await openSession(database.url)
    await session.query(`load 'auto_explain'`)
    await session.query(`
      set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;
      set auto_explain.log_level = 'notice'; set client_min_messages = 'notice'`)
    session.client.on('notice', ({ message }) => {
      if (message?.includes('plan:')) plans.push(message)
    })
    for (let round = 0; round < 3; round += 1) await everything()
    await database.query(`
      insert into celeriac.unique_keys (task, key, job_id, asked_id, outcome, states, since)
        select 'many', 'key-' || n, gen_random_uuid(), gen_random_uuid(), 'inserted', '{pending,succeeded}', now()
        from generate_series(1, ${ROWS}) as n on conflict do nothing;
      insert into celeriac.jobs (id, run_at, enqueued_at, queue, task, args)
        select gen_random_uuid(), now(), now(), 'many', 'many', '[]' from generate_series(1, ${ROWS});
      insert into celeriac.results (id, settled_at, enqueued_at, token, attempt, max_attempts, snoozes, losses, state,
          priority, queue, task, args)
        select job_id, now(), now(), 1, 1, 5, 0, 0, 'succeeded', 0, 'many', 'many', '[]' from celeriac.unique_keys`)
  }, 120_000)
  afterAll(async () => {
    await session.end()
    await database.drop()
  })

  async function everything(): Promise<void> {
    for (const rule of [
      { onConflict: 'keep', states: ['pending', 'running'] },
      { onConflict: 'replace', states: ['pending'] },
      { onConflict: 'rerun', states: ['pending', 'running', 'succeeded'] },
      { onConflict: 'reject', ms: 60_000 },
      { onConflict: 'keep', states: ['pending', 'running'], resent: true },
    ]) {
      const items = ['a', 'b', 'a', 'key-1', randomUUID()].map((key) => [key, [randomUUID(), [1]]])
      const shape = { queue: 'default', task: 'many', unique: rule }
      await session.query('select celeriac.enqueue_unique($1, 1000)', [JSON.stringify([[shape, items]])])
    }
    await session.query('select celeriac.sweep_unique_keys()')
  }

  test('walks no table and no index', async () => {
    plans = []
    for (let round = 0; round < 3; round += 1) await everything()
    expect(plans.filter((plan) => /\b(jobs|unique_keys)\b/.test(plan)).length).toBeGreaterThan(50)
    expect(plans.filter((plan) => WALKS.test(plan) && !/Hash Cond: \(.*shape/.test(plan))).toEqual([])
  })
})
