import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Leak } from '../../src/db/connections.ts'
import { Database, type DatabaseOptions } from '../../src/db/database.ts'
import { rejection } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'db_connections' })

function open(options: Partial<DatabaseOptions> = {}): Database {
  const one = new Database({ source: database.url, schema: 'celeriac', maxConnections: 4, ...options })
  onTestFinished(() => one.close())
  return one
}

function poolOfUser(max: number): pg.Pool {
  const pool = new pg.Pool({ connectionString: database.url, max })
  onTestFinished(() => pool.end())
  return pool
}

const sql = (text: string, ...values: unknown[]) => ({ text, values })

async function pidOf(one: Database): Promise<number> {
  const [row] = await one.query(sql('select pg_backend_pid() as pid'))
  return Number(row?.pid)
}

/** Process ids of as many connections at once. */
async function pidsOf(one: Database, count: number): Promise<number[]> {
  const rows = await Promise.all(
    Array.from({ length: count }, () => one.query(sql('select pg_backend_pid() as pid, pg_sleep(0.05)'))),
  )
  return rows.map(([row]) => Number(row?.pid)).toSorted()
}

function raise(state: string): ReturnType<typeof sql> {
  return sql(`do $$ begin raise exception 'no' using errcode = '${state}'; end $$`)
}

