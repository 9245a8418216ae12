/*
 * Jobs that limits and keys hold, and every verb that moves them or what holds them, each as one call on one situation; for
 * tests that set them against each other.
 *
 * The order of locks: keys → jobs by ascending id → limits → buckets by ascending id → settings. Workers pass over lanes,
 * buckets and jobs that somebody holds; only people's verbs wait for them, and who settles a job that holds a limit.
 */
import { randomUUID } from 'node:crypto'
import { aWorker, fromNow, type Queryable, rowsOf } from '../support/factory.ts'
import type { TestDatabase } from '../support/postgres.ts'
import type { Session } from '../support/session.ts'
import { BOUNDS, cancelJobs, enqueueJobs, type Other, retryJobs, workCycle } from '../support/verbs.ts'
import { tolerating } from './canvas-races.ts'
import type { Verbs } from './racing.ts'

/** Rows that all verbs want. */
export interface FlowSituation {
  /** Ids in the order the verb is given them. */
  readonly ids: readonly string[]
  /** Runs some of them; declared dead, but not gone: it may still settle, and be rescued from. */
  readonly worker: string
  readonly accuser: string
  readonly queue: string
  /** One that runs under a limit, one that stands in a lane, one that has the key. */
  readonly running: string
  readonly waiting: string
  readonly keyed: string
}

/** Most that ever run at once of each key, whatever is chosen meanwhile. */
export const MOST_AT_ONCE = 3
export const KEY = 'order-7'
const TASKS = ['work', 'paused']
const ELSEWHERE = 'elsewhere'
const FREE = 'free'
const PACED = 'paced'
/** Two keys of one limit, and one that all share. */
const DOORS = [
  { limits: [[FREE, 'a']] },
  {
    limits: [
      [FREE, 'a'],
      [PACED, ''],
    ],
  },
  { limits: [[FREE, 'b']], fair: ['b', 2] },
] as const

const { grace, beat, lease, maxLosses } = BOUNDS
const KINDS = ['errored', 'snoozed', 'released', 'returned', 'discarded'] as const
const REFUSALS = ['ZC002', 'ZC010', 'ZC011', 'ZC012', 'ZC020', 'ZC021', 'ZC022', '22023']

async function heldBy(session: Queryable, worker: string): Promise<{ id: string; token: number }[]> {
  const rows = await rowsOf(
    session,
    'select id, token::int as token from celeriac.jobs where worker_id = $1 order by id',
    [worker],
  )
  return rows.map(({ id, token }) => ({ id: String(id), token: Number(token) }))
}

/** Ends what a worker has, each in another way, and takes more where it may. */
async function turn(session: Session, worker: string, queue: string, wanted = 4): Promise<unknown> {
  const held = await heldBy(session, worker)
  const other = ({ id, token }: { id: string; token: number }, index: number): Other => {
    const kind = KINDS[index % KINDS.length] ?? 'errored'
    return { id, token, kind, error: { name: 'Error', message: 'boom' }, delayMs: 0 }
  }
  return workCycle(session, worker, {
    done: held.filter((_, index) => index % 2 === 0).map(({ id, token }) => [id, token, 1] as const),
    others: held.filter((_, index) => index % 2 === 1).map(other),
    ...{ tasks: TASKS, wanted, looks: [[queue, []]] },
  })
}

/** Settles what a worker has in one way, with more to say. */
function endAs(kind: string, more: object) {
  return async (session: Session, { worker, accuser }: FlowSituation): Promise<unknown> => {
    const mine = [await heldBy(session, worker), await heldBy(session, accuser)]
    const [who, held] = mine[0]?.length === 0 ? [accuser, mine[1]] : [worker, mine[0]]
    const others = (held ?? []).map(({ id, token }) => ({ id, token, kind, ...more }))
    return session.query('select celeriac.settle_jobs($1, $2, $3, $4, $5)', [
      ...[who, [], [], []],
      others.length === 0 ? null : JSON.stringify(others),
    ])
  }
}

const edit =
  (change: object) =>
  (session: Session, { ids }: FlowSituation): Promise<unknown> =>
    session.query('select celeriac.edit_jobs($1, $2)', [ids, JSON.stringify(change)])

const call =
  (text: string) =>
  (session: Session): Promise<unknown> =>
    tolerating(REFUSALS, session.query(text))

