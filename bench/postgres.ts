import pg from 'pg'
import { startEmbedded } from '../src/embedded/index.ts'
import { parentOf } from './harness/cpu.ts'
import { queryOnce } from './harness/query.ts'

/** Settings of the measured server: those of the figures in the goals, durable as in production. */
const SETTINGS: Readonly<Record<string, string>> = {
  shared_buffers: '1GB',
  max_wal_size: '4GB',
  checkpoint_timeout: '30min',
  max_connections: '200',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  autovacuum: 'on',
  shared_preload_libraries: 'pg_stat_statements',
}

/** The PostgreSQL that everything is measured on, of this run alone. */
export interface Postgres extends AsyncDisposable {
  readonly version: string
  readonly pid: number
  urlOf(database: string): string
  admin(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>
}

/** Starts a PostgreSQL in a scratch folder; disposing stops and removes it. */
export async function startPostgres(): Promise<Postgres> {
  const server = await startEmbedded({ ephemeral: true, database: 'bench', settings: SETTINGS })
  const urlOf = (database: string) => {
    const url = new URL(server.url)
    url.pathname = `/${database}`
    return url.href
  }
  const pool = new pg.Pool({ connectionString: server.url, max: 2 })
  pool.on('error', () => {})
  const admin = async (text: string, values: unknown[] = []) =>
    (await pool.query<Record<string, unknown>>(text, values)).rows
  const [row] = await admin('select pg_backend_pid() as pid')
  await admin('create extension if not exists pg_stat_statements')
  const postgres: Postgres = {
    version: server.version,
    pid: parentOf(Number(row?.pid)),
    urlOf,
    admin,
    [Symbol.asyncDispose]: async () => {
      await pool.end()
      await server.stop()
    },
  }
  await countStatements(postgres, false)
  return postgres
}

/** Switches pg_stat_statements on or off; it is on for one question only, so that it costs the others nothing. */
export async function countStatements(postgres: Postgres, on: boolean): Promise<void> {
  // Not on the command line, which would win over what is set here.
  await postgres.admin(`alter system set pg_stat_statements.track = '${on ? 'top' : 'none'}'`)
  await postgres.admin('select pg_reload_conf()')
}

/** Bytes of log written so far. */
export async function walBytes(postgres: Postgres): Promise<number> {
  const [row] = await postgres.admin(
    `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as bytes`,
  )
  return Number(row?.bytes)
}

/** Brings the database to rest, so that the next measurement does not pay for what came before. */
export async function settleDatabase(postgres: Postgres, url: string): Promise<void> {
  await queryOnce(url, 'vacuum analyze')
  await postgres.admin('checkpoint')
}
