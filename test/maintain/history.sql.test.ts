import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { aResult, attemptsOf, find, fromNow } from '../support/factory.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'

let database: TestDatabase
beforeEach(async () => {
  database = await createDatabase({ name: 'history' })
})
afterEach(() => database.drop())

const DAY = 86_400_000

/** Partitions of a table, without the default one. */
async function partitions(parent: string): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    `select inhrelid::regclass::text as name from pg_inherits where inhparent = $1::regclass order by 1`,
    [`celeriac.${parent}`],
  )
  return rows.map(({ name }) => name.replace('celeriac.', '')).filter((name) => !name.endsWith('_default'))
}

async function makePartitions(now: string, days: number): Promise<unknown> {
  await using session = await openSession(database.url)
  await session.query(`select set_config('celeriac.fake_now', $1, false)`, [now])
  return (await session.query('select celeriac.make_partitions($1) as n', [days]))[0]?.n
}

async function prune(now: string, retentionMs: number | null, most = 1_000): Promise<unknown> {
  await using session = await openSession(database.url)
  await session.query(`select set_config('celeriac.fake_now', $1, false)`, [now])
  return (await session.query('select * from celeriac.prune_results($1, $2)', [retentionMs, most]))[0]
}

describe('make_partitions', () => {
  test('makes the days ahead once', async () => {
    const before = await partitions('results')
    expect(await makePartitions('2100-02-27T23:59:59Z', 2)).toBe(6)
    expect(await makePartitions('2100-02-27T23:59:59Z', 2)).toBe(0)
    expect((await partitions('results')).filter((name) => !before.includes(name))).toEqual([
      'results_21000227',
      'results_21000228',
      'results_21000301',
    ])
    expect(await partitions('attempts')).toContain('attempts_21000301')
  })

  test('bounds a day by UTC, whatever the session says', async () => {
    await using session = await openSession(database.url)
    await session.query(`set timezone = 'Asia/Shanghai'; set datestyle = 'SQL, DMY'`)
    await session.query(`set celeriac.fake_now = '2100-05-01T12:00:00Z'`)
    expect(await session.query('select celeriac.make_partitions(1) as n')).toEqual([{ n: 4 }])
    await database.query(`set timezone = 'UTC'`)
    await using reader = await openSession(database.url)
    await reader.query(`set timezone = 'UTC'`)
    expect(
      await reader.query(
        `select pg_get_expr(relpartbound, oid) as bound from pg_class where relname = 'results_21000502'`,
      ),
    ).toEqual([{ bound: `FOR VALUES FROM ('2100-05-02 00:00:00+00') TO ('2100-05-03 00:00:00+00')` }])
  })

  test('leaves a day to the default partition that holds rows of it', async () => {
    const id = await aResult(database, { settled_at: '2100-03-01T12:00:00Z' })
    expect(await makePartitions('2100-03-01T12:00:00Z', 1)).toBe(3)
    expect(await partitions('results')).not.toContain('results_21000301')
    expect(await find(database, 'results', id)).not.toBeNull()
  })

  test('may be called by many at once', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => makePartitions('2100-06-01T00:00:00Z', 3)))
    expect(made.map(Number).filter((count) => count > 0)).toEqual([8])
  })

  test('does not hold up settling while somebody reads history', async () => {
    await using reader = await openSession(database.url)
    await reader.query('begin')
    await reader.query('select count(*) from celeriac.results')
    const began = performance.now()
    await makePartitions('2100-07-01T00:00:00Z', 3)
    await aResult(database)
    expect(performance.now() - began).toBeLessThan(3_000)
    await reader.query('rollback')
    await makePartitions('2100-07-01T00:00:00Z', 3)
    expect(await partitions('results')).toContain('results_21000704')
  })
})

