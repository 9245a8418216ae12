import { expect, test } from 'vitest'
import { Celeriac, chain, chord, group } from '../../src/index.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase()
const WAIT = { timeout: '10s' } as const

test('a codec of the user writes and reads what passes from node to node, each value by itself', async () => {
  const codec = {
    encode: (value: unknown) => ({ wrapped: JSON.stringify(value) }),
    decode: (json: unknown) => JSON.parse((json as { wrapped: string }).wrapped) as unknown,
  }
  await using app = new Celeriac({ database: database.url, log: 'silent', codec })
  const add = app.task('add', (x: number, y: number) => x + y)
  const sum = app.task('sum', (list: readonly number[], more: number) => list.reduce((a, b) => a + b, more))
  await using worker = app.worker()
  await worker.start()
  const handle = await chord([add.s(1, 1), chain(add.s(1, 1), add.s(2))], sum.s(10)).enqueue()
  expect(await handle.result(WAIT)).toBe(16)
})

test('values that JSON lacks pass from node to node', async () => {
  await using app = new Celeriac({ database: database.url, log: 'silent' })
  const when = app.task('when', () => new Date(0))
  const later = app.task('later', (date: Date, byMs: number) => new Date(date.getTime() + byMs))
  const both = app.task('both', (dates: readonly Date[]) => new Set(dates.map((date) => date.getTime())))
  await using worker = app.worker()
  await worker.start()
  const handle = await chain(when.s(), group([later.s(1), later.s(2)]), both.s()).enqueue()
  expect(await handle.result(WAIT)).toEqual(new Set([1, 2]))
})
