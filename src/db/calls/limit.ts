import type { Database } from '../database.ts'

/** What a limit grants, as SQL reads it; null is off, and what is missing is left as it is. */
export interface GrantJson {
  readonly concurrency?: number | null
  readonly rateLimit?: { readonly limit: number; readonly perMs: number; readonly burst: number } | null
}

/** Changes a limit; see `sql/functions/limit/set_limit.sql`. */
export async function setLimit(
  database: Database,
  name: string,
  grant: GrantJson,
  key: string | null,
): Promise<void> {
  await database.call('set_limit', [name, JSON.stringify(grant), key])
}

/** Takes back what was chosen; whether anything was. */
export async function resetLimit(database: Database, name: string, key: string | null): Promise<boolean> {
  const [row] = await database.call('reset_limit', [name, key])
  return row?.reset_limit === true
}

/** How long a hold lasts: until an instant, or for a time from now; null for until it is released. */
export type HoldEnd = { readonly at: Date } | { readonly ms: number } | null

/** Lets nothing start under a key; see `sql/functions/limit/hold_limit.sql`. */
export async function holdLimit(
  database: Database,
  name: string,
  key: string | null,
  { end, reason }: { readonly end: HoldEnd; readonly reason: string | null },
): Promise<void> {
  // A time from now is counted by the database's clock.
  const until =
    end !== null && 'ms' in end ? new Date((await readClock(database)).getTime() + end.ms) : (end?.at ?? null)
  await database.call('hold_limit', [name, key, until, reason])
}

/** Ends a hold; whether there was one. */
export async function releaseLimit(database: Database, name: string, key: string | null): Promise<boolean> {
  const [row] = await database.call('release_limit', [name, key])
  return row?.release_limit === true
}

/** What asking for units came to; see `sql/functions/limit/take_units.sql`. */
export interface UnitsAnswer {
  readonly granted: boolean
  /** When to ask again; null when granted, and while nobody can know. */
  readonly retryAt: Date | null
  readonly retryInMs: number | null
}

export async function takeUnits(
  database: Database,
  name: string,
  key: string | null,
  units: number,
): Promise<UnitsAnswer> {
  const [row] = await database.call('take_units', [name, key, units])
  return {
    granted: row?.granted === true,
    retryAt: row?.retry_at instanceof Date ? row.retry_at : null,
    retryInMs: typeof row?.retry_in_ms === 'number' ? row.retry_in_ms : null,
  }
}

/** Stores what code declares; returns the names nobody has said anything of. */
export async function declareLimits(
  database: Database,
  limits: readonly { readonly name: string; readonly settings: object }[],
  owners: readonly string[],
  used: readonly string[],
): Promise<readonly string[]> {
  const [row] = await database.call('declare_limits', [JSON.stringify(limits), owners, used])
  return (row?.declare_limits as readonly string[] | null) ?? []
}

/** Whether anything is known of a task: a living worker that runs it, or a limit. */
export async function isTaskKnown(database: Database, task: string): Promise<boolean> {
  const [row] = await database.query({
    text: `select exists (select from "${database.schema}".worker_overview where $1 = any(tasks))
      or exists (select from "${database.schema}".limit_list where starts_with(name, 'task:' || $1 || '/')) as known`,
    values: [task],
  })
  return row?.known === true
}

async function readClock(database: Database): Promise<Date> {
  const [row] = await database.call('clock', [])
  return row?.clock as Date
}
