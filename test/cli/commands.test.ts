import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { cli, JOBS, startCli } from './run-cli.ts'

const database = useDatabase({ name: 'cli' })
const env = () => ({ DATABASE_URL: database.url })
const run = (args: readonly string[], input?: string) =>
  cli(args, { env: env(), ...(input !== undefined && { input }) })
const json = (text: string): unknown => JSON.parse(text)
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/
const NOBODY = '01939cb4-0000-7000-8000-000000000000'

describe('enqueue', () => {
  test('prints the id of the job and nothing else', async () => {
    const { exitCode, stdout, stderr } = await run(['enqueue', 'add', '2', '-3'])
    expect([exitCode, stderr]).toEqual([0, ''])
    expect(stdout.trim()).toMatch(UUID)
    expect(await database.query('select args from celeriac.jobs where id = $1', [stdout.trim()])).toEqual([
      { args: [2, -3] },
    ])
  })

  test('takes the options of a job', async () => {
    const flags = [
      '--queue',
      'mail',
      '--priority',
      '7',
      '--max-attempts',
      '2',
      '--delay',
      '1h',
      '--expires',
      '2h',
    ]
    const { stdout } = await run([
      'enqueue',
      'x',
      ...flags,
      '--label',
      'a=1',
      '--label',
      'b=c=d',
      '--id',
      NOBODY,
    ])
    expect(stdout.trim()).toBe(NOBODY)
    const [row] = await database.query(
      `select queue, priority, max_attempts, labels, run_at - enqueued_at = interval '1 hour' as later,
        expires_at > run_at as expires from celeriac.jobs where id = $1`,
      [NOBODY],
    )
    expect(row).toEqual({
      queue: 'mail',
      priority: 7,
      max_attempts: 2,
      labels: { a: '1', b: 'c=d' },
      later: true,
      expires: true,
    })
    expect(await run(['enqueue', 'x', '--id', NOBODY])).toMatchObject({ exitCode: 1, stdout: '' })
  })

  test('reads arguments from a file and from stdin', async () => {
    const file = join(tmpdir(), `celeriac-cli-${process.pid}.json`)
    onTestFinished(() => rm(file))
    await writeFile(file, '{"from": "file"}')
    const { stdout } = await run(
      ['enqueue', 'x', `@${file}`, '-', '"text"'],
      '{"$date":"2026-11-21T07:46:00.000Z"}',
    )
    expect(await database.query('select args from celeriac.jobs where id = $1', [stdout.trim()])).toEqual([
      { args: [{ from: 'file' }, { $date: '2026-11-21T07:46:00.000Z' }, 'text'] },
    ])
  })

  test('refuses what is not JSON, and says how to write it', async () => {
    const { exitCode, stderr } = await run(['enqueue', 'greet', 'Ada'])
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/^error: argument 1 is not JSON: .*\ntry: '"Ada"', if a string is meant\n$/)
  })

  test('takes the options of the task from its file', async () => {
    const day = '{"$date":"2026-11-21T00:00:00.000Z"}'
    const { stdout } = await run(['enqueue', 'dated', day, '--app', JOBS])
    expect(await database.query('select queue from celeriac.jobs where id = $1', [stdout.trim()])).toEqual([
      { queue: 'letters' },
    ])
  })
})

