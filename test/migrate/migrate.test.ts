import { execFile, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Celeriac } from '../../src/index.ts'
import { assertSupported, migrate, pendingMigrations, printSql } from '../../src/migrate/migrate.ts'
import { sqlFiles } from '../../src/migrate/sql-source.ts'
import { catalogueOf } from '../laws/catalogue.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'

let database: TestDatabase
const undo: (() => Promise<unknown>)[] = []
beforeEach(async () => {
  database = await createDatabase({ migrate: false, name: 'migrate' })
})
afterEach(async () => {
  for (const step of undo.splice(0)) await step()
  await database.drop()
})

const everything = sqlFiles().map(({ name }) => name)
const psql = spawnSync('psql', ['--version'])

describe('migrate', () => {
  test('installs everything into an empty database, and then nothing', async () => {
    expect(await migrate({ database: database.url })).toEqual({ schema: 'celeriac', applied: everything })
    const before = await catalogueOf(database)
    expect(await migrate({ database: database.url })).toEqual({ schema: 'celeriac', applied: [] })
    expect(await catalogueOf(database)).toBe(before)
    const [row] = await database.query('select count(*)::integer as n from celeriac.migrations')
    expect(row).toEqual({ n: everything.length })
  })

  test('makes the partitions of the days ahead', async () => {
    await migrate({ database: database.url, days: 2 })
    const [row] = await database.query(
      `select count(*)::integer as n from pg_inherits where inhparent = 'celeriac.results'::regclass`,
    )
    expect(row).toEqual({ n: 4 })
  })

  test('F-14 takes twenty at once: one installs, the others find it done', async () => {
    const script = `
      import { migrate } from '${new URL('../../src/migrate/migrate.ts', import.meta.url).href}'
      const reports = await Promise.all([1, 2, 3, 4, 5].map(() => migrate({ database: process.argv[1] })))
      process.stdout.write(reports.map(({ applied }) => applied.length).join(' '))`
    const run = promisify(execFile)
    // Four processes of five calls each: as many sessions, and as much starting of node as two cores bear.
    const outputs = await Promise.all(
      Array.from({ length: 4 }, () =>
        run(process.execPath, ['--input-type=module', '-e', script, database.url]),
      ),
    )
    const counts = outputs.flatMap(({ stdout }) => stdout.split(' ').map(Number))
    expect(counts.sort((one, other) => one - other)).toEqual([...Array(19).fill(0), everything.length])
  })

  test('installs under another name the same things', async () => {
    await migrate({ database: database.url })
    await migrate({ database: database.url, schema: 'jobs_2' })
    const [one, two] = [await catalogueOf(database), await catalogueOf(database, 'jobs_2')]
    expect(two.replaceAll('jobs_2.', 'celeriac.')).toBe(one)
  })

  test.each([
    'Jobs',
    'a-b',
    'pg_jobs',
    '',
    '1st',
    'x"; drop',
    'x'.repeat(41),
  ])('refuses the schema name %j', async (schema) => {
    await expect(migrate({ database: database.url, schema })).rejects.toMatchObject({
      code: 'SCHEMA_NAME_INVALID',
    })
  })

  test.each([
    'select',
    'user',
    'table',
    'order',
  ])('takes the schema name %j, a word of SQL', async (schema) => {
    await migrate({ database: database.url, schema })
    const [row] = await database.query(`select "${schema}".enqueue('add') is not null as done`)
    expect(row).toEqual({ done: true })
  })

  test('applies a function again whose text has changed, and that alone', async () => {
    await migrate({ database: database.url })
    await database.query(
      `create or replace function celeriac.new_id() returns uuid language sql as 'select null::uuid'`,
    )
    await database.query(
      `update celeriac.migrations set checksum = 'old' where name in ('new_id', 'job_list', '0002_jobs')`,
    )
    expect(await pendingMigrations({ database: database.url })).toEqual(['new_id', 'job_list'])
    expect(await migrate({ database: database.url })).toMatchObject({ applied: ['new_id', 'job_list'] })
    const [row] = await database.query('select celeriac.new_id() is not null as works')
    expect(row).toEqual({ works: true })
  })

  test('leaves nothing behind when it fails', async () => {
    await database.query('create schema celeriac; create table celeriac.workers ()')
    await expect(migrate({ database: database.url })).rejects.toMatchObject({ code: '42P07' })
    expect(
      await database.query(`select relname from pg_class where relnamespace = 'celeriac'::regnamespace`),
    ).toEqual([{ relname: 'workers' }])
  })

  test('refuses a database that is ahead, with the remedy', async () => {
    await migrate({ database: database.url })
    await database.query(
      `insert into celeriac.migrations (name, kind, checksum) values ('9999_later', 'migration', 'x')`,
    )
    await expect(migrate({ database: database.url })).rejects.toMatchObject({
      code: 'SCHEMA_AHEAD',
      facts: { found: '9999_later' },
      message: expect.stringContaining('upgrade the package'),
    })
  })

  test('does not put older functions over those of a later version', async () => {
    await migrate({ database: database.url })
    await database.query(`
      create or replace function celeriac.schema_version(out version integer, out oldest integer)
      language sql immutable as 'select 1000, 1';
      update celeriac.migrations set checksum = 'later' where kind = 'function'`)
    await expect(migrate({ database: database.url })).rejects.toMatchObject({ code: 'SCHEMA_AHEAD' })
    const [row] = await database.query(
      `select count(*)::integer as n from celeriac.migrations where checksum = 'later'`,
    )
    expect(row).toEqual({ n: sqlFiles().filter(({ kind }) => kind === 'function').length })
  })

  test('names the remedy when it may not', async () => {
    const { url, role } = await aRole()
    const error = await migrate({ database: url }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'PERMISSION_DENIED', message: expect.stringContaining('celeriac') })
    expect(String(error)).toContain(role)
  })

  test('needs no right on the database when the schema is there for it', async () => {
    const { url, role } = await aRole()
    await database.query(`create schema celeriac authorization ${role}`)
    expect(await migrate({ database: url })).toMatchObject({ applied: everything })
  })

  test('needs neither the search path nor any setting of the session', async () => {
    await using session = await openSession(database.url)
    const [row] = await session.query<{ name: string }>('select current_database() as name')
    await session.query(`alter database "${row?.name}" set search_path = ''`)
    await session.query(`alter database "${row?.name}" set timezone = 'Asia/Kathmandu'`)
    await session.query(`alter database "${row?.name}" set datestyle = 'SQL, DMY'`)
    await session.query(`alter database "${row?.name}" set default_transaction_read_only = on`)
    await session.query(`alter database "${row?.name}" set default_transaction_isolation = 'serializable'`)
    expect(await migrate({ database: database.url })).toMatchObject({ applied: everything })
  })

  test('B-60 refuses an old server', () => {
    const server = { number: 140_012, version: '14.12', encoding: 'UTF8' }
    expect(() => assertSupported(server)).toThrow('PostgreSQL 14.12 is too old; 15 or newer is needed')
    expect(() => assertSupported({ ...server, number: 150_000 })).not.toThrow()
  })

  test('B-60 refuses a database of another encoding', async () => {
    const name = `celeriac_latin_${randomUUID().slice(0, 8)}`
    await database.query(`create database ${name} template template0 encoding 'LATIN1' locale 'C'`)
    undo.push(() => database.query(`drop database ${name} with (force)`))
    const url = new URL(database.url)
    url.pathname = `/${name}`
    await expect(migrate({ database: url.href })).rejects.toMatchObject({
      code: 'SERVER_UNSUPPORTED',
      message: expect.stringContaining('UTF8'),
    })
  })
})

