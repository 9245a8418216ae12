import { describe, expect, test } from 'vitest'
import { blocked, rejection, useApps } from '../support/apps.ts'
import { aWorker, rowsOf } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { until } from '../support/until.ts'
import { claimJobs, settleJobs } from '../support/verbs.ts'
import { bringTo } from './holders.ts'

const database = useDatabase({ name: 'unique_transactions' })
const apps = useApps(database)
const ENQUEUE = '%enqueue_unique%'

function waits(): Promise<number> {
  return until(async () => (await blocked(database, ENQUEUE)).length, { what: 'a call that waits' })
}

describe('T-109 a key that another transaction has taken and not committed', () => {
  test.each([
    'keep',
    'replace',
    'rerun',
  ] as const)('is waited for; when it commits, a call with %s meets its job', async (onConflict) => {
    const app = apps.app()
    const task = app.declare<(n: number) => void>('work')
    await using other = await openSession(database.url)
    await other.query('begin')
    const call = task.with({ unique: { key: `commit-${onConflict}`, onConflict } })
    const first = await call.with({ tx: other.client }).enqueue(1)
    const pending = call.enqueue(2)
    await waits()
    await other.query('commit')
    const second = await pending
    expect(second).toMatchObject({ id: first.id, differs: ['$[0]'] })
    expect(second.outcome).toBe(onConflict === 'replace' ? 'replaced' : 'kept')
  })

  test.each([
    'keep',
    'replace',
    'reject',
    'rerun',
  ] as const)('is waited for; when it rolls back, a call with %s is in', async (onConflict) => {
    const task = apps.app().declare<(n: number) => void>('work')
    await using other = await openSession(database.url)
    await other.query('begin')
    const call = task.with({ unique: { key: `rollback-${onConflict}`, onConflict } })
    const first = await call.with({ tx: other.client }).enqueue(1)
    const pending = call.enqueue(2)
    await waits()
    await other.query('rollback')
    const second = await pending
    expect(second.outcome).toBe('inserted')
    expect(second.id).not.toBe(first.id)
    expect(await second.info()).toMatchObject({ args: [2] })
  })

  test('is refused to a call with reject once it is committed', async () => {
    const task = apps.app().declare<() => void>('work')
    await using other = await openSession(database.url)
    await other.query('begin')
    const call = task.with({ unique: { key: 'rejected', onConflict: 'reject' } })
    const first = await call.with({ tx: other.client }).enqueue()
    const pending = rejection(call.enqueue())
    await waits()
    await other.query('commit')
    expect(await pending).toMatchObject({
      code: 'UNIQUE_CONFLICT',
      message: `the key "rejected" of "work" belongs to job ${first.id}, whose args are the same; with onConflict: "keep" the call gives that job instead`,
    })
  })

  test('is not waited for without end: the call is told', async () => {
    const task = apps.app().declare<() => void>('work')
    await using other = await openSession(database.url)
    await other.query('begin')
    const call = task.with({ unique: { key: 'busy' } })
    await call.with({ tx: other.client }).enqueue()
    expect(await rejection(call.enqueue())).toMatchObject({
      code: 'UNIQUE_BUSY',
      message: expect.stringContaining('the key "busy" of "work" was taken by a transaction that has not'),
    })
    const rows = await other.query(
      `select from celeriac.enqueue('work', '[]', '{"unique": {"key": "other"}}')`,
    )
    expect(rows).toHaveLength(1)
    await using third = await openSession(database.url)
    const sql = third.query(`select celeriac.enqueue('work', '[]', '{"unique": {"key": "busy"}}')`)
    await expect(sql).rejects.toMatchObject({ code: 'ZC022' })
    await other.query('rollback')
    expect((await call.enqueue()).outcome).toBe('inserted')
  })

  test('that took the key over from a settled job is waited for, too', async () => {
    const task = apps.app().declare<(n: number) => void>('work')
    const call = task.with({ unique: { key: 'over' } })
    const first = await call.enqueue(1)
    await bringTo(database, first.id, 'succeeded')
    for (const end of ['commit', 'rollback']) {
      await using other = await openSession(database.url)
      await other.query('begin')
      const second = await call.with({ tx: other.client }).enqueue(2)
      expect(second.outcome).toBe('inserted')
      const pending = call.enqueue(3)
      await waits()
      await other.query(end)
      const third = await pending
      expect(third.outcome).toBe(end === 'commit' ? 'kept' : 'inserted')
      expect(third.id === second.id).toBe(end === 'commit')
      await bringTo(database, third.id, 'succeeded')
    }
  })
})