describe('a connection', () => {
  test('is kept when the server refuses a statement', async () => {
    const one = open({ maxConnections: 1 })
    const before = await pidOf(one)
    await expect(one.query(raise('22000'))).rejects.toThrow('no')
    await expect(one.query(sql('select 1 / 0'))).rejects.toThrow('division by zero')
    expect(await pidOf(one)).toBe(before)
  })

  test('that does not answer in time is never used again', async () => {
    const one = open({ maxConnections: 1, limits: { answerMs: 200 } })
    const before = await pidOf(one)
    expect(await rejection(one.query(sql('select pg_sleep(60)')))).toMatchObject({ code: 'CONNECT_FAILED' })
    expect(await pidOf(one)).not.toBe(before)
  })

  test('that ends with its server takes those with it that knew the same server', async () => {
    const one = open()
    const before = await pidsOf(one, 4)
    const asleep = rejection(one.query(sql('select pg_sleep(61)')))
    await until(async () => {
      const rows = await database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where query = 'select pg_sleep(61)' and state = 'active'`,
      )
      return rows.length > 0
    })
    expect(await asleep).toMatchObject({ code: 'CONNECT_FAILED' })
    const after = await pidsOf(one, 4)
    expect(after.filter((pid) => before.includes(pid))).toEqual([])
  })

  test('F-21: to a server that only reads takes the others with it', async () => {
    const one = open()
    const before = await pidsOf(one, 4)
    expect(await rejection(one.query(raise('25006')))).toMatchObject({ code: 'READ_ONLY' })
    const after = await pidsOf(one, 4)
    expect(after.filter((pid) => before.includes(pid))).toEqual([])
  })
})

describe('a statement that others hinder', () => {
  const countdown = (succeedsAt: number, state = '40001') =>
    sql(`do $$ begin
      if nextval('tries') < ${succeedsAt} then raise exception 'busy' using errcode = '${state}'; end if;
    end $$`)
  async function tries(work: () => Promise<unknown>): Promise<number> {
    await database.query('create sequence if not exists tries')
    await database.query(`select setval('tries', 1, false)`)
    await work().catch(() => undefined)
    const [row] = await database.query<{ last: string }>('select last_value as last from tries')
    return Number(row?.last)
  }

  test.each(['40001', '40P01', '55P03', '57014'])('F-31: is sent again (%s)', async (state) => {
    const one = open()
    const ended = { well: false }
    const sent = await tries(async () => {
      await one.query(countdown(4, state))
      ended.well = true
    })
    expect([sent, ended.well]).toEqual([4, true])
  })

  test('is sent five times at most', async () => {
    const one = open()
    expect(await tries(() => one.query(countdown(100)))).toBe(5)
  })

  test('is not sent again for what it holds, nor by a worker, which has other ways', async () => {
    const [one, work] = [open(), open({ role: 'work' })]
    expect(await tries(() => one.query(countdown(100, '23505')))).toBe(1)
    expect(await tries(() => work.query(countdown(100)))).toBe(1)
  })
})

describe('a pool of a user', () => {
  test('F-61: gives no statement of ours to a transaction somebody forgot', async () => {
    const pool = poolOfUser(1)
    const leaks: Leak[] = []
    const one = open({ source: pool, leaked: (leak) => leaks.push(leak) })
    await database.query('create table forgotten (n int)')
    const client = await pool.connect()
    await client.query('begin')
    client.release()
    await one.query(sql('insert into forgotten values (1)'))
    const aborted = await pool.connect()
    await aborted.query('begin')
    await aborted.query('select 1 / 0').catch(() => undefined)
    aborted.release()
    await one.query(sql('insert into forgotten values (2)'))
    expect(await database.query('select n from forgotten order by n')).toEqual([{ n: 1 }, { n: 2 }])
    expect(leaks).toEqual(['open transaction', 'aborted transaction'])
  })

  test('F-61: lets a statement end that somebody did not wait for', async () => {
    const pool = poolOfUser(1)
    const one = open({ source: pool })
    const client = await pool.connect()
    const unawaited = client.query('select 7 as n, pg_sleep(0.1)')
    client.release()
    const [row] = await one.query(sql('select 8 as n'))
    expect([(await unawaited).rows[0].n, row?.n]).toEqual([7, 8])
  })

  test('F-61: that begins without waiting and gives back its client loses nothing of ours', async () => {
    const pool = poolOfUser(1)
    const one = open({ source: pool })
    await database.query('create table hurried (n int)')
    const client = await pool.connect()
    void client.query('begin')
    client.release()
    await one.query(sql('insert into hurried values (1)'))
    expect(await database.query('select n from hurried')).toEqual([{ n: 1 }])
  })

  test('ends no process when its clients lose the server, whenever they were connected', async () => {
    const pool = poolOfUser(3)
    const [early, held] = [await pool.connect(), await pool.connect()]
    early.release()
    const one = open({ source: pool })
    await one.query(sql('select 1'))
    const ends = new Promise((resolve) => held.once('end', resolve))
    await database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and application_name <> 'celeriac test'`,
    )
    await ends
    held.release(true)
    const read = { name: 'celeriac.read_one', ...sql('select 1 as one') }
    expect(await one.query(read)).toEqual([{ one: 1 }])
  })

  test('is not used where connections of our own are wanted, but its settings are, with the password', async () => {
    const pool = poolOfUser(1)
    const work = open({ source: pool, role: 'work', ownPool: true, maxConnections: 2 })
    const held = await pool.connect()
    const [row] = await work.query(sql(`select current_setting('application_name') as name`))
    expect(row).toEqual({ name: 'celeriac:work' })
    expect([pool.totalCount, (await work.pool()).options.max]).toEqual([1, 2])
    held.release()
  })
})

describe('a transaction', () => {
  test('that an error has ended inside is not taken for committed', async () => {
    const one = open()
    const swallowed = one.transaction(async (executor) => {
      await executor.query(sql('select 1 / 0')).catch(() => undefined)
    })
    expect(await rejection(swallowed)).toMatchObject({ code: 'TX_ABORTED' })
  })

  test('that is rehearsed leaves nothing', async () => {
    const one = open()
    await database.query('create table rehearsed (n int)')
    const [row] = await one.rehearse((executor) =>
      executor.query(sql('insert into rehearsed values (1) returning n')),
    )
    expect([row, await database.query('select from rehearsed')]).toEqual([{ n: 1 }, []])
  })

  test('leaves its connection usable when its work fails', async () => {
    const one = open({ maxConnections: 1 })
    const before = await pidOf(one)
    await expect(one.transaction(() => Promise.reject(new TypeError('mine')))).rejects.toThrow('mine')
    expect(await pidOf(one)).toBe(before)
  })
})