describe('a worker', () => {
  test.each([
    ['is not there (B-55)', () => Promise.resolve(), 'NOT_MIGRATED', 'npx celeriac migrate'],
    ['is behind', () => pretend(0, 0), 'SCHEMA_BEHIND', 'npx celeriac migrate'],
    ['is ahead (B-56)', () => pretend(1000, 1000), 'SCHEMA_AHEAD', 'upgrade the package'],
  ] as const)('refuses to start on a schema that %s', async (_, prepare, code, remedy) => {
    await prepare()
    await using app = new Celeriac({ database: database.url, log: 'silent' })
    app.task('add', () => 1)
    await expect(app.worker().start()).rejects.toMatchObject({
      code,
      message: expect.stringContaining(remedy),
    })
  })

  test('starts on a newer schema that still knows its version', async () => {
    await pretend(1000, 1)
    await using app = new Celeriac({ database: database.url, log: 'silent' })
    const add = app.task('add', () => 1)
    await app.worker().start()
    expect(await (await add.enqueue()).result({ timeout: '10s' })).toBe(1)
  })

  async function pretend(version: number, oldest: number): Promise<void> {
    await migrate({ database: database.url })
    await database.query(`
      create or replace function celeriac.schema_version(out version integer, out oldest integer)
      language sql immutable as 'select ${version}, ${oldest}'`)
  }
})

