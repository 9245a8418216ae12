/*
 * Every verb that writes rows of jobs, workers or results, each as one call on one situation; for tests that set them
 * against each other.
 *
 * The order of locks, the same for all of them: worker → jobs by ascending id → results by ascending id → attempts.
 * Who works in bulk on rows of others (claim, rescue, expire, prune) passes over what is locked and never waits.
 */
import { randomUUID } from 'node:crypto'
import { aResult, aWorker, fromNow, jobsLike, rowsOf } from '../support/factory.ts'
import type { TestDatabase } from '../support/postgres.ts'
import type { Session } from '../support/session.ts'
import {
  BOUNDS,
  cancelJobs,
  claimJobs,
  type Other,
  retryJobs,
  settleJobs,
  workCycle,
} from '../support/verbs.ts'

/** Rows that all verbs want. */
export interface Situation {
  /** Ids in the order the verb is given them. */
  readonly ids: readonly string[]
  /** Declared dead, but not gone: it may still call, and be rescued from. */
  readonly worker: string
  readonly accuser: string
  readonly queue: string
  /** Rows to hold, by what they are. */
  readonly running: string
  readonly pending: string
  readonly settled: string
  /** Ids nobody has used: before, among and after the others. */
  readonly fresh: readonly string[]
}

type Verb = (session: Session, situation: Situation) => Promise<unknown>

const KINDS = ['errored', 'discarded', 'released', 'snoozed', 'returned', 'cancelled'] as const

/** Half of them succeeded, the others ended in every other way. */
function settle(session: Session, { ids, worker }: Situation): Promise<unknown> {
  const error = { name: 'Error', message: 'boom' }
  const other = (id: string, index: number): Other => {
    const kind = KINDS[index % KINDS.length] ?? 'errored'
    return { id, token: 1, kind, error, delayMs: 0 }
  }
  return settleJobs(session, worker, {
    done: ids.filter((_, index) => index % 2 === 0).map((id) => [id, 1, 1] as const),
    others: ids.filter((_, index) => index % 2 === 1).map(other),
  })
}

/** Succeeded only: one statement, without the list of others that would lock first. */
const succeed: Verb = (session, { ids, worker }) =>
  settleJobs(session, worker, { done: ids.map((id) => [id, 1, 1] as const) })

const { grace, beat, lease, maxLosses } = BOUNDS

/** By name, one call each, with the ids in the order it is given them. */
export const VERBS: Readonly<Record<string, Verb>> = {
  settle,
  succeed,
  complete: async (session, { worker, running }) => {
    // Refusing is a proper end: the attempt is not held any more.
    await session
      .query('select celeriac.complete_attempt($1, $2, 1, null)', [worker, running])
      .catch((error: unknown) => {
        if ((error as { code?: string }).code !== 'ZC001') throw error
      })
  },
  claim: (session, { worker, queue }) => claimJobs(session, { worker, queue }),
  cycle: (session, { accuser, queue }) => workCycle(session, accuser, { looks: [[queue, []]] }),
  cancel: (session, { ids }) => cancelJobs(session, ids),
  kill: (session, { ids }) => session.query('select celeriac.kill_jobs($1, null)', [ids]),
  retry: (session, { ids }) => retryJobs(session, ids),
  forget: (session, { ids }) => session.query('select celeriac.forget_jobs($1)', [ids]),
  release: (session, { worker }) =>
    session.query(
      `select celeriac.release_worker_jobs($1, array_agg(held.job_id), array_agg(held.token)) from celeriac.find_held($1) as held`,
      [worker],
    ),
  deregister: (session, { worker }) => session.query('select celeriac.deregister_worker($1)', [worker]),
  rescue: (session, { accuser }) =>
    session.query('select celeriac.rescue_jobs($1, $2, $3, $4, $5, true, 1000)', [
      accuser,
      grace,
      beat,
      lease,
      maxLosses,
    ]),
  expire: (session) => session.query('select celeriac.expire_jobs(1000)'),
  progress: (session, { ids, worker }) =>
    session.query('select celeriac.report_progress($1, $2, $3, $4)', [
      worker,
      ids,
      ids.map(() => 1),
      ids.map(() => '1'),
    ]),
  beat: (session, { ids, worker }) =>
    session.query(`select celeriac.record_heartbeat($1, 1, false, false, '{work}', null, $2, $3)`, [
      worker,
      JSON.stringify(ids.map((id) => [id, 1])),
      beat,
    ]),
  enqueue: (session, { ids, queue }) =>
    session.query('select celeriac.enqueue_jobs($1)', [
      JSON.stringify([[{ queue, task: 'work', givenId: true }, ids.map((id) => [id, []])]]),
    ]),
  prune: (session) => session.query('select celeriac.prune_results(1000, 1000)'),
}

