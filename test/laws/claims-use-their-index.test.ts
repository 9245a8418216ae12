import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { aWorker, fromNow } from '../support/factory.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { openSession, type Session } from '../support/session.ts'
import { claimJobs, enqueueJobs, rescueJobs, settleJobs, workCycle } from '../support/verbs.ts'

/*
 * What PostgreSQL really does inside the functions of the hot path: auto_explain writes the plan of each nested
 * statement to the client. Six runs, so that a prepared statement has had its chance to become a generic plan.
 */

const ROWS = 200_000
/** Reads every row, or every index entry, of a table: what the hot path must never do. */
const WALKS = /Seq Scan on (jobs|results)|Index Only Scan using jobs_have_one_id|Hash Join|Merge Join/

const STATISTICS = {
  'of an empty table': async (database: TestDatabase) => {
    await database.query('analyze celeriac.jobs')
  },
  'of an empty table while there are many rows': async (database: TestDatabase) => {
    await database.query('analyze celeriac.jobs; analyze celeriac.results')
    await fill(database)
  },
  'that are true': async (database: TestDatabase) => {
    await fill(database)
    await database.query('analyze celeriac.jobs; analyze celeriac.results')
  },
} as const

describe.each(Object.keys(STATISTICS) as (keyof typeof STATISTICS)[])('with statistics %s', (kind) => {
  let database: TestDatabase
  let session: Session
  let plans: string[]
  const worker = randomUUID()

  beforeAll(async () => {
    database = await createDatabase({ name: 'plans' })
    // Nobody may analyse the tables in the meantime.
    await database.query('alter table celeriac.jobs set (autovacuum_enabled = off)')
    await STATISTICS[kind](database)
    await aWorker(database, { id: worker })
    session = await openSession(database.url)
    await session.query(`load 'auto_explain'`)
    await session.query(`
      set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;
      set auto_explain.log_level = 'notice'; set client_min_messages = 'notice'`)
    session.client.on('notice', ({ message }) => {
      if (message?.includes('plan:')) plans.push(message)
    })
  }, 120_000)
  afterAll(async () => {
    await session.end()
    await database.drop()
  })

  /** Runs something six times and gives the plans of statements that touch a table. */
  async function plansOf(work: (round: number) => Promise<unknown>, table = /\bjobs\b/): Promise<string[]> {
    plans = []
    for (let round = 0; round < 6; round += 1) await work(round)
    return plans.filter((plan) => table.test(plan))
  }

  const walking = (found: readonly string[]): string[] => found.filter((plan) => WALKS.test(plan))

  test('the claim walks jobs_for_claim in its order', async () => {
    const found = await plansOf(() => claimJobs(session, { worker, wanted: 5 }))
    const claims = found.filter((plan) => plan.includes('for update skip locked'))
    expect(claims).toHaveLength(6)
    for (const plan of claims) {
      expect(plan).toMatch(/Index (Only )?Scan using jobs_for_claim/)
      expect(plan).toMatch(/Tid Scan on jobs/)
      expect(plan).not.toMatch(/Bitmap|Seq Scan on jobs|Sort Key: job\.run_at/)
    }
  })

  test('a whole turn walks nothing', async () => {
    const looks = [['default', [[0, null, null]]]]
    const found = await plansOf(() => workCycle(session, worker, { wanted: 5, looks }))
    expect(found.length).toBeGreaterThanOrEqual(6)
    expect(walking(found)).toEqual([])
  })

  test('settling goes by primary key', async () => {
    const found = await plansOf(async () => {
      const { ids } = await claimJobs(session, { worker, wanted: 20 })
      const mine = ids.length > 0 ? ids : [randomUUID(), randomUUID()]
      await settleJobs(session, worker, {
        done: mine.slice(1).map((id) => [id, 1, 1] as const),
        others: mine.slice(0, 1).map((id) => ({ id, token: 1, kind: 'discarded', error: { name: 'Error' } })),
      })
    })
    const settles = found.filter((plan) => /delete from celeriac\.jobs/.test(plan))
    expect(settles.length).toBeGreaterThanOrEqual(12)
    for (const plan of settles) expect(plan).toMatch(/Index Scan using jobs_have_one_id/)
    expect(walking(found)).toEqual([])
  })

  test('enqueuing looks at nothing but its own rows', async () => {
    const found = await plansOf(() =>
      enqueueJobs(session, [[{ queue: 'default', task: 'work', givenId: true }, [[randomUUID(), []]]]]),
    )
    expect(walking(found)).toEqual([])
  })

  test('a heartbeat and a report go by primary key', async () => {
    const ids = [randomUUID(), randomUUID()]
    const found = await plansOf(async () => {
      await session.query(
        `select * from celeriac.record_heartbeat($1, 1, false, false, '{}', '{}', $2, 3000)`,
        [worker, JSON.stringify(ids.map((id) => [id, 1]))],
      )
      await session.query(`select celeriac.report_progress($1, $2, '{1,1}', '{1,1}')`, [worker, ids])
    })
    expect(walking(found)).toEqual([])
  })

  test.each([
    ['cancel', (ids: string[]) => session.query('select * from celeriac.cancel_jobs($1, null)', [ids])],
    ['retry', (ids: string[]) => session.query('select * from celeriac.retry_jobs($1)', [ids])],
    ['forget', (ids: string[]) => session.query('select celeriac.forget_jobs($1)', [ids])],
  ] as const)('%s goes by primary key', async (_, verb) => {
    const found = await plansOf(() => verb([randomUUID(), randomUUID()]))
    expect(found.length).toBeGreaterThan(5)
    expect(found.filter((plan) => /Seq Scan on (jobs|results)/.test(plan))).toEqual([])
  })

  test('expiry walks its own index', async () => {
    const found = await plansOf(() => session.query('select celeriac.expire_jobs(100)'))
    expect(found.filter((plan) => plan.includes('jobs_for_expiry'))).toHaveLength(6)
    expect(found.filter((plan) => /Seq Scan on jobs/.test(plan))).toEqual([])
  })

  test('a round without a death looks at no job', async () => {
    const found = await plansOf(() => rescueJobs(session))
    expect(found.filter((plan) => /Scan.* on jobs/.test(plan))).toEqual([])
  })

  test('a rescue changes what it found by primary key', async () => {
    const found = await plansOf(async () => {
      const dead = await aWorker(session, { heartbeat_at: fromNow(-60_000), suspected_at: fromNow(-30_000) })
      await claimJobs(session, { worker: dead, wanted: 5 })
      await rescueJobs(session)
    })
    const changes = found.filter((plan) => /delete from celeriac\.jobs/.test(plan))
    expect(changes).toHaveLength(6)
    // One walk to find the jobs of the dead, which no index names; none to change them, unless there is next to nothing.
    const walks = kind === 'of an empty table' ? 3 : 1
    for (const plan of changes) {
      expect(plan.match(/Seq Scan on jobs/g)?.length ?? 0).toBeLessThanOrEqual(walks)
    }
  })
})

async function fill(database: TestDatabase): Promise<void> {
  await database.query(
    `insert into celeriac.jobs (id, run_at, enqueued_at, queue, task, args, priority, expires_at)
      select gen_random_uuid(), now() - i * interval '1 ms', now(), case when i % 5 = 0 then 'mail' else 'default' end,
        'work', '[]', i % 2, case when i % 10 = 0 then now() + interval '1 hour' end
      from generate_series(1, ${ROWS}) as i`,
  )
}
