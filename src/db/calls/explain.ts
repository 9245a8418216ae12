import type { Database } from '../database.ts'

/** Answer of `explain`; instants are ISO 8601 texts. */
export interface ExplanationRow {
  readonly state: string
  readonly reason: string
  readonly message: string
  readonly since?: string
  readonly until?: string
  readonly estimatedStart?: string
  readonly details?: Readonly<Record<string, unknown>>
  readonly also?: readonly { readonly reason: string; readonly message: string }[]
}

/** Reads why a job is not running; for any id. */
export async function readExplanation(database: Database, id: string): Promise<ExplanationRow> {
  const [row] = await database.call('explain', [id])
  // The driver reads jsonb, unless the host has told it otherwise.
  const answer: unknown = typeof row?.explain === 'string' ? JSON.parse(row.explain) : row?.explain
  return answer as ExplanationRow
}
