import { plainArray } from '../array-literal.ts'
import type { Database } from '../database.ts'

/** Which jobs an edit is about; see `sql/functions/queue/is_match.sql`. */
export interface MatchFilter {
  readonly queue?: string
  /** As `like` has it. */
  readonly task?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly priority?: number
  readonly conditions?: readonly ('due' | 'scheduled' | 'waiting')[]
}

/** What to change; what is left out stays. */
export interface JobChange {
  readonly queue?: string
  readonly priority?: number
  readonly runAt?: Date
  readonly delayMs?: number
}

/** What became of one job; see `sql/functions/queue/edit_jobs.sql` and `purge_jobs.sql`. */
export type EditOutcome =
  | 'changed'
  | 'cancelled'
  | 'same'
  | 'running'
  | 'waiting'
  | 'settled'
  | 'unknown'
  | 'busy'
  | 'other'

/** The part of a job that an edit changed; instants are ISO texts. */
export interface EditedPart {
  readonly queue?: string
  readonly priority?: number
  readonly runAt?: string | null
}

/** What an edit did to one job. */
export interface EditRow {
  readonly id: string
  readonly outcome: EditOutcome
  readonly was: EditedPart | null
  readonly now: EditedPart | null
}

/** Ids of a page of jobs, in order. */
export async function findMatching(
  database: Database,
  filter: MatchFilter,
  after: string | null,
  most: number,
): Promise<readonly string[]> {
  const [row] = await database.query({
    text: `select array(select "${database.schema}".find_matching($1, $2, $3))::text[] as ids`,
    values: [filter, after, most],
  })
  return (row?.ids as string[] | undefined) ?? []
}

/** How many jobs there are of that kind. */
export async function countMatching(database: Database, filter: MatchFilter): Promise<number> {
  const [row] = await database.query({
    text: `select count(*)::text as count from "${database.schema}".find_matching($1, null, null)`,
    values: [filter],
  })
  return Number(row?.count ?? 0)
}

/** Changes jobs that nobody runs. @param filter - leaves alone what it does not fit any more; null for none */
export async function editJobs(
  database: Database,
  ids: readonly string[],
  change: JobChange,
  filter: MatchFilter | null,
): Promise<readonly EditRow[]> {
  const [row] = await database.query({
    text: `select json_agg(json_build_object('id', job_id, 'outcome', outcome, 'was', was, 'now', now))::text as edits
      from "${database.schema}".edit_jobs($1, $2, $3)`,
    values: [plainArray(ids), change, filter],
  })
  return JSON.parse(String(row?.edits ?? '[]')) as EditRow[]
}

/** Cancels jobs that nobody runs. */
export async function purgeJobs(
  database: Database,
  ids: readonly string[],
  filter: MatchFilter,
  reason: string,
): Promise<readonly EditRow[]> {
  const [row] = await database.query({
    text: `select json_agg(json_build_object('id', job_id, 'outcome', outcome, 'was', null, 'now', null))::text as edits
      from "${database.schema}".purge_jobs($1, $2, $3)`,
    values: [plainArray(ids), filter, reason],
  })
  return JSON.parse(String(row?.edits ?? '[]')) as EditRow[]
}

/** A job that nobody runs, as it is called. */
export interface StoredCall {
  readonly id: string
  readonly task: string
  readonly queue: string
  /** As they are stored. */
  readonly args: readonly unknown[]
  /** What a job before it returns comes first. */
  readonly takesInput: boolean
}

/** Reads calls of jobs; those that run or have run are left out. */
export async function readCalls(database: Database, ids: readonly string[]): Promise<readonly StoredCall[]> {
  const [row] = await database.call('read_calls', [plainArray(ids)])
  const calls = JSON.parse(String(row?.read_calls)) as [string, string, string, unknown[], boolean][]
  return calls.map(([id, task, queue, args, takesInput]) => ({ id, task, queue, args, takesInput }))
}