const unique =
  (onConflict: string) =>
  (session: Session, { queue }: FlowSituation): Promise<unknown> =>
    tolerating(
      REFUSALS,
      session.query('select celeriac.enqueue($1, $2, $3)', [
        'work',
        JSON.stringify([Math.random()]),
        JSON.stringify({ queue, unique: { key: `${KEY} ${queue}`, until: 'settled', onConflict } }),
      ]),
    )

/** By name, one call each, with the ids in the order it is given them. */
export const FLOW_VERBS: Verbs<FlowSituation> = {
  turn: (session, { accuser, queue }) => turn(session, accuser, queue),
  settle: (session, { worker, queue }) => turn(session, worker, queue, 0),
  'send to lanes': endAs('held', { door: DOORS[1] }),
  'meet a 429': endAs('limited', {
    delayMs: 20,
    reason: 'too many requests',
    hold: [
      [FREE, 'a'],
      [PACED, ''],
      ['unheard-of', 'x'],
    ],
  }),
  enqueue: (session, { queue }) => enqueueLimited(session, queue, 3),
  cancel: (session, { ids }) => cancelJobs(session, ids),
  kill: (session, { ids }) => session.query('select celeriac.kill_jobs($1, null)', [ids]),
  retry: (session, { ids }) => tolerating(['ZC003'], retryJobs(session, ids)),
  forget: (session, { ids }) => session.query('select celeriac.forget_jobs($1)', [ids]),
  rescue: (session, { accuser }) =>
    session.query('select celeriac.rescue_jobs($1, $2, $3, $4, $5, true, 1000)', [
      ...[accuser, grace, beat, lease, maxLosses],
    ]),
  release: (session, { worker }) =>
    session.query(
      `select celeriac.release_worker_jobs($1, array_agg(held.job_id), array_agg(held.token)) from celeriac.find_held($1) as held`,
      [worker],
    ),
  pause: (session, { queue }) => session.query(`select celeriac.pause('queue', $1)`, [queue]),
  resume: (session, { queue }) => session.query(`select celeriac.resume('queue', $1)`, [queue]),
  'pause the task': call(`select celeriac.pause('task', 'paused', 'x', now() + interval '50 ms')`),
  'pause a label': call(`select celeriac.pause('label', 'tenant=acme')`),
  'resume the label': call(`select celeriac.resume('label', 'tenant=acme')`),
  'expire pauses': call('select celeriac.expire_pauses()'),
  move: edit({ queue: ELSEWHERE }),
  'move back': (session, { queue }) => session.query('select celeriac.move($1, $2)', [ELSEWHERE, queue]),
  reprioritise: edit({ priority: 1 }),
  reschedule: edit({ delayMs: 5 }),
  purge: (session, { ids }) =>
    session.query('select celeriac.purge_jobs($1, null, null)', [ids.slice(0, Math.ceil(ids.length / 3))]),
  'set the limit': call(`select celeriac.set_limit('${FREE}', '{"concurrency": 2}')`),
  'set a key': call(`select celeriac.set_limit('${FREE}', '{"concurrency": 1}', 'a')`),
  'reset the limit': call(`select celeriac.reset_limit('${FREE}')`),
  'hold a key': call(`select celeriac.hold_limit('${FREE}', 'a', now() + interval '30 ms')`),
  'release a key': call(`select celeriac.release_limit('${FREE}', 'a')`),
  'declare limits': call(
    `select celeriac.declare_limits('[{"name": "${FREE}", "settings": {"concurrency": ${MOST_AT_ONCE}}},
      {"name": "${PACED}", "settings": {"rateLimit": 900, "ratePerMs": 1000, "rateBurst": 900}}]', '{}', '{}')`,
  ),
  'take units': call(`select celeriac.take_units('${PACED}', null, 2)`),
  prune: call(
    `with old as (update celeriac.lanes set used_at = used_at - interval '2 hours' where id = any (array (
      select id from celeriac.lanes where state = 'idle' order by id for update skip locked)))
    select celeriac.prune_lanes(100)`,
  ),
  'replace by key': unique('replace'),
  'run again by key': unique('rerun'),
  'keep by key': unique('keep'),
}

/** Verbs after which a job may be nowhere. */
export const FLOW_REMOVING: ReadonlySet<string> = new Set(['forget'])