describe('printSql', () => {
  const run = (sql: string, url: string) =>
    spawnSync('psql', ['-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', '-f', '-', url], {
      input: sql,
      encoding: 'utf8',
    })

  // Loud: a machine without psql shows it as skipped.
  test.skipIf(psql.status !== 0).each(['celeriac', 'jobs_2'])(
    'runs under psql -1 -f and gives the same schema (%s)',
    async (schema) => {
      const { status, stderr } = run(printSql(schema), database.url)
      expect(stderr).toBe('')
      expect(status).toBe(0)
      const printed = await catalogueOf(database, schema)
      expect(await pendingMigrations({ database: database.url, schema })).toEqual([])
      await using other = await createDatabase({ migrate: false, name: 'migrated' })
      await migrate({ database: other.url, schema })
      expect(printed).toBe(await catalogueOf(other, schema))
    },
  )

  test('holds nothing that a tool would take for a placeholder or a command', () => {
    const sql = printSql()
    expect(sql).not.toMatch(/\$\{/)
    expect(sql).not.toMatch(/^\\/m)
    expect(sql).not.toMatch(/^\s*(?:begin|commit)(?: work| transaction)?;/im)
  })

  test.skipIf(psql.status !== 0)('sql/ runs under psql as it stands', async () => {
    const { status, stderr } = run(
      `set check_function_bodies = off;\n${sqlFiles()
        .map(({ text }) => text)
        .join('\n')}`,
      database.url,
    )
    expect([stderr, status]).toEqual(['', 0])
  })

  test('every function body compiles', async () => {
    await using session = await openSession(database.url)
    await session.query('begin')
    const files = sqlFiles()
    const order = ['migration', 'view', 'function'] as const
    // Tables first, then everything twice: the second time each body is checked with all others there.
    await session.query('set local check_function_bodies = off')
    for (const { text } of files) await session.query(text)
    await session.query('set local check_function_bodies = on')
    for (const kind of order.slice(1)) {
      for (const { text } of files.filter((file) => file.kind === kind)) await session.query(text)
    }
    await session.query('rollback')
  })
})

/** A role that may connect and nothing else, and a URL of it. */
async function aRole(): Promise<{ url: string; role: string }> {
  const role = `poor_${randomUUID().slice(0, 8)}`
  await database.query(`create role ${role} login password 'poor'`)
  undo.push(async () => {
    await database.query(`drop owned by ${role} cascade`)
    await database.query(`drop role ${role}`)
  })
  const url = new URL(database.url)
  url.username = role
  url.password = 'poor'
  return { url: url.href, role }
}
