import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { aJob, fromNow } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { cli } from './run-cli.ts'

const database = useDatabase({ name: 'cli_explain' })
const run = (...args: string[]) => cli(['explain', ...args], { env: { DATABASE_URL: database.url } })

test('explain says why a job is not running, in lines', async () => {
  const id = await aJob(database, { run_at: fromNow(3_600_000) })
  const { exitCode, stdout, stderr } = await run(id)
  expect([exitCode, stderr]).toEqual([0, ''])
  const [head, message, ...rest] = stdout.trim().split('\n')
  expect(head).toBe('pending, scheduled')
  expect(message).toMatch(/^it is to run from 20.* UTC on$/)
  expect(rest.map((line) => line.split(' ')[0])).toEqual(['since', 'until', 'starts', 'also:'])
})

test('explain --json is what SQL answers', async () => {
  const id = await aJob(database, { queue: 'nobodys' })
  const { stdout } = await run(id, '--json')
  expect(JSON.parse(stdout)).toMatchObject({
    id,
    state: 'pending',
    reason: 'no_worker',
    details: { queue: 'nobodys' },
  })
})

test('explain fails for an id that nobody knows, and for what is none', async () => {
  expect(await run(randomUUID())).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('no job') })
  expect(await run('seven')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('not a job id') })
})
