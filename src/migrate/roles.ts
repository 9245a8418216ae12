/*
 * Roles of a schema. They are made by somebody who may make roles, once; what each may do is said again by every
 * migration, in its transaction, since a function that is replaced runs with its caller's rights again.
 */
import type pg from 'pg'
import { CeleriacError } from '../base/errors.ts'
import type { DatabaseInput } from '../db/connection.ts'
import { withClient, withSchemaLocked } from './client.ts'
import { readExtra, type SqlText } from './read-sql.ts'

/** Whose roles to make. */
export interface RolesOptions {
  /** A URL, a `pg.Pool`, or the settings of one; its role must be able to make roles, and own the schema or be a superuser. */
  readonly database: DatabaseInput
  /** Schema that holds the tables; it is made when it is missing. @defaultValue 'celeriac' */
  readonly schema?: string
  /** What the names begin with. Left out: those there are, else the name of the schema. */
  readonly prefix?: string
}

/** What `applyRoles` came to. */
export interface RolesReport {
  readonly schema: string
  readonly roles: readonly string[]
  /** False when nothing is installed yet: `migrate` grants the rights then. */
  readonly granted: boolean
}

const SUFFIXES = ['owner', 'worker', 'producer', 'operator', 'viewer', 'viewer_data'] as const

/** The roles of a schema and their rights as SQL for an administrator; runs under `psql -1 -f`, as often as you like. */
export function printRoles(schema = 'celeriac', prefix = schema): string {
  return `${rolesText(schema, prefix).text}\n${grantsText(schema).text}`
}

/**
 * Policies that show each tenant its own jobs only, as SQL for the owner of a schema that has roles.
 *
 * A tenant is the label `tenant` of its jobs; which login belongs to which is a row of the table `tenants`.
 */
export function printTenants(schema = 'celeriac', prefix = schema): string {
  return readExtra('tenants', schema, prefix).text
}

/**
 * Makes the roles of a schema, or completes them, and gives each its rights, in one transaction.
 *
 * @throws {CeleriacError} `PERMISSION_DENIED`, `OPTION_INVALID` when its roles have another prefix already
 */
export async function applyRoles({
  database,
  schema = 'celeriac',
  prefix,
}: RolesOptions): Promise<RolesReport> {
  const remedy = 'run it as a superuser, or as the owner of the schema with the right to create roles'
  // Before connecting: a wrong name is wrong anywhere.
  rolesText(schema, prefix ?? schema)
  return withClient(database, (client) =>
    withSchemaLocked(client, schema, remedy, async () => {
      const known = await rolePrefix(client, schema)
      if (known !== null && prefix !== undefined && prefix !== known) {
        const problem = `is ${prefix}, but the roles of schema "${schema}" begin with ${known} already`
        throw new CeleriacError('OPTION_INVALID', { option: '--prefix', problem })
      }
      const chosen = prefix ?? known ?? schema
      await client.query(rolesText(schema, chosen).text)
      const granted = await grantRights(client, schema)
      return { schema, roles: SUFFIXES.map((suffix) => `${chosen}_${suffix}`), granted }
    }),
  )
}

/** Gives the roles of a schema their rights; false when it has none, or nothing is installed. */
export async function grantRights(client: pg.Client, schema: string): Promise<boolean> {
  if ((await rolePrefix(client, schema)) === null) return false
  const { name, kind, checksum, text } = grantsText(schema)
  await client.query(text)
  await client.query(ledgerEntry(schema), [name, kind, checksum])
  return true
}

/** The file that `grantRights` would apply because its text has changed, or because functions will; null for neither. */
export async function pendingRights(
  client: pg.Client,
  schema: string,
  others: readonly SqlText[],
): Promise<SqlText | null> {
  if ((await rolePrefix(client, schema)) === null) return null
  const file = grantsText(schema)
  if (others.length > 0) return file
  const { rowCount } = await client.query(
    `select from "${schema}".migrations where name = $1 and checksum = $2`,
    [file.name, file.checksum],
  )
  return rowCount === 1 ? null : file
}

/** Acts as the owner of the schema from now on, where it has one of its own and the session may: what it makes is his. */
export async function becomeOwner(client: pg.Client, schema: string): Promise<void> {
  const prefix = await rolePrefix(client, schema)
  const installed = await isThere(client, `to_regclass('"${schema}".migrations')`)
  const { rows } = await client.query(
    `select owner.rolname as owner from pg_namespace as space
      join pg_roles as owner on owner.oid = space.nspowner
      where space.nspname = $1 and owner.rolname <> current_user and owner.rolname ~ '_owner$'
        and pg_has_role(current_user, owner.oid, 'member')`,
    [schema],
  )
  const owner = rows[0]?.owner as string | undefined
  if (owner === undefined || (installed && prefix === null)) return
  await client.query(`set local role ${client.escapeIdentifier(owner)}`)
}

/** Notes in the ledger what was applied. */
export function ledgerEntry(schema: string): string {
  return `insert into "${schema}".migrations (name, kind, checksum) values ($1, $2, $3)
on conflict (name) do update set checksum = excluded.checksum, applied_at = statement_timestamp()`
}

/** What a schema's roles are for, as a file; it finds out by itself what they are called. */
export function grantsText(schema: string): SqlText {
  return readExtra('grant_rights', schema, schema)
}

function rolesText(schema: string, prefix: string): SqlText {
  return readExtra('create_roles', schema, prefix)
}

async function rolePrefix(client: pg.Client, schema: string): Promise<string | null> {
  if (!(await isThere(client, `to_regprocedure('"${schema}".role_prefix()')`))) return null
  const { rows } = await client.query(`select "${schema}".role_prefix() as prefix`)
  return (rows[0]?.prefix as string | null | undefined) ?? null
}

async function isThere(client: pg.Client, found: string): Promise<boolean> {
  const { rows } = await client.query(`select ${found} is not null as yes`)
  return rows[0]?.yes === true
}
