import { describe, expect, test } from 'vitest'
import { type Celeriac, chain, chord, group } from '../../src/index.ts'
import { useApps } from '../support/apps.ts'
import { rowsOf } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase({ name: 'rerun_live' })
const apps = useApps(database)
const SOON = { timeout: '10s' } as const

/** An app with a worker, and tasks of which one fails as long as it is told to. */
async function started() {
  const app = apps.app()
  const broken = { is: true }
  const runs: string[] = []
  const tasks = {
    add: app.task('add', (left: number, right: number) => left + right),
    sum: app.task('sum', (list: number[]) => list.reduce((total, one) => total + one, 0)),
    frail: app.task('frail', { maxAttempts: 1 }, (value: number) => {
      runs.push(`frail ${value}`)
      if (broken.is) throw new Error('frail')
      return value
    }),
    ...tasksThatChange(app, broken, runs),
  }
  await apps.worker(app)
  return { ...tasks, broken, runs }
}

function tasksThatChange(app: Celeriac, broken: { is: boolean }, runs: string[]) {
  const plus = app.task('plus', (left: number, right: number) => left + right)
  const maybe = app.task('maybe', { maxAttempts: 1 }, (value: number) => {
    if (broken.is) throw new Error('maybe')
    return value
  })
  return {
    replaced: app.task('replaced', { bind: true }, (job, value: number): number => {
      runs.push(`replaced ${value}`)
      return job.replace(chain(plus.s(value, 1), plus.s(100)))
    }),
    split: app.task('split', { bind: true }, (job, value: number): number[] => {
      runs.push(`split ${value}`)
      return job.replace(group([plus.s(value, 1), maybe.s(5)]))
    }),
    adds: app.task('adds', { bind: true }, (job, value: number) => {
      job.addToChord(plus.si(value, 1000))
      return value
    }),
  }
}

async function drawn(workflowId: string): Promise<string[]> {
  const rows = await rowsOf(
    database,
    'select * from celeriac.workflow_tree where workflow_id = $1 order by path',
    [workflowId],
  )
  return rows.map(({ depth, kind, task }) => `${'  '.repeat(Number(depth))}${kind === 'group' ? kind : task}`)
}

describe('running a canvas again', () => {
  test('retries the body of a chord by what failed in its header, and keeps what succeeded', async () => {
    const { add, frail, sum, broken } = await started()
    const handle = await chord([add.s(1, 1), frail.s(3), frail.s(4)], sum.s()).enqueue()
    await expect(handle.result(SOON)).rejects.toMatchObject({
      name: 'ChordError',
      cause: { message: 'frail' },
    })
    broken.is = false
    expect(await handle.retry()).toBe('retried')
    expect(await handle.result(SOON)).toBe(9)
  })

  test('lets a job that was replaced run itself again when what it was given changes', async () => {
    const { add, replaced, runs } = await started()
    const handle = await chain(add.s(1, 1), replaced.s(), add.s(5)).enqueue()
    expect(await handle.result(SOON)).toBe(108)
    const before = await drawn(handle.workflow.id)
    expect(before).toEqual(['add', 'replaced', '  plus', '  plus', 'add'])
    const [first] = await handle.workflow.jobs()
    expect(await handle.workflow.rerun(first ?? '')).toBe(3)
    expect(await handle.result(SOON)).toBe(108)
    expect(runs).toEqual(['replaced 2', 'replaced 2'])
    expect(await drawn(handle.workflow.id)).toEqual(before)
  })

  test('keeps what has replaced a job, and runs again what failed of it', async () => {
    const { split, sum, broken, runs } = await started()
    const handle = await chain(split.s(1), sum.s()).enqueue()
    await expect(handle.result(SOON)).rejects.toMatchObject({ cause: { message: 'maybe' } })
    broken.is = false
    expect(await handle.workflow.retryFailed()).toBe(2)
    expect(await handle.result(SOON)).toBe(7)
    expect(runs).toEqual(['split 1'])
    expect(await drawn(handle.workflow.id)).toEqual(['split', '  group', '    plus', '    maybe', 'sum'])
  })

  test('takes back members that a job has added when it runs again', async () => {
    const { adds, add, sum } = await started()
    const handle = await chord([adds.s(1), add.s(2, 2)], sum.s()).enqueue()
    expect(await handle.result(SOON)).toBe(1006)
    const [first] = await handle.workflow.jobs()
    expect(await handle.workflow.rerun(first ?? '')).toBe(2)
    expect(await handle.result(SOON)).toBe(1006)
    expect(await drawn(handle.workflow.id)).toEqual(['group', '  adds', '  add', '  plus', 'sum'])
  })

  test('runs a whole group again by its handle', async () => {
    const { frail, broken, runs } = await started()
    broken.is = false
    const handle = await group([frail.s(1), frail.s(2)]).enqueue()
    expect(await handle.result(SOON)).toEqual([1, 2])
    expect(await handle.workflow.rerun(handle)).toBe(2)
    expect(await handle.result(SOON)).toEqual([1, 2])
    expect(runs.toSorted()).toEqual(['frail 1', 'frail 1', 'frail 2', 'frail 2'])
  })

  test('makes values again that were not kept for longer than they were needed', async () => {
    const { sum, frail, broken } = await started()
    broken.is = false
    const handle = await chain(
      group([frail.s(1).with({ ignoreResult: true }), frail.s(2)]),
      sum.s(),
      frail.s(),
    ).enqueue()
    expect(await handle.result(SOON)).toBe(3)
    const jobs = await handle.workflow.jobs()
    expect(await handle.workflow.rerun(jobs[2] ?? '')).toBe(3)
    expect(await handle.result(SOON)).toBe(3)
    expect(await handle.workflow.progress()).toMatchObject({ succeeded: 4, done: true })
  })

  test('brings a chain of 5,000 back, all of it or from its end', { timeout: 30_000 }, async () => {
    const app = apps.app()
    const add = app.task('add', (left: number, right: number) => left + right)
    const steps = Array.from({ length: 4_999 }, () => add.s(1))
    const handle = await chain([add.s(0, 1), ...steps]).enqueue()
    expect(await handle.workflow.cancel()).toEqual({ cancelled: 5_000, requested: 0 })
    expect(await handle.workflow.retryFailed()).toBe(5_000)
    expect(await handle.workflow.progress()).toMatchObject({ pending: 1, waiting: 4_999 })
    await app.job(handle.workflow.id).cancel()
    expect(await handle.workflow.progress()).toMatchObject({ cancelled: 5_000, done: true })
    expect(await handle.retry()).toBe('retried')
    expect(await handle.workflow.progress()).toMatchObject({ pending: 1, waiting: 4_999 })
  })
})
