import pg from 'pg'
import { type DatabaseInput, poolConfig } from '../../db/connection.ts'
import type { Database, Executor } from '../../db/database.ts'

/** A setting of the server, as it holds for a session. */
export interface Setting {
  readonly name: string
  /** In the unit of the setting: lengths of time in ms. */
  readonly value: string
  /** As the server says where it was set: `configuration file`, `database`, `user`, … */
  readonly source: string
}

/** The same settings in two kinds of sessions. */
export interface Settings {
  /** As celeriac's own connections have them: it sets aside what would hurt. */
  readonly ours: ReadonlyMap<string, Setting>
  /** As any other connection gets them, those of a pool given to celeriac too. */
  readonly plain: ReadonlyMap<string, Setting>
  /** Ways of reading that somebody has forbidden the planner. */
  readonly bans: readonly Setting[]
}

const CONNECT_MS = 5_000

/** Reads settings by name; those that this server does not know are left out. */
export async function readSettings(
  database: Database,
  input: DatabaseInput,
  names: readonly string[],
): Promise<Settings> {
  const ours = await read(database, 'name = any ($1)', [names])
  // On a connection of its own: what a session begins with is no longer to be seen once it was set otherwise.
  const client = new pg.Client({ ...poolConfig(input), connectionTimeoutMillis: CONNECT_MS })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const session: Executor = {
      query: async ({ text, values }) => (await client.query(text, [...values])).rows,
    }
    const plain = await read(session, 'name = any ($1)', [names])
    const bans = await read(session, "name ~ '^enable_' and setting = 'off' and boot_val = 'on'", [])
    return { ours: byName(ours), plain: byName(plain), bans }
  } catch (error) {
    throw database.explain(error)
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Whether autovacuum runs, and has counts to go by. */
export async function readAutovacuum(database: Database): Promise<Setting[]> {
  return read(database, "name in ('autovacuum', 'track_counts')", [])
}

async function read(executor: Executor, which: string, values: readonly unknown[]): Promise<Setting[]> {
  const rows = await executor.query({
    text: `select name, setting, source from pg_settings where ${which} order by name`,
    values,
  })
  return rows.map((row) => ({
    name: String(row.name),
    value: String(row.setting),
    source: String(row.source),
  }))
}

function byName(settings: readonly Setting[]): Map<string, Setting> {
  return new Map(settings.map((setting) => [setting.name, setting]))
}
