import { describe, expect, test } from 'vitest'
import { ChordError, group, JobCancelledError, JobFailedError, ResultTimeoutError } from '../../src/index.ts'
import { rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { aCanvas, type Canvas, FAILS, type NodeSpec, takes } from './rows.ts'

const database = useDatabase({ name: 'canvas_handles' })
const apps = useApps(database)
const NOBODY = '019a0000-0000-7000-8000-000000000000'

const LIST: Readonly<Record<string, NodeSpec>> = {
  a: {},
  b: {},
  c: {},
  all: { join: 'list', after: ['a', 'b', 'c'], parent: null },
}
/** group(x, chain(a, group({ b, c }))) */
const NESTED: Readonly<Record<string, NodeSpec>> = {
  x: {},
  a: {},
  b: { after: ['a'] },
  c: { after: ['a'] },
  inner: { join: 'object', after: ['b', 'c'], parent: 'a' },
  all: { join: 'list', after: ['x', 'inner'], parent: null, first: 'x' },
}

const groupOf = <Results>(canvas: Canvas, name = 'all') => apps.app().group<Results>(canvas.ids[name] ?? '')

describe('GroupHandle', () => {
  test('C-102 C-103 gives values in definition order at every level, whoever finished first', async () => {
    const canvas = await aCanvas(database, NESTED)
    const group = groupOf<[string, { b: number; c: Date }]>(canvas)
    const waiting = group.result()
    await canvas.end('a')
    await canvas.end('c', { $date: '2026-11-21T00:00:00.000Z' })
    await canvas.end('b', 7)
    await canvas.end('x', 'first')
    expect(await waiting).toEqual(['first', { b: 7, c: new Date('2026-11-21T00:00:00.000Z') }])
    expect(await group.results()).toEqual(await waiting)
    expect(await group.settled()).toEqual({ ok: true, value: await waiting })
    expect(await apps.app().job(group.id).result()).toEqual(await waiting)
    expect((await apps.app().job(group.id).info()).value).toEqual(await waiting)
  })

  test('gives values that another codec has written, and errors and defaults among them', async () => {
    const codec = {
      encode: (value: unknown) => ({ written: JSON.stringify(value) }),
      decode: (stored: unknown) => JSON.parse(String(Object(stored).written)) as unknown,
    }
    const app = apps.app({ codec })
    const double = app.task('double', (value: number) => value * 2)
    const fails = app.task('fails', { maxAttempts: 1 }, (): number => {
      throw new Error('no')
    })
    await apps.worker(app)
    const optional = await group([double.s(1), fails.s().optional(7)]).enqueue()
    expect(await optional.result()).toEqual([2, 7])
    const allowing = await group([double.s(1), fails.s()], { allowFailures: true }).enqueue()
    expect(await allowing.result()).toEqual([2, expect.objectContaining({ message: 'no' })])
  })

  test('C-106 throws the error of the first member in definition order, whichever failed first', async () => {
    const canvas = await aCanvas(database, LIST)
    const waiting = groupOf(canvas)
      .result()
      .catch((error: unknown) => error)
    await canvas.end('c', { fails: 'late' })
    await canvas.end('b', FAILS)
    await canvas.end('a', FAILS)
    const error = await waiting
    expect(error).toBeInstanceOf(JobFailedError)
    expect(error).toMatchObject({ jobId: canvas.ids.a, cause: { message: 'boom' } })
  })

  test('C-106 gives every end by its place when asked for ends', async () => {
    const canvas = await aCanvas(database, NESTED)
    const ends = groupOf<[string, { b: number; c: number }]>(canvas).results({ settled: true })
    await canvas.end('a')
    await canvas.end('b', FAILS)
    await canvas.end('c', 3)
    await canvas.end('x', 'fine')
    expect(await ends).toMatchObject([
      { ok: true, value: 'fine' },
      { ok: false, error: { name: 'JobFailedError', jobId: canvas.ids.b } },
    ])
    expect(await groupOf(canvas, 'inner').results({ settled: true })).toMatchObject({
      b: { ok: false },
      c: { ok: true, value: 3 },
    })
  })

  test('C-107 C-244 counts the members that succeeded, and those alone', async () => {
    const canvas = await aCanvas(database, LIST)
    const group = groupOf(canvas)
    const counts = [await group.completedCount()]
    for (const [name, how] of [
      ['a', 1],
      ['b', FAILS],
      ['c', 3],
    ] as const) {
      await canvas.end(name, how)
      counts.push(await group.completedCount())
    }
    expect(counts).toEqual([0, 1, 1, 2])
    expect(await group.state()).toBe('failed')
  })

  test('C-245 times out as itself, and leaves its members alone', async () => {
    const canvas = await aCanvas(database, LIST)
    const group = groupOf(canvas)
    const error = await group.result({ timeout: '50ms' }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ResultTimeoutError)
    expect(error).toMatchObject({ jobId: group.id, message: expect.stringContaining('within 50ms') })
    await canvas.end('a', FAILS)
    expect(await rejection(groupOf(canvas, 'all').results({ settled: true, timeout: 50 }))).toMatchObject({
      code: 'RESULT_TIMEOUT',
      message: expect.stringContaining(group.id),
    })
    expect(await canvas.states()).toMatchObject({ b: 'pending', c: 'pending' })
    const reason = new Error('enough')
    await expect(group.results({ settled: true, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  test('C-248 yields members in the order in which they end, with their places', async () => {
    const canvas = await aCanvas(database, LIST)
    const group = groupOf<number[]>(canvas)
    await canvas.end('c', 3)
    await canvas.end('a', 1)
    const seen: (readonly [number, number])[] = []
    for await (const one of group.stream()) {
      seen.push(one)
      if (seen.length === 2) await canvas.end('b', 2)
    }
    expect(seen).toEqual([
      [2, 3],
      [0, 1],
      [1, 2],
    ])
  })

  test('C-248 names members of an object, throws at one that failed, and gives ends when asked', async () => {
    const canvas = await aCanvas(database, NESTED)
    await canvas.end('a')
    await canvas.end('c', 3)
    await canvas.end('b', FAILS)
    const group = groupOf<{ b: number; c: number }>(canvas, 'inner')
    const seen: unknown[] = []
    const reading = (async () => {
      for await (const one of group.stream()) seen.push(one)
    })()
    await expect(reading).rejects.toMatchObject({ jobId: canvas.ids.b })
    expect(seen).toEqual([['c', 3]])
    const ends: unknown[] = []
    for await (const one of group.stream({ settled: true })) ends.push(one)
    expect(ends).toMatchObject([
      ['c', { ok: true, value: 3 }],
      ['b', { ok: false }],
    ])
  })

  test('has a handle for each member, in its own shape', async () => {
    const canvas = await aCanvas(database, NESTED)
    const [x, inner] = await groupOf<[string, { b: number; c: number }]>(canvas).members()
    expect([x.id, inner.id]).toEqual([canvas.ids.x, canvas.ids.inner])
    const members = await groupOf<{ b: number; c: number }>(canvas, 'inner').members()
    expect([members.b.id, members.c.id]).toEqual([canvas.ids.b, canvas.ids.c])
    expect(JSON.stringify({ inner })).toBe(`{"inner":"${canvas.ids.inner}"}`)
    expect('then' in inner).toBe(false)
  })

  test('C-179 C-180 cancels all members, those of groups inside as well', async () => {
    const canvas = await aCanvas(database, NESTED)
    await canvas.end('a')
    await takes(database, String(canvas.ids.c))
    const group = groupOf(canvas)
    const waiting = group.result().catch((error: unknown) => error)
    expect(await group.cancel({ reason: 'enough' })).toEqual(['cancelled', 'cancelled', 'requested'])
    expect(await canvas.states()).toMatchObject({
      x: 'cancelled',
      b: 'cancelled',
      c: 'running',
      all: 'failed',
    })
    const error = await waiting
    expect(error).toBeInstanceOf(JobCancelledError)
    expect(error).toMatchObject({ jobId: canvas.ids.x, reason: 'enough' })
    expect(await group.kill()).toEqual(['settled', 'settled', 'killed'])
  })

  test('runs its failed members again, and keeps the values of the others', async () => {
    const canvas = await aCanvas(database, LIST)
    await canvas.end('a', 1)
    await canvas.end('b', FAILS)
    const group = groupOf(canvas)
    expect(await group.retry()).toEqual(['retried'])
    expect(await canvas.states()).toEqual({ a: 'succeeded', b: 'pending', c: 'pending', all: 'waiting' })
    await canvas.end('b', 2)
    await canvas.end('c', 3)
    expect(await group.result()).toEqual([1, 2, 3])
    expect(await group.retry()).toEqual([])
  })

  test('C-243 comes from its id in any process; an unknown one says so when it is used', async () => {
    const group = apps.app().group(NOBODY)
    for (const use of [
      () => group.result(),
      () => group.results({ settled: true }),
      () => group.settled(),
      () => group.completedCount(),
      () => group.state(),
      () => group.members(),
      () => group.cancel(),
      () => group.kill(),
      () => group.retry(),
      () => group.forget(),
      () => group.stream()[Symbol.asyncIterator]().next(),
    ]) {
      expect(await rejection(use())).toMatchObject({ code: 'JOB_UNKNOWN' })
    }
    expect(() => apps.app().group('seven')).toThrow('is not a job id')
  })

  test('C-246 of nothing is complete', async () => {
    const canvas = await aCanvas(database, { all: { join: 'list', parent: null } })
    const group = groupOf(canvas)
    expect(await group.result()).toEqual([])
    expect([await group.state(), await group.completedCount(), await group.members()]).toEqual([
      'succeeded',
      0,
      [],
    ])
    for await (const one of group.stream()) expect(one).toBeUndefined()
  })

  test('forgets its members', async () => {
    const canvas = await aCanvas(database, LIST)
    for (const name of ['a', 'b', 'c']) await canvas.end(name)
    await groupOf(canvas).forget()
    expect(await canvas.states()).toEqual({})
  })
})

describe('JobHandle of a node', () => {
  test('C-159 says which job its failure comes from', async () => {
    const canvas = await aCanvas(database, { a: {}, b: { after: ['a'] }, c: { after: ['b'] } })
    await canvas.end('a', FAILS)
    const handle = apps.app().job(canvas.ids.c ?? '')
    const error = await handle.result().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(JobFailedError)
    expect(error).toMatchObject({
      code: 'JOB_FAILED',
      jobId: canvas.ids.c,
      upstream: canvas.ids.a,
      attempt: 0,
      cause: { message: 'boom' },
      message: `job ${canvas.ids.c} (work) failed in attempt 0: boom (upstream: job ${canvas.ids.a})`,
    })
  })

  test('C-163 C-164 C-167 gets a ChordError that names what failed, with the first error as its cause', async () => {
    const canvas = await aCanvas(database, { ...LIST, body: { after: ['all'] } })
    await canvas.end('b', FAILS)
    const handle = apps.app().job(canvas.ids.body ?? '')
    const error = await handle.result().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ChordError)
    expect(error).toBeInstanceOf(JobFailedError)
    expect(error).toMatchObject({
      name: 'ChordError',
      code: 'CHORD_FAILED',
      jobId: canvas.ids.body,
      upstream: canvas.ids.all,
      failedIds: [canvas.ids.b],
      cause: { name: 'Error', message: 'boom' },
    })
    await canvas.end('a', FAILS)
    const later = await handle.settled()
    expect(later).toMatchObject({ ok: false, error: { failedIds: [canvas.ids.b, canvas.ids.a] } })
  })

  test('C-177 says what was cancelled above it', async () => {
    const canvas = await aCanvas(database, { a: {}, b: { after: ['a'] }, c: { after: ['b'] } })
    await apps
      .app()
      .job(canvas.ids.b ?? '')
      .cancel({ reason: 'enough' })
    const error = await apps
      .app()
      .job(canvas.ids.c ?? '')
      .result()
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(JobCancelledError)
    expect(error).toMatchObject({ reason: 'enough', upstream: canvas.ids.b })
  })

  test('leads to its workflow', async () => {
    const canvas = await aCanvas(database, LIST)
    expect(
      await apps
        .app()
        .job(canvas.ids.b ?? '')
        .workflow.progress(),
    ).toMatchObject({ total: 3 })
    const plain = await apps
      .app()
      .task('alone', () => 1)
      .enqueue()
    expect(await rejection(plain.workflow.progress())).toMatchObject({ code: 'WORKFLOW_UNKNOWN' })
  })
})

describe('Workflow', () => {
  const CHORD: Readonly<Record<string, NodeSpec>> = {
    ...LIST,
    body: { after: ['all'] },
    last: { after: ['body'] },
  }

  test('tells how far it is in one statement', async () => {
    const canvas = await aCanvas(database, CHORD)
    await canvas.end('a')
    await takes(database, String(canvas.ids.b))
    const { app, statements } = apps.counted()
    await app.workflow(canvas.id).progress()
    const before = statements.length
    expect(await app.workflow(canvas.id).progress()).toEqual({
      total: 5,
      waiting: 2,
      pending: 1,
      running: 1,
      succeeded: 1,
      failed: 0,
      cancelled: 0,
      done: false,
    })
    expect(statements.length - before).toBe(1)
  })

  test('cancels whatever has not ended', async () => {
    const canvas = await aCanvas(database, CHORD)
    await takes(database, String(canvas.ids.a))
    const app = apps.app()
    const waiting = app
      .job(canvas.ids.last ?? '')
      .result()
      .catch((error: unknown) => error)
    expect(await app.workflow(canvas.id).cancel({ reason: 'enough' })).toEqual({ cancelled: 5, requested: 1 })
    expect(await waiting).toMatchObject({ name: 'JobCancelledError', reason: 'enough' })
  })

  test('runs again what failed, and what has therefore never begun', async () => {
    const canvas = await aCanvas(database, CHORD)
    await canvas.end('a', FAILS)
    await canvas.end('b', FAILS)
    await canvas.end('c')
    const workflow = apps.app().workflow(canvas.id)
    expect(await workflow.retryFailed()).toBe(4)
    for (const name of ['a', 'b', 'body', 'last']) await canvas.end(name)
    expect(await workflow.progress()).toMatchObject({ succeeded: 5, done: true })
    expect(await workflow.retryFailed()).toBe(0)
  })

  test('runs a job again with what follows, but not while that runs', async () => {
    const canvas = await aCanvas(database, CHORD)
    for (const name of ['a', 'b', 'c', 'body']) await canvas.end(name)
    const app = apps.app()
    const workflow = app.workflow(canvas.id)
    expect(await rejection(workflow.rerun(app.job(canvas.ids.b ?? '')))).toEqual({
      name: 'CeleriacError',
      code: 'WORKFLOW_BUSY',
      message: `job ${canvas.ids.b} cannot run again: job ${canvas.ids.last}, which needs it, may run already; wait until that has settled, or cancel it, and ask again`,
    })
    await canvas.end('last')
    expect(await workflow.rerun(app.job(canvas.ids.b ?? ''))).toBe(3)
    await canvas.end('b')
    expect(await canvas.states()).toMatchObject({
      a: 'succeeded',
      b: 'succeeded',
      all: 'succeeded',
      body: 'pending',
    })
    expect(await rejection(workflow.rerun(NOBODY))).toMatchObject({ code: 'JOB_UNKNOWN' })
  })

  test('C-234 C-241 shows its jobs as they are composed, and draws them', async () => {
    const canvas = await aCanvas(database, NESTED)
    await canvas.end('a')
    await canvas.end('b', FAILS)
    const tree = await apps.app().workflow(canvas.id).tree()
    expect(tree).toMatchObject({
      id: canvas.id,
      name: 'x | a | b | c | inner | all',
      outputId: canvas.ids.all,
    })
    expect(tree.nodes).toHaveLength(1)
    const [all] = tree.nodes
    expect(all).toMatchObject({ kind: 'group', state: 'failed', parents: [canvas.ids.x, canvas.ids.inner] })
    expect(all?.inside.map(({ id, position }) => [canvas.nameOf(id), position])).toEqual([
      ['x', 0],
      ['a', null],
      ['inner', 1],
    ])
    const [b, c] = all?.inside[2]?.inside ?? []
    expect(b).toMatchObject({
      name: 'b',
      error: { name: 'Error', message: 'boom' },
      children: [canvas.ids.inner],
    })
    expect(c).toMatchObject({ name: 'c', state: 'pending', settledAt: null, enqueuedAt: expect.any(Date) })
    const dot = tree.toDot()
    for (const { id, state } of tree.all()) expect(dot).toMatch(new RegExp(`"${id}" \\[label="[^"]*${state}`))
    expect(dot).toContain(`"${canvas.ids.a}" -> "${canvas.ids.c}"`)
  })

  test('has handles of its jobs', async () => {
    const canvas = await aCanvas(database, NESTED)
    const jobs = await apps
      .app()
      .workflow(canvas.ids.b ?? '')
      .jobs()
    expect(jobs.map(({ id }) => canvas.nameOf(id))).toEqual(['x', 'a', 'b', 'c'])
  })

  test('says so when there is none', async () => {
    const workflow = apps.app().workflow(NOBODY)
    for (const use of [
      () => workflow.progress(),
      () => workflow.cancel(),
      () => workflow.retryFailed(),
      () => workflow.tree(),
      () => workflow.jobs(),
    ])
      expect(await rejection(use())).toMatchObject({ code: 'WORKFLOW_UNKNOWN' })
    expect(() => apps.app().workflow('seven')).toThrow('is not a job id')
    expect(JSON.stringify([workflow])).toBe(`["${NOBODY}"]`)
  })
})
