import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeProgram } from '../../src/cli/program.ts'
import { useDatabase } from '../support/postgres.ts'
import { type Patient, useDoctorServer } from './doctor-server.ts'
import { cli, type Ended } from './run-cli.ts'

const server = useDoctorServer()
const empty = useDatabase({ name: 'cli_bare', migrate: false })

const doctor = (url: string, ...flags: string[]): Promise<Ended> =>
  cli(['doctor', ...flags], { env: { DATABASE_URL: url } })

/** What it writes on a terminal without colours. */
async function onTerminal(patient: Patient): Promise<{ text: string; exitCode: number }> {
  let text = ''
  let exitCode = 0
  const stdout = {
    isTTY: true,
    columns: 80,
    write: (part: string) => {
      text += part
    },
  }
  const { signal } = new AbortController()
  const program = makeProgram({
    terminal: { stdout, stderr: stdout, stdin: (async function* () {})(), env: { NO_COLOR: '1' } },
    interrupts: { signal } as never,
    end: (code) => {
      exitCode = code
    },
  })
  await program.parseAsync(['doctor', '--database', patient.url], { from: 'user' })
  return { text, exitCode }
}

describe('doctor', () => {
  test('finds nothing wrong with a fresh installation', async () => {
    const { url } = await server.patient()
    const { exitCode, stdout, stderr } = await doctor(url)
    expect([exitCode, stderr]).toEqual([0, ''])
    const lines = stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split('\t'))
    expect(lines.map(([status, , , fix]) => [status, fix])).toEqual(lines.map(() => ['ok', '']))
    expect(lines.map((line) => line[1])).toEqual([
      'database reachable',
      'server version',
      'encoding',
      'writable',
      'role',
      'clock',
      'connections',
      'pooler',
      'encryption',
      'settings',
      'oldest snapshot',
      'notification queue',
      'schema',
      'rights',
      'drift',
      'partitions',
      'indexes',
      'autovacuum',
      'dead rows',
      'notifications',
      'workers',
      'pauses',
      'jobs served',
      'jobs claimed',
      'jobs running',
    ])
  })

  test('gives programs one document', async () => {
    const patient = await server.patient()
    await patient.query('drop index celeriac.jobs_for_family')
    const { exitCode, stdout } = await doctor(patient.url, '--json')
    expect(exitCode).toBe(1)
    const { ok, checks } = JSON.parse(stdout)
    expect(ok).toBe(false)
    expect(checks).toContainEqual({ check: 'encoding', status: 'ok', message: 'UTF8', fix: null })
    expect(checks).toContainEqual({
      check: 'drift',
      status: 'wrong',
      message: 'index jobs_for_family is missing',
      fix: expect.stringMatching(/^CREATE INDEX CONCURRENTLY jobs_for_family /),
    })
  })

  test('writes a line each on a terminal, and a second one where there is something to do', async () => {
    const patient = await server.patient()
    await patient.query('create index mine on celeriac.jobs (worker_id); drop index celeriac.jobs_for_family')
    const { text, exitCode } = await onTerminal(patient)
    expect(exitCode).toBe(1)
    const lines = text.trimEnd().split('\n')
    expect(lines).toContain('✓ encoding            UTF8')
    const at = lines.indexOf("! drift               index mine is not celeriac's")
    expect(lines[at + 1]).toBe('                 fix  drop index concurrently celeriac.mine')
    expect(lines).toContain('✗ drift               index jobs_for_family is missing')
    expect(lines.at(-1)).toBe('1 wrong, 1 note')
    expect(lines).toHaveLength(25 + 1 + 2 + 1)
  })

  test('notes change no exit code', async () => {
    const patient = await server.patient()
    const { exitCode, stdout } = await doctor(patient.adminUrl, '--json')
    expect([exitCode, JSON.parse(stdout).ok]).toEqual([0, true])
    expect(JSON.parse(stdout).checks).toContainEqual({
      check: 'role',
      status: 'note',
      message: 'postgres is a superuser: more than producers and workers need',
      fix: 'celeriac migrate --roles',
    })
  })

  test('finds a schema that is not there', async () => {
    const { exitCode, stdout } = await doctor(empty.url)
    expect(exitCode).toBe(4)
    expect(stdout).toMatch(/^wrong\tschema\tschema "celeriac" needs \d+ .*\tceleriac migrate$/m)
  })

  test('finds a server that is not there', async () => {
    const { exitCode, stdout } = await doctor('postgresql://nobody@127.0.0.1:1/nowhere')
    expect([exitCode, stdout.split('\n')]).toEqual([
      3,
      [expect.stringMatching(/^wrong\tdatabase reachable\tcannot reach 127\.0\.0\.1:1 /), ''],
    ])
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
