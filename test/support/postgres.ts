import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, inject } from 'vitest'

/** How {@link createDatabase} makes one. */
export interface TestDatabaseOptions {
  /** With celeriac's schema in it. @defaultValue true */
  readonly migrate?: boolean
  /** A word to recognise it by in pg_stat_activity. @defaultValue 'file' */
  readonly name?: string
}

/** A database of one test file. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string
  /** At most 10 connections. */
  readonly pool: pg.Pool
  query<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<Row[]>
  /** Closes the pool and drops the database, whoever is still connected. */
  drop(): Promise<void>
}

/** The advisory lock under which the template is made. */
const TEMPLATE_LOCK = 4_611_001

/**
 * Makes a database of its own for a test file, as a copy of the run's template (30 ms), which the first one makes.
 *
 * @example await using database = await createDatabase()
 */
export async function createDatabase({
  migrate = true,
  name = 'file',
}: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const id = randomBytes(4).toString('hex')
  const database = `celeriac_${name.replace(/\W/g, '_').toLowerCase()}_${inject('runId')}_${id}`
  await withAdmin(async (admin) => {
    const template = migrate ? await ensureTemplate(admin) : 'template0'
    await admin.query(`create database "${database}" template "${template}" strategy file_copy`)
  })
  const url = urlTo(database)
  const pool = new pg.Pool({ connectionString: url, max: 10, application_name: 'celeriac test' })
  // Dropping by force, and tests that kill connections, end idle ones; that is no failure of a test.
  pool.on('error', () => undefined)
  let dropping: Promise<void> | undefined
  const drop = () => {
    dropping ??= dropDatabase(pool, database)
    return dropping
  }
  return {
    url,
    pool,
    query: async (text, values = []) => (await pool.query(text, [...values])).rows,
    drop,
    [Symbol.asyncDispose]: drop,
  }
}

/**
 * The database of the test file it is called in, made before the first test and dropped after the last.
 *
 * @example const database = useDatabase()
 * test('…', async () => expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]))
 */
export function useDatabase(options: TestDatabaseOptions = {}): TestDatabase {
  let made: TestDatabase | undefined
  const database = () => {
    if (made === undefined)
      throw new Error('useDatabase: the database is there only inside of tests and hooks')
    return made
  }
  beforeAll(async () => {
    made = await createDatabase(options)
  })
  afterAll(async () => {
    await made?.drop()
  })
  return {
    get url() {
      return database().url
    },
    get pool() {
      return database().pool
    },
    query: (text, values) => database().query(text, values),
    drop: () => database().drop(),
    [Symbol.asyncDispose]: () => database().drop(),
  }
}

/** The URL of another database on the run's server. */
export function urlTo(database: string): string {
  const url = new URL(inject('adminUrl'))
  url.pathname = `/${database}`
  return url.href
}

/** Test files start at once in several processes: one makes the template, the others wait for it. */
async function ensureTemplate(admin: pg.Client): Promise<string> {
  const template = `celeriac_template_${inject('runId')}`
  if (await isTemplate(admin, template)) return template
  await admin.query('select pg_advisory_lock($1)', [TEMPLATE_LOCK])
  try {
    if (await isTemplate(admin, template)) return template
    // One that is no template yet was left by a process that died, or failed, while migrating it.
    await admin.query(`drop database if exists "${template}" with (force)`)
    await admin.query(`create database "${template}" template template0 strategy file_copy`)
    await runMigrations(urlTo(template))
    await admin.query(`alter database "${template}" allow_connections false is_template true`)
  } finally {
    await admin.query('select pg_advisory_unlock($1)', [TEMPLATE_LOCK])
  }
  return template
}

async function isTemplate(admin: pg.Client, name: string): Promise<boolean> {
  const { rowCount } = await admin.query('select from pg_database where datname = $1 and datistemplate', [
    name,
  ])
  return rowCount === 1
}

async function runMigrations(url: string): Promise<void> {
  const { migrate } = await import('../../src/migrate/migrate.ts')
  await migrate({ database: url })
}

async function dropDatabase(pool: pg.Pool, database: string): Promise<void> {
  const ended = pool.end()
  await withAdmin((admin) => admin.query(`drop database if exists "${database}" with (force)`))
  await ended
}

async function withAdmin<Result>(work: (admin: pg.Client) => Promise<Result>): Promise<Result> {
  const admin = new pg.Client({
    connectionString: inject('adminUrl'),
    application_name: 'celeriac test admin',
  })
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.end()
  }
}
