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
import {
  aRacedCanvas,
  endOf,
  heldOf,
  NODE_ENDS,
  type NodeEnd,
  type RacedCanvas,
  startCanvas,
  tolerating,
} from './canvas-races.ts'

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
  /** Nodes, which are among the ids, too. */
  readonly canvas: RacedCanvas
}

type Verb = (session: Session, situation: Situation) => Promise<unknown>

const KINDS = ['errored', 'discarded', 'released', 'snoozed', 'returned', 'cancelled'] as const

/** Half of them succeeded, the others ended in every other way. */
async function settle(session: Session, situation: Situation): Promise<unknown> {
  const { worker, queue } = situation
  const ids = plain(situation)
  const held = await heldOf(session, worker, situation.ids)
  const token = (id: string): number => held.get(id)?.token ?? 1
  const error = { name: 'Error', message: 'boom' }
  const other = (id: string, index: number): Other => {
    const kind = KINDS[index % KINDS.length] ?? 'errored'
    return { id, token: token(id), kind, error, delayMs: 0 }
  }
  const nodes = nodesOf(situation, held)
  return settleJobs(session, worker, {
    done: ids.filter((_, index) => index % 2 === 0).map((id) => [id, token(id), 1] as const),
    others: [
      ...ids.filter((_, index) => index % 2 === 1).map(other),
      ...nodes.map((id, index) =>
        endOf(id, token(id), NODE_ENDS[index % NODE_ENDS.length] ?? 'failed', queue),
      ),
    ],
  })
}

/** Succeeded only, and no nodes: one statement, without the list of others that would lock first. */
const succeed: Verb = (session, situation) =>
  settleJobs(session, situation.worker, { done: plain(situation).map((id) => [id, 1, 1] as const) })

/** All nodes that run end alike. */
function endNodes(end: NodeEnd): Verb {
  return async (session, situation) => {
    const { worker, queue, ids } = situation
    const held = await heldOf(session, worker, ids)
    const others = nodesOf(situation, held).map((id) => endOf(id, held.get(id)?.token ?? 1, end, queue))
    return settleJobs(session, worker, { others })
  }
}

/** Ids of jobs that are no nodes. */
function plain({ ids, canvas }: Situation): string[] {
  return ids.filter((id) => !canvas.ids.includes(id))
}

/** Nodes to settle, in the order of the ids; those that a call has made are no part of any situation. */
function nodesOf({ ids }: Situation, held: Awaited<ReturnType<typeof heldOf>>): string[] {
  return ids.filter((id) => held.get(id)?.node === true)
}

const { grace, beat, lease, maxLosses } = BOUNDS

/** By name, one call each, with the ids in the order it is given them. */
export const VERBS: Readonly<Record<string, Verb>> = {
  settle,
  succeed,
  // Refusing is a proper end: the attempt is not held any more.
  complete: (session, { worker, running }) =>
    tolerating(
      ['ZC001'],
      session.query('select celeriac.complete_attempt($1, $2, 1, null)', [worker, running]),
    ),
  'complete a node': (session, { worker, canvas }) =>
    tolerating(
      ['ZC001'],
      session.query('select celeriac.complete_attempt($1, $2, 1, null)', [worker, canvas.member]),
    ),
  'succeed as nodes': endNodes('succeeded'),
  'fail as nodes': endNodes('failed'),
  'replace nodes': endNodes('replaced'),
  'add members': endNodes('added'),
  start: (session, { queue, fresh }) => startCanvas(session, queue, fresh[1] ?? ''),
  'cancel the canvas': (session, { canvas }) =>
    session.query('select celeriac.cancel_workflow($1, null)', [canvas.workflow]),
  // Refusing is a proper end here, too: what follows is under way.
  rerun: (session, { ids }) => tolerating(['ZC003'], session.query('select celeriac.rerun_jobs($1)', [ids])),
  claim: (session, { worker, queue }) => claimJobs(session, { worker, queue }),
  cycle: (session, { accuser, queue }) => workCycle(session, accuser, { looks: [[queue, []]] }),
  cancel: (session, { ids }) => cancelJobs(session, ids),
  kill: (session, { ids }) => session.query('select celeriac.kill_jobs($1, null)', [ids]),
  edit: (session, { ids }) =>
    session.query('select from celeriac.edit_jobs($1, $2)', [ids, { priority: 5, delayMs: 1 }]),
  purge: (session, { ids, queue }) =>
    session.query('select from celeriac.purge_jobs($1, $2, null)', [ids, { queue }]),
  retry: (session, situation) => tolerating(['ZC003'], retryJobs(session, plain(situation))),
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
  enqueue: (session, situation) =>
    session.query('select celeriac.enqueue_jobs($1)', [
      JSON.stringify([
        [{ queue: situation.queue, task: 'work', givenId: true }, plain(situation).map((id) => [id, []])],
      ]),
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
  const canvas = await aRacedCanvas(database, queue, worker)
  return {
    ids: [...ids.filter((one) => prunable || one !== id(10)), ...canvas.ids].sort(),
    canvas,
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
      attempt as (delete from celeriac.attempts), edge as (delete from celeriac.dependencies),
      workflow as (delete from celeriac.workflows)
    delete from celeriac.workers`,
  )
}
