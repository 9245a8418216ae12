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
  /** Its value is what its members' values make: of a group, or of what a job was replaced by; null for a job of its own. */
  readonly join: JoinKind | null
}

/** How the values of members become one. */
export type JoinKind = 'list' | 'object' | 'value'

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
  readonly options: { readonly join?: JoinKind } | null
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
  readonly workflow_id: string | null
}

/** Reads the outcome of jobs so far; ids nobody knows are left out. */
export async function readOutcomes(database: Database, ids: readonly string[]): Promise<JobOutcomeRow[]> {
  // JSON text for all rows: it does not depend on how the host's driver is told to read types.
  const [row] = await database.call('find_outcomes', [plainArray(ids)])
  return JSON.parse(String(row?.find_outcomes)) as JobOutcomeRow[]
}

/** Reads all there is to know of one job; null when nobody knows it. */
export async function readDetail(database: Database, id: string): Promise<JobDetailRow | null> {
  const [row] = await database.call('find_detail', [id])
  return typeof row?.find_detail === 'string' ? (JSON.parse(row.find_detail) as JobDetailRow) : null
}

/** Ids of the jobs that a job's handler has enqueued, oldest first. */
export async function readChildren(database: Database, id: string): Promise<string[]> {
  const [row] = await database.query({
    name: `${database.schema}.read_children`,
    text: `select coalesce(json_agg(job.id order by job.id), '[]')::text as ids
      from "${database.schema}".job_detail as job where job.parent_id = $1::uuid`,
    values: [id],
  })
  return JSON.parse(String(row?.ids)) as string[]
}
