import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { useDatabase } from '../support/postgres.ts'
import { cli, type Ended } from './run-cli.ts'

const database = useDatabase({ name: 'cli_doctor' })
const empty = useDatabase({ name: 'cli_bare', migrate: false })

interface Report {
  readonly ok: boolean
  readonly checks: readonly {
    readonly check: string
    readonly status: string
    readonly message: string
    readonly fix: string | null
  }[]
}

const doctor = (...flags: string[]): Promise<Ended> =>
  cli(['doctor', ...flags], { env: { DATABASE_URL: database.url } })
async function wrong(): Promise<Report['checks']> {
  const { exitCode, stdout } = await doctor('--json')
  const report = JSON.parse(stdout) as Report
  expect([exitCode, report.ok]).toEqual([1, false])
  return report.checks.filter((check) => check.status !== 'ok')
}

describe('doctor', () => {
  test('finds nothing wrong with a fresh installation', async () => {
    const { exitCode, stdout, stderr } = await doctor()
    expect([exitCode, stderr]).toEqual([0, ''])
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'))
    expect(lines.map((line) => line[0])).toEqual(lines.map(() => 'ok'))
    expect(lines.map((line) => line[1])).toEqual([
      'database reachable',
      'server version',
      'encoding',
      'writable',
      'connections',
      'oldest snapshot',
      'schema',
      'notifications',
      'rights',
      'partitions',
      'indexes',
      'workers',
      'jobs served',
    ])
  })

  test('finds a schema that is not there', async () => {
    const { exitCode, stdout } = await cli(['doctor'], { env: { DATABASE_URL: empty.url } })
    expect(exitCode).toBe(4)
    expect(stdout).toMatch(/^wrong\tschema\tschema "celeriac" needs \d+ .*\tceleriac migrate$/m)
  })

  test('finds due jobs that no worker serves', async () => {
    await cli(['enqueue', 'orphan', '--queue', 'forgotten'], { env: { DATABASE_URL: database.url } })
    expect(await wrong()).toEqual([
      {
        check: 'jobs served',
        status: 'wrong',
        message: 'queue forgotten: 1 due, no worker',
        fix: 'start a worker with --queues and --app that serve them',
      },
    ])
    await database.query('delete from celeriac.jobs')
  })

  test('finds partitions that are not made ahead', async () => {
    await database.query(
      `do $$ declare v_name text; begin
        for v_name in select relname from pg_class where relname ~ '^results_\\d{8}$' order by relname desc limit 7 loop
          execute format('drop table celeriac.%I', v_name);
        end loop; end $$`,
    )
    expect(await wrong()).toMatchObject([
      { check: 'partitions', message: expect.stringContaining('results: 0 days') },
    ])
    await database.query('select celeriac.make_partitions(7)')
    expect((await doctor()).exitCode).toBe(0)
  })

  test('finds an invalid index', async () => {
    await database.query(
      "update pg_index set indisvalid = false where indexrelid = 'celeriac.jobs_for_expiry'::regclass",
    )
    expect(await wrong()).toMatchObject([
      { check: 'indexes', fix: 'reindex index concurrently celeriac.jobs_for_expiry' },
    ])
    await database.query(
      "update pg_index set indisvalid = true where indexrelid = 'celeriac.jobs_for_expiry'::regclass",
    )
  })

  test('names whoever holds the oldest snapshot', async () => {
    const client = await database.pool.connect()
    await client.query('begin isolation level repeatable read')
    const pid = (await client.query('select pg_backend_pid() as pid')).rows[0]?.pid
    const { exitCode, stdout } = await doctor()
    await client.query('rollback')
    client.release()
    // It is young: worth saying, not wrong.
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(new RegExp(`^ok\toldest snapshot\tpid ${pid} for .*idle in transaction`, 'm'))
  })
})

describe('without any database', () => {
  test('a command starts the embedded one, says so on stderr and stops it', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'celeriac-none-'))
    try {
      const { exitCode, stdout, stderr } = await cli(['migrate', '--check', '--json'], { cwd })
      expect(exitCode).toBe(4)
      expect(JSON.parse(stdout)).toMatchObject({ schema: 'celeriac' })
      expect(stderr).toMatch(
        /^no database is set: using embedded PostgreSQL \d+\.\d+ in \S+\.celeriac\/pg\d+ \(started in/,
      )
      const again = await cli(['migrate', '--check'], { cwd })
      expect(again.stderr).toContain('(started in')
    } finally {
      await rm(cwd, { recursive: true, force: true })
    }
  })
})
