import { expect, test } from 'vitest'
import { Celeriac, chain, group } from '../../src/index.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase()
const WAIT = { timeout: '10s' } as const

test('what stands for a value that failed is given to what follows, to groups and to handles', async () => {
  await using app = new Celeriac({ database: database.url, log: 'silent' })
  const fail = app.task('fail', { maxAttempts: 1 }, (_x: number): number => {
    throw new Error('boom')
  })
  const ident = app.task('ident', (x: number | null) => x)
  await using worker = app.worker()
  await worker.start()
  const alone = await fail.s(1).optional(null).enqueue()
  expect(await alone.result(WAIT)).toBeNull()
  expect(await (await chain(ident.s(1), fail.si(2).optional(3)).enqueue()).result(WAIT)).toBe(3)
  expect(await (await chain(fail.s(2).optional(3), ident.s()).enqueue()).result(WAIT)).toBe(3)
  expect(await (await group([fail.s(2).optional(3), ident.s(4)]).enqueue()).result(WAIT)).toEqual([3, 4])
  expect(
    await (
      await group([fail.s(2), ident.s(4)])
        .optional('none')
        .enqueue()
    ).result(WAIT),
  ).toBe('none')
  const states = (await alone.workflow.jobs()).map((job) => job.state())
  expect(await Promise.all(states)).toContain('failed')
})
