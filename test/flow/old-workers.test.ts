import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Celeriac } from '../../src/index.ts'
import { migrate, pendingMigrations } from '../../src/migrate/migrate.ts'
import { applyRoles } from '../../src/migrate/roles.ts'
import { SCHEMA_VERSION } from '../../src/migrate/version.ts'
import { cli } from '../cli/run-cli.ts'
import { dropRoles } from '../migrate/roles-support.ts'
import { useApps } from '../support/apps.ts'
import { type OldBuild, unpackOldBuild, whyNoOldBuild } from '../support/old-build.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { endWorkerProcesses, type WorkerProcess, workerProcess } from '../support/worker-processes.ts'

const reason = whyNoOldBuild()
if (reason !== null) console.warn(`SKIPPED: no worker of an older build is tried on this schema: ${reason}`)

let old: OldBuild
let database: TestDatabase
const apps = useApps({
  get url() {
    return database.url
  },
} as TestDatabase)

afterEach(endWorkerProcesses)

const oldWorker = (url = database.url): Promise<WorkerProcess> => workerProcess(url, { program: old.program })
const newWorker = (): Promise<WorkerProcess> => workerProcess(database.url)
const version = async () => (await database.query('select * from celeriac.schema_version()'))[0]

async function stopped(...workers: WorkerProcess[]): Promise<void> {
  for (const worker of workers) worker.signal('SIGTERM')
  expect(await Promise.all(workers.map(({ ended }) => ended))).toEqual(workers.map(() => 0))
}