describe('T-109 many keys at once', () => {
  test('are taken in one order: batches that cross never wait for each other', async () => {
    const rules = (['keep', 'replace', 'rerun', 'keep'] as const).map((onConflict) =>
      apps
        .app()
        .task('crossing', { unique: { key: (key: string) => key, onConflict } }, (key: string) => key),
    )
    for (let round = 0; round < 60; round += 1) {
      const keys = Array.from({ length: 40 }, (_, n) => `${round}-${n}`)
      const batches = await Promise.all(
        rules.map(async (task, index) => {
          const order = index % 2 === 0 ? keys : keys.toReversed()
          const handles = await task.enqueueMany(order.map((key): [string] => [key]))
          return Object.fromEntries(order.map((key, place) => [key, handles[place]?.id]))
        }),
      )
      for (const batch of batches) expect(batch).toEqual(batches[0])
    }
  })

  test('go to the next in line when the one who took them rolls back', async () => {
    const task = apps.app().task('bulk', { unique: { key: (n: number) => n } }, (n: number) => n)
    await using other = await openSession(database.url)
    await other.query('begin')
    await task.with({ tx: other.client }).enqueueMany([[1], [3], [5]])
    const pending = task.enqueueMany([[5], [4], [3], [2], [1]])
    await waits()
    await other.query('rollback')
    const outcomes = (await pending).map(({ outcome }) => outcome)
    expect(outcomes).toEqual(['inserted', 'inserted', 'inserted', 'inserted', 'inserted'])
    const again = await task.enqueueMany([[6], [5], [6], [4]])
    expect(again.map(({ outcome }) => outcome)).toEqual(['inserted', 'kept', 'kept', 'kept'])
    expect(again[0]?.id).toBe(again[2]?.id)
  })

  test('are all refused when one is, and nothing is written', async () => {
    const task = apps.app().task('all', { unique: { key: (n: number) => n } }, (n: number) => n)
    const held = await task.enqueue(7)
    const rejecting = apps
      .app()
      .task('all', { unique: { key: (n: number) => n, onConflict: 'reject' } }, (n: number) => n)
    await expect(rejecting.enqueueMany([[6], [7], [8]])).rejects.toMatchObject({
      code: 'UNIQUE_CONFLICT',
      facts: { jobId: held.id, key: '7' },
    })
    const rows = await rowsOf(database, `select key from celeriac.unique_keys where task = 'all'`)
    expect(rows).toEqual([{ key: '7' }])
    const jobs = await rowsOf(database, `select id from celeriac.jobs where task = 'all'`)
    expect(jobs).toEqual([{ id: held.id }])
  })
})

describe('T-109 in a transaction of the caller', () => {
  test('a refused call leaves the transaction as it was', async () => {
    const task = apps.app().declare<() => void>('work')
    await task.with({ unique: { key: 'in-tx' } }).enqueue()
    await using mine = await openSession(database.url)
    await mine.query('begin')
    const call = task.with({ unique: { key: 'in-tx', onConflict: 'reject' }, tx: mine.client })
    expect(await rejection(call.enqueue())).toMatchObject({ code: 'UNIQUE_CONFLICT' })
    expect(await mine.query('select 1 as one')).toEqual([{ one: 1 }])
    await mine.query('commit')
  })

  test('the job that will do does not begin before the transaction ends, so that it sees what was written', async () => {
    const task = apps.app().declare<() => void>('work')
    const worker = await aWorker(database)
    for (const unique of [
      { key: 'seen-1', until: 'started' },
      { key: 'seen-2', onConflict: 'rerun', until: 'started' },
    ] as const) {
      const first = await task.with({ unique, queue: unique.key }).enqueue()
      await using mine = await openSession(database.url)
      await mine.query('begin')
      const kept = await task.with({ unique, queue: unique.key, tx: mine.client }).enqueue()
      expect(kept.outcome).toBe('kept')
      expect((await claimJobs(database, { worker, queue: unique.key })).ids).toEqual([])
      await mine.query('commit')
      expect((await claimJobs(database, { worker, queue: unique.key })).ids).toEqual([first.id])
    }
  })

  test('a job that runs is not held up: its worker settles it', async () => {
    const task = apps.app().declare<() => void>('work')
    const worker = await aWorker(database)
    for (const until of ['started', 'settled', '1h'] as const) {
      const call = task.with({ unique: { key: `runs-${until}`, until }, queue: `runs-${until}` })
      const first = await call.enqueue()
      await claimJobs(database, { worker, queue: `runs-${until}` })
      await using mine = await openSession(database.url)
      await mine.query('begin')
      const second = await call.with({ tx: mine.client }).enqueue()
      expect(second.outcome).toBe(until === 'started' ? 'inserted' : 'kept')
      await using settling = await openSession(database.url)
      await settling.query(`set lock_timeout = '2s'`)
      expect(await settleJobs(settling, worker, { done: [[first.id, 1]] })).toBeNull()
      await mine.query('commit')
    }
  })

  test('a job that is being claimed is waited for, judged then, and not held', async () => {
    const task = apps.app().declare<(n: number) => void>('work')
    const worker = await aWorker(database)
    const call = task.with({
      unique: { key: 'claimed', until: 'started', onConflict: 'replace' },
      queue: 'claimed',
    })
    const first = await call.enqueue(1)
    await using claiming = await openSession(database.url)
    await claiming.query('begin')
    await claimJobs(claiming, { worker, queue: 'claimed' })
    await using mine = await openSession(database.url)
    await mine.query('begin')
    const pending = call.with({ tx: mine.client }).enqueue(2)
    await waits()
    await claiming.query('commit')
    const second = await pending
    expect(second.outcome).toBe('inserted')
    // The first one was locked while its claim was waited for, and is let go: its worker need not wait for us.
    await using settling = await openSession(database.url)
    await settling.query(`set lock_timeout = '2s'`)
    expect(await settleJobs(settling, worker, { done: [[first.id, 1]] })).toBeNull()
    await mine.query('commit')
    expect(await second.state()).toBe('pending')
  })

  test('of a higher isolation level a call is told when somebody was faster', async () => {
    const task = apps.app().declare<() => void>('work')
    const call = task.with({ unique: { key: 'serial' } })
    await using mine = await openSession(database.url)
    await mine.query('begin isolation level repeatable read')
    await mine.query('select from celeriac.jobs')
    await call.enqueue()
    await expect(call.with({ tx: mine.client }).enqueue()).rejects.toMatchObject({ code: '40001' })
    await mine.query('rollback')
  })
})
