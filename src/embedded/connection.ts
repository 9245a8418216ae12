import { readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'

/** The superuser of every cluster we make. */
export const SUPERUSER = 'postgres'

/** The URL of a database of the server on `port`. */
export function urlOf(port: number, password: string, database: string): string {
  return `postgresql://${SUPERUSER}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`
}

/** The password noted in a cluster's folder. */
export async function readPassword(path: string): Promise<string> {
  return (await readFile(path, 'utf8')).trim()
}

/** Runs `work` on a connection of its own, patient while the server recovers from a crash. */
export async function withConnection<Result>(
  url: string,
  work: (client: pg.Client) => Promise<Result>,
  timeoutMs = 30_000,
): Promise<Result> {
  const client = await connect(url, Date.now() + timeoutMs)
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Makes a database when it is missing. */
export async function ensureDatabase(client: pg.Client, name: string): Promise<void> {
  const { rowCount } = await client.query('select from pg_database where datname = $1', [name])
  if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`)
}

/** Counts the connections of clients other than this one. */
export async function countOthers(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ others: number }>(
    `select count(*)::int as others
     from pg_stat_activity
     where backend_type = 'client backend' and pid <> pg_backend_pid()`,
  )
  return rows[0]?.others ?? 0
}

async function connect(url: string, deadline: number): Promise<pg.Client> {
  for (;;) {
    const client = new pg.Client({
      connectionString: url,
      application_name: 'celeriac embedded',
      connectionTimeoutMillis: 5_000,
    })
    // A server that ends while we are connected must not end us: the query in flight is rejected anyway.
    client.on('error', () => undefined)
    try {
      await client.connect()
      return client
    } catch (error) {
      await client.end().catch(() => undefined)
      if (!isStarting(error) || Date.now() > deadline) throw error
      await wait(20)
    }
  }
}

/** 57P03 cannot_connect_now: starting up, recovering or shutting down. */
function isStarting(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '57P03'
}
