import { describe, expect, test } from 'vitest'
import type { OnConflict, Unique, UniqueKey } from '../../src/index.ts'
import { rejection, useApps } from '../support/apps.ts'
import { rowsOf } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { bringTo, PLACES, type Place } from './holders.ts'

const database = useDatabase({ name: 'unique_outcomes' })
const apps = useApps(database)
let keys = 0

type Held = Pick<Unique<UniqueKey>, 'until' | 'states'>

/** How long a key is held, and by jobs in which places. */
const HELD: readonly (readonly [Held, readonly Place[]])[] = [
  [{ until: 'started' }, ['pending', 'retrying']],
  [{ until: 'settled' }, ['pending', 'retrying', 'running']],
  [{}, ['pending', 'retrying', 'running']],
  [{ until: '1h' }, PLACES],
  [{ states: ['pending', 'running', 'succeeded'] }, ['pending', 'retrying', 'running', 'succeeded']],
  [{ until: '1h', states: ['failed', 'running'] }, ['running', 'failed']],
]

/** What a call comes to when its key is held by a job that waits to begin, runs, or is settled. */
const OUTCOMES: Readonly<Record<OnConflict, readonly [waits: string, runs: string, settled: string]>> = {
  keep: ['kept', 'kept', 'kept'],
  reject: ['rejected', 'rejected', 'rejected'],
  replace: ['replaced', 'rerun', 'kept'],
  rerun: ['kept', 'rerun', 'kept'],
}

const CASES = HELD.flatMap(([held, places]) =>
  PLACES.flatMap((place) =>
    (Object.keys(OUTCOMES) as OnConflict[]).map((onConflict) => {
      const [waits, runs, settled] = OUTCOMES[onConflict]
      const kind = place === 'pending' || place === 'retrying' ? waits : place === 'running' ? runs : settled
      return { held, place, onConflict, expected: places.includes(place) ? kind : 'inserted' }
    }),
  ),
)

describe.each(CASES)('T-109 held %o', ({ held, place, onConflict, expected }) => {
  test(`by a job that is ${place}, a call with ${onConflict} is ${expected}`, async () => {
    const task = apps.app().declare<(n: number) => number>('work')
    keys += 1
    const unique = { key: `key-${keys}`, ...held, onConflict }
    const first = await task.with({ unique }).enqueue(1)
    expect(first).toMatchObject({ outcome: 'inserted', differs: [] })
    await bringTo(database, first.id, place)

    const call = task.with({ unique }).enqueue(2)
    if (expected === 'rejected') {
      await expect(call).rejects.toMatchObject({
        code: 'UNIQUE_CONFLICT',
        facts: { jobId: first.id, key: unique.key, task: 'work' },
        details: { differs: ['$[0]'] },
      })
      return
    }
    const second = await call
    expect(second.outcome).toBe(expected)
    const same = expected === 'kept' || expected === 'replaced'
    expect(second.id === first.id).toBe(same)
    expect(second.differs).toEqual(expected === 'inserted' ? [] : ['$[0]'])
    const [job] = await rowsOf(database, 'select args from celeriac.job_detail where id = $1', [second.id])
    expect(job?.args).toEqual(expected === 'kept' ? [1] : [2])
    const [held_by] = await rowsOf(database, 'select job_id from celeriac.unique_keys where key = $1', [
      unique.key,
    ])
    expect(held_by?.job_id).toBe(second.id)
  })
})

test('T-109 a period ends, whatever has become of the job', async () => {
  const task = apps.app().declare<() => void>('work')
  const call = task.with({ unique: { key: 'period', until: '1h' } })
  const first = await call.enqueue()
  await database.query(`update celeriac.unique_keys set expires_at = now() where key = 'period'`)
  const second = await call.enqueue()
  expect(second.outcome).toBe('inserted')
  expect(second.id).not.toBe(first.id)
  expect((await call.enqueue()).id).toBe(second.id)
})

test('T-109 a job that is too late to begin holds nothing', async () => {
  const task = apps.app().declare<() => void>('work')
  const call = task.with({ unique: { key: 'late' } })
  const first = await call.with({ expires: '1h' }).enqueue()
  await database.query('update celeriac.jobs set expires_at = now() where id = $1', [first.id])
  expect((await call.enqueue()).outcome).toBe('inserted')
})

test('T-109 a key holds after its results are gone only for as long as it says', async () => {
  const task = apps.app().declare<() => void>('work')
  const settled = task.with({ unique: { key: 'gone', states: ['pending', 'running', 'succeeded'] } })
  const period = task.with({ unique: { key: 'gone-period', until: '1h' } })
  for (const [call, outcome] of [
    [settled, 'inserted'],
    [period, 'kept'],
  ] as const) {
    const { id } = await call.enqueue()
    await bringTo(database, id, 'succeeded')
    expect((await call.enqueue()).outcome).toBe('kept')
    await database.query('delete from celeriac.results where id = $1', [id])
    expect((await call.enqueue()).outcome).toBe(outcome)
  }
})

test('T-109 keys of different tasks have nothing to do with each other', async () => {
  const app = apps.app()
  const unique = { key: 'shared' }
  const one = await app.declare<() => void>('one').with({ unique }).enqueue()
  const other = await app.declare<() => void>('other').with({ unique }).enqueue()
  expect([one.outcome, other.outcome]).toEqual(['inserted', 'inserted'])
})

test('T-109 a job can only be followed by another when its own call said so', async () => {
  const task = apps.app().declare<() => void>('work')
  const first = await task.with({ unique: { key: 'mixed' } }).enqueue()
  await bringTo(database, first.id, 'running')
  const call = task.with({ unique: { key: 'mixed', onConflict: 'rerun' } }).enqueue()
  expect(await rejection(call)).toMatchObject({ code: 'UNIQUE_APART' })
  expect((await task.with({ unique: { key: 'mixed' } }).enqueue()).id).toBe(first.id)
})
