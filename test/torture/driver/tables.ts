import { withConnection } from '../../../src/embedded/connection.ts'
import type { Sample } from '../history/entries.ts'
import { type CanvasDump, DERIVED, dumpCanvases, MARK } from './canvas-tables.ts'
import { dumpFlow, FLOW_TABLES, type FlowDump } from './flow-tables.ts'

/** Tables of the workload itself, beside celeriac's. */
export const WORKLOAD_TABLES = `
  create table effects (job_id uuid not null, token bigint not null);
  create table outside (job_id uuid not null, token bigint not null);
  create table orders (mark text primary key);
  create extension if not exists amcheck;
  ${FLOW_TABLES}
`

/** A job that is not settled. */
export interface LeftRow {
  readonly id: string
  readonly mark: string
  readonly task: string
  readonly workerId: string | null
  readonly token: number
  /** Made by the engine or by a handler: nobody has asked for it by its mark. */
  readonly derived?: boolean
}

/** A settled job. */
export interface ResultRow {
  readonly id: string
  readonly mark: string
  readonly task: string
  readonly state: 'succeeded' | 'failed' | 'cancelled'
  readonly token: number
  readonly workerId: string | null
  readonly attempt: number
  readonly maxAttempts: number
  readonly snoozes: number
  readonly losses: number
  /** What the handler said about itself; null when it returned nothing of the kind. */
  readonly value: { readonly token: number; readonly worker: string } | null
  readonly errorCode: string | null
  readonly derived?: boolean
  /** How it makes a value of those of others, which then is not in its row. */
  readonly join?: string | null
}

/** A recorded attempt. */
export interface AttemptRow {
  readonly jobId: string
  readonly attempt: number
  readonly token: number
  readonly outcome: string
  readonly workerId: string | null
  /** On the clock of the history. */
  readonly endedAt: number
}

/** A row that a handler wrote. */
export interface EffectRow {
  readonly jobId: string
  readonly token: number
}

/** What the tables hold at the end of a run. */
export interface Dump {
  readonly left: readonly LeftRow[]
  readonly results: readonly ResultRow[]
  readonly attempts: readonly AttemptRow[]
  readonly effects: readonly EffectRow[]
  readonly outside: readonly EffectRow[]
  /** Marks of jobs whose transaction wrote a row of its own. */
  readonly orders: readonly string[]
  /** What amcheck complains about. */
  readonly corrupt: readonly string[]
  readonly canvases: CanvasDump
  readonly flow: FlowDump
}

/** @param wallAheadMs - by how much the wall clock is ahead of the clock of the history */
export async function dumpTables(url: string, wallAheadMs: number): Promise<Dump> {
  return withConnection(url, async (client) => {
    const rows = async <Row>(text: string, values: unknown[] = []): Promise<Row[]> =>
      (await client.query(text, values)).rows as Row[]
    const effects = (table: string) =>
      rows<EffectRow>(`select job_id as "jobId", token::int as token from ${table}`)
    return {
      left: await rows<LeftRow>(
        `select id, ${MARK} as mark, task, worker_id as "workerId", token::int as token, ${DERIVED} as derived
          from celeriac.jobs`,
      ),
      results: await rows<ResultRow>(
        `select id, ${MARK} as mark, ${DERIVED} as derived, options ->> 'join' as join, task, state, token::int as token, worker_id as "workerId", attempt,
          max_attempts as "maxAttempts", snoozes, losses, error ->> 'code' as "errorCode",
          case when value ? 'token' then jsonb_build_object('token', value -> 'token', 'worker', value -> 'worker') end as value
          from celeriac.results`,
      ),
      attempts: await rows<AttemptRow>(
        `select job_id as "jobId", attempt, token::int as token, outcome, worker_id as "workerId",
          extract(epoch from ended_at)::double precision * 1000 - $1::double precision as "endedAt" from celeriac.attempts`,
        [wallAheadMs],
      ),
      effects: await effects('effects'),
      outside: await effects('outside'),
      orders: (await rows<{ mark: string }>('select mark from orders')).map(({ mark }) => mark),
      corrupt: await corruptIndexes(rows),
      canvases: await dumpCanvases(rows),
      flow: await dumpFlow(rows, wallAheadMs),
    }
  })
}

export type Rows = <Row>(text: string, values?: unknown[]) => Promise<Row[]>

async function corruptIndexes(rows: Rows): Promise<string[]> {
  const indexes = await rows<{ name: string }>(
    `select index.indexrelid::regclass::text as name from pg_index as index
      join pg_class as relation on relation.oid = index.indexrelid
      where relation.relnamespace = 'celeriac'::regnamespace and relation.relkind = 'i' and relation.relam = 403`,
  ).catch(() => [])
  const bad: string[] = []
  for (const { name } of indexes) {
    await rows('select bt_index_check($1::regclass, true)', [name]).catch((error: unknown) => {
      bad.push(`${name}: ${error instanceof Error ? error.message : error}`)
    })
  }
  return bad
}

/** Looks at what the tables show now; null when the server does not answer. */
export async function sample(url: string): Promise<Sample | null> {
  return withConnection(
    url,
    async (client) => {
      const { rows } = await client.query<Omit<Sample, 'e'>>(
        `select
          (select count(*)::int from celeriac.jobs where worker_id is null and run_at < now() - interval '2 s') as overdue,
          (select count(*)::int from celeriac.jobs as job where worker_id is not null
            and not exists (select from celeriac.workers as worker where worker.id = job.worker_id)) as orphans,
          (select count(*)::int from celeriac.jobs) as unsettled,
          (select count(*)::int from pg_stat_activity where datname = current_database()
            and application_name like 'celeriac:%') as connections,
          (select (xact_commit + xact_rollback)::float8 from pg_stat_database where datname = current_database())
            as transactions`,
      )
      const [row] = rows
      return row === undefined ? null : { e: 'sample' as const, ...row }
    },
    0,
  ).catch(() => null)
}

/** What is left when every process has stopped. */
export interface Leftovers {
  readonly connections: readonly string[]
  readonly advisoryLocks: number
  readonly prepared: number
  readonly workers: number
  /** Processes that had to be killed because they did not end. */
  readonly undead: readonly string[]
}

export async function findLeftovers(url: string, undead: readonly string[]): Promise<Leftovers> {
  return withConnection(url, async (client) => {
    const { rows } = await client.query<Omit<Leftovers, 'undead'>>(
      `select
        array(select application_name from pg_stat_activity where datname = current_database()
          and backend_type = 'client backend' and pid <> pg_backend_pid()) as connections,
        (select count(*)::int from pg_locks where locktype = 'advisory'
          and database = (select oid from pg_database where datname = current_database())) as "advisoryLocks",
        (select count(*)::int from pg_prepared_xacts where database = current_database()) as prepared,
        (select count(*)::int from celeriac.workers) as workers`,
    )
    const [row] = rows
    if (row === undefined) throw new Error('the server has no answer')
    return { ...row, undead }
  })
}
