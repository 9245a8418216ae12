import { describe, expect, test } from 'vitest'
import { useApps } from '../support/apps.ts'
import { aKey } from '../support/factory.ts'
import { FakePooler } from '../support/fake-pooler.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'lock_kills' })
const apps = useApps(database)

/*
 * A counter is read, thought about and written, by many at once, while the sessions that hold its lock are killed under
 * them. Whoever writes makes sure of the lock in the same transaction. Each that commits must have counted.
 */
describe('S50: whatever is killed', () => {
  const count = async (key: string, app: ReturnType<typeof apps.app>): Promise<boolean> => {
    const client = await database.pool.connect()
    try {
      return await app.lock(
        key,
        async (lock) => {
          const read = 'select value from counters where key = $1'
          const before = (await client.query(read, [key])).rows[0].value as number
          await client.query('select pg_sleep(random() / 100)')
          await client.query('begin')
          await lock.assert(client)
          await client.query('update counters set value = $2 where key = $1', [key, before + 1])
          await client.query('commit')
          return true
        },
        { timeout: '20s' },
      )
    } catch {
      await client.query('rollback')
      return false
    } finally {
      client.release()
    }
  }

  const setUp = async (): Promise<string> => {
    const key = aKey()
    await database.query(
      'create table if not exists counters (key text primary key, value integer, written integer)',
    )
    await database.query('insert into counters values ($1, 0, 0)', [key])
    // Counts commits by itself, whatever becomes of the answer.
    await database.query(`
      create or replace function count_write() returns trigger language plpgsql as
        $$ begin new.written := old.written + 1; return new; end $$;
      create or replace trigger written before update on counters for each row execute function count_write()`)
    return key
  }

  const check = async (key: string, enough: number): Promise<void> => {
    const [row] = await database.query<{ value: number; written: number }>(
      'select value, written from counters where key = $1',
      [key],
    )
    expect(row?.value).toBe(row?.written)
    expect(row?.written).toBeGreaterThanOrEqual(enough)
  }

  test('no write is lost that made sure of its lock', { timeout: 90_000 }, async () => {
    const key = await setUp()
    const three = [apps.app(), apps.app(), apps.app()]
    let [done, kills] = [0, 0]
    const turns = [...three, ...three].map(async (app) => {
      for (let n = 0; n < 25; n += 1) if (await count(key, app)) done += 1
    })
    let over = false
    const killing = until(
      async () => {
        const rows = await database.query(
          `select pg_terminate_backend(pid) from celeriac.lock_list where key = $1 and random() < 0.3`,
          [key],
        )
        kills += rows.length
        return over
      },
      { every: 15, timeoutMs: 85_000 },
    )
    await Promise.all(turns)
    over = true
    await killing
    expect(kills).toBeGreaterThan(3)
    await check(key, done)
  })

  test('nor by those whose leases are taken from them', { timeout: 90_000 }, async () => {
    const fake = new FakePooler({ url: database.url, mode: 'transaction', size: 6 })
    const url = await fake.start()
    await using _ = fake
    const key = await setUp()
    const three = [apps.app({ database: url }), apps.app({ database: url }), apps.app()]
    let [done, taken] = [0, 0]
    const turns = [...three, ...three].map(async (app) => {
      for (let n = 0; n < 15; n += 1) if (await count(key, app)) done += 1
    })
    let over = false
    const taking = until(
      async () => {
        const rows = await database.query(
          `update celeriac.locks set expires_at = now() - interval '1 second'
          where key = (select key from celeriac.locks where key = $1 and expires_at > now() and random() < 0.3 for update skip locked)
          returning key`,
          [key],
        )
        taken += rows.length
        return over
      },
      { every: 15, timeoutMs: 85_000 },
    )
    await Promise.all(turns)
    over = true
    await taking
    expect(taken).toBeGreaterThan(3)
    await check(key, done)
  })

  test('an app that has stopped holds no session', async () => {
    const app = apps.app()
    await app.lock(aKey(), () => 1)
    const sessions = `select from pg_stat_activity where application_name = 'celeriac:lock' and datname = current_database()`
    expect(await database.query(sessions)).toHaveLength(1)
    await app.stop()
    await until(async () => (await database.query(sessions)).length === 0)
  })
})
