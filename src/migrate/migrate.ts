/*
 * migrate: brings the files of sql/ into a database and says whether they are there. Numbered migrations are applied
 * once; functions and views are re-applied when their text changes. Everything happens in one transaction under one
 * advisory lock, so that any number of processes may migrate at once. Called by the app, the CLI and tests.
 */
import type pg from 'pg'
import { CeleriacError } from '../base/errors.ts'
import type { DatabaseInput } from '../db/connection.ts'
import { withClient, withSchemaLocked } from './client.ts'
import { readSql, type SqlText } from './read-sql.ts'
import { becomeOwner, grantRights, grantsText, ledgerEntry, pendingRights } from './roles.ts'
import { SCHEMA_VERSION } from './version.ts'

/** Where and under which name to install. */
export interface MigrateOptions {
  /** A URL, a `pg.Pool`, or the settings of one; its role makes the schema and owns it. */
  readonly database: DatabaseInput
  /** Schema that holds the tables. @defaultValue 'celeriac' */
  readonly schema?: string
  /** Days of partitions to make ahead. @defaultValue 7 */
  readonly days?: number
}

/** What `migrate` did, or would do. */
export interface MigrateReport {
  readonly schema: string
  /** Names of the files that were applied, in order; empty when everything was there. */
  readonly applied: readonly string[]
}

const OLDEST_SERVER = 150_000

/**
 * Installs or updates the schema.
 *
 * One transaction: either everything pending is applied or nothing. Concurrent calls wait for each other and find
 * nothing left to do.
 * @throws {CeleriacError} `SCHEMA_AHEAD` when the database holds migrations this version does not know,
 * `SERVER_UNSUPPORTED`, `PERMISSION_DENIED`, `CONNECT_FAILED`.
 */
export async function migrate(options: MigrateOptions): Promise<MigrateReport> {
  const schema = options.schema ?? 'celeriac'
  const files = readSql(schema)
  const remedy = `let it create schema "${schema}", create the schema for it, or migrate as its owner`
  return withClient(options.database, async (client) => {
    await assertServer(client)
    return withSchemaLocked(client, schema, remedy, async () => {
      await becomeOwner(client, schema)
      const pending = await pendingFiles(client, schema, files)
      for (const file of pending) {
        await client.query(file.text)
        await client.query(ledgerEntry(schema), [file.name, file.kind, file.checksum])
      }
      const rights = await pendingRights(client, schema, pending)
      if (rights !== null) await grantRights(client, schema)
      await client.query(`select "${schema}".make_partitions($1)`, [options.days ?? 7])
      return { schema, applied: [...pending, ...(rights === null ? [] : [rights])].map((file) => file.name) }
    })
  })
}

/** Names of the files that `migrate` would apply; writes nothing. */
export async function pendingMigrations(options: MigrateOptions): Promise<readonly string[]> {
  const schema = options.schema ?? 'celeriac'
  const files = readSql(schema)
  return withClient(options.database, async (client) => {
    await assertServer(client)
    const pending = await pendingFiles(client, schema, files)
    const rights = await pendingRights(client, schema, pending)
    return [...pending, ...(rights === null ? [] : [rights])].map((file) => file.name)
  })
}

/**
 * The whole installation as plain SQL, for tools such as Flyway, dbmate, Prisma or Knex.
 *
 * Runs in one transaction under `psql -1 -f`; holds no psql commands and no dollar-brace placeholders.
 */
export function printSql(schema = 'celeriac'): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`
  const entry = (file: SqlText): string =>
    ledgerEntry(schema)
      .replace('$1', quoted(file.name))
      .replace('$2', quoted(file.kind))
      .replace('$3', quoted(file.checksum))
  const files = readSql(schema).map(
    (file) => `-- ${file.kind} ${file.name}\n${file.text.trimEnd()}\n\n${entry(file)};\n`,
  )
  const rights = grantsText(schema)
  // Noted only where there are roles to have rights.
  const noted = entry(rights)
    .replace('values (', 'select ')
    .replace(')\non conflict', `\nwhere "${schema}".role_prefix() is not null\non conflict`)
  return `set check_function_bodies = off;\n\n${files.join('\n')}
-- ${rights.kind} ${rights.name}\n${rights.text.trimEnd()}\n\n${noted};\n
select "${schema}".make_partitions(7);\n`
}

async function pendingFiles(
  client: pg.Client,
  schema: string,
  files: readonly SqlText[],
): Promise<SqlText[]> {
  const installed = await client.query(`select to_regclass('"${schema}".migrations') is not null as yes`)
  if (installed.rows[0]?.yes !== true) return [...files]
  const ledger = await client.query(`select name, kind, checksum from "${schema}".migrations`)
  const applied = new Map(
    ledger.rows.map((row) => [String(row.name), row as { kind: string; checksum: string }]),
  )
  const known = new Set(files.map((file) => file.name))
  const unknown = [...applied].filter(([name, row]) => row.kind === 'migration' && !known.has(name))
  if (unknown.length > 0) {
    throw new CeleriacError('SCHEMA_AHEAD', {
      schema,
      found: unknown.map(([name]) => name).join(', '),
      needed: files.filter((file) => file.kind === 'migration').at(-1)?.name ?? 'none',
    })
  }
  await assertNotLater(client, schema)
  return files.filter((file) => {
    const row = applied.get(file.name)
    return row === undefined || (file.kind !== 'migration' && row.checksum !== file.checksum)
  })
}

/** A later version may have come without a migration; its functions must not be replaced by ours. */
async function assertNotLater(client: pg.Client, schema: string): Promise<void> {
  const known = await client.query(
    `select to_regprocedure('"${schema}".schema_version()') is not null as yes`,
  )
  if (known.rows[0]?.yes !== true) return
  const { rows } = await client.query(`select version from "${schema}".schema_version()`)
  const version = Number(rows[0]?.version)
  if (version <= SCHEMA_VERSION) return
  throw new CeleriacError('SCHEMA_AHEAD', { schema, found: String(version), needed: String(SCHEMA_VERSION) })
}

async function assertServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query(
    `select current_setting('server_version_num')::int as number, current_setting('server_version') as version,
      pg_encoding_to_char(encoding) as encoding from pg_database where datname = current_database()`,
  )
  assertSupported(rows[0] as ServerFacts)
}

/** What decides whether a server can hold the schema. */
export interface ServerFacts {
  /** As `server_version_num`: 150018. */
  readonly number: number
  readonly version: string
  readonly encoding: string
}

/** @throws {CeleriacError} `SERVER_UNSUPPORTED` saying what is needed. */
export function assertSupported({ number, version, encoding }: ServerFacts): void {
  if (number < OLDEST_SERVER) {
    throw new CeleriacError('SERVER_UNSUPPORTED', {
      found: `PostgreSQL ${version} is too old`,
      needed: '15 or newer',
    })
  }
  if (encoding !== 'UTF8') {
    throw new CeleriacError('SERVER_UNSUPPORTED', {
      found: `database encoding is ${encoding}`,
      needed: 'UTF8',
    })
  }
}
