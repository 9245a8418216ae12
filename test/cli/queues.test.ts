import { describe, expect, test } from 'vitest'
import { aJob, aQueue, find, fromNow, jobsLike } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { cli, JOBS, startCli } from './run-cli.ts'

const database = useDatabase({ name: 'cli_queues' })

const run = (...args: string[]) => cli(['queues', ...args], { env: { DATABASE_URL: database.url } })

describe('celeriac queues', () => {
  test('W-63 W-88 pauses and resumes a queue, a task and a label, and lists what is paused', async () => {
    const queue = aQueue()
    expect(await run('pause', queue, '--reason', 'SMTP outage', '--for', '1h')).toMatchObject({
      exitCode: 0,
      stdout: 'paused\n',
    })
    expect(await run('pause', '--task', 'mail.send', '--json')).toMatchObject({
      exitCode: 0,
      stdout: `${JSON.stringify({ target: { task: 'mail.send' }, outcome: 'paused' })}\n`,
    })
    const listed = await run()
    expect(listed.stdout.split('\n').find((line) => line.startsWith(queue))).toMatch(/\tpaused: SMTP outage$/)
    expect(listed.stderr).toContain('task mail.send is paused')
    expect(JSON.parse((await run('list', '--json')).stdout)).toContainEqual(
      expect.objectContaining({ name: queue, pause_reason: 'SMTP outage', paused_until: expect.any(String) }),
    )
    expect(await run('resume', queue)).toMatchObject({ exitCode: 0, stdout: 'resumed\n' })
    expect(await run('resume', queue)).toMatchObject({ exitCode: 1, stdout: 'running\n' })
  })

  test('R-22 says which queue holds jobs and is served by nobody', async () => {
    const queue = aQueue()
    await aJob(database, { queue })
    expect((await run()).stdout).toMatch(new RegExp(`^${queue}\\t.*\\tno worker serves it$`, 'm'))
  })

  test('R-19 purges with --force only, and counts before', async () => {
    const queue = aQueue()
    const due = await aJob(database, { queue })
    const later = await aJob(database, { queue, run_at: fromNow(60_000) })
    const counted = await run('purge', queue, '--dry-run')
    expect(counted).toMatchObject({ exitCode: 0, stdout: 'changed\t1\n' })
    expect(counted.stderr).toContain('nothing was changed')
    const asked = await run('purge', queue)
    expect(asked.exitCode).toBe(2)
    expect(asked.stderr).toContain(`cancel 1 jobs of ${queue} needs a yes`)
    expect(await find(database, 'jobs', due)).not.toBeNull()
    expect(await run('purge', queue, '-f')).toMatchObject({ exitCode: 0, stdout: 'cancelled\t1\n' })
    expect(await find(database, 'jobs', later)).not.toBeNull()
    expect(await run('purge', queue, '-f', '--scheduled')).toMatchObject({ stdout: 'cancelled\t1\n' })
  })

  test('R-20 moves jobs of a task, and tells them with --json', async () => {
    const [from, to] = [aQueue(), aQueue()]
    await jobsLike(database, 2, { queue: from, task: 'mail.send' })
    const other = await aJob(database, { queue: from, task: 'pdf' })
    const moved = await run('move', from, to, '--task', 'mail.*', '--limit', '1', '--json')
    expect(JSON.parse(moved.stdout)).toMatchObject({
      changed: 1,
      jobs: [{ outcome: 'changed', was: { queue: from }, now: { queue: to } }],
    })
    expect(await run('move', from, to)).toMatchObject({ exitCode: 0, stdout: 'changed\t2\n' })
    expect(await find(database, 'jobs', other)).toMatchObject({ queue: to })
  })

  test('gives jobs another priority and another time, by id or by what they have in common', async () => {
    const queue = aQueue()
    const id = await aJob(database, { queue, labels: { tenant: 'acme' } })
    const runs = await aJob(database, { queue, state: 'running' })
    expect(await run('reprioritise', '--queue', queue, '--label', 'tenant=acme', '--to', '-5')).toMatchObject(
      {
        exitCode: 0,
        stdout: 'changed\t1\n',
      },
    )
    expect(await run('reschedule', id, runs, '--in', '1h')).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('running\t1'),
    })
    const row = await find(database, 'jobs', id)
    expect(row).toMatchObject({ priority: -5 })
    expect(Date.parse(String(row?.run_at))).toBeGreaterThan(Date.now() + 3_000_000)
  })

  test.each([
    [['pause'], 'name one thing'],
    [['pause', 'mail', '--task', 'x'], 'name one thing'],
    [['reprioritise', '--to', '1'], 'say which'],
    [['reschedule', '--queue', 'mail'], 'say when'],
    [['nothing'], 'too many arguments'],
  ])('%j is wrong usage', async (args, message) => {
    const ended = await run(...args)
    expect(ended.exitCode).toBe(2)
    expect(ended.stderr).toContain(message)
  })
})

describe('celeriac worker', () => {
  const env = () => ({ DATABASE_URL: database.url })

  test('W-12 --purge cancels what waits in its queues before it starts, and says how many', async () => {
    const [mine, other] = [aQueue(), aQueue()]
    const ids = await jobsLike(database, 2, { queue: mine, task: 'nobody' })
    const later = await aJob(database, { queue: mine, task: 'nobody', run_at: fromNow(60_000) })
    const left = await aJob(database, { queue: other, task: 'nobody' })
    const worker = startCli(['worker', '--app', JOBS, '-q', mine, '--purge'], { env: env() })
    await until(() => worker.stderr().includes('ready'))
    expect(worker.stderr()).toContain(`purged 3 jobs of ${mine}`)
    for (const id of [...ids, later])
      expect(await find(database, 'results', id)).toMatchObject({ state: 'cancelled' })
    expect(await find(database, 'jobs', left)).not.toBeNull()
    worker.child.kill('SIGTERM')
    expect((await worker.ended).exitCode).toBe(0)
  })

  test('W-80 -X leaves queues to others', async () => {
    const dead = aQueue()
    const served = aQueue()
    for (const queue of [dead, served])
      await aJob(database, { queue, task: 'nobody', run_at: fromNow(60_000) })
    const worker = startCli(['worker', '--app', JOBS, '-q', '*', '-X', `${dead},nothing.*`], { env: env() })
    await until(() => worker.stderr().includes('ready'))
    const [line = ''] = /queues .*/.exec(worker.stderr()) ?? []
    expect(line).toContain(served)
    expect(line).not.toContain(dead)
    worker.child.kill('SIGTERM')
    await worker.ended
    const refused = await cli(['worker', '--app', JOBS, '-q', 'mail,pdf', '-X', 'mial'], { env: env() })
    expect(refused.stderr).toContain('did you mean "mail"?')
    expect(refused.exitCode).toBe(2)
    const open = await cli(['worker', '--app', JOBS, '-q', '*', '--purge'], { env: env() })
    expect(open.exitCode).toBe(2)
  })
})
