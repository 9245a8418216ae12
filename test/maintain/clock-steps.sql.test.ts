import { describe, expect, test } from 'vitest'
import { aJob, aWorker, find, fromNow } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession, type Session } from '../support/session.ts'
import { rescueJobs } from '../support/verbs.ts'

const database = useDatabase({ name: 'clock_steps' })

const HOUR_MS = 3_600_000

/** From now on the clock of the database says something else, for this session. */
async function step(session: Session, ms: number): Promise<void> {
  await session.query(
    `select set_config('celeriac.fake_now', (clock_timestamp() + $1 * interval '1 millisecond')::text, false)`,
    [ms],
  )
}

async function beat(session: Session, worker: string): Promise<void> {
  await session.query(
    `select known from celeriac.record_heartbeat($1, 0, false, false, '{}', '{}', '[]', 3000)`,
    [worker],
  )
}

describe('the clock of the server', () => {
  test.each([
    ['forward', HOUR_MS],
    ['back', -HOUR_MS],
  ])('F-44 set %s accuses nobody: who beats on is alive', async (_, ms) => {
    await using session = await openSession(database.url)
    const [accuser, other] = [await aWorker(database), await aWorker(database)]
    const id = await aJob(database, { worker_id: other })
    await step(session, ms)
    // Every one looks silent for an hour, or to be of the future; the accuser, too, until he has beaten.
    expect(await rescueJobs(session, { accuser })).toEqual([])
    await beat(session, accuser)
    expect(await rescueJobs(session, { accuser })).toEqual([])
    await beat(session, other)
    await step(session, ms + 60_000)
    await beat(session, other)
    await beat(session, accuser)
    expect(await rescueJobs(session, { accuser })).toEqual([])
    expect(await find(database, 'jobs', id)).toMatchObject({ worker_id: other, losses: 0 })
    await database.query('truncate celeriac.jobs, celeriac.workers')
  })

  test.each([
    ['that was suspected already', () => ({ suspected_at: fromNow(HOUR_MS) })],
    ['that held no lock', () => ({ presence_key: null })],
    ['of before a restart', () => ({ postmaster_started_at: '2020-01-01' })],
  ])('F-44 set back saves no dead worker %s, once the accuser has been well for a lease', async (_, fields) => {
    await using session = await openSession(database.url)
    const [accuser, alive, dead] = [
      await aWorker(database),
      await aWorker(database, { presence_key: null, heartbeat_at: fromNow(HOUR_MS) }),
      await aWorker(database, { heartbeat_at: fromNow(HOUR_MS), ...fields() }),
    ]
    const [id, kept] = [await aJob(database, { worker_id: dead }), await aJob(database, { worker_id: alive })]
    // The server of a test has not been up for a real lease.
    const bounds = { accuser, lease: 4_000, beat: 1_000 }
    for (let ms = 0; ms <= 12_000; ms += 500) {
      await step(session, ms)
      await beat(session, accuser)
      await beat(session, alive)
      await rescueJobs(session, bounds)
    }
    expect(await find(database, 'jobs', id)).toMatchObject({ worker_id: null, losses: 1 })
    expect(await find(database, 'jobs', kept)).toMatchObject({ worker_id: alive, losses: 0 })
    await database.query('truncate celeriac.jobs, celeriac.workers')
  })

  test('F-43 is the only one: what a job carries of times, the database has said', async () => {
    await using session = await openSession(database.url)
    await step(session, HOUR_MS)
    const [row] = await session.query<{ id: string }>(
      `select celeriac.enqueue('work', '[]', '{"delay": "1m"}') as id`,
    )
    const [job] = await session.query<{ waits: number; age: number }>(
      `select extract(epoch from run_at - enqueued_at)::int as waits,
          extract(epoch from celeriac.clock() - enqueued_at)::int as age
        from celeriac.jobs where id = $1`,
      [row?.id],
    )
    expect(job).toEqual({ waits: 60, age: 0 })
    await database.query('truncate celeriac.jobs')
  })
})
