import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { TransactionInput } from '../../src/index.ts'
import { eventsOf, rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'job_transaction' })
const apps = useApps(database)
let client: pg.Client

beforeAll(async () => {
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query('create table users (id text primary key)')
})
beforeEach(() => client.query('rollback'))
afterAll(() => client.end())

async function known(id: string): Promise<boolean> {
  const rows = await database.query('select from celeriac.job_detail where id = $1', [id])
  return rows.length === 1
}

/** Each form of `tx`, over the same client. */
const FORMS: [string, () => TransactionInput][] = [
  ['a pg client', () => client],
  [
    'an object with query',
    () => ({ query: (text: string, values: unknown[]) => client.query(text, values) }),
  ],
  [
    'an object whose query gives rows',
    () => ({ query: async (text: string, values: unknown[]) => (await client.query(text, values)).rows }),
  ],
  ['a function', () => async (text: string, values: unknown[]) => (await client.query(text, values)).rows],
]

describe.each(FORMS)('tx as %s', (_, tx) => {
  test('writes the job with the rest at commit', async () => {
    const task = apps.app().task('welcome', (id: string) => id)
    await client.query('begin')
    const handle = await task.with({ tx: tx() }).enqueue('a')
    expect(await known(handle.id)).toBe(false)
    await client.query('commit')
    expect(await known(handle.id)).toBe(true)
  })

  test('writes nothing at rollback', async () => {
    const app = apps.app()
    const task = app.task('welcome', (id: string) => id)
    await client.query('begin')
    const handle = await task.with({ tx: tx() }).enqueue('a')
    await client.query('rollback')
    expect(await rejection(handle.result())).toMatchObject({ code: 'JOB_UNKNOWN' })
  })

  test('takes many jobs', async () => {
    const task = apps.app().task('many', (n: number) => n)
    await client.query('begin')
    const handles = await task.with({ tx: tx() }).enqueueMany(Array.from({ length: 2_500 }, (_, n) => [n]))
    await client.query('commit')
    expect(handles).toHaveLength(2_500)
    expect(await handles.at(-1)?.info()).toMatchObject({ args: [2_499] })
  })

  test('wakes a sleeping worker after commit', async () => {
    const [app, elsewhere] = [apps.app(), apps.app()]
    const task = app.declare<(n: number) => number>('wakes')
    elsewhere.task('wakes', (n: number) => n + 1)
    await apps.worker(elsewhere, { pollInterval: '1h' })
    await until(async () => {
      const rows = await database.query('select from celeriac.workers where idle')
      return rows.length
    })
    await client.query('begin')
    const handle = await task.with({ tx: tx() }).enqueue(1)
    await client.query('commit')
    expect(await handle.result({ timeout: '3s' })).toBe(2)
  })
})

describe('tx as a pg client', () => {
  test('wakes the worker within moments, however late the commit', async () => {
    const app = apps.app()
    const task = app.task('wakes', (n: number) => n + 1)
    await apps.worker(app, { pollInterval: '1h' })
    await until(async () => (await database.query('select from celeriac.workers where idle')).length)
    await client.query('begin')
    const handle = await task.with({ tx: client }).enqueue(1)
    await client.query('select pg_sleep(1)')
    const committed = performance.now()
    await client.query('commit')
    expect(await handle.result({ timeout: '3s' })).toBe(2)
    expect(performance.now() - committed).toBeLessThan(500)
  })

  test('may come from a pool', async () => {
    const task = apps.app().task('pooled', () => 1)
    const pooled = await database.pool.connect()
    try {
      await pooled.query('begin')
      const handle = await task.with({ tx: pooled }).enqueue()
      await pooled.query('commit')
      expect(await handle.state()).toBe('pending')
    } finally {
      pooled.release()
    }
  })

  test('leaves no listener behind', async () => {
    const task = apps.app().task('tidy', () => 1)
    const { connection } = client as unknown as { connection: { listenerCount(name: string): number } }
    const before = connection.listenerCount('readyForQuery')
    for (let turn = 0; turn < 20; turn += 1) {
      await client.query('begin')
      await task.with({ tx: client }).enqueue()
      await client.query(turn % 2 === 0 ? 'commit' : 'rollback')
    }
    await until(() => connection.listenerCount('readyForQuery') === before)
  })

  test('sends no notification in the transaction of the caller', async () => {
    const app = apps.app()
    const listening = eventsOf(app, 'job:claimed')
    const task = app.task('quiet', () => 1)
    await apps.worker(app, { pollInterval: '1h' })
    await client.query('begin')
    const handle = await task.with({ tx: client }).enqueue()
    const [row] = (await client.query('select pg_current_xact_id_if_assigned() is not null as written')).rows
    expect(row.written).toBe(true)
    expect(listening).toEqual([])
    await client.query('commit')
    await handle.result({ timeout: '5s' })
  })

  test('tells that an id is taken', async () => {
    const task = apps.app().task('taken', () => 1)
    const first = await task.enqueue()
    await client.query('begin')
    expect(await rejection(task.with({ tx: client, id: first.id }).enqueue())).toMatchObject({
      code: 'JOB_EXISTS',
    })
    await client.query(`insert into users values ('still usable')`)
    await client.query('commit')
  })

  test('enqueues none of many when one is bad, though the caller commits', async () => {
    const task = apps.app().task('none', (n: number) => n)
    const items = Array.from({ length: 3_000 }, (_, n) => [n === 2_500 ? Number.NaN : n] as [number])
    await client.query('begin')
    expect(await rejection(task.with({ tx: client }).enqueueMany(items))).toMatchObject({
      code: 'JSON_NUMBER',
    })
    await client.query('commit')
    expect(await database.query(`select from celeriac.jobs where task = 'none'`)).toHaveLength(0)
  })
})

