import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { aJob, aResult, find, fromNow } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { until } from '../support/until.ts'
import { cancelJobs } from '../support/verbs.ts'

const database = useDatabase()

describe('cancel_jobs', () => {
  test.each(['pending', 'waiting'] as const)('settles a %s job at once', async (state) => {
    const id = await aJob(database, { state, token: 3, attempt: 2, options: { resultTtlMs: 1_000 } })
    const before = await find(database, 'jobs', id)
    expect(await cancelJobs(database, [id], 'enough')).toEqual({ [id]: 'cancelled' })
    expect(await find(database, 'jobs', id)).toBeNull()
    const { cancel_reason: _, cancel_requested_at: __, blockers: ___, lane_id: ____, ...kept } = before ?? {}
    expect(await find(database, 'results', id)).toEqual({
      ...kept,
      token: 4,
      state: 'cancelled',
      value: null,
      error: { name: 'JobCancelledError', code: 'JOB_CANCELLED', message: 'enough' },
      settled_at: expect.any(String),
      expires_at: expect.any(String),
    })
  })

  test('asks the worker of a running job, and keeps the first reason', async () => {
    const id = await aJob(database, { state: 'running' })
    const before = await find(database, 'jobs', id)
    expect(await cancelJobs(database, [id], 'first')).toEqual({ [id]: 'requested' })
    const asked = await find(database, 'jobs', id)
    expect(asked).toEqual({ ...before, cancel_requested_at: expect.any(String), cancel_reason: 'first' })
    expect(await cancelJobs(database, [id], 'second')).toEqual({ [id]: 'requested' })
    expect(await find(database, 'jobs', id)).toEqual(asked)
  })

  test('refuses a settled job, and tells it from an unknown one', async () => {
    const settled = await aResult(database)
    const before = await find(database, 'results', settled)
    const unknown = randomUUID()
    expect(await cancelJobs(database, [settled, unknown, settled])).toEqual({
      [settled]: 'settled',
      [unknown]: 'unknown',
    })
    expect(await find(database, 'results', settled)).toEqual(before)
  })

  test('takes an empty list', async () => {
    expect(await cancelJobs(database, [])).toEqual({})
  })

  test('keeps nothing of a job that is to be forgotten', async () => {
    const id = await aJob(database, { options: { forget: true } })
    expect(await cancelJobs(database, [id])).toEqual({ [id]: 'cancelled' })
    expect(await find(database, 'results', id)).toBeNull()
  })

  test('announces: a request always, an end while somebody listens', async () => {
    await using ear = await openSession(database.url)
    await ear.listen()
    const [quiet, running, loud] = [
      await aJob(database),
      await aJob(database, { state: 'running' }),
      await aJob(database),
    ]
    await cancelJobs(database, [quiet, running])
    await database.query('select celeriac.register_listener($1, 60000)', [randomUUID()])
    await cancelJobs(database, [loud])
    await until(() => ear.heard.length >= 2, { what: 'two payloads' })
    expect(ear.heard).toEqual([`c ${running}`, `s ${loud}`])
    await database.query('delete from celeriac.listeners')
  })
})

describe('cancel', () => {
  test('says what came of it', async () => {
    const cancel = async (id: string) =>
      (await database.query('select celeriac.cancel($1) as outcome', [id]))[0]?.outcome
    expect(await cancel(await aJob(database))).toBe('cancelled')
    expect(await cancel(await aJob(database, { state: 'running' }))).toBe('requested')
    expect(await cancel(await aResult(database))).toBe('settled')
    expect(await cancel(randomUUID())).toBe('unknown')
  })

  test('of a job that is given back settles it with the reason that was given', async () => {
    const id = await aJob(database, { cancel_requested_at: fromNow(-5), cancel_reason: 'enough' })
    await database.query('select celeriac.cancel($1)', [id])
    expect(await find(database, 'results', id)).toMatchObject({ error: { message: 'enough' } })
  })
})
