/*
 * Rows of celeriac's tables in any state, for tests that are about what SQL does with them. Each factory states only
 * what matters to the test; everything else is filled in so that the row is one the package could have written.
 */
import { randomUUID } from 'node:crypto'

/** What runs a statement: a test database, a client, a pool. */
export interface Queryable {
  query(text: string, values?: unknown[]): Promise<unknown>
}

/** A row as JSON: instants are ISO texts, numbers are numbers. */
export type JsonRow = Readonly<Record<string, unknown>>

/** Columns of a job that a test may care about, and the state that fills in the others. */
export interface JobFields {
  readonly id?: string
  readonly state?: 'waiting' | 'pending' | 'running'
  readonly queue?: string
  readonly task?: string
  readonly priority?: number
  readonly args?: readonly unknown[]
  /** Running on this worker. */
  readonly worker_id?: string
  readonly token?: number
  readonly attempt?: number
  readonly max_attempts?: number
  readonly snoozes?: number
  readonly losses?: number
  readonly run_at?: string | null
  readonly enqueued_at?: string
  readonly claimed_at?: string | null
  readonly expires_at?: string | null
  readonly cancel_requested_at?: string | null
  readonly cancel_reason?: string | null
  readonly options?: JsonRow | null
  readonly labels?: JsonRow | null
  readonly progress?: unknown
  readonly root_id?: string | null
  readonly parent_id?: string | null
  readonly workflow_id?: string | null
  readonly blockers?: number
}

/** Columns of a settled job that a test may care about. */
export interface ResultFields extends Omit<JobFields, 'state' | 'cancel_requested_at' | 'cancel_reason'> {
  readonly state?: 'succeeded' | 'failed' | 'cancelled'
  readonly settled_at?: string
  readonly value?: unknown
  readonly error?: JsonRow | null
}

/** Columns of a worker that a test may care about. */
export interface WorkerFields {
  readonly id?: string
  readonly presence_key?: string | null
  readonly name?: string
  readonly queues?: readonly string[]
  readonly tasks?: readonly string[]
  readonly idle?: boolean
  readonly stopping?: boolean
  readonly heartbeat_at?: string
  readonly suspected_at?: string | null
  /** Null: the start of the present server. */
  readonly postmaster_started_at?: string | null
  readonly started_at?: string
  readonly steady_since?: string | null
  readonly lost_at?: string | null
}

let count = 0

/** A name nobody else uses. */
export function aQueue(): string {
  count += 1
  return `queue-${count}-${randomUUID().slice(0, 8)}`
}

/** An instant so many ms from now; negative is ago. */
export function fromNow(ms: number): string {
  return new Date(Date.now() + ms).toISOString()
}

/** Inserts jobs that differ in their ids alone; returns the ids in order. */
export async function jobsLike(database: Queryable, howMany: number, fields: JobFields): Promise<string[]> {
  const rows = Array.from({ length: howMany }, () => jobRow(fields))
  await insert(database, 'jobs', rows)
  return rows.map((row) => row.id)
}

/** Inserts an unsettled job; returns its id. */
export async function aJob(database: Queryable, fields: JobFields = {}): Promise<string> {
  const row = jobRow(fields)
  await insert(database, 'jobs', [row])
  return row.id
}

function jobRow({ state, ...fields }: JobFields): JsonRow & { id: string } {
  const running = state === 'running' || fields.worker_id !== undefined
  return {
    id: randomUUID(),
    queue: 'default',
    task: 'work',
    args: [],
    priority: 0,
    run_at: state === 'waiting' ? null : fromNow(-10_000),
    enqueued_at: fromNow(-10_000),
    claimed_at: running ? fromNow(-1_000) : null,
    worker_id: running ? randomUUID() : null,
    token: running ? 1 : 0,
    attempt: running ? 1 : 0,
    max_attempts: 5,
    snoozes: 0,
    losses: 0,
    ...fields,
  }
}

/** Inserts a settled job; returns its id. */
export async function aResult(database: Queryable, fields: ResultFields = {}): Promise<string> {
  const state = fields.state ?? 'succeeded'
  const row = {
    ...jobRow({ worker_id: randomUUID() }),
    settled_at: fromNow(0),
    state,
    error: state === 'succeeded' ? null : { name: 'Error', message: 'boom' },
    ...fields,
  }
  await insert(database, 'results', [row])
  return row.id
}

/** Inserts a worker's row; nobody holds its lock. Returns its id. */
export async function aWorker(database: Queryable, fields: WorkerFields = {}): Promise<string> {
  const row = {
    id: randomUUID(),
    presence_key: aKey(),
    name: 'anna',
    host: 'here',
    pid: 1,
    version: '0.0.0',
    queues: ['default'],
    tasks: ['work'],
    concurrency: 10,
    running: 0,
    idle: false,
    stopping: false,
    started_at: fromNow(-60_000),
    steady_since: fromNow(-60_000),
    heartbeat_at: fromNow(0),
    ...fields,
  }
  await insert(database, 'workers', [
    { ...row, postmaster_started_at: row.postmaster_started_at ?? (await serverStart(database)) },
  ])
  return row.id
}

/** A key for a presence lock. */
export function aKey(): string {
  return BigInt.asIntN(64, BigInt(`0x${randomUUID().replaceAll('-', '').slice(0, 16)}`)).toString()
}

async function serverStart(database: Queryable): Promise<unknown> {
  const [row] = await rowsOf(database, 'select pg_postmaster_start_time()::text as at')
  return row?.at
}

async function insert(database: Queryable, table: string, rows: readonly JsonRow[]): Promise<void> {
  await database.query(
    `insert into celeriac.${table}
      select row.* from jsonb_array_elements($1::jsonb) as given
      cross join lateral jsonb_populate_record(null::celeriac.${table}, given) as row`,
    [JSON.stringify(rows)],
  )
}

/** Everything the tables say of a job, instants as texts; null where it is not. */
export async function find(
  database: Queryable,
  table: 'jobs' | 'results' | 'workers',
  id: string,
): Promise<JsonRow | null> {
  const rows = await rowsOf(
    database,
    `select to_jsonb(x) as row from celeriac.${table} as x where x.id = $1`,
    [id],
  )
  return (rows[0]?.row as JsonRow | undefined) ?? null
}

/** Attempts recorded of a job, in order. */
export async function attemptsOf(database: Queryable, id: string): Promise<JsonRow[]> {
  const rows = await rowsOf(
    database,
    'select to_jsonb(x) as row from celeriac.attempts as x where x.job_id = $1 order by x.token',
    [id],
  )
  return rows.map((row) => row.row as JsonRow)
}

/** Runs a statement and gives its rows, whatever runs it. */
export async function rowsOf(
  database: Queryable,
  text: string,
  values: readonly unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const answer = await database.query(text, [...values])
  return (Array.isArray(answer) ? answer : (answer as { rows: unknown[] }).rows) as Record<string, unknown>[]
}
