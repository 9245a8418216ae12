import { describe, expect, test } from 'vitest'
import { Database } from '../../src/db/database.ts'
import { detectPooler } from '../../src/db/pooler.ts'
import { rejection, useApps } from '../support/apps.ts'
import { FakePooler, type PoolMode } from '../support/fake-pooler.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'db_pooler' })
const apps = useApps(database)

async function pooler(mode: PoolMode, size?: number): Promise<{ fake: FakePooler; url: string }> {
  const fake = new FakePooler({ url: database.url, mode, ...(size !== undefined && { size }) })
  return { fake, url: await fake.start() }
}

describe('detectPooler', () => {
  test('finds none on a direct connection, on which names of statements are kept', async () => {
    expect(await detectPooler({ connectionString: database.url })).toEqual({ kind: 'none', prepares: true })
  })

  test.each([
    ['session', { kind: 'session', prepares: true }],
    ['transaction', { kind: 'transaction', prepares: false }],
    ['statement', { kind: 'statement', prepares: false }],
  ] as const)('recognises %s pooling, and leaves no connection open', async (mode, found) => {
    const { fake, url } = await pooler(mode)
    await using _ = fake
    expect(await detectPooler({ connectionString: url })).toEqual(found)
    await until(() => fake.open === 0)
  })

  test.each([
    ['session', 'session'],
    ['transaction', 'transaction'],
  ] as const)('recognises %s pooling by one connection of the server', async (mode, kind) => {
    const { fake, url } = await pooler(mode, 1)
    await using _ = fake
    expect((await detectPooler({ connectionString: url })).kind).toBe(kind)
  })
})

describe('detectPooler, while others use the pooler', () => {
  test('is not misled by the connections of the server that they borrow', async () => {
    const { fake, url } = await pooler('transaction', 6)
    await using _ = fake
    for (let round = 0; round < 8; round += 1) {
      const found = await Promise.all(
        Array.from({ length: 6 }, () => detectPooler({ connectionString: url })),
      )
      expect(new Set(found.map(({ kind }) => kind))).toEqual(new Set(['transaction']))
    }
  })
})

describe('a database behind a pooler', () => {
  test('knows that sessions do not last behind a transaction pooler, unless it goes past it', async () => {
    const { fake, url } = await pooler('transaction')
    await using _ = fake
    const options = { source: url, schema: 'celeriac', maxConnections: 2 }
    const [through, past] = [new Database(options), new Database({ ...options, directUrl: database.url })]
    expect([await through.hasSessions(), await past.hasSessions()]).toEqual([false, true])
    await through.close()
    await past.close()
  })

  test('B-59 refuses one that allows no transactions', async () => {
    const { fake, url } = await pooler('statement')
    await using _ = fake
    const one = new Database({ source: url, schema: 'celeriac', maxConnections: 2 })
    const { code, message } = await rejection(one.hasSessions())
    expect(code).toBe('POOLER_UNSUPPORTED')
    expect(message).toContain('allows no transactions (statement pooling)')
    await one.close()
  })

  test('needs no name in a transaction, whoever prepared what on its connection', async () => {
    const { fake, url } = await pooler('transaction', 1)
    await using _ = fake
    const [first, second] = [
      apps.app({ database: url, listen: false }),
      apps.app({ database: url, listen: false }),
    ]
    await first.enqueue('named')
    const many = Array.from({ length: 1_200 }, (_, n) => [n] as [number])
    expect(await second.task('unnamed', (n: number) => n).enqueueMany(many)).toHaveLength(1_200)
    await first.stop()
    await second.stop()
  })

  test('does without settings and without names where they are refused, and nobody notices', async () => {
    const { fake, url } = await pooler('transaction')
    await using _ = fake
    const app = apps.app({ database: url, listen: false })
    const task = app.task('pooled', (n: number) => n)
    const handles = await Promise.all(Array.from({ length: 200 }, (_, n) => task.enqueue(n)))
    const more = await task.enqueueMany(Array.from({ length: 1_200 }, (_, n) => [n]))
    expect(fake.refused).toBeGreaterThan(0)
    const states = await Promise.all([handles[7], more[1_100]].map((handle) => handle?.state()))
    expect(states).toEqual(['pending', 'pending'])
    await app.stop()
  })
})
