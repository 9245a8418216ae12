import type { Database } from '../database.ts'

/** What can be paused by a row of `pauses`. */
export type PauseKind = 'queue' | 'task' | 'label'

/** What `pause` came to; `changed`: it was paused before, and has this reason and end from now on. */
export type PauseOutcome = 'paused' | 'changed'

/** What `resume` came to; `running`: it was not paused. */
export type ResumeOutcome = 'resumed' | 'running'

/** Pauses a queue, a task or a label; see `sql/functions/queue/pause.sql`. */
export async function pause(
  database: Database,
  kind: PauseKind,
  name: string,
  { reason, until }: { readonly reason: string | null; readonly until: Date | null },
): Promise<PauseOutcome> {
  const [row] = await database.call('pause', [kind, name, reason, until])
  return row?.pause as PauseOutcome
}

/** Ends a pause; see `sql/functions/queue/resume.sql`. */
export async function resume(database: Database, kind: PauseKind, name: string): Promise<ResumeOutcome> {
  const [row] = await database.call('resume', [kind, name])
  return row?.resume as ResumeOutcome
}
