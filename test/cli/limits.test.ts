import { describe, expect, test } from 'vitest'
import { aWorker } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { cli } from './run-cli.ts'

const database = useDatabase({ name: 'cli_limits' })

const run = (...args: string[]) => cli(['limits', ...args], { env: { DATABASE_URL: database.url } })

// Each starts many processes, one after the other.
describe('celeriac limits', { timeout: 90_000 }, () => {
  test('T-84 sets, lists and resets the limits of a task that a worker has', async () => {
    await aWorker(database, { queues: ['mail'], tasks: ['mail.send'] })
    expect((await run()).stderr).toContain('no limit yet')
    expect(await run('set', '--task', 'mail.send', '--rate', '50/m', '--concurrency', '3')).toMatchObject({
      exitCode: 0,
      stdout: 'set\n',
    })
    expect((await run()).stdout).toBe(
      [
        'task:mail.send/concurrency\t\topen\t\t\t3\t0\t0\t\tset',
        'task:mail.send/rate\t\topen\t50/m\t0\t\t\t0\t\tset',
        '',
      ].join('\n'),
    )
    expect(JSON.parse((await run('list', '--json')).stdout)).toMatchObject([
      { name: 'task:mail.send/concurrency', concurrency: 3 },
      { name: 'task:mail.send/rate', rate: { limit: 50, perMs: 60_000, burst: 1 } },
    ])
    expect(await run('reset', '--task', 'mail.send')).toMatchObject({ exitCode: 0, stdout: 'reset\n' })
    expect(await run('reset', '--task', 'mail.send', '--json')).toMatchObject({
      exitCode: 1,
      stdout: `${JSON.stringify({ target: { task: 'mail.send' }, outcome: 'unchanged' })}\n`,
    })
  })

  test('T-84 refuses a rate, a task and a use that cannot be', async () => {
    const bad = await run('set', 'api', '--rate', '10/x')
    expect([bad.exitCode, bad.stdout]).toEqual([2, ''])
    expect(bad.stderr).toContain('rate "10/x" is not like "10/s", "100/m", "5/h", "1/d"')
    const unknown = await run('set', '--task', 'nobody.has', '--rate', '10/s')
    expect(unknown.exitCode).toBe(1)
    expect(unknown.stderr).toContain('no task "nobody.has" here; no worker has it either')
    expect((await run('set', '--rate', '10/s')).stderr).toContain('name one limit')
    expect((await run('set', 'api', '--task', 'a', '--rate', '1/s')).stderr).toContain('name one limit')
    expect((await run('set', 'api')).stderr).toContain('changes nothing; give rateLimit, concurrency or both')
    expect((await run('set', 'api', '--concurrency', 'many')).stderr).toContain('got NaN')
  })

  test('holds and releases a key', async () => {
    await run('set', 'api', '--rate', '10/s')
    expect(await run('hold', 'api', '--key', 'acme', '--for', '1h', '--reason', 'they asked')).toMatchObject({
      exitCode: 0,
      stdout: 'held\n',
    })
    expect((await run()).stdout).toMatch(/^api\tacme\theld\t10\/s\t0\t\t\t0\t\d{4}-.*Z\theld: they asked$/m)
    expect((await run('hold', 'api')).stderr).toContain('the key of limit "api" is missing')
    expect(await run('release', 'api')).toMatchObject({ exitCode: 0, stdout: 'released\n' })
    expect(await run('release', 'api')).toMatchObject({ exitCode: 1, stdout: 'unchanged\n' })
  })
})