describe('a job from enqueue to its result', () => {
  test('goes through a worker, and every command sees it', async () => {
    const worker = startCli(
      ['worker', '--app', JOBS, '-q', 'letters:2,default', '-c', '3', '--name', 'trip'],
      {
        env: env(),
      },
    )
    await until(() => worker.stderr().includes('ready'), { what: 'the banner' })
    expect(worker.stdout()).toBe('')
    expect(worker.stderr()).toContain('queues       letters, default')

    const sum = await run(['enqueue', 'add', '2', '3', '--wait', '10s'])
    expect([sum.exitCode, sum.stdout]).toEqual([0, '5\n'])
    const day = '{"$date":"2026-11-21T00:00:00.000Z"}'
    const dated = await run(['enqueue', 'dated', day, '--queue', 'letters', '--wait', '10s', '--json'])
    expect(json(dated.stdout)).toEqual({
      id: expect.stringMatching(UUID),
      state: 'succeeded',
      value: { day: json(day), next: { $date: '2026-11-22T00:00:00.000Z' } },
    })

    const boom = await run(['enqueue', 'boom', '--max-attempts', '1', '--wait', '10s'])
    const boomId = /job (\S+)/.exec(boom.stderr)?.[1] ?? ''
    expect([boom.exitCode, boom.stdout]).toEqual([1, ''])
    expect(boom.stderr).toBe(
      `job ${boomId}\nerror: job ${boomId} (boom) failed in attempt 1: no such thing\ntry: celeriac job ${boomId}\n`,
    )
    const told = await run(['enqueue', 'boom', '--max-attempts', '1', '--wait', '10s', '--json'])
    expect([told.exitCode, told.stderr]).toEqual([1, ''])
    expect(json(told.stdout)).toMatchObject({ state: 'failed', error: { code: 'JOB_FAILED' } })

    const shown = json((await run(['job', boomId, '--json'])).stdout)
    expect(shown).toMatchObject({
      id: boomId,
      state: 'failed',
      task: 'boom',
      attempts: [{ attempt: 1, outcome: 'failed', error_name: 'TypeError', error_message: 'no such thing' }],
      children: [],
    })
    expect((await run(['job', boomId])).stdout).toMatch(
      /^state\tfailed$[\s\S]*^error\tTypeError: no such thing$/m,
    )
    expect((await run(['retry', boomId])).stdout).toBe(`${boomId}\tretried\n`)

    const listed = await run(['jobs', '--state', 'succeeded', '--task', 'add'])
    expect(listed.stdout.split('\t').slice(1, 5)).toEqual(['succeeded', '', 'add', 'default'])
    expect(json((await run(['workers', '--json'])).stdout)).toEqual([
      expect.objectContaining({ name: 'trip', queues: ['letters', 'default'], concurrency: 3 }),
    ])
    expect((await run(['workers'])).stdout.split('\t')[1]).toBe('trip')

    worker.child.kill('SIGTERM')
    expect(await worker.ended).toMatchObject({ exitCode: 0, stdout: '' })
    expect(json((await run(['workers', '--json'])).stdout)).toEqual([])
  })

  test('shows progress, is cancelled, and says so', async () => {
    const worker = startCli(['worker', '--app', JOBS, '--json'], { env: env() })
    const waiting = startCli(['enqueue', 'endless', 'false', '--progress'], { env: env() })
    await until(() => waiting.stderr().includes('progress "begun"'), { what: 'progress' })
    expect(json(worker.stdout())).toMatchObject({ version: '0.1.0', queues: ['default'], concurrency: 10 })
    const jobId = /job (\S+)/.exec(waiting.stderr())?.[1] ?? ''
    expect((await run(['cancel', jobId, NOBODY.replace('4', '5'), '--reason', 'enough'])).stdout).toBe(
      `${jobId}\trequested\n${NOBODY.replace('4', '5')}\tunknown\n`,
    )
    const { exitCode, stderr } = await waiting.ended
    expect(exitCode).toBe(1)
    expect(stderr).toContain(`error: job ${jobId} (endless) was cancelled`)
    worker.child.kill('SIGINT')
    expect(await worker.ended).toMatchObject({ exitCode: 0 })
  })

  test('is killed when it does not listen, and its worker can stop', async () => {
    const worker = startCli(['worker', '--app', JOBS, '--json'], { env: env() })
    const waiting = startCli(['enqueue', 'endless', 'true', '--progress'], { env: env() })
    await until(() => waiting.stderr().includes('progress "begun"'), { what: 'progress' })
    const jobId = /job (\S+)/.exec(waiting.stderr())?.[1] ?? ''
    expect((await run(['cancel', jobId, '--kill', '--reason', 'wild'])).stdout).toBe(`${jobId}\tkilled\n`)
    expect((await waiting.ended).stderr).toContain('was cancelled: wild')
    worker.child.kill('SIGINT')
    expect(await worker.ended).toMatchObject({ exitCode: 0 })
  })
})

describe('lists', () => {
  test('are one document each with --json', async () => {
    await run(['enqueue', 'later', '--queue', 'listed', '--delay', '1h'])
    const jobs = json((await run(['jobs', '--queue', 'listed', '--json'])).stdout)
    expect(jobs).toEqual([
      expect.objectContaining({
        task: 'later',
        state: 'pending',
        condition: 'scheduled',
        enqueued_at: expect.any(String),
      }),
    ])
    const queues = json((await run(['queues', '--json'])).stdout)
    expect(queues).toContainEqual(
      expect.objectContaining({ name: 'listed', scheduled: 1, ready: 0, workers: 0 }),
    )
  })

  test('go on behind the last id', async () => {
    const ids: string[] = []
    for (let count = 0; count < 3; count += 1)
      ids.unshift((await run(['enqueue', 'x', '--queue', 'paged'])).stdout.trim())
    const first = await run(['jobs', '--queue', 'paged', '--limit', '2'])
    expect(first.stdout.split('\n').map((line) => line.split('\t')[0])).toEqual([ids[0], ids[1], ''])
    const rest = await run(['jobs', '--queue', 'paged', '--before', String(ids[1])])
    expect(rest.stdout.split('\t')[0]).toBe(ids[2])
  })
})

describe('migrate', () => {
  test('installs under another name, checks and prints', async () => {
    const named = ['--schema', 'other', '--json']
    const pending = await run(['migrate', '--check', ...named])
    expect(pending.exitCode).toBe(4)
    expect(json(pending.stdout)).toMatchObject({
      schema: 'other',
      pending: expect.arrayContaining(['0001_schema']),
    })
    expect(json((await run(['migrate', ...named])).stdout)).toMatchObject({
      applied: expect.arrayContaining(['0001_schema', 'enqueue_jobs']),
    })
    expect(json((await run(['migrate', ...named])).stdout)).toEqual({ schema: 'other', applied: [] })
    expect(await run(['migrate', '--check', ...named])).toMatchObject({ exitCode: 0 })
    expect((await run(['enqueue', 'x', '--schema', 'other'])).exitCode).toBe(0)
    const printed = await cli(['migrate', '--print', '--schema', 'other'])
    expect(printed).toMatchObject({ exitCode: 0, stderr: '' })
    expect(printed.stdout).toContain('create table "other".jobs')
  })
})
