import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { aJob, aQueue, aResult, find, fromNow, jobsLike } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'

const database = useDatabase({ name: 'edit_sql' })

interface EditRow {
  readonly job_id: string
  readonly outcome: string
  readonly was: unknown
  readonly now: unknown
  [column: string]: unknown
}

const edit = (ids: readonly string[], change: object, filter: object | null = null) =>
  database.query<EditRow>('select * from celeriac.edit_jobs($1, $2, $3)', [ids, change, filter])

async function one(text: string, values: readonly unknown[] = []): Promise<unknown> {
  const [row] = await database.query<Record<string, unknown>>(text, values)
  return row === undefined ? null : Object.values(row)[0]
}

describe('edit_jobs', () => {
  test('R-20 changes queue, priority and time, and says what they were', async () => {
    const [from, to] = [aQueue(), aQueue()]
    const id = await aJob(database, { queue: from, priority: 1 })
    const before = await find(database, 'jobs', id)
    const at = new Date(Date.now() + 60_000).toISOString()
    expect(await edit([id], { queue: to, priority: 7, runAt: at })).toEqual([
      {
        job_id: id,
        outcome: 'changed',
        was: { queue: from, priority: 1, runAt: expect.any(String) },
        now: { queue: to, priority: 7, runAt: expect.any(String) },
      },
    ])
    const after = await find(database, 'jobs', id)
    expect(after).toEqual({ ...before, queue: to, priority: 7, run_at: expect.any(String) })
    expect(new Date(String(after?.run_at)).toISOString()).toBe(at)
  })

  test('tells a running, a settled, an unknown job and one that is so already, and changes none of them', async () => {
    const queue = aQueue()
    const running = await aJob(database, { queue, state: 'running' })
    const settled = await aResult(database, { queue })
    const same = await aJob(database, { queue, priority: 3 })
    const unknown = randomUUID()
    const before = await find(database, 'jobs', running)
    const rows = await edit([running, settled, same, unknown], { priority: 3 })
    expect(Object.fromEntries(rows.map((row) => [row.job_id, row.outcome]))).toEqual({
      [running]: 'running',
      [settled]: 'settled',
      [same]: 'same',
      [unknown]: 'unknown',
    })
    expect(await find(database, 'jobs', running)).toEqual(before)
  })

  test('a node that waits for other jobs takes a queue and a priority, and no time', async () => {
    const queue = aQueue()
    const id = await aJob(database, { queue, state: 'waiting', blockers: 1 })
    expect(await edit([id], { runAt: fromNow(0) })).toMatchObject([{ outcome: 'waiting' }])
    expect(await edit([id], { priority: 9, delayMs: 5 })).toMatchObject([
      { outcome: 'changed', was: { priority: 0 }, now: { priority: 9 } },
    ])
    expect(await find(database, 'jobs', id)).toMatchObject({ run_at: null, priority: 9 })
  })

  test('a job that a limit holds leaves its lane with any change, and stays in it without one', async () => {
    const queue = aQueue()
    const ids = await jobsLike(database, 4, { queue, state: 'waiting' })
    await database.query('update celeriac.jobs set lane_id = 7 where id = any($1)', [ids])
    const [moved, raised, later, same] = ids as [string, string, string, string]
    await edit([moved], { queue: aQueue() })
    await edit([raised], { priority: 1 })
    await edit([later], { delayMs: 60_000 })
    expect(await edit([same], { priority: 0 })).toMatchObject([{ outcome: 'same' }])
    for (const id of [moved, raised, later])
      expect(await find(database, 'jobs', id)).toMatchObject({ lane_id: null, run_at: expect.any(String) })
    expect(await find(database, 'jobs', same)).toMatchObject({ lane_id: 7, run_at: null })
  })

  test('does not wait for a job that somebody holds', async () => {
    const id = await aJob(database, { queue: aQueue() })
    await using holder = await openSession(database.url)
    await holder.query('begin')
    await holder.query('select from celeriac.jobs where id = $1 for update', [id])
    expect(await edit([id], { priority: 3 })).toMatchObject([{ outcome: 'busy' }])
    await holder.query('rollback')
    expect(await edit([id], { priority: 3 })).toMatchObject([{ outcome: 'changed' }])
  })

  test('leaves alone what the filter does not fit any more', async () => {
    const id = await aJob(database, { queue: aQueue() })
    expect(await edit([id], { priority: 3 }, { queue: 'another' })).toMatchObject([{ outcome: 'other' }])
  })

  test('R-23 refuses a name that no queue can have', async () => {
    await expect(edit([randomUUID()], { queue: 'a b' })).rejects.toMatchObject({ code: '22023' })
  })

  test('R-23 tells queues apart by case', async () => {
    const queue = aQueue()
    await aJob(database, { queue: queue.toUpperCase() })
    expect(await one('select celeriac.move($1, $2)', [queue, 'x'])).toBe(0)
    expect(await one('select celeriac.move($1, $2)', [queue.toUpperCase(), 'x'])).toBe(1)
  })
})