/** Verbs after which a job may be nowhere: they remove what is kept. */
export const REMOVING: ReadonlySet<string> = new Set(['forget', 'prune'])

/**
 * Jobs in every state under one worker, their history, and ids that nobody has used.
 *
 * @param prunable - with a result that is too old; without one, history is contended for by its attempts alone
 */
export async function aSituation(
  database: TestDatabase,
  queue: string,
  { prunable = true }: { readonly prunable?: boolean } = {},
): Promise<Situation> {
  const long = fromNow(-3_600_000)
  const dead = { heartbeat_at: long, started_at: long, queues: [queue] }
  const [worker, accuser] = await Promise.all([
    aWorker(database, dead),
    aWorker(database, { queues: [queue] }),
  ])
  await database.query(
    `update celeriac.workers set lost_at = case when id = $1 then now() end, steady_since = now() - interval '1 hour'
      where id = any ($2)`,
    [worker, [worker, accuser]],
  )
  const ids = Array.from({ length: 12 }, () => randomUUID()).sort()
  const id = (place: number): string => ids[place] ?? ''
  const held = { queue, worker_id: worker }
  const due = { queue, run_at: fromNow(-1_000) }
  await Promise.all([
    jobsLike(database, 1, { ...held, id: id(1) }),
    jobsLike(database, 1, { ...due, id: id(2) }),
    jobsLike(database, 1, { ...held, id: id(3), cancel_requested_at: fromNow(-5) }),
    jobsLike(database, 1, { ...due, id: id(4) }),
    jobsLike(database, 1, { ...held, id: id(5) }),
    aResult(database, { queue, id: id(6), state: 'failed' }),
    jobsLike(database, 1, { ...held, id: id(8) }),
    jobsLike(database, 1, { ...due, id: id(9), expires_at: fromNow(-5) }),
    ...(prunable ? [aResult(database, { queue, id: id(10), settled_at: long, expires_at: long })] : []),
  ])
  await record(database, [id(8), id(6), id(1), id(5)])
  return {
    ids: prunable ? ids : ids.filter((one) => one !== id(10)),
    worker,
    accuser,
    queue,
    running: id(5),
    pending: id(4),
    settled: id(6),
    fresh: [id(0), id(7), id(11)],
  }
}

/** Failed attempts long ago, in a physical order that is not that of their ids. */
async function record(database: TestDatabase, ids: readonly string[]): Promise<void> {
  await database.query(
    `insert into celeriac.attempts (job_id, attempt, token, outcome, ended_at, error)
      select id, 1, 1, 'retry', now() - interval '400 days', '{}' from unnest($1::uuid[]) as id`,
    [ids],
  )
}

/** In how many places each job is: one, unless it was removed. */
export async function placesOf(
  database: TestDatabase,
  ids: readonly string[],
): Promise<{ id: string; places: number }[]> {
  const rows = await rowsOf(
    database,
    `select given.id, count(job.id)::integer as places
      from unnest($1::uuid[]) as given (id)
      left join (select id from celeriac.jobs union all select id from celeriac.results) as job on job.id = given.id
      group by given.id`,
    [ids],
  )
  return rows as { id: string; places: number }[]
}

/** Leaves nothing for the next situation; faster than truncating. */
export async function clear(database: TestDatabase): Promise<void> {
  await database.query(
    `with job as (delete from celeriac.jobs), result as (delete from celeriac.results),
      attempt as (delete from celeriac.attempts)
    delete from celeriac.workers`,
  )
}
