import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { aJob, aResult, fromNow, rowsOf } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'

const database = useDatabase({ name: 'unique_sweep' })
const UNSETTLED = '{waiting,pending,running}'

beforeEach(() => database.query('truncate celeriac.unique_keys'))

async function aKeyOf(key: string, jobId: string, states: string | null, expiresAt: string | null = null) {
  await database.query(
    `insert into celeriac.unique_keys (task, key, job_id, asked_id, outcome, states, since, expires_at)
      values ('work', $1, $2, $2, 'inserted', $3, now(), $4)`,
    [key, jobId, states, expiresAt],
  )
}

async function sweep(): Promise<number> {
  const [row] = await rowsOf(database, 'select celeriac.sweep_unique_keys() as removed')
  return Number(row?.removed)
}

async function keys(): Promise<unknown[]> {
  return (await rowsOf(database, 'select key from celeriac.unique_keys order by key')).map(({ key }) => key)
}

describe('sweep_unique_keys', () => {
  test('removes the keys that nobody can hold any more, and no other', async () => {
    const [job, settled, gone] = [await aJob(database), await aResult(database), randomUUID()]
    await aKeyOf('job', job, UNSETTLED)
    await aKeyOf('job and period', job, UNSETTLED, fromNow(60_000))
    await aKeyOf('period', gone, null, fromNow(60_000))
    await aKeyOf('kept result', settled, '{pending,succeeded}')
    await aKeyOf('x gone', gone, UNSETTLED)
    await aKeyOf('x settled', settled, UNSETTLED)
    await aKeyOf('x period', job, null, fromNow(-1))
    await aKeyOf('x result is gone', gone, '{pending,succeeded}')
    expect(await sweep()).toBe(4)
    expect(await keys()).toEqual(['job', 'job and period', 'kept result', 'period'])
  })

  test('waits for nobody, and leaves what is being taken over', async () => {
    await aKeyOf('free', randomUUID(), UNSETTLED)
    await aKeyOf('taken', randomUUID(), UNSETTLED)
    await using session = await openSession(database.url)
    await session.query('begin')
    const id = randomUUID()
    const shape = { queue: 'default', task: 'work', unique: { onConflict: 'keep', states: ['pending'] } }
    await session.query('select celeriac.enqueue_unique($1, 1000)', [
      JSON.stringify([[shape, [['taken', [id, []]]]]]),
    ])
    expect(await sweep()).toBe(1)
    await session.query('commit')
    expect(await sweep()).toBe(0)
    expect(await keys()).toEqual(['taken'])
  })

  test('comes round to all of a large table', { timeout: 90_000 }, async () => {
    await database.query(
      `insert into celeriac.unique_keys (task, key, job_id, asked_id, outcome, states, since)
        select 'work', 'key-' || n, gen_random_uuid(), gen_random_uuid(), 'inserted', '${UNSETTLED}', now()
        from generate_series(1, 30000) as n`,
    )
    const removed: number[] = []
    while ((await keys()).length > 0 && removed.length < 2_000) removed.push(await sweep())
    expect(await keys()).toEqual([])
    expect(Math.max(...removed)).toBeLessThan(5_000)
  })

  test('is part of each round of maintenance', async () => {
    await aKeyOf('stale', randomUUID(), UNSETTLED)
    await database.query('select celeriac.run_round($1, 1500, 3000, 15000, 3, false, 100)', [randomUUID()])
    expect(await keys()).toEqual([])
  })
})
