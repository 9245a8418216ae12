import { beforeAll, beforeEach } from 'vitest'
import type { JobHandle } from '../../src/index.ts'
import type { TestDatabase } from './postgres.ts'

/** Writes that handlers make in transactions, in a table that does not mind two of the same. */
export interface Effects {
  /** Attempts of a job whose effect is there. */
  of(handle: JobHandle<unknown>): Promise<number[]>
  /** All there are. */
  count(): Promise<number>
  /** Takes a job away from its worker, as a rescue does; the next attempt may run anywhere. */
  takeAway(handle: JobHandle<unknown>): Promise<void>
  /** What is recorded of the job's last failed attempt; null for none. */
  lastError(handle: JobHandle<unknown>): Promise<Record<string, unknown> | null>
  /** Sessions of celeriac's that are idle in a transaction. */
  openTransactions(): Promise<number>
  /** Sessions that wait for a lock in such a statement. */
  waiting(what: string): Promise<number>
}

/** Writes an effect: the id of the job and the number of the attempt. */
export const EFFECT = 'insert into effects (job_id, attempt) values ($1, $2)'

/** Makes the table for the tests of a file, empty before each. */
export function useEffects(database: TestDatabase): Effects {
  beforeAll(() => database.query('create table effects (job_id uuid, attempt integer)'))
  beforeEach(() => database.query('truncate effects'))
  const count = async (from: string, values: readonly unknown[] = []): Promise<number> => {
    const [row] = await database.query<{ n: number }>(`select count(*)::integer as n from ${from}`, values)
    return row?.n ?? -1
  }
  return {
    of: async ({ id }) => {
      const rows = await database.query<{ attempt: number }>(
        'select attempt from effects where job_id = $1 order by attempt',
        [id],
      )
      return rows.map(({ attempt }) => attempt)
    },
    count: () => count('effects'),
    takeAway: async ({ id }) => {
      await database.query('update celeriac.jobs set worker_id = null, token = token + 1 where id = $1', [id])
    },
    lastError: async ({ id }) => {
      const [row] = await database.query<{ error: Record<string, unknown> }>(
        'select error from celeriac.attempts where job_id = $1 order by token desc limit 1',
        [id],
      )
      return row?.error ?? null
    },
    openTransactions: () =>
      count(`pg_stat_activity where datname = current_database() and application_name like 'celeriac:%'
        and state = 'idle in transaction'`),
    waiting: (what) =>
      count(
        `pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like $1`,
        [`%${what}%`],
      ),
  }
}

/** The code of an error, or whatever else was thrown. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : error
}

/** What an error says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