describe('tx as a Kysely transaction', () => {
  const kysely = (): Kysely<{ users: { id: string } }> =>
    new Kysely({ dialect: new PostgresDialect({ pool: database.pool }) })

  test('writes the job with the rest', async () => {
    const task = apps.app().task('kysely', () => 1)
    const handle = await kysely()
      .transaction()
      .execute(async (trx) => {
        await trx.insertInto('users').values({ id: 'kysely' }).execute()
        const inside = await task.with({ tx: trx }).enqueue()
        expect(await known(inside.id)).toBe(false)
        return inside
      })
    expect(await known(handle.id)).toBe(true)
  })

  test('rolls back with the rest', async () => {
    const task = apps.app().task('kysely', () => 1)
    let id = ''
    const failing = kysely()
      .transaction()
      .execute(async (trx) => {
        id = (await task.with({ tx: trx }).enqueue()).id
        throw new Error('rolled back')
      })
    await expect(failing).rejects.toThrow('rolled back')
    expect(await known(id)).toBe(false)
  })

  test('is refused when it is no transaction', async () => {
    const task = apps.app().task('kysely', () => 1)
    expect(await rejection(task.with({ tx: kysely() }).enqueue())).toMatchObject({ code: 'TX_IDLE' })
  })
})

describe('tx', () => {
  test('B-51 refuses a pool', async () => {
    const task = apps.app().task('t', () => 1)
    const tx = database.pool as unknown as TransactionInput
    expect(await rejection(task.with({ tx }).enqueue())).toEqual({
      name: 'CeleriacError',
      code: 'TX_POOL',
      message: 'tx is a Pool; its statements may use different connections; pass a client inside BEGIN',
    })
  })

  test('B-52 refuses a client that is in no transaction', async () => {
    const task = apps.app().task('t', () => 1)
    const before = await database.query('select from celeriac.jobs')
    const refused = await rejection(task.with({ tx: client }).enqueue())
    expect(refused).toEqual({
      name: 'CeleriacError',
      code: 'TX_IDLE',
      message: 'the client passed as tx is not in a transaction; send BEGIN first',
    })
    expect(await database.query('select from celeriac.jobs')).toHaveLength(before.length)
  })

  test.each(FORMS)('B-53 as %s refuses a transaction that is aborted already', async (_, tx) => {
    const task = apps.app().task('t', () => 1)
    await client.query('begin')
    await client.query('select 1 / 0').catch(() => undefined)
    expect(await rejection(task.with({ tx: tx() }).enqueue())).toEqual({
      name: 'CeleriacError',
      code: 'TX_ABORTED',
      message: 'the transaction passed as tx is already aborted by an earlier error; roll it back',
    })
  })

  test.each([
    ['a number', 7],
    ['an empty object', {}],
    ['a text', 'begin'],
    ['null', null],
  ])('refuses %s', async (_, tx) => {
    const task = apps.app().task('t', () => 1)
    // @ts-expect-error: plain JavaScript can do this
    expect(await rejection(task.with({ tx }).enqueue())).toMatchObject({ code: 'TX_UNSUPPORTED' })
  })

  test('passes on what the transaction of the caller throws', async () => {
    const task = apps.app().task('t', () => 1)
    const tx = async (): Promise<unknown[]> => {
      throw new RangeError('not today')
    }
    await expect(task.with({ tx }).enqueue()).rejects.toThrow(new RangeError('not today'))
  })
})
