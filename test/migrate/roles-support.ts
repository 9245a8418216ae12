import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, inject } from 'vitest'
import { migrate } from '../../src/migrate/migrate.ts'
import { applyRoles } from '../../src/migrate/roles.ts'
import { type TestDatabase, useDatabase } from '../support/postgres.ts'

/** The roles of a schema, as their names end; an outsider may connect and has none of them. */
export const ROLES = ['worker', 'producer', 'operator', 'viewer', 'viewer_data', 'outsider'] as const
export type RoleName = (typeof ROLES)[number]

/** An installation with roles, and a login for each of them that has no other. */
export interface Guarded {
  readonly database: TestDatabase
  /** Roles belong to the whole server, so each file has a schema, and thereby roles, of its own. */
  readonly schema: string
  /** The URL of the login of a role, or of one that was made by `login`. */
  url(role: string): string
  /** Makes one more login that is granted these roles; returns its name. */
  login(name: string, ...roles: readonly string[]): Promise<string>
  /** Text about `celeriac` as one about this schema. */
  sql(text: string): string
}

/** Installs into a schema of the file's own, with roles; both are gone afterwards. */
export function useGuarded(name: string): Guarded {
  const schema = `r_${randomBytes(4).toString('hex')}`
  // Hooks run backwards: the database goes first, and with it what the roles own.
  afterAll(() => dropRoles(schema))
  const database = useDatabase({ migrate: false, name })
  const urlOf = (login: string): string => {
    const url = new URL(database.url)
    url.username = `${schema}_${login}_login`
    url.password = 'secret'
    return url.href
  }
  const login = async (name: string, ...roles: readonly string[]): Promise<string> => {
    const full = `${schema}_${name}_login`
    await database.query(`create role ${full} login password 'secret'`)
    for (const role of roles) await database.query(`grant ${schema}_${role} to ${full}`)
    return full
  }
  beforeAll(async () => {
    await migrate({ database: database.url, schema })
    await applyRoles({ database: database.url, schema })
    for (const role of ROLES) await login(role, ...(role === 'outsider' ? [] : [role]))
  })
  return {
    database,
    schema,
    url: urlOf,
    login,
    sql: (text) => text.replaceAll('celeriac.', `${schema}.`).replaceAll('celeriac_', `${schema}_`),
  }
}

/** Drops every role whose name begins so. */
export async function dropRoles(prefix: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject('adminUrl') })
  await client.connect()
  try {
    // Logins last: what one has granted keeps it.
    const { rows } = await client.query(
      'select rolname from pg_roles where starts_with(rolname, $1) order by rolcanlogin',
      [`${prefix}_`],
    )
    for (const { rolname } of rows) await client.query(`drop role ${client.escapeIdentifier(rolname)}`)
  } finally {
    await client.end()
  }
}

/** The SQLSTATE a login gets for a statement; null when it may. Nothing of it stays. */
export async function tried(client: pg.Client, text: string): Promise<string | null> {
  await client.query('begin')
  try {
    await client.query(text)
    return null
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    // What else it may fail by is a mistake of the test.
    if (code !== '42501') throw new Error(`${text}\n${message}`, { cause: error })
    return code
  } finally {
    await client.query('rollback')
  }
}
