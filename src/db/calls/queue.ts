import type { Database } from '../database.ts'

/** What can be paused by a row of `pauses`. */
export type PauseKind = 'queue' | 'task' | 'label'

/** What `pause` came to; `changed`: it was paused before, and has this reason and end from now on. */
export type PauseOutcome = 'paused' | 'changed'

/** What `resume` came to; `running`: it was not paused. */
export type ResumeOutcome = 'resumed' | 'running'

/** Why and for how long; both null for until it is resumed. */
export interface PauseTerms {
  readonly reason: string | null
  readonly forMs: number | null
  readonly until: Date | null
}

/** Until when, by the database's clock. */
function untilText(database: Database, ms: string, until: string): string {
  return `coalesce("${database.schema}".clock() + ${ms}::double precision * interval '1 millisecond', ${until}::timestamptz)`
}

/** Pauses a queue, a task or a label; see `sql/functions/queue/pause.sql`. */
export async function pause(
  database: Database,
  kind: PauseKind,
  name: string,
  { reason, forMs, until }: PauseTerms,
): Promise<PauseOutcome> {
  const [row] = await database.query({
    text: `select "${database.schema}".pause($1, $2, $3, ${untilText(database, '$4', '$5')}) as outcome`,
    values: [kind, name, reason, forMs, until],
  })
  return row?.outcome as PauseOutcome
}

/** Ends a pause; see `sql/functions/queue/resume.sql`. */
export async function resume(database: Database, kind: PauseKind, name: string): Promise<ResumeOutcome> {
  const [row] = await database.call('resume', [kind, name])
  return row?.resume as ResumeOutcome
}

/** Holds one key of a limit; see `sql/functions/limit/hold_limit.sql`. */
export async function holdKey(
  database: Database,
  [limit, key]: readonly [limit: string, key: string],
  { reason, forMs, until }: PauseTerms,
): Promise<void> {
  await database.query({
    text: `select "${database.schema}".hold_limit($1, $2, ${untilText(database, '$3', '$4')}, $5)`,
    values: [limit, key, forMs, until, reason],
  })
}

/** Ends such a hold; returns whether there was one. */
export async function releaseKey(
  database: Database,
  [limit, key]: readonly [limit: string, key: string],
): Promise<boolean> {
  const [row] = await database.call('release_limit', [limit, key])
  return row?.release_limit === true
}

/** Transactions in which workers claim at this moment; see `sql/functions/queue/find_claiming.sql`. */
export async function findClaiming(database: Database): Promise<readonly string[]> {
  const [row] = await database.call('find_claiming', [])
  return (row?.find_claiming as string[] | null) ?? []
}

/** Queues that hold jobs or have been served, by name. */
export async function findKnownQueues(database: Database): Promise<readonly string[]> {
  const rows = await database.call('find_known_queues', [])
  return rows.map((row) => String(row.find_known_queues))
}

/** Says that a worker claims from these queues from now on. */
export async function serveQueues(
  database: Database,
  workerId: string,
  queues: readonly string[],
): Promise<void> {
  await database.call('serve_queues', [workerId, [...queues]])
}
