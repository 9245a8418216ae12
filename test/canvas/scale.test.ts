import { describe, expect, test } from 'vitest'
import { Celeriac, chain, chord, group, type Signature } from '../../src/index.ts'
import { recordStatements, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { times, upTo } from './kit.ts'

/** Large canvases, without the writing that the other cases do. */
const database = useDatabase({ name: 'canvas_scale' })
const apps = useApps(database)

async function lane(concurrency = 8) {
  const app = apps.app()
  const tasks = {
    add: app.task('add', (x: number, y: number) => x + y),
    ident: app.task('ident', (x: number) => x),
    tsum: app.task('tsum', (list: readonly number[]) => list.reduce((sum, item) => sum + item, 0)),
    together: app.task('together', (x: number) => x),
  }
  await apps.worker(app, { concurrency })
  return { app, ...tasks }
}

/** Bytes that the rows of a workflow take, and the largest row. */
async function bytesOf(workflowId: string): Promise<{ all: number; most: number; nodes: number }> {
  const [row] = await database.query<{ all: number; most: number; nodes: number }>(
    `select sum(bytes)::int as all, max(bytes)::int as most, count(*)::int as nodes from (
      select pg_column_size(result.*) as bytes from celeriac.results as result where workflow_id = $1
      union all
      select pg_column_size(job.*) from celeriac.jobs as job where workflow_id = $1
    ) as size`,
    [workflowId],
  )
  return row ?? { all: -1, most: -1, nodes: -1 }
}

describe('many nodes', () => {
  test('C-84 a chain of a thousand steps stores each once', { timeout: 60_000 }, async () => {
    const { add } = await lane(1)
    const handle = await chain([add.s(0, 1), ...times(999, add.s(1))]).enqueue()
    const first = await bytesOf(handle.workflow.id)
    expect(first.nodes).toBe(1_000)
    expect(first.most).toBeLessThan(600)
    expect(await handle.result({ timeout: '50s' })).toBe(1_000)
  })

  test('C-84 a chain of ten thousand steps can be enqueued and ended', { timeout: 60_000 }, async () => {
    const app = apps.app()
    const ident = app.declare<(x: number) => number>('nobody.ident')
    const handle = await chain([ident.s(1), ...times(9_999, ident.s())]).enqueue()
    expect((await bytesOf(handle.workflow.id)).nodes).toBe(10_000)
    expect(await handle.workflow.cancel()).toEqual({ cancelled: 10_000, requested: 0 })
  })

  test('C-101 C-111 a group of a thousand from a generator takes a few statements', {
    timeout: 60_000,
  }, async () => {
    const app = apps.app()
    const ident = app.task('ident', (x: number) => x)
    const statements = recordStatements()
    function* members() {
      for (const x of upTo(1_000)) yield ident.s(x)
    }
    const handle = await group(members()).enqueue()
    expect(statements.length).toBeLessThanOrEqual(5)
    await apps.worker(app, { concurrency: 8 })
    expect(await handle.result({ timeout: '50s' })).toEqual(upTo(1_000))
  })

  test('C-119 C-120 a chord of a thousand', { timeout: 60_000 }, async () => {
    const { ident, tsum } = await lane()
    const sum = await chord(
      upTo(1_000).map((x) => ident.s(x)),
      tsum.s(),
    ).enqueue()
    expect(await sum.result({ timeout: '50s' })).toBe(499_500)
    const piped = await chain([ident.s(1), group(times(1_000, ident.s())), tsum.s()]).enqueue()
    expect(await piped.result({ timeout: '50s' })).toBe(1_000)
  })

  test('C-267 ten chords of a thousand in a chord: no row is large but for the lists', {
    timeout: 120_000,
  }, async () => {
    const { ident, tsum } = await lane()
    const handle = await chord(
      times(10, 0).map(() =>
        chord(
          upTo(1_000).map((x) => ident.s(x)),
          tsum.s(),
        ),
      ),
      tsum.s(),
    ).enqueue()
    expect(await handle.result({ timeout: '100s' })).toBe(4_995_000)
    const { most, nodes } = await bytesOf(handle.workflow.id)
    expect([nodes, most < 100_000]).toEqual([10_022, true])
  })

  test('C-158 six levels, 729 leaves: stored in linear space', { timeout: 60_000 }, async () => {
    const { ident, tsum } = await lane()
    const level = (depth: number): Signature<[], number> => {
      if (depth === 0) return ident.s(1)
      const inner = times(3, level(depth - 1))
      return depth % 2 === 0 ? chord(inner, tsum.s()) : chain(group(inner), tsum.s())
    }
    const handle = await level(6).enqueue()
    expect(await handle.result({ timeout: '50s' })).toBe(729)
    expect((await bytesOf(handle.workflow.id)).all).toBeLessThan(3 * 729 * 1_024)
  })
})

describe('large values', () => {
  test('C-268 a list too large for a body fails it, and says so', { timeout: 60_000 }, async () => {
    const app = apps.app({ maxResultBytes: 20_000_000 })
    const big = app.task('big', () => 'x'.repeat(9_000_000))
    const lengths = app.task('lengths', { maxAttempts: 1 }, (list: readonly string[]) =>
      list.map((one) => one.length),
    )
    await apps.worker(app, { concurrency: 2 })
    const most = await chord(times(5, big.s()), lengths.s()).enqueue()
    expect(await most.result({ timeout: '20s' })).toEqual(times(5, 9_000_000))
    const more = await chord(times(6, big.s()), lengths.s()).enqueue()
    await expect(more.result({ timeout: '20s' })).rejects.toMatchObject({ cause: { code: 'INPUT_SIZE' } })
  })
})

describe('many at once', () => {
  test('C-129 C-128 members that end together make one body, which nobody has to ask for', {
    timeout: 120_000,
  }, async () => {
    const { ident, tsum } = await lane()
    const chords = upTo(1_000).map((x) => chord(times(8, ident.s(x)), tsum.s()))
    const handles = []
    for (const one of chords) handles.push(await one.enqueue())
    await until(async () => (await database.query('select from celeriac.jobs limit 1')).length === 0, {
      timeoutMs: 100_000,
    })
    const bodies = await database.query<{ n: number; attempts: number }>(
      `select count(*)::int as n, sum(attempt)::int as attempts from celeriac.results
        where task = 'tsum' and workflow_id = any ($1)`,
      [handles.map(({ workflow }) => workflow.id)],
    )
    expect(bodies).toEqual([{ n: 1_000, attempts: 1_000 }])
    expect(await handles[999]?.result({ timeout: '1s' })).toBe(8 * 999)
  })
})

describe('time to live', () => {
  test('C-265 values outlive it while somebody needs them', { timeout: 30_000 }, async () => {
    const app = new Celeriac({ database: database.url, log: 'silent' })
    const ident = app.task('ident', (x: number) => x)
    const tsum = app.task('tsum', (list: readonly number[]) => list.reduce((sum, item) => sum + item, 0))
    const handle = await chord(
      [ident.s(1).with({ resultTtl: 1 }), ident.s(2).with({ resultTtl: 1, delay: '1h' })],
      tsum.s(),
    ).enqueue()
    const worker = await apps.worker(app, { concurrency: 1 })
    const member = await until(async () => {
      const [row] = await database.query<{ id: string }>(
        `select id from celeriac.results where workflow_id = $1 and expires_at < celeriac.clock()`,
        [handle.workflow.id],
      )
      return row?.id
    })
    await database.query('select celeriac.prune_results(null, 1000)')
    expect(await app.job(member).state()).toBe('succeeded')
    const [other] = await database.query<{ id: string }>(
      `select id from celeriac.jobs where workflow_id = $1 and task = 'ident'`,
      [handle.workflow.id],
    )
    await app.job(other?.id ?? '').retry()
    expect(await handle.result({ timeout: '10s' })).toBe(3)
    await worker.stop()
    await app.stop()
  })
})
