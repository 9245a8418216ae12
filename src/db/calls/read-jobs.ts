import { plainArray } from '../array-literal.ts'
import type { Database } from '../database.ts'

/** State of a job; the last three are final. */
export type JobState = 'waiting' | 'pending' | 'running' | 'succeeded' | 'failed' | 'cancelled'

/** What a waiter needs to know of a job. */
export interface JobOutcomeRow {
  readonly id: string
  readonly state: JobState
  readonly task: string
  readonly attempt: number
  readonly value: unknown
  /** Nothing was returned, which is not null. */
  readonly empty: boolean
  readonly error: unknown
  readonly progress: unknown
  readonly cancelReason: string | null
}

/** Everything known of a job, times in ms since 1970. */
export interface JobDetailRow {
  readonly id: string
  readonly state: JobState
  readonly task: string
  readonly queue: string
  readonly priority: number
  readonly args: readonly unknown[]
  readonly value: unknown
  readonly error: unknown
  readonly progress: unknown
  readonly labels: Readonly<Record<string, string>> | null
  readonly attempt: number
  readonly max_attempts: number
  readonly snoozes: number
  readonly losses: number
  readonly enqueued_at: string
  readonly run_at: string | null
  readonly claimed_at: string | null
  readonly settled_at: string | null
  readonly expires_at: string | null
  readonly cancel_requested_at: string | null
  readonly cancel_reason: string | null
  readonly worker_id: string | null
  readonly root_id: string | null
  readonly parent_id: string | null
}

/** Reads the outcome of jobs so far; ids nobody knows are left out. */
export async function readOutcomes(database: Database, ids: readonly string[]): Promise<JobOutcomeRow[]> {
  const rows = await read(
    database,
    'outcomes',
    `json_build_object('id', job.id, 'state', job.state, 'task', job.task, 'attempt', job.attempt, 'value', job.value,
      'empty', job.value is null, 'error', job.error, 'progress', job.progress, 'cancelReason', job.cancel_reason)`,
    'job.id = any ($1::uuid[])',
    plainArray(ids),
  )
  return rows as JobOutcomeRow[]
}

/** Reads all there is to know of one job; null when nobody knows it. */
export async function readDetail(database: Database, id: string): Promise<JobDetailRow | null> {
  const [row] = await read(database, 'detail', 'row_to_json(job)', 'job.id = $1::uuid', id)
  return (row as JobDetailRow | undefined) ?? null
}

/** Ids of the jobs that a job's handler has enqueued, oldest first. */
export async function readChildren(database: Database, id: string): Promise<string[]> {
  const rows = await read(database, 'children', 'job.id', 'job.parent_id = $1::uuid', id)
  return rows as string[]
}

/** One JSON text for all rows: it does not depend on how the host's driver is told to read types. */
async function read(
  database: Database,
  name: string,
  columns: string,
  condition: string,
  value: string,
): Promise<unknown[]> {
  const [row] = await database.query({
    name: `${database.schema}.read_${name}`,
    text: `select coalesce(json_agg(${columns} order by job.id), '[]')::text as rows
      from "${database.schema}".job_detail as job where ${condition}`,
    values: [value],
  })
  return JSON.parse(String(row?.rows)) as unknown[]
}
