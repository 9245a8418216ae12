import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { aJob, aResult, find, fromNow, rowsOf } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { cancelJobs, retryJobs } from '../support/verbs.ts'
import { aCanvas, blockersOf, FAILS, takes } from './rows.ts'

const database = useDatabase({ name: 'rerun' })

const CHAIN = { a: {}, b: { after: ['a'] }, c: { after: ['b'] } }
const CHORD = {
  a: {},
  b: {},
  both: { join: 'list', after: ['a', 'b'], parent: null },
  body: { after: ['both'] },
} as const

async function rerun(...ids: (string | undefined)[]): Promise<Record<string, string>> {
  const rows = await rowsOf(database, 'select * from celeriac.rerun_jobs($1)', [ids])
  return Object.fromEntries(rows.map((row) => [row.job_id, row.outcome]))
}

describe('rerun_jobs', () => {
  test('brings a step back that failed, with what has never begun', async () => {
    const canvas = await aCanvas(database, CHAIN)
    await canvas.end('a')
    await canvas.end('b', FAILS)
    expect(await canvas.states()).toEqual({ a: 'succeeded', b: 'failed', c: 'failed' })
    expect(await rerun(canvas.ids.b)).toEqual({
      [String(canvas.ids.b)]: 'retried',
      [String(canvas.ids.c)]: 'retried',
    })
    expect(await canvas.states()).toEqual({ a: 'succeeded', b: 'pending', c: 'waiting' })
    expect(await blockersOf(database, canvas)).toEqual({ c: 1 })
    await canvas.end('b')
    await canvas.end('c')
    expect(await canvas.states()).toEqual({ a: 'succeeded', b: 'succeeded', c: 'succeeded' })
  })

  test('finds what failed above one that has never begun', async () => {
    const canvas = await aCanvas(database, CHAIN)
    await canvas.end('a', FAILS)
    await rerun(canvas.ids.c)
    expect(await canvas.states()).toEqual({ a: 'pending', b: 'waiting', c: 'waiting' })
    for (const name of ['a', 'b', 'c']) await canvas.end(name)
    expect(await canvas.states()).toEqual({ a: 'succeeded', b: 'succeeded', c: 'succeeded' })
  })

  test('runs everything again that follows from a step that succeeded', async () => {
    const canvas = await aCanvas(database, CHAIN)
    for (const name of ['a', 'b', 'c']) await canvas.end(name)
    await rerun(canvas.ids.b)
    expect(await canvas.states()).toEqual({ a: 'succeeded', b: 'pending', c: 'waiting' })
    expect(await find(database, 'jobs', String(canvas.ids.b))).toMatchObject({ attempt: 1, token: 2 })
    await canvas.end('b')
    await canvas.end('c', FAILS)
    expect(await canvas.states()).toEqual({ a: 'succeeded', b: 'succeeded', c: 'failed' })
  })

  test('counts members that have ended meanwhile, and waits for those that run', async () => {
    const canvas = await aCanvas(database, {
      a: {},
      b: {},
      x: {},
      all: { join: 'list', after: ['a', 'b', 'x'], parent: null },
      body: { after: ['all'] },
    })
    await canvas.end('a', FAILS)
    await canvas.end('b')
    expect(await canvas.states()).toMatchObject({ all: 'failed', body: 'failed', x: 'pending' })
    await rerun(canvas.ids.a)
    expect(await blockersOf(database, canvas)).toEqual({ all: 2, body: 1 })
    await canvas.end('x')
    await canvas.end('a')
    expect(await canvas.states()).toMatchObject({ all: 'succeeded', body: 'pending' })
  })

  test('leaves a group as it is while another member keeps it failed', async () => {
    const canvas = await aCanvas(database, CHORD)
    await canvas.end('a', FAILS)
    await canvas.end('b', FAILS)
    expect(await rerun(canvas.ids.a)).toEqual({ [String(canvas.ids.a)]: 'retried' })
    expect(await canvas.states()).toEqual({ a: 'pending', b: 'failed', both: 'failed', body: 'failed' })
    await canvas.end('a')
    expect(await canvas.states()).toMatchObject({ a: 'succeeded', both: 'failed', body: 'failed' })
    await rerun(canvas.ids.b)
    expect(await blockersOf(database, canvas)).toEqual({ both: 1, body: 1 })
    await canvas.end('b')
    await canvas.end('body')
    expect(await canvas.states()).toMatchObject({ both: 'succeeded', body: 'succeeded' })
  })

  test('runs all members of a group again that succeeded', async () => {
    const canvas = await aCanvas(database, CHORD)
    for (const name of ['a', 'b', 'body']) await canvas.end(name)
    await rerun(canvas.ids.both)
    expect(await canvas.states()).toEqual({ a: 'pending', b: 'pending', both: 'waiting', body: 'waiting' })
    for (const name of ['a', 'b', 'body']) await canvas.end(name)
    expect(await canvas.states()).toMatchObject({ both: 'succeeded', body: 'succeeded' })
  })

  test('settles a group at once that waits for nothing any more', async () => {
    const canvas = await aCanvas(database, CHORD)
    await canvas.end('a')
    await takes(database, String(canvas.ids.b))
    await cancelJobs(database, Object.values(canvas.ids))
    await database.query(
      `update celeriac.jobs set cancel_requested_at = null, worker_id = null where id = $1`,
      [canvas.ids.b],
    )
    await canvas.end('b')
    expect(await canvas.states()).toEqual({
      a: 'succeeded',
      b: 'succeeded',
      both: 'cancelled',
      body: 'cancelled',
    })
    await rerun(canvas.ids.body)
    expect(await canvas.states()).toEqual({
      a: 'succeeded',
      b: 'succeeded',
      both: 'succeeded',
      body: 'pending',
    })
  })

  test('takes back a failure that counted, and what came of it', async () => {
    const canvas = await aCanvas(database, {
      ...CHORD,
      both: { ...CHORD.both, either: true },
    })
    await canvas.end('a', FAILS)
    await canvas.end('b')
    await canvas.end('body')
    await rerun(canvas.ids.a)
    expect(await canvas.states()).toEqual({ a: 'pending', b: 'succeeded', both: 'waiting', body: 'waiting' })
    await canvas.end('a')
    await canvas.end('body')
    expect(await canvas.states()).toMatchObject({ a: 'succeeded', both: 'succeeded', body: 'succeeded' })
  })

  test.each([
    ['runs already', true],
    ['may run already', false],
  ] as const)('refuses when what follows %s', async (problem, running) => {
    const canvas = await aCanvas(database, CHAIN)
    await canvas.end('a')
    if (running) await takes(database, String(canvas.ids.b))
    const before = await find(database, 'jobs', String(canvas.ids.b))
    const refused = await rerun(canvas.ids.a).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'ZC003' })
    expect(JSON.parse((refused as { detail: string }).detail)).toEqual({
      jobId: canvas.ids.a,
      busyId: canvas.ids.b,
      problem,
    })
    expect(await find(database, 'jobs', String(canvas.ids.b))).toEqual(before)
    expect(await canvas.states()).toMatchObject({ a: 'succeeded', c: 'waiting' })
  })

  test('retries what is no node, hurries what waits for its backoff, and leaves what runs', async () => {
    const failed = await aResult(database, { state: 'failed' })
    const later = await aJob(database, { run_at: fromNow(60_000), attempt: 1 })
    const running = await aJob(database, { state: 'running' })
    const unknown = randomUUID()
    expect(await rerun(failed, later, running, unknown)).toEqual({
      [failed]: 'retried',
      [later]: 'retried',
      [running]: 'running',
      [unknown]: 'unknown',
    })
    expect(await find(database, 'results', failed)).toBeNull()
    for (const id of [failed, later]) {
      const job = await find(database, 'jobs', id)
      expect(Date.parse(String(job?.run_at))).toBeLessThanOrEqual(Date.now() + 1_000)
    }
  })

  test('loses no count when members end, or fail, at the same moment', { timeout: 30_000 }, async () => {
    for (let round = 0; round < 25; round += 1) {
      const canvas = await aCanvas(database, {
        a: {},
        b: {},
        x: {},
        all: { join: 'list', after: ['a', 'b', 'x'], parent: null },
        body: { after: ['all'] },
      })
      await canvas.end('a', FAILS)
      const again = async (name: string): Promise<void> => {
        for (;;) {
          const refused = await rerun(canvas.ids[name]).catch((error: unknown) => error)
          if (!(refused instanceof Error)) return
          expect(refused).toMatchObject({ code: expect.stringMatching(/^(ZC003|40P01)$/) })
        }
      }
      const fails = round % 2 === 1
      await Promise.all([again('a'), canvas.end('b'), canvas.end('x', fails ? FAILS : 'x')])
      await canvas.end('a')
      if (fails) {
        await again('x')
        await canvas.end('x')
      }
      await canvas.end('body')
      expect(await canvas.states()).toMatchObject({ all: 'succeeded', body: 'succeeded' })
    }
  })

  test('runs once however many ask at the same time', async () => {
    const canvas = await aCanvas(database, CHAIN)
    await canvas.end('a', FAILS)
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => rerun(canvas.ids.a)))
    expect(asked.some(({ status }) => status === 'fulfilled')).toBe(true)
    for (const one of asked)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'ZC003' })
    expect(await canvas.states()).toEqual({ a: 'pending', b: 'waiting', c: 'waiting' })
    expect(await blockersOf(database, canvas)).toEqual({ b: 1, c: 1 })
  })
})

test('retry_jobs brings back what follows from a node', async () => {
  const canvas = await aCanvas(database, CHAIN)
  await canvas.end('a', FAILS)
  expect(await retryJobs(database, [String(canvas.ids.c)])).toEqual({ [String(canvas.ids.c)]: 'retried' })
  expect(await canvas.states()).toEqual({ a: 'pending', b: 'waiting', c: 'waiting' })
})
