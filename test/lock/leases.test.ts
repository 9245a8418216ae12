import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { Database } from '../../src/db/database.ts'
import { SessionKeeper } from '../../src/lock/session-keeper.ts'
import { aborted, eventsOf, nextEvent, rejection, useApps } from '../support/apps.ts'
import { aKey } from '../support/factory.ts'
import { FakePooler } from '../support/fake-pooler.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'lock_leases' })
const apps = useApps(database)

const pooled = async (): Promise<{ url: string } & AsyncDisposable> => {
  const fake = new FakePooler({ url: database.url, mode: 'transaction' })
  const url = await fake.start()
  return { url, [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose]() }
}

const expiry = async (key: string): Promise<number> => {
  const [row] = await database.query<{ expires_at: Date | null }>(
    'select expires_at from celeriac.locks where key = $1',
    [key],
  )
  return row?.expires_at?.getTime() ?? 0
}

describe('S50: locks behind a transaction pooler', () => {
  test('are leases, which are renewed, and it says so', async () => {
    await using way = await pooled()
    const app = apps.app({ database: way.url })
    const said = eventsOf(app, 'lock:leased')
    const task = app.task('leased', { bind: true }, (job, key: string) =>
      job.lock(key, async (lock) => {
        const before = await expiry(key)
        expect(before).toBeGreaterThan(Date.now() + 10_000)
        await until(async () => (await expiry(key)) > before, { timeoutMs: 10_000 })
        return lock.kind
      }),
    )
    await apps.worker(app)
    const key = aKey()
    expect(await (await task.enqueue(key)).result({ timeout: '20s' })).toBe('lease')
    expect(said).toEqual([{ leaseMs: 15_000 }])
    expect(await database.query('select from celeriac.locks where key = $1', [key])).toEqual([])
  })

  test('are what is left when a session turns out to be lent to others', async () => {
    await using way = await pooled()
    const through = new Database({ source: way.url, schema: 'celeriac', maxConnections: 2 })
    let moved = 0
    const keeper = new SessionKeeper(through, () => {
      moved += 1
    })
    const [first, second] = [aKey(), aKey()]
    const claim = { holderId: randomUUID(), holder: 'me', jobId: null }
    const lost = (): void => undefined
    expect(await keeper.take({ ...claim, key: first }, lost)).toMatchObject({ fence: expect.any(Number) })
    const other = new pg.Client({ connectionString: way.url })
    other.on('error', () => undefined)
    await other.connect()
    // It gets the connection of the server that was used last.
    await other.query('begin')
    expect(await keeper.take({ ...claim, key: second }, lost)).toMatchObject({ fence: null })
    expect(moved).toBe(1)
    expect(await database.query('select from celeriac.locks where key = $1', [second])).toEqual([])
    await other.query('rollback')
    await other.end()
    await keeper.stop()
    await through.close()
  })

  test('and sessions past it exclude each other', async () => {
    await using way = await pooled()
    const [leased, direct] = [
      apps.app({ database: way.url }),
      apps.app({ database: way.url, directUrl: database.url }),
    ]
    const key = aKey()
    let [inside, most] = [0, 0]
    const kinds = new Set<string>()
    const all = [leased, direct, leased, direct, leased, direct].map((app) =>
      app.lock(key, async ({ kind }) => {
        kinds.add(kind)
        inside += 1
        most = Math.max(most, inside)
        await new Promise((resolve) => setImmediate(resolve))
        inside -= 1
      }),
    )
    await Promise.all(all)
    expect([most, [...kinds].toSorted()]).toEqual([1, ['lease', 'session']])
  })

  test('are taken over once they have expired; the old holder is told, and its value refused', async () => {
    await using way = await pooled()
    const [one, two] = [apps.app({ database: way.url }), apps.app({ database: way.url })]
    const key = aKey()
    const lost = nextEvent(one, 'lock:lost')
    const refused = rejection(
      one.lock(key, async (lock) => {
        expect(await two.lock(key, () => 1, { onBusy: 'skip' })).toMatchObject({ skipped: true })
        await database.query(
          `update celeriac.locks set expires_at = now() - interval '1 second' where key = $1`,
          [key],
        )
        const theirs = await two.lock(key, ({ fence }) => fence)
        expect(theirs).toBeGreaterThan(lock.fence)
        expect(await aborted(lock.signal)).toMatchObject({ code: 'LOCK_LOST' })
      }),
    )
    expect(await refused).toMatchObject({ code: 'LOCK_LOST' })
    expect(await lost).toMatchObject({ key })
  })

  test('that cannot be renewed are given up before others may take them', { timeout: 60_000 }, async () => {
    await using way = await pooled()
    const app = apps.app({ database: way.url })
    const key = aKey()
    const client = await database.pool.connect()
    const refused = rejection(
      app.lock(key, async ({ signal }) => {
        await client.query('begin')
        await client.query('lock table celeriac.locks in access exclusive mode')
        await aborted(signal)
        await client.query('commit')
        expect(await expiry(key)).toBeGreaterThan(Date.now())
      }),
    )
    expect(await refused).toMatchObject({ code: 'LOCK_LOST' })
    client.release()
    // Given back all the same: nobody has to wait for its end.
    expect(await app.lock(key, () => 'free', { onBusy: 'skip' })).toEqual({ skipped: false, value: 'free' })
  })
})