describe('prune_results', () => {
  test('drops days that are older than the retention, whole', async () => {
    await prune('2099-12-31T00:00:00Z', DAY)
    await makePartitions('2100-01-01T00:00:00Z', 3)
    const old = await aResult(database, { settled_at: '2100-01-01T23:59:59Z' })
    const young = await aResult(database, { settled_at: '2100-01-02T00:00:01Z' })
    await database.query(
      `insert into celeriac.attempts (job_id, attempt, token, outcome, ended_at, error) values ($1, 1, 1, 'retry', '2100-01-01T05:00:00Z', '{}')`,
      [old],
    )
    expect(await prune('2100-01-02T23:59:59Z', DAY)).toEqual({ dropped: 0, deleted: 0 })
    expect(await prune('2100-01-03T00:00:00Z', DAY)).toMatchObject({ deleted: 0 })
    expect(await partitions('results')).not.toContain('results_21000101')
    expect(await partitions('attempts')).not.toContain('attempts_21000101')
    expect(await find(database, 'results', old)).toBeNull()
    expect(await attemptsOf(database, old)).toEqual([])
    expect(await find(database, 'results', young)).not.toBeNull()
  })

  test('keeps everything without a retention but what says otherwise', async () => {
    const old = await aResult(database, { settled_at: '2020-01-01T00:00:00Z' })
    const short = await aResult(database, { expires_at: fromNow(-5) })
    expect(await prune(fromNow(0), null)).toEqual({ dropped: 0, deleted: 1 })
    expect(await find(database, 'results', old)).not.toBeNull()
    expect(await find(database, 'results', short)).toBeNull()
  })

  test('keeps a day while it holds results that live longer, without the others', async () => {
    await makePartitions('2100-01-01T00:00:00Z', 0)
    const settled_at = '2100-01-01T12:00:00Z'
    const long = await aResult(database, { settled_at, expires_at: '2100-03-01T00:00:00Z' })
    const plain = await aResult(database, { settled_at })
    const late = await aResult(database, { settled_at, expires_at: '2100-01-05T00:00:00Z' })
    expect(await prune('2100-02-01T00:00:00Z', DAY)).toMatchObject({ deleted: 2 })
    expect(await partitions('results')).toContain('results_21000101')
    expect(await find(database, 'results', long)).not.toBeNull()
    expect(await find(database, 'results', plain)).toBeNull()
    expect(await find(database, 'results', late)).toBeNull()
    await prune('2100-03-02T00:00:00Z', DAY)
    expect(await partitions('results')).not.toContain('results_21000101')
  })

  test('deletes so many at most', async () => {
    for (let count = 0; count < 5; count += 1) await aResult(database, { expires_at: fromNow(-5) })
    expect(await prune(fromNow(0), null, 3)).toEqual({ dropped: 0, deleted: 3 })
    expect(await prune(fromNow(0), null, 3)).toEqual({ dropped: 0, deleted: 2 })
  })

  test('clears the default partition of what is past the retention', async () => {
    const old = await aResult(database, { settled_at: '2020-01-01T00:00:00Z' })
    const kept = await aResult(database, { settled_at: '2020-01-01T00:00:00Z', expires_at: fromNow(60_000) })
    expect(await prune(fromNow(0), DAY)).toEqual({ dropped: 0, deleted: 1 })
    expect(await find(database, 'results', old)).toBeNull()
    expect(await find(database, 'results', kept)).not.toBeNull()
  })

  test('does not hold up settling while somebody reads history', async () => {
    await makePartitions('2100-01-01T00:00:00Z', 0)
    await using reader = await openSession(database.url)
    await reader.query('begin')
    await reader.query('select count(*) from celeriac.results')
    const began = performance.now()
    await Promise.all([
      prune('2100-02-01T00:00:00Z', DAY),
      ...Array.from({ length: 3 }, () => aResult(database)),
    ])
    expect(performance.now() - began).toBeLessThan(3_000)
    expect(await partitions('results')).toContain('results_21000101')
    await reader.query('rollback')
    await prune('2100-02-01T00:00:00Z', DAY)
    expect(await partitions('results')).not.toContain('results_21000101')
  })

  test('passes over a result that somebody has locked', async () => {
    const id = await aResult(database, { expires_at: fromNow(-5) })
    await using holder = await openSession(database.url)
    await holder.query('begin')
    await holder.query('select from celeriac.results where id = $1 for update', [id])
    expect(await prune(fromNow(0), null)).toEqual({ dropped: 0, deleted: 0 })
    await holder.query('rollback')
    expect(await prune(fromNow(0), null)).toEqual({ dropped: 0, deleted: 1 })
  })

  test('forgets processes that stopped waiting long ago', async () => {
    const [gone, recent] = [randomUUID(), randomUUID()]
    await database.query('insert into celeriac.listeners values ($1, $2), ($3, $4)', [
      gone,
      fromNow(-2 * 3_600_000),
      recent,
      fromNow(-5),
    ])
    await prune(fromNow(0), null)
    expect(await database.query('select id from celeriac.listeners')).toEqual([{ id: recent }])
  })
})
