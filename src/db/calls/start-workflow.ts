import type { Database, Executor } from '../database.ts'
import type { Enqueued } from './job.ts'

/** Inserts a canvas; see `sql/functions/canvas/start_workflow.sql` for the text. */
export async function startWorkflow(
  database: Database,
  plan: string,
  executor: Executor = database,
): Promise<Enqueued> {
  const [row] = await database.call('start_workflow', [plan], executor)
  return {
    refused: [],
    asleep: (row?.asleep as string[] | null) ?? [],
    earliestUs: String(row?.earliest ?? 0),
  }
}
