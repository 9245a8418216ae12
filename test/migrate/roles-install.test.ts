import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { migrate, pendingMigrations, printSql } from '../../src/migrate/migrate.ts'
import { applyRoles, printRoles } from '../../src/migrate/roles.ts'
import { sqlFiles } from '../../src/migrate/sql-source.ts'
import { cli } from '../cli/run-cli.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { dropRoles } from './roles-support.ts'

let database: TestDatabase
/** Roles belong to the whole server: each test has names of its own. */
let schema: string
beforeEach(async () => {
  schema = `r_${randomBytes(4).toString('hex')}`
  database = await createDatabase({ migrate: false, name: 'roles_install' })
})
afterEach(async () => {
  await database.drop()
  await dropRoles(schema)
})

const everything = sqlFiles().map(({ name }) => name)
const psql = spawnSync('psql', ['--version'])

/** A login of no rights but these. */
async function aLogin(name: string, attributes = ''): Promise<string> {
  const role = `${schema}_${name}`
  await database.query(`create role ${role} login password 'secret' ${attributes}`)
  const url = new URL(database.url)
  url.username = role
  url.password = 'secret'
  return url.href
}

/** Who owns what in the schema, as far as it is not the owner's; rights of everybody and of each role. */
async function state(): Promise<{ strays: unknown[]; rights: unknown[] }> {
  const sorted = (acl: string): string =>
    `(select array_agg(x::text order by x::text) from unnest(${acl}) as x)`
  const strays = await database.query(
    `select relname as name from pg_class where relnamespace = '${schema}'::regnamespace
        and relkind in ('r', 'p', 'v') and relowner <> '${schema}_owner'::regrole
      union all
      select proname from pg_proc where pronamespace = '${schema}'::regnamespace and proowner <> '${schema}_owner'::regrole`,
  )
  const rights = await database.query(
    `select proname as name, prosecdef, proconfig::text, ${sorted('proacl')} as acl from pg_proc
        where pronamespace = '${schema}'::regnamespace
      union all
      select relname, false, '', ${sorted('relacl')} from pg_class
        where relnamespace = '${schema}'::regnamespace and relkind in ('r', 'p', 'v') and not relispartition
      order by 1`,
  )
  return { strays, rights }
}

describe('roles', () => {
  test('come after the installation or before it, with the same outcome', async () => {
    await migrate({ database: database.url, schema })
    expect(await applyRoles({ database: database.url, schema })).toMatchObject({ granted: true })
    const after = await state()
    await database.query(`drop schema ${schema} cascade`)
    expect(await applyRoles({ database: database.url, schema })).toMatchObject({ granted: false })
    expect(await migrate({ database: database.url, schema })).toEqual({
      schema,
      applied: [...everything, 'grant_rights'],
    })
    expect(after.strays).toEqual([])
    expect(after.rights.length).toBeGreaterThan(40)
    expect(await state()).toEqual(after)
  })

  test('are applied again without a change, and then nothing is pending', async () => {
    await migrate({ database: database.url, schema })
    await applyRoles({ database: database.url, schema })
    const before = await state()
    await applyRoles({ database: database.url, schema })
    expect(await state()).toEqual(before)
    expect(await pendingMigrations({ database: database.url, schema })).toEqual([])
    expect(await migrate({ database: database.url, schema })).toEqual({ schema, applied: [] })
  })

  test('a migration that replaces a function says its rights again', async () => {
    await migrate({ database: database.url, schema })
    await applyRoles({ database: database.url, schema })
    const before = await state()
    await database.query(
      `update ${schema}.migrations set checksum = 'old' where name in ('enqueue_jobs', 'job_list')`,
    )
    expect(await pendingMigrations({ database: database.url, schema })).toEqual([
      'enqueue_jobs',
      'job_list',
      'grant_rights',
    ])
    await migrate({ database: database.url, schema })
    expect(await state()).toEqual(before)
  })

  test('a right that somebody took away, or gave, is set right', async () => {
    await migrate({ database: database.url, schema })
    await applyRoles({ database: database.url, schema })
    const before = await state()
    await database.query(
      `grant delete on ${schema}.results to ${schema}_viewer; revoke select on ${schema}.job_list from ${schema}_viewer_data;
        grant execute on function ${schema}.work_cycle to ${schema}_producer`,
    )
    await applyRoles({ database: database.url, schema })
    expect(await state()).toEqual(before)
  })

  test('who owned the schema goes on as before, and may be let go', async () => {
    const app = await aLogin('app')
    await database.query(`create schema ${schema} authorization ${schema}_app`)
    await migrate({ database: app, schema })
    await applyRoles({ database: database.url, schema })
    await using session = await openSession(app)
    await session.query(`select ${schema}.enqueue('add')`)
    expect(await session.query(`select count(*)::integer as jobs from ${schema}.jobs`)).toEqual([{ jobs: 1 }])
    await database.query(`update ${schema}.migrations set checksum = 'old' where name = 'channel'`)
    expect(await migrate({ database: app, schema })).toEqual({ schema, applied: ['channel', 'grant_rights'] })
    expect((await state()).strays).toEqual([])
    await database.query(`revoke ${schema}_owner from ${schema}_app`)
    await expect(session.query(`select * from ${schema}.jobs`)).rejects.toMatchObject({ code: '42501' })
  })

  test('somebody who is no superuser, but makes roles and owns the schema, makes them', async () => {
    const admin = await aLogin('admin', 'createrole')
    const [row] = await database.query<{ name: string }>('select current_database() as name')
    await database.query(`grant create on database "${row?.name}" to ${schema}_admin`)
    await migrate({ database: admin, schema })
    await applyRoles({ database: admin, schema })
    await applyRoles({ database: admin, schema })
    expect((await state()).strays).toEqual([])
    expect(await migrate({ database: admin, schema })).toEqual({ schema, applied: [] })
    const [definer] = await database.query(
      `select rolsuper from pg_proc join pg_roles on pg_roles.oid = proowner where pg_proc.oid = '${schema}.enqueue_jobs'::regproc`,
    )
    expect(definer).toEqual({ rolsuper: false })
  })

  test('a migrator who is a member of the owner makes what the owner owns, a stranger may not', async () => {
    const deployer = await aLogin('deployer')
    const stranger = await aLogin('stranger')
    await applyRoles({ database: database.url, schema })
    await database.query(`grant ${schema}_owner to ${schema}_deployer`)
    await expect(migrate({ database: stranger, schema })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    await expect(applyRoles({ database: stranger, schema })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining('superuser'),
    })
    expect(await migrate({ database: deployer, schema })).toMatchObject({
      applied: [...everything, 'grant_rights'],
    })
    expect((await state()).strays).toEqual([])
  })

  test('another prefix makes other names, and is kept', async () => {
    const prefix = `${schema}_shop`
    await migrate({ database: database.url, schema })
    expect(await applyRoles({ database: database.url, schema, prefix })).toMatchObject({
      roles: expect.arrayContaining([`${prefix}_producer`]),
    })
    expect(await applyRoles({ database: database.url, schema })).toMatchObject({
      roles: expect.arrayContaining([`${prefix}_producer`]),
    })
    await expect(applyRoles({ database: database.url, schema, prefix: 'other' })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining(prefix),
    })
    await expect(applyRoles({ database: database.url, schema, prefix: 'x"; drop' })).rejects.toMatchObject({
      code: 'SCHEMA_NAME_INVALID',
    })
  })

  test('two databases of a server share roles of one name, and each keeps its own rights', async () => {
    await using other = await createDatabase({ migrate: false, name: 'roles_other' })
    for (const { url } of [database, other]) {
      await migrate({ database: url, schema })
      await applyRoles({ database: url, schema })
    }
    const [row] = await other.query<{ owner: string }>(
      `select nspowner::regrole::text as owner from pg_namespace where nspname = '${schema}'`,
    )
    expect(row).toEqual({ owner: `${schema}_owner` })
    await other.drop()
  })
})

