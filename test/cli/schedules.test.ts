import { describe, expect, test } from 'vitest'
import { useDatabase } from '../support/postgres.ts'
import { cli } from './run-cli.ts'

const database = useDatabase({ name: 'cli_schedules' })
const run = (...args: string[]) => cli(['schedules', ...args], { env: { DATABASE_URL: database.url } })

describe('celeriac schedules', () => {
  test('B-88 makes, lists, shows, pauses, resumes, runs and removes', async () => {
    expect(await run()).toMatchObject({ exitCode: 0, stdout: '' })
    const put = await run(
      ...['put', 'nightly', 'report', '"acme"', '--cron', '0 3 * * *', '--timezone', 'Europe/Lisbon'],
      ...[
        '--queue',
        'mail',
        '--overlap',
        'skip',
        '--catch-up',
        'all',
        '--label',
        'tenant=acme',
        '--jitter',
        '5s',
      ],
    )
    expect(put).toMatchObject({ exitCode: 0, stdout: 'nightly\n', stderr: '' })
    const [listed] = JSON.parse((await run('list', '--json')).stdout)
    expect(listed).toMatchObject({
      name: 'nightly',
      task: 'report',
      condition: 'active',
      rule: { cron: '0 3 * * *', timezone: 'Europe/Lisbon' },
      args: ['acme'],
      options: { queue: 'mail', labels: { tenant: 'acme' } },
      overlap: 'skip',
      catch_up: 'all',
      jitter_ms: 5000,
      source: 'runtime',
    })
    expect((await run('pause', 'nightly', '--reason', 'migration')).stdout).toBe('nightly\tpaused\n')
    expect((await run()).stdout).toMatch(/^nightly\tpaused\treport\t0 3 \* \* \* Europe\/Lisbon\t/)
    expect((await run('show', 'nightly')).stdout).toContain('pauseReason\tmigration\n')
    expect((await run('resume', 'nightly')).stdout).toBe('nightly\tresumed\n')
    const id = (await run('run', 'nightly')).stdout.trim().split('\t')[1]
    expect(await database.query('select task, args, queue from celeriac.jobs where id = $1', [id])).toEqual([
      { task: 'report', args: ['acme'], queue: 'mail' },
    ])
    expect((await run('remove', 'nightly')).stdout).toBe('nightly\tremoved\n')
    expect((await run()).stdout).toBe('')
  })

  test('B-27 previews a rule before it is one, and a schedule that is', async () => {
    const rule = await run('preview', '0 0 29 2 *', '--count', '2', '--json')
    const instants = JSON.parse(rule.stdout) as string[]
    expect(instants).toHaveLength(2)
    for (const instant of instants) expect(instant).toMatch(/-02-29T00:00:00.000Z$/)
    await run('put', 'half', 'report', '--every', '30m', '--start', '2099-01-01T00:00:00Z', '--count', '3')
    expect((await run('preview', 'half', '--count', '9')).stdout).toBe(
      '2099-01-01T00:00:00.000Z\n2099-01-01T00:30:00.000Z\n2099-01-01T01:00:00.000Z\n',
    )
  })

  test('says what is wrong, and what to try', async () => {
    expect(await run('put', 'x', 'report', '--cron', '61 * * * *')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('cron "61 * * * *": minute must be 0-59, got 61 (column 1)'),
    })
    expect(await run('put', 'x', 'report')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('--cron'),
    })
    expect(await run('pause', 'halb')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('did you mean "half"?'),
    })
  })
})