describe.skipIf(reason !== null)(
  'F-55: on a schema that was brought up, workers of the build before',
  {
    timeout: 60_000,
  },
  () => {
    beforeAll(async () => {
      old = await unpackOldBuild()
    })
    afterAll(() => old?.[Symbol.asyncDispose]())
    beforeEach(async () => {
      database = await createDatabase({ migrate: false, name: 'old_workers' })
      await old.migrate(database.url)
      await database.query('create table effects (job_id uuid, attempt integer, pid integer)')
    })
    afterEach(() => database.drop())

    test('run on while that happens under load, beside new ones: each job of either runs once', async () => {
      const [first, second] = await Promise.all([oldWorker(), oldWorker()])
      const olds = old.run<string[]>(
        database.url,
        `const ids = []
      for (let call = 0; call < 400; call += 1) {
        const handles = await app.declare('effect').enqueueMany(Array.from({ length: 10 }, () => []))
        ids.push(...handles.map(({ id }) => id))
      }
      return ids`,
      )
      await until(async () => (await effects()).jobs > 0)
      const { applied } = await migrate({ database: database.url })
      expect(applied).toContain('schema_version')
      expect(await version()).toEqual({ version: SCHEMA_VERSION, oldest: old.version })
      const third = await newWorker()
      const handles = await apps
        .app()
        .declare<() => void>('effect')
        .enqueueMany(Array.from({ length: 4_000 }, () => []))
      const ids = [...(await olds), ...handles.map(({ id }) => id)]
      const settled = `select count(*)::int as jobs from celeriac.results where state = 'succeeded' and attempt = 1`
      await until(async () => (await database.query(settled))[0]?.jobs === ids.length, { timeoutMs: 40_000 })
      expect(await effects()).toEqual({ jobs: 8_000, runs: 8_000, pids: 3 })
      await stopped(first, second, third)
      expect(await left()).toEqual({ jobs: 0, workers: 0 })
    })

    test('start on it, and hear of what the new ones cancel and kill', async () => {
      await migrate({ database: database.url })
      const worker = await oldWorker()
      const app = apps.app()
      expect(await (await app.enqueue<number>('add', [2, 2])).result({ timeout: '5s' })).toBe(4)
      const hold = app.declare<() => number>('hold')
      const [cancelled, killed, kept] = [await hold.enqueue(), await hold.enqueue(), await hold.enqueue()]
      await until(() => worker.begun.length === 3)
      expect(await cancelled.cancel()).toBe('requested')
      await killed.kill()
      await expect(cancelled.result({ timeout: '8s' })).rejects.toMatchObject({ code: 'JOB_CANCELLED' })
      await until(async () => {
        const rows = await database.query('select from celeriac.workers where running = 1')
        return rows.length === 1
      })
      worker.open()
      expect(await kept.result({ timeout: '5s' })).toBe(worker.pid)
      expect([await cancelled.state(), await killed.state()]).toEqual(['cancelled', 'cancelled'])
      await stopped(worker)
    })

    test('that are killed are rescued by new ones', async () => {
      const victim = await oldWorker()
      await migrate({ database: database.url })
      await isRescued(victim, newWorker)
    })

    test('rescue new ones that are killed', async () => {
      await migrate({ database: database.url })
      const victim = await newWorker()
      await isRescued(victim, oldWorker)
    })

    test('stop warm, and their jobs go on in new ones', async () => {
      const leaving = await oldWorker()
      await migrate({ database: database.url })
      const handles = await apps
        .app()
        .declare<() => number>('hold')
        .enqueueMany(Array.from({ length: 12 }, () => []))
      await until(() => leaving.begun.length === 10)
      const heir = await newWorker()
      await until(() => heir.begun.length === 2)
      leaving.signal('SIGTERM')
      leaving.open()
      heir.open()
      expect(await leaving.ended).toBe(0)
      for (const handle of handles) await handle.result({ timeout: '5s' })
      expect(await Promise.all(handles.map(async (handle) => (await handle.info()).losses))).toEqual(
        handles.map(() => 0),
      )
    })

    test('work in a role, which may call what is left for them', async () => {
      const prefix = `r_${randomBytes(4).toString('hex')}`
      try {
        await migrate({ database: database.url })
        await applyRoles({ database: database.url, prefix })
        // Functions that are replaced get their rights again; so do those that are left.
        await database.query(`delete from celeriac.migrations where name = 'new_id'`)
        expect(await migrate({ database: database.url })).toMatchObject({
          applied: ['new_id', 'grant_rights'],
        })
        expect(
          await database.query(
            `select oid::regprocedure from pg_proc
            where pronamespace = 'celeriac'::regnamespace and has_function_privilege('public', oid, 'execute')`,
          ),
        ).toEqual([])
        const login = `${prefix}_login`
        await database.query(`create role ${login} login password 'secret'`)
        await database.query(`grant ${prefix}_worker to ${login}`)
        const url = new URL(database.url)
        url.username = login
        url.password = 'secret'
        const victim = await newWorker()
        await isRescued(victim, () => oldWorker(url.href))
        await endWorkerProcesses()
        await database.drop()
      } finally {
        await dropRoles(prefix)
      }
    })

    test('leave functions to doctor that it does not take for drift', async () => {
      await migrate({ database: database.url })
      // What a version before it called, under a parameter list of its own.
      await database.query(
        `create function celeriac.register_worker(p_id uuid) returns void language sql as 'select'`,
      )
      const { stdout } = await cli(['doctor', '--json'], { env: { DATABASE_URL: database.url } })
      const { checks } = JSON.parse(stdout) as { checks: { check: string }[] }
      expect(checks.filter(({ check }) => check === 'drift')).toEqual([
        { check: 'drift', status: 'ok', message: 'everything is as this version installs it', fix: null },
      ])
    })

    test('have no place on one that was never theirs, and say so', async () => {
      await using fresh = await createDatabase({ name: 'never_old' })
      const [row] = await fresh.query('select * from celeriac.schema_version()')
      expect(row).toEqual({ version: SCHEMA_VERSION, oldest: old.version })
      await fresh.query(
        `create or replace function celeriac.schema_version(out version integer, out oldest integer)
          language sql stable as 'select ${SCHEMA_VERSION}, ${SCHEMA_VERSION}'`,
      )
      await expect(old.run(fresh.url, 'await app.worker().start()')).rejects.toThrow(
        `at version ${SCHEMA_VERSION} and this celeriac knows only ${old.version}; upgrade the package`,
      )
    })

    test('do not put their schema over it', async () => {
      await migrate({ database: database.url })
      await expect(old.migrate(database.url)).rejects.toThrow('upgrade the package')
      expect(await pendingMigrations({ database: database.url })).toEqual([])
    })

    test('go first: new ones refuse the schema as it was, with the remedy', async () => {
      await using app = new Celeriac({ database: database.url, log: 'silent' })
      app.task('add', () => 1)
      await expect(app.worker().start()).rejects.toMatchObject({
        code: 'SCHEMA_BEHIND',
        message: expect.stringContaining('npx celeriac migrate'),
      })
      await migrate({ database: database.url })
      await app.worker().start()
    })
  },
)

/** The victim runs jobs, is killed, and the heir, which is of the other build, runs them again. */
async function isRescued(victim: WorkerProcess, heirOf: () => Promise<WorkerProcess>): Promise<void> {
  const hold = apps.app().declare<() => number>('hold')
  const handles = await hold.enqueueMany(Array.from({ length: 5 }, () => []))
  await until(() => victim.begun.length === 5)
  const heir = await heirOf()
  victim.signal('SIGKILL')
  await until(() => heir.begun.length === 5, { timeoutMs: 20_000, what: 'the rescue' })
  heir.open()
  expect(await Promise.all(handles.map((handle) => handle.result({ timeout: '5s' })))).toEqual(
    handles.map(() => heir.pid),
  )
  for (const handle of handles) expect(await handle.info()).toMatchObject({ attempt: 2, losses: 1 })
  await stopped(heir)
  expect(await left()).toEqual({ jobs: 0, workers: 0 })
}

async function effects() {
  const [row] = await database.query<{ jobs: number; runs: number; pids: number }>(
    `select count(distinct job_id)::int as jobs, count(*)::int as runs, count(distinct pid)::int as pids from effects`,
  )
  return row ?? { jobs: -1, runs: -1, pids: -1 }
}

async function left() {
  const [row] = await database.query(
    `select (select count(*) from celeriac.jobs)::int as jobs, (select count(*) from celeriac.workers)::int as workers`,
  )
  return row
}
