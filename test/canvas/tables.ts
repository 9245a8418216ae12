import type { TestDatabase } from '../support/postgres.ts'

/** What the fixture tasks write down, in tables beside celeriac's. */

/** An error handler has run. */
export interface Call {
  readonly jobId: string
  /** What it was told of the failed job. */
  readonly failure: Readonly<Record<string, unknown>>
  /** Its own arguments. */
  readonly own: readonly unknown[]
}

const TABLES = `
  create table runs (job_id uuid, attempt integer, task text, pid integer, at timestamptz default clock_timestamp());
  create index on runs (job_id);
  create table calls (id bigint generated always as identity, job_id uuid, failure jsonb, own jsonb);
  create table echoes (id bigint generated always as identity, key text, message text);
  create table counters (key text primary key, n integer not null);
`

/** Makes the tables in a test's database. */
export async function makeTables(database: TestDatabase): Promise<void> {
  await database.query(TABLES)
}

/**
 * Calls of error handlers, in the order they came; those that failed jobs of a workflow made, or all. A handler whose
 * worker was killed may have written twice; that is one call.
 */
export async function callsIn(database: TestDatabase, workflowId: string | null = null): Promise<Call[]> {
  return database.query<Call & Record<string, unknown>>(
    `select job_id as "jobId", failure, own from calls
      where ($1::uuid is null or failure ->> 'workflow' = $1::text)
        and not exists (select from calls as other where other.job_id = calls.job_id and other.id < calls.id)
      order by id`,
    [workflowId],
  )
}

/** What was echoed under a key, in order. */
export async function echoesOf(database: TestDatabase, key: string): Promise<string[]> {
  const rows = await database.query<{ message: string }>(
    'select message from echoes where key = $1 order by id',
    [key],
  )
  return rows.map(({ message }) => message)
}

/** How often something was counted. */
export async function countOf(database: TestDatabase, key: string): Promise<number> {
  const [row] = await database.query<{ n: number }>('select n from counters where key = $1', [key])
  return row?.n ?? 0
}

/** Attempts that have begun, of jobs with these ids or of everything. */
export async function runsOf(
  database: TestDatabase,
  ids: readonly string[],
): Promise<Record<string, number>> {
  const rows = await database.query<{ id: string; runs: number }>(
    'select job_id as id, count(*)::int as runs from runs where job_id = any($1::uuid[]) group by job_id',
    [ids],
  )
  return Object.fromEntries(rows.map(({ id, runs }) => [id, runs]))
}
