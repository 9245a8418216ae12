import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { cli, JOBS, startCli } from './run-cli.ts'

const database = useDatabase({ name: 'cli_exit' })
const empty = useDatabase({ name: 'cli_empty', migrate: false })
const env = () => ({ DATABASE_URL: database.url })
const NOBODY = '01939cb4-0000-7000-8000-000000000000'
const ONE_LINE_AND_A_REMEDY = /^error: .+\ntry: .+\n$/

describe('exit code', () => {
  test('0: done', async () => {
    expect(await cli(['migrate', '--check'], { env: env() })).toMatchObject({ exitCode: 0 })
    expect(await cli(['--help'])).toMatchObject({ exitCode: 0, stderr: '' })
    expect(await cli(['--version'])).toMatchObject({ exitCode: 0, stdout: '0.1.0\n' })
  })

  test('1: failed', async () => {
    const { exitCode, stdout, stderr } = await cli(['job', NOBODY], { env: env() })
    expect([exitCode, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(ONE_LINE_AND_A_REMEDY)
    expect(await cli(['enqueue', 'nobody', '--wait', '50ms'], { env: env() })).toMatchObject({ exitCode: 1 })
    expect(await cli(['retry', NOBODY], { env: env() })).toMatchObject({
      exitCode: 1,
      stdout: `${NOBODY}\tunknown\n`,
    })
  })

  test.for<[args: string[], error: RegExp]>([
    [
      ['jobs', '--qeue', 'mail'],
      /unknown option '--qeue'; did you mean --queue\?\ntry: celeriac jobs --help/,
    ],
    [['jbos'], /unknown command 'jbos'; did you mean job/],
    [['job'], /missing required argument 'id'/],
    [['job', 'seven'], /"seven" is not a job id/],
    [['jobs', 'mail'], /too many arguments/],
    [['jobs', '--limit', 'many'], /--limit must be an integer from 1 to 1000/],
    [['jobs', '--state', 'done'], /--state must be one of/],
    [['enqueue', 'x', '--delay', 'soon'], /delay must be a number of milliseconds/],
    [['enqueue', 'x', '--run-at', 'soon'], /--run-at must be an instant/],
    [['enqueue', 'x', '--label', 'tenant'], /--label must be like tenant=acme/],
    [['enqueue', 'x', '@nowhere.json'], /argument 1: cannot read nowhere.json \(ENOENT\)/],
    [
      ['worker'],
      /a worker needs the file that defines its tasks\ntry: celeriac worker --app .\/src\/jobs.ts/,
    ],
    [['worker', '--app', JOBS, '-q', 'a,,b'], /--queues names an empty queue/],
    [['worker', '--app', JOBS, '-c', '0'], /concurrency must be an integer from 1/],
    [['jobs', '--schema', 'Big'], /schema name "Big" may contain only/],
    [
      ['jobs', '--database', 'mysql://root:hush@db/app'],
      /--database must be a URL like postgresql:.*; got mysql:\/\//,
    ],
  ])('2: wrong usage (B-68), %j', async ([args, error]) => {
    const { exitCode, stdout, stderr } = await cli(args, { env: env() })
    expect(stderr).toMatch(error)
    expect(stderr).toMatch(ONE_LINE_AND_A_REMEDY)
    expect([exitCode, stdout]).toEqual([2, ''])
  })

  test('2: no command shows the help', async () => {
    const { exitCode, stdout, stderr } = await cli([])
    expect([exitCode, stdout]).toEqual([2, ''])
    expect(stderr).toContain('Commands:')
  })

  test('2: no database in production', async () => {
    const { exitCode, stderr } = await cli(['jobs'], { env: { NODE_ENV: 'production' } })
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/^error: no database is set.*\ntry: set DATABASE_URL, or give --database <url>\n$/)
  })

  test('3: database unreachable', async () => {
    const refused = { DATABASE_URL: 'postgresql://ada:hush@127.0.0.1:1/app' }
    for (const args of [['jobs'], ['migrate'], ['enqueue', 'x'], ['worker', '--app', JOBS]]) {
      const { exitCode, stdout, stderr } = await cli(args, { env: refused })
      expect(stderr).toMatch(/^error: cannot reach 127.0.0.1:1 as "ada": .*ECONNREFUSED/)
      expect(stderr).toMatch(ONE_LINE_AND_A_REMEDY)
      expect([exitCode, stdout]).toEqual([3, ''])
    }
    expect(await cli(['doctor'], { env: refused })).toMatchObject({ exitCode: 3, stderr: '' })
  })

  test('4: schema missing', async () => {
    const bare = { DATABASE_URL: empty.url }
    for (const args of [['jobs'], ['enqueue', 'x'], ['worker', '--app', JOBS]]) {
      const { exitCode, stderr } = await cli(args, { env: bare })
      expect(stderr).toMatch(/^error: schema "celeriac" is not installed .*\ntry: npx celeriac migrate\n$/)
      expect(exitCode).toBe(4)
    }
  })

  test.for<[NodeJS.Signals, number]>([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('%s while it waits: %i, and the job goes on', async ([signal, expected]) => {
    const waiting = startCli(['enqueue', 'nobody', '--wait', '1m'], { env: env() })
    await until(() => waiting.stderr().includes('job '), { what: 'the job' })
    waiting.child.kill(signal)
    const { exitCode, stderr } = await waiting.ended
    expect(exitCode).toBe(expected)
    expect(stderr).toMatch(/^job (\S+)\nthe job goes on; see: celeriac job \1\n$/)
  })

  test('errors are one document on stderr with --json', async () => {
    const { exitCode, stdout, stderr } = await cli(['job', NOBODY, '--json'], { env: env() })
    expect([exitCode, stdout]).toEqual([1, ''])
    expect(JSON.parse(stderr)).toEqual({
      error: { code: 'JOB_UNKNOWN', message: expect.stringContaining(NOBODY), try: expect.any(String) },
    })
  })
})

describe('help', () => {
  test.for([
    'demo',
    'migrate',
    'worker',
    'enqueue',
    'jobs',
    'job',
    'retry',
    'cancel',
    'queues',
    'limits',
    'workers',
    'doctor',
  ])('of %s has examples', async (command) => {
    const { exitCode, stdout } = await cli([command, '--help'])
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(new RegExp(`Examples:\n  .*celeriac ${command}`))
  })
})

describe('the database', () => {
  test('is the flag before CELERIAC_DATABASE_URL before DATABASE_URL before libpq', async () => {
    const port = (number: number) => `postgresql://ada@127.0.0.1:${number}/app`
    const all = { CELERIAC_DATABASE_URL: port(2), DATABASE_URL: port(3), PGHOST: '127.0.0.1', PGPORT: '4' }
    const { CELERIAC_DATABASE_URL: _, ...later } = all
    const { DATABASE_URL: __, ...libpq } = later
    const reached = async (args: readonly string[], given: Readonly<Record<string, string>>) =>
      /127\.0\.0\.1:\d/.exec((await cli(['jobs', ...args], { env: given })).stderr)?.[0]
    expect(await reached(['--database', port(1)], all)).toBe('127.0.0.1:1')
    expect(await reached([], all)).toBe('127.0.0.1:2')
    expect(await reached([], later)).toBe('127.0.0.1:3')
    expect(await reached([], libpq)).toBe('127.0.0.1:4')
  })

  test('of an app is its own: another one given is refused', async () => {
    const other = 'postgresql://ada:hush@127.0.0.1:1/other'
    const fixed = fileURLToPath(new URL('fixtures/fixed.ts', import.meta.url))
    const { exitCode, stderr } = await cli(['worker', '--app', fixed, '--database', other])
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(
      /its app uses fixed at 127\.0\.0\.1:9, not other at 127\.0\.0\.1:1; let it read DATABASE_URL/,
    )
  })
})

describe('passwords', () => {
  test('are in no output', async () => {
    const secret = 'hush/hush@hush'
    const url = new URL(database.url)
    const before = decodeURIComponent(url.password)
    const wrong = `postgresql://ada:${encodeURIComponent(secret)}@127.0.0.1:1/app`
    const outputs: string[] = []
    for (const args of [['jobs'], ['jobs', '--json'], ['doctor'], ['doctor', '--json'], ['migrate']]) {
      for (const given of [wrong, database.url]) {
        const { stdout, stderr } = await cli(args, { env: { DATABASE_URL: given } })
        outputs.push(stdout, stderr)
      }
    }
    const worker = startCli(['worker', '--app', JOBS], { env: env() })
    await until(() => worker.stderr().includes('ready'), { what: 'the banner' })
    worker.child.kill('SIGTERM')
    const { stdout, stderr } = await worker.ended
    outputs.push(stdout, stderr)
    for (const output of outputs) {
      expect(output).not.toContain(secret)
      expect(output).not.toContain(encodeURIComponent(secret))
      if (before.length > 8) expect(output).not.toContain(before)
    }
  })
})
