import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { aWorker, rowsOf } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession, type Session } from '../support/session.ts'
import { cancelJobs, claimJobs, type Other, retryJobs, settleJobs } from '../support/verbs.ts'

/*
 * Callers write a row and enqueue a unique job in one transaction, while jobs with the same keys are claimed, settled,
 * given back, retried and cancelled. Whoever was told of a job relies on it: what he wrote is there when it begins.
 */
const database = useDatabase({ name: 'unique_races' })
const CALLS = 1_500
const KEYS = ['a', 'b', 'c']
const WAITING = ['waiting', 'pending']
const UNSETTLED = [...WAITING, 'running']

interface Race {
  readonly queue: string
  readonly states: readonly string[]
  readonly onConflict: string
  /** Job by call. */
  readonly told: Map<string, string>
  /** Calls that a job saw when it began last. */
  readonly seen: Map<string, ReadonlySet<string>>
  /** More than one job of a key where there may be one. */
  readonly doubles: unknown[]
  over: boolean
}

const CASES = [
  { until: 'started', states: WAITING, onConflict: 'keep' },
  { until: 'started', states: WAITING, onConflict: 'replace' },
  { until: 'started', states: WAITING, onConflict: 'rerun' },
  { until: 'settled', states: UNSETTLED, onConflict: 'keep' },
] as const

describe.each(CASES)('F-52 T-109 calls until $until with $onConflict against every verb', (rule) => {
  test('find one job for each key, which sees what they wrote', async () => {
    await database.query('create table if not exists writes (queue text, call text)')
    const race: Race = {
      ...rule,
      queue: randomUUID(),
      told: new Map(),
      seen: new Map(),
      doubles: [],
      over: false,
    }
    const callers = Promise.all(Array.from({ length: 4 }, (_, n) => call(race, n))).then(() => {
      race.over = true
    })
    await Promise.all([callers, work(race), work(race), disturb(race)])
    await drain(race)

    expect(race.told.size).toBe(CALLS)
    expect(race.doubles).toEqual([])
    const cancelled = new Set(
      (
        await rowsOf(database, `select id from celeriac.results where queue = $1 and state = 'cancelled'`, [
          race.queue,
        ])
      ).map(({ id }) => id),
    )
    const unseen = [...race.told].filter(
      ([id, job]) => !cancelled.has(job) && race.seen.get(job)?.has(id) !== true,
    )
    // A job that runs already, which is kept until it is settled, has seen what was there when it began.
    if (rule.until === 'started') expect(unseen).toEqual([])
    expect([...race.told.values()].filter((job) => !cancelled.has(job) && !race.seen.has(job))).toEqual([])
  }, 120_000)
})

async function call(race: Race, number: number): Promise<void> {
  await using session = await openSession(database.url)
  for (let n = number; n < CALLS; n += 4) {
    const id = randomUUID()
    const key = KEYS[n % KEYS.length]
    await session.query('begin')
    await session.query('insert into writes values ($1, $2)', [race.queue, `call-${n}`])
    const shape = {
      queue: race.queue,
      task: 'work',
      unique: { onConflict: race.onConflict, states: race.states },
    }
    const [row] = await session.query<{ answers: [string, string, string][] | null }>(
      'select answers from celeriac.enqueue_unique($1, 5000)',
      [JSON.stringify([[shape, [[`${race.queue}-${key}`, [id, [key, n]]]]]])],
    )
    race.told.set(`call-${n}`, row?.answers?.[0]?.[2] ?? id)
    // The key is ours until we commit: nobody else can make a second one.
    const [count] = await session.query<{ jobs: number }>(
      `select count(*)::int as jobs from celeriac.jobs
        where queue = $1 and args ->> 0 = $2 and ($3 or worker_id is null and token = 0)`,
      [race.queue, key, race.states === UNSETTLED],
    )
    if ((count?.jobs ?? 0) > 1) race.doubles.push({ key, n, jobs: count?.jobs })
    await session.query('commit')
  }
}

const KINDS = ['errored', 'snoozed', 'released', 'returned', 'discarded'] as const

async function work(race: Race): Promise<void> {
  await using session = await openSession(database.url)
  const worker = await aWorker(session, { queues: [race.queue] })
  for (let turn = 0; !race.over; turn += 1) await runAll(session, race, worker, turn)
}

/** Claims what is due, looks as a handler would, and ends it in one way or another. */
async function runAll(session: Session, race: Race, worker: string, turn: number): Promise<number> {
  const { jobs } = await claimJobs(session, { worker, queue: race.queue })
  if (jobs.length === 0) return 0
  const rows = await session.query<{ call: string }>('select call from writes where queue = $1', [race.queue])
  const now = new Set(rows.map((row) => row.call))
  const done: [string, number][] = []
  const others: Other[] = []
  for (const [index, job] of jobs.entries()) {
    const [id, token] = [String(job[0]), Number(job[1])]
    const kind = KINDS[(turn + index) % 12]
    if (kind !== 'released') race.seen.set(id, now)
    if (kind === undefined) done.push([id, token])
    else others.push({ id, token, kind, error: { name: 'Error', message: 'boom' }, delayMs: 0 })
  }
  await settleJobs(session, worker, { done, others })
  return jobs.length
}

/** Cancels and hurries jobs that are told of. */
async function disturb(race: Race): Promise<void> {
  await using session = await openSession(database.url)
  for (let turn = 0; !race.over; turn += 1) {
    const ids = [...race.told.values()].slice(-6)
    if (ids.length === 0) await session.query('select')
    else if (turn % 7 === 0) await cancelJobs(session, ids.slice(0, 2))
    else {
      const live = await session.query<{ id: string }>('select id from celeriac.jobs where id = any ($1)', [
        ids,
      ])
      // One that is settled would come back beside the one that has its key by now.
      if (race.states === WAITING)
        await retryJobs(
          session,
          live.map(({ id }) => id),
        )
    }
  }
}

async function drain(race: Race): Promise<void> {
  await using session = await openSession(database.url)
  const worker = await aWorker(session, { queues: [race.queue] })
  while ((await runAll(session, race, worker, 5)) > 0);
}