describe('celeriac migrate', () => {
  test('prints the roles, makes them with --apply, and says what comes next', async () => {
    const named = ['--schema', schema, '--database', database.url]
    const printed = await cli(['migrate', '--roles', '--schema', schema])
    expect(printed).toMatchObject({ exitCode: 0, stdout: printRoles(schema) })
    const made = await cli(['migrate', '--roles', '--apply', ...named])
    expect(made).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`${schema}_producer\n`) })
    expect(made.stderr).toContain('celeriac migrate')
  })

  test.each([
    [['--apply'], '--apply goes with --roles'],
    [['--print', '--roles'], 'give one of --print and --roles'],
    [['--prefix', 'shop'], '--prefix goes with --roles or --tenants'],
    [['--roles', '--prefix', 'x"; drop role'], 'may contain only'],
  ])('refuses %j', async (flags, problem) => {
    const ended = await cli(['migrate', ...flags])
    expect(ended).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(problem) })
  })
})

describe('plain SQL', () => {
  const run = (sql: string) =>
    spawnSync('psql', ['-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', '-f', '-', database.url], {
      input: sql,
      encoding: 'utf8',
    })

  // Loud: a machine without psql shows it as skipped.
  test.skipIf(psql.status !== 0)('does the same under psql -1 -f, before and after', async () => {
    for (const sql of [printRoles(schema), printSql(schema), printRoles(schema)]) {
      const { stderr, status } = run(sql)
      expect([stderr.replaceAll(/.*NOTICE:.*\n/g, ''), status]).toEqual(['', 0])
    }
    expect((await state()).strays).toEqual([])
    expect(await pendingMigrations({ database: database.url, schema })).toEqual([])
    const printed = await state()
    await applyRoles({ database: database.url, schema })
    expect(await state()).toEqual(printed)
  })

  test.skipIf(psql.status !== 0)('that replaces functions says their rights again', async () => {
    await migrate({ database: database.url, schema })
    await applyRoles({ database: database.url, schema })
    const before = await state()
    // What a tool for migrations would send for the next version.
    const sql = printSql(schema)
    const functions = sql.slice(sql.indexOf('-- function'))
    expect(run(functions)).toMatchObject({ status: 0 })
    expect(await state()).toEqual(before)
    expect(await pendingMigrations({ database: database.url, schema })).toEqual([])
  })

  test('does nothing in a schema that has no roles', async () => {
    await migrate({ database: database.url, schema })
    const rows = await database.query(
      `select from pg_proc where pronamespace = '${schema}'::regnamespace and (prosecdef or proacl is not null)`,
    )
    expect(rows).toEqual([])
    expect(await pendingMigrations({ database: database.url, schema })).toEqual([])
  })
})
