/* Calls of the SQL functions with only what matters to a test. */
import { type Queryable, rowsOf } from './factory.ts'

/** A shape of `enqueue_jobs` with its jobs. */
export type BatchEntry = readonly [shape: object, jobs: readonly (readonly [id: string, args: unknown])[]]

export async function enqueueJobs(
  database: Queryable,
  batch: readonly BatchEntry[],
): Promise<{ refused: string[] | null; asleep: string[] | null; earliest: string }> {
  const [row] = await rowsOf(database, 'select * from celeriac.enqueue_jobs($1)', [JSON.stringify(batch)])
  return row as { refused: string[] | null; asleep: string[] | null; earliest: string }
}

/** What a claim asks for. */
export interface Claim {
  readonly worker: string
  readonly queue?: string
  readonly priority?: number
  readonly tasks?: readonly string[]
  readonly wanted?: number
  readonly floorAt?: string
  readonly floorId?: string
}

/** A claim's answer; a job is the array `claim_jobs` makes. */
export interface Claimed {
  readonly ids: string[]
  readonly jobs: unknown[][]
  readonly taken: number
  readonly lastRunAt: Date | null
}

export async function claimJobs(database: Queryable, claim: Claim): Promise<Claimed> {
  const { worker, queue = 'default', priority = 0, tasks = ['work'], wanted = 100 } = claim
  const { floorAt = '-infinity', floorId = '00000000-0000-0000-0000-000000000000' } = claim
  const [row] = await rowsOf(database, 'select * from celeriac.claim_jobs($1, $2, $3, $4, $5, $6, $7)', [
    worker,
    queue,
    priority,
    tasks,
    wanted,
    floorAt,
    floorId,
  ])
  const jobs = JSON.parse(String(row?.claimed ?? '[]')) as unknown[][]
  return {
    ids: jobs.map((job) => job[0] as string),
    jobs,
    taken: Number(row?.taken),
    lastRunAt: row?.last_run_at as Date | null,
  }
}

/** A succeeded attempt. */
export type Success = readonly [id: string, token: number, value?: unknown]

/** Any other end of an attempt. */
export interface Other {
  readonly id: string
  readonly token: number
  readonly kind: 'errored' | 'snoozed' | 'released' | 'returned' | 'discarded' | 'cancelled'
  readonly error?: unknown
  readonly delayMs?: number | null
  readonly reason?: string
}

/** Settles; returns the attempts that were lost. */
export async function settleJobs(
  database: Queryable,
  worker: string,
  { done = [], others = [] }: { done?: readonly Success[]; others?: readonly object[] },
): Promise<string[] | null> {
  const [row] = await rowsOf(database, 'select lost from celeriac.settle_jobs($1, $2, $3, $4, $5)', [
    worker,
    done.map(([id]) => id),
    done.map(([, token]) => token),
    done.map(([, , value]) => (value === undefined ? null : JSON.stringify(value))),
    others.length === 0 ? null : JSON.stringify(others),
  ])
  return row?.lost as string[] | null
}

/** One turn; the answer as `work_cycle` gives it, with the groups named. */
export async function workCycle(
  database: Queryable,
  worker: string,
  turn: {
    readonly done?: readonly Success[]
    readonly others?: readonly Other[]
    readonly tasks?: readonly string[]
    readonly wanted?: number
    readonly looks?: readonly unknown[]
  },
): Promise<{
  lost: string[] | null
  listenedTo: boolean
  nextDueMs: number | null
  nowMs: number
  groups: { queue: string; priority: number; lastRunAt: string | null; ids: string[] }[]
  alive: boolean
}> {
  const { done = [], others = [], tasks = ['work'], wanted = 100, looks = [['default', []]] } = turn
  const [row] = await rowsOf(
    database,
    'select celeriac.work_cycle($1, $2, $3, $4, $5, $6, $7, $8) as answer',
    [
      worker,
      done.map(([id]) => id),
      done.map(([, token]) => token),
      done.map(([, , value]) => (value === undefined ? null : JSON.stringify(value))),
      others.length === 0 ? null : JSON.stringify(others),
      tasks,
      wanted,
      JSON.stringify(looks),
    ],
  )
  const [lost, listenedTo, nextDueMs, nowMs, groups, alive] = JSON.parse(String(row?.answer)) as [
    string[] | null,
    boolean,
    number | null,
    number,
    [string, number, string | null, [string][]][],
    boolean,
  ]
  return {
    lost,
    listenedTo,
    nextDueMs,
    nowMs,
    alive,
    groups: groups.map(([queue, priority, lastRunAt, jobs]) => ({
      queue,
      priority,
      lastRunAt,
      ids: jobs.map(([id]) => id),
    })),
  }
}

/** Cancels; the outcomes by id. */
export async function cancelJobs(
  database: Queryable,
  ids: readonly string[],
  reason: string | null = null,
): Promise<Record<string, string>> {
  return outcomes(await rowsOf(database, 'select * from celeriac.cancel_jobs($1, $2)', [ids, reason]))
}

/** Retries; the outcomes by id. */
export async function retryJobs(
  database: Queryable,
  ids: readonly string[],
): Promise<Record<string, string>> {
  return outcomes(await rowsOf(database, 'select * from celeriac.retry_jobs($1)', [ids]))
}

function outcomes(rows: readonly Record<string, unknown>[]): Record<string, string> {
  return Object.fromEntries(rows.map((row) => [row.job_id, row.outcome]))
}

/** How dead is dead, in ms. */
export const BOUNDS = { grace: 1_500, beat: 3_000, lease: 15_000, maxLosses: 3 }

/** Rescues on behalf of a worker that has been well for long, unless another one is named; who is done with. */
export async function rescueJobs(
  database: Queryable,
  bounds: Partial<typeof BOUNDS> & { readonly accuser?: string; readonly most?: number } = {},
  orphans = false,
): Promise<Record<string, unknown>[]> {
  const { grace, beat, lease, maxLosses, most = 1_000 } = { ...BOUNDS, ...bounds }
  const accuser = bounds.accuser ?? (await anAccuser(database))
  return rowsOf(database, 'select * from celeriac.rescue_jobs($1, $2, $3, $4, $5, $6, $7)', [
    accuser,
    grace,
    beat,
    lease,
    maxLosses,
    orphans,
    most,
  ])
}

const ACCUSER = '00000000-0000-4000-8000-000000000001'

/** One worker that everybody believes: it has beaten without a gap for long, and just now. */
async function anAccuser(database: Queryable): Promise<string> {
  await rowsOf(
    database,
    `insert into celeriac.workers (
        id, name, host, pid, version, queues, tasks, concurrency, started_at, steady_since, heartbeat_at, postmaster_started_at)
      values ($1, 'accuser', 'here', 1, '0', '{}', '{}', 1, now() - interval '1 day', now() - interval '1 hour', clock_timestamp(),
        pg_postmaster_start_time())
      on conflict (id) do update set heartbeat_at = clock_timestamp()`,
    [ACCUSER],
  )
  return ACCUSER
}
