import { expect, test } from 'vitest'
import { run } from './ends.ts'
import { eachLane } from './harness.ts'
import { type Canvas, type Kit, kitOf } from './kit.ts'

/** A canvas, and a column of each of its nodes in order of definition. */
type Case = readonly [
  title: string,
  build: (kit: Kit) => Canvas,
  column: 'queue' | 'priority',
  values: unknown[],
]

const CASES: readonly Case[] = [
  [
    'C-217 of a chain reach every step',
    ({ chain, ident }) => chain(ident.s(1), ident.s(), ident.s()).with({ queue: 'q' }),
    'queue',
    ['q', 'q', 'q'],
  ],
  [
    'C-218 of a step win over those of the chain',
    ({ chain, ident }) => chain(ident.s(1), ident.s().with({ queue: 'z' }), ident.s()).with({ queue: 'q' }),
    'queue',
    ['q', 'z', 'q'],
  ],
  [
    'C-219 C-108 of a member win over those of the group',
    ({ group, ident }) => group([ident.s(1), ident.s(2).with({ priority: 9 })]).with({ priority: 3 }),
    'priority',
    [3, 9],
  ],
  [
    'C-220 of a chord reach header and body',
    ({ chord, ident, tsum }) => chord([ident.s(1), ident.s(2)], tsum.s()).with({ priority: 3 }),
    'priority',
    [3, 3, 3],
  ],
  [
    'C-220 and every step of the body',
    ({ chord, chain, ident, tsum }) =>
      chord([ident.s(1), ident.s(2)], chain(tsum.s(), ident.s())).with({ priority: 3 }),
    'priority',
    [3, 3, 3, 3],
  ],
  [
    'C-221 each step its own',
    ({ chain, ident }) => chain(ident.s(1).with({ priority: 3 }), ident.s().with({ priority: 5 })),
    'priority',
    [3, 5],
  ],
  ['C-222 a chain of one', ({ chain, ident }) => chain(ident.s(1).with({ priority: 3 })), 'priority', [3]],
  [
    'C-223 a callback takes neither queue nor priority of its parent',
    ({ ident }) => ident.s(1).with({ queue: 'q', priority: 7 }).link(ident.s()),
    'priority',
    [7, 0],
  ],
  [
    'C-223 nor its queue',
    ({ ident }) => ident.s(1).with({ queue: 'q' }).link(ident.s()),
    'queue',
    ['q', 'default'],
  ],
  [
    'C-3 C-11 the last wins',
    ({ ident }) => ident.s(1).with({ queue: 'q' }).with({ queue: 'z' }),
    'queue',
    ['z'],
  ],
]

