import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { aJob, find, fromNow, jobsLike } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { until } from '../support/until.ts'

const database = useDatabase()
afterEach(() => database.query('truncate celeriac.jobs, celeriac.results, celeriac.listeners'))

const expire = async (most = 100) =>
  (await database.query('select celeriac.expire_jobs($1) as n', [most]))[0]?.n

describe('expire_jobs', () => {
  test.each(['pending', 'waiting'] as const)('cancels a %s job that is too late', async (state) => {
    const id = await aJob(database, { state, expires_at: '2020-01-01T00:00:00Z', token: 2 })
    expect(await expire()).toBe(1)
    expect(await find(database, 'jobs', id)).toBeNull()
    expect(await find(database, 'results', id)).toMatchObject({
      state: 'cancelled',
      token: 3,
      error: {
        name: 'JobCancelledError',
        code: 'JOB_EXPIRED',
        message: 'expired: it had not begun by 2020-01-01T00:00:00Z',
      },
    })
  })

  test.each([
    ['that runs', { state: 'running', expires_at: fromNow(-5) }],
    ['whose time is ahead', { expires_at: fromNow(60_000) }],
    ['that never expires', {}],
  ] as const)('leaves a job alone %s', async (_, fields) => {
    const id = await aJob(database, fields)
    const before = await find(database, 'jobs', id)
    expect(await expire()).toBe(0)
    expect(await find(database, 'jobs', id)).toEqual(before)
  })

  test('takes so many at most, the latest first', async () => {
    await jobsLike(database, 3, { expires_at: fromNow(-5) })
    const oldest = await aJob(database, { expires_at: fromNow(-5_000) })
    expect(await expire(1)).toBe(1)
    expect(await find(database, 'results', oldest)).not.toBeNull()
    expect(await expire(10)).toBe(3)
  })

  test('passes over a job that somebody has locked', async () => {
    const id = await aJob(database, { expires_at: fromNow(-5) })
    await using holder = await openSession(database.url)
    await holder.query('begin')
    await holder.query('select from celeriac.jobs where id = $1 for update', [id])
    expect(await expire()).toBe(0)
    await holder.query('rollback')
    expect(await expire()).toBe(1)
  })

  test('announces while somebody listens', async () => {
    await using ear = await openSession(database.url)
    await ear.listen()
    await aJob(database, { expires_at: fromNow(-5) })
    await expire()
    await database.query('select celeriac.register_listener($1, 60000)', [randomUUID()])
    const id = await aJob(database, { expires_at: fromNow(-5) })
    await expire()
    await until(() => ear.heard.length > 0, { what: 'a payload' })
    expect(ear.heard).toEqual([`s ${id}`])
  })
})