async function enqueueLimited(session: Queryable, queue: string, count: number): Promise<string[]> {
  const jobs = Array.from({ length: count }, (_, index) => [randomUUID(), [], DOORS[index % DOORS.length]])
  const labels = { tenant: 'acme' }
  await rowsOf(session, 'select * from celeriac.enqueue_jobs($1)', [
    JSON.stringify([[{ queue, task: 'work', labels }, jobs]]),
  ])
  return jobs.map(([id]) => String(id))
}

/** Limited jobs that run, that wait and that are due elsewhere, and one with a key. */
export async function aFlowSituation(database: TestDatabase, queue: string): Promise<FlowSituation> {
  const long = fromNow(-3_600_000)
  await database.query(
    `insert into celeriac.limits (name, declared, declared_at) values
      ('${FREE}', '{"concurrency": ${MOST_AT_ONCE}}', now()),
      ('${PACED}', '{"rateLimit": 900, "ratePerMs": 1000, "rateBurst": 900}', now()) on conflict do nothing`,
  )
  const [worker, accuser] = await Promise.all([
    aWorker(database, { heartbeat_at: long, started_at: long, queues: [queue] }),
    aWorker(database, { queues: [queue] }),
  ])
  const ids = await enqueueLimited(database, queue, 9)
  await workCycle(database, worker, { wanted: 4, looks: [[queue, []]] })
  const held = await heldBy(database, worker)
  const plain = randomUUID()
  await enqueueJobs(database, [[{ queue, task: 'paused' }, [[plain, []]]]])
  const [keyed] = await rowsOf(database, 'select celeriac.enqueue($1, $2, $3) as id', [
    'work',
    '[]',
    JSON.stringify({ queue, unique: { key: `${KEY} ${queue}`, until: 'settled', onConflict: 'replace' } }),
  ])
  await database.query(
    `update celeriac.workers set lost_at = case when id = $1 then now() end, steady_since = now() - interval '1 hour'
      where id = any ($2)`,
    [worker, [worker, accuser]],
  )
  const running = new Set(held.map(({ id }) => id))
  return {
    ids: [...ids, plain, String(keyed?.id)].sort(),
    ...{ worker, accuser, queue },
    running: held[0]?.id ?? '',
    waiting: ids.find((id) => !running.has(id)) ?? '',
    keyed: String(keyed?.id),
  }
}

/** Keys of which more run than may; what was claimed beside its lane is on its way there. */
export async function findCrowds(session: Queryable): Promise<string[]> {
  const rows = await rowsOf(
    session,
    `select one ->> 0 as name, one ->> 1 as key, count(*)::int as count
      from celeriac.jobs as job, jsonb_array_elements(job.options -> 'door' -> 'limits') as one
      where job.worker_id is not null and job.lane_id is not null and one ->> 0 = '${FREE}'
      group by 1, 2 having count(*) > ${MOST_AT_ONCE}`,
  )
  return rows.map(({ name, key, count }) => `${count} of ${name} ${key} run`)
}

/** Lets go of everything that people may have closed. */
export async function openAll(session: Queryable): Promise<void> {
  await session.query(`select celeriac.resume(kind, name) from celeriac.pauses`)
  await session.query(`select celeriac.reset_limit('${FREE}')`)
  await session.query(
    `select celeriac.release_limit(limit_name, nullif(key, '')) from celeriac.buckets where held_until is not null`,
  )
}

/** One turn of a worker that ends whatever it gets, wherever it stands. */
export async function workOff(session: Session, worker: string): Promise<void> {
  const queues = await rowsOf(session, 'select distinct queue from celeriac.jobs')
  const held = await heldBy(session, worker)
  await workCycle(session, worker, {
    done: held.map(({ id, token }) => [id, token, 1] as const),
    ...{ tasks: TASKS, looks: queues.map(({ queue }) => [String(queue), []]) },
  })
}

/** Leaves nothing for the next situation. */
export async function clearFlow(database: TestDatabase): Promise<void> {
  await database.query(
    `with job as (delete from celeriac.jobs), result as (delete from celeriac.results),
      attempt as (delete from celeriac.attempts), lane as (delete from celeriac.lanes), bucket as (delete from celeriac.buckets),
      news as (delete from celeriac.arrivals), rule as (delete from celeriac.limits), pause as (delete from celeriac.pauses),
      key as (delete from celeriac.unique_keys)
    delete from celeriac.workers`,
  )
}