eachLane((lane) => {
  test.for(CASES)('options: %s', async ([, build, column, values]) => {
    const { nodes } = await run(lane, build)
    expect(nodes.map((node) => node[column])).toEqual(values)
  })

  test('C-225 C-249 labels reach every node: body, callbacks and errbacks too', async () => {
    const labels = { tenant: 'acme' }
    const { nodes, calls } = await run(lane, ({ chord, chain, ident, fail, tsum, errLog }) =>
      chain(
        chord([ident.s(1).link(ident.s()), ident.s(2)], tsum.s()),
        fail.s().linkError(errLog.s('e')),
      ).with({ labels }),
    )
    expect(nodes.map((node) => node.labels)).toEqual(nodes.map(() => labels))
    const handlers = await lane.database.query('select labels from celeriac.results where id = $1', [
      calls[0]?.jobId,
    ])
    expect(handlers).toEqual([{ labels }])
  })

  test('C-257 C-254 labels add up and are seen by the handler', async () => {
    const { value } = await run(lane, ({ chain, info }) =>
      chain(info.si().with({ labels: { a: '1' } })).with({ labels: { b: '2' } }),
    )
    expect(value).toMatchObject({ labels: { a: '1', b: '2' } })
  })

  test('C-250 C-258 a node keeps the labels it got itself', async () => {
    const { nodes } = await run(lane, ({ chain, ident }) =>
      chain(
        ident.s(1).with({ labels: { a: 'own' } }),
        ident.s().link(ident.s().with({ labels: { b: 'own' } })),
      ).with({ labels: { a: 'outer', b: 'outer' } }),
    )
    expect(nodes.map(({ labels }) => labels)).toEqual([
      { a: 'own', b: 'outer' },
      { a: 'outer', b: 'outer' },
      { a: 'outer', b: 'own' },
    ])
  })

  test('C-255 labels survive retries', async () => {
    const { nodes } = await run(lane, ({ chain, ident, retryN }) =>
      chain(ident.s(1), retryN.s(2)).with({ labels: { a: '1' } }),
    )
    expect(nodes.map(({ attempt, labels }) => [attempt, labels])).toEqual([
      [1, { a: '1' }],
      [2, { a: '1' }],
    ])
  })

  test('C-227 a delay of a chain delays its first step, and that alone', async () => {
    const { ids, waits } = await started(lane, ({ chain, ident }) =>
      chain(ident.s(1), ident.s(), ident.s()).with({ delay: '1h' }),
    )
    expect(waits).toEqual([3_600, null, null])
    await lane.app.job(ids[0] ?? '').cancel()
  })

  test('C-130 a delay of a chord delays its header', async () => {
    const { ids, waits } = await started(lane, ({ chord, ident, tsum }) =>
      chord([ident.s(1), ident.s(2)], tsum.s()).with({ delay: '1h' }),
    )
    expect(waits).toEqual([3_600, 3_600, null])
    await lane.app.job(ids[0] ?? '').cancel()
  })

  test('C-109 members that start one after the other', async () => {
    const { ids, waits } = await started(lane, ({ group, ident }) =>
      group([1, 2, 3].map((x) => ident.s(x).with({ delay: x * 600_000 }))),
    )
    expect(waits).toEqual([600, 1_200, 1_800])
    for (const id of ids) await lane.app.job(id).cancel()
  })

  test('C-88 a delay of a later step counts from the end of the one before', async () => {
    const { nodes } = await run(lane, ({ chain, sleep, ident }) =>
      chain(sleep.s(120, 1), ident.s().with({ delay: '150ms' })),
    )
    const [gap] = await lane.database.query<{ ms: number }>(
      `select 1000 * extract(epoch from later.claimed_at - earlier.settled_at)::float8 as ms
        from celeriac.results as earlier, celeriac.results as later where earlier.id = $1 and later.id = $2`,
      nodes.map(({ id }) => id),
    )
    expect(gap?.ms).toBeGreaterThanOrEqual(149)
  })

  test('C-230 a time limit is one of each step', async () => {
    const { states } = await run(lane, ({ chain, sleep, ident }) =>
      chain(sleep.s(120, 1), sleep.si(120, 1), sleep.si(120, 1), ident.s()).with({ timeLimit: '300ms' }),
    )
    expect(states).toEqual(['sleep succeeded', 'sleep succeeded', 'sleep succeeded', 'ident succeeded'])
  })

  test('C-229 values of a chain are not kept', async () => {
    const { value, nodes } = await run(lane, ({ chain, ident, add }) =>
      chain(ident.s(1), add.s(1), add.s(1)).with({ ignoreResult: true }),
    )
    expect([value ?? null, nodes.map(({ value }) => value)]).toEqual([null, [null, null, null]])
    const { value: kept } = await run(lane, ({ chain, ident, add }) =>
      chain(ident.s(1), add.s(1), add.s(1).with({ ignoreResult: false })).with({ ignoreResult: true }),
    )
    expect(kept).toBe(3)
  })

  test('C-94 C-228 C-16 an id names the last step, the body, or the group', async () => {
    const ids = [1, 2, 3].map(() => crypto.randomUUID())
    const { chain, chord, group, ident, tsum } = kitOf(lane.tasks)
    const canvases = [
      chain(ident.s(1), ident.s()),
      chord([ident.s(1), ident.s(2)], tsum.s()),
      group([ident.s(1)]),
    ].map((canvas, index) => canvas.with({ id: ids[index] }))
    const handles = await Promise.all(canvases.map((canvas) => canvas.enqueue()))
    expect(handles.map(({ id }) => id)).toEqual(ids)
    expect(await Promise.all(handles.map((handle) => handle.result({ timeout: '5s' })))).toEqual([1, 3, [1]])
  })

  test('C-15 an id is taken once', async () => {
    const id = crypto.randomUUID()
    const canvas = kitOf(lane.tasks).ident.s(1).with({ id })
    await canvas.enqueue()
    await expect(canvas.enqueue()).rejects.toMatchObject({ code: 'JOB_EXISTS' })
  })
})

/** Enqueues what does not begin yet: for each node, in how many seconds it may; null for: when something else has ended. */
async function started(
  lane: Parameters<Parameters<typeof eachLane>[0]>[0],
  build: (kit: Kit) => Canvas,
): Promise<{ ids: string[]; waits: (number | null)[] }> {
  const handle = await build(kitOf(lane.tasks)).enqueue()
  const rows = await lane.database.query<{ id: string; wait: number | null }>(
    `select id, round(extract(epoch from run_at - enqueued_at))::int as wait
      from celeriac.jobs where workflow_id = $1 and task <> 'celeriac.group' order by id`,
    [handle.workflow.id],
  )
  return { ids: rows.map(({ id }) => id), waits: rows.map(({ wait }) => wait) }
}