describe('from psql', () => {
  test('R-20 move takes jobs of a queue, of a task by pattern, up to a number, the oldest first', async () => {
    const [from, to] = [aQueue(), aQueue()]
    const mails = (await jobsLike(database, 3, { queue: from, task: 'mail.send' })).sort()
    const other = await aJob(database, { queue: from, task: 'pdf' })
    const runs = await aJob(database, { queue: from, task: 'mail.send', state: 'running' })
    expect(await one('select celeriac.move($1, $2, $3, 2)', [from, to, 'mail.%'])).toBe(2)
    const there = await database.query<{ id: string }>('select id from celeriac.jobs where queue = $1', [to])
    expect(there.map(({ id }) => id).sort()).toEqual(mails.slice(0, 2))
    expect(await one('select celeriac.move($1, $2)', [from, to])).toBe(2)
    expect(await find(database, 'jobs', other)).toMatchObject({ queue: to })
    expect(await find(database, 'jobs', runs)).toMatchObject({ queue: from })
  })

  test('R-19 purge cancels what is due, and what is scheduled only when asked to', async () => {
    const queue = aQueue()
    const due = await aJob(database, { queue })
    const later = await aJob(database, { queue, run_at: fromNow(60_000) })
    const runs = await aJob(database, { queue, state: 'running' })
    expect(await one('select celeriac.purge($1)', [queue])).toBe(1)
    expect(await find(database, 'results', due)).toMatchObject({
      state: 'cancelled',
      error: { code: 'JOB_CANCELLED', message: 'purged' },
    })
    expect(await one('select celeriac.purge($1, null, true)', [queue])).toBe(1)
    expect(await find(database, 'results', later)).toMatchObject({ state: 'cancelled' })
    expect(await find(database, 'jobs', runs)).toMatchObject({ cancel_requested_at: null })
  })

  test('R-19 purge cancels what limits hold, and never a job that has begun meanwhile', async () => {
    const queue = aQueue()
    const held = await aJob(database, { queue, state: 'waiting' })
    await database.query('update celeriac.jobs set lane_id = 7 where id = $1', [held])
    const begun = await aJob(database, { queue, state: 'running' })
    const rows = await database.query('select * from celeriac.purge_jobs($1, $2, $3)', [
      [held, begun],
      { queue },
      'purged',
    ])
    expect(Object.fromEntries(rows.map((row) => [row.job_id, row.outcome]))).toEqual({
      [held]: 'cancelled',
      [begun]: 'running',
    })
  })

  test('reprioritise and reschedule change one job', async () => {
    const id = await aJob(database, { queue: aQueue() })
    expect(await one('select celeriac.reprioritise($1, 5)', [id])).toBe('changed')
    expect(await one(`select celeriac.reschedule($1, celeriac.clock() + interval '1 h')`, [id])).toBe(
      'changed',
    )
    expect(await find(database, 'jobs', id)).toMatchObject({ priority: 5 })
    expect(await one('select celeriac.reprioritise($1, 5)', [randomUUID()])).toBe('unknown')
  })
})
