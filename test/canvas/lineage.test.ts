import { expect, test } from 'vitest'
import type { JobHandle } from '../../src/index.ts'
import { ended, run } from './ends.ts'
import { eachLane } from './harness.ts'
import { holding } from './holding.ts'
import { kitOf, upTo } from './kit.ts'
import { allNodes, nodesOf } from './quiescence.ts'
import { start } from './values.ts'

eachLane((lane) => {
  test('C-231 C-94 one root for the whole canvas: its first node', async () => {
    const { handle, nodes } = await run(lane, ({ chain, group, ident, tsum }) =>
      chain(group([ident.s(1).link(ident.s()), ident.s(2)]), tsum.s(), ident.s()),
    )
    const all = await allNodes(lane.database, handle.workflow.id)
    expect(new Set(all.map(({ id, rootId }) => rootId ?? id))).toEqual(new Set([all[0]?.id]))
    expect(handle.workflow.id).toBe(nodes[0]?.id)
  })

  test('C-232 C-81 a step is the parent of the next; earlier values can be read', async () => {
    const { nodes, handle } = await run(lane, ({ chain, ident, add }) =>
      chain(ident.s(1), add.s(1), add.s(1)),
    )
    const [first, second, third] = nodes
    expect(nodes.map(({ parentId }) => parentId)).toEqual([null, first?.id, second?.id])
    expect(handle.id).toBe(third?.id)
    expect(await lane.app.job(second?.id ?? '').result({ timeout: '1s' })).toBe(2)
  })

  test('C-233 C-237 the join is the parent of the body, the step before that of the group', async () => {
    const { handle } = await run(lane, ({ chain, group, ident, tsum }) =>
      chain(ident.s(1), group([ident.s(), ident.s()]), tsum.s()),
    )
    const all = await allNodes(lane.database, handle.workflow.id)
    const step = all.find(({ n, task }) => task === 'ident' && n === 0)
    const join = all.find(({ task }) => task === 'celeriac.group')
    const [one, two] = all.filter(({ task, n }) => task === 'ident' && n !== 0)
    const body = all.find(({ task }) => task === 'tsum')
    expect([join?.parentId, one?.parentId, two?.parentId, body?.parentId]).toEqual([
      step?.id,
      step?.id,
      step?.id,
      join?.id,
    ])
  })

  test('C-234 members stand in the tree at their places', async () => {
    const { handle } = await run(lane, ({ chord, ident, tsum }) =>
      chord([ident.s(1), ident.s(2), ident.s(3)], tsum.s()),
    )
    const tree = await handle.workflow.tree()
    const group = tree.all().find(({ kind }) => kind === 'group')
    expect(group?.inside.map(({ task, position }) => [task, position])).toEqual([
      ['ident', 0],
      ['ident', 1],
      ['ident', 2],
    ])
  })

  test('C-151 a nested canvas is one member, a group in a group is its members', async () => {
    const { handle } = await run(lane, ({ group, chain, chord, ident, tsum }) =>
      group([
        ident.s(1),
        chain(ident.s(1), ident.s()),
        group([ident.s(1), ident.s(2)]),
        chord([ident.s(1), ident.s(2)], tsum.s()),
        chain(ident.s(1), group([ident.s(), ident.s()])),
      ]),
    )
    const edges = await lane.database.query<{ position: number }>(
      'select position from celeriac.dependencies where child_id = $1 and into_join order by position',
      [handle.id],
    )
    expect(edges.map(({ position }) => position)).toEqual(upTo(6))
  })

  test('C-239 C-240 C-241 C-242 C-272 the tree, from the id alone: nodes, edges, states', async () => {
    const { handle } = await run(lane, ({ chain, group, ident, tsum }) =>
      chain(ident.s(1), group([ident.s(), ident.s()]), tsum.s()),
    )
    const tree = await lane.app.workflow(handle.workflow.id).tree()
    expect([tree.outputId, tree.all().length]).toEqual([handle.id, 5])
    for (const { id, parents, children, state } of tree.all()) {
      expect(state).toBe('succeeded')
      for (const parent of parents)
        expect(tree.all().find((node) => node.id === parent)?.children).toContain(id)
      for (const child of children)
        expect(tree.all().find((node) => node.id === child)?.parents).toContain(id)
      expect(tree.toDot()).toContain(id)
    }
    expect(await lane.app.job(tree.outputId).result({ timeout: '1s' })).toBe(2)
  })

  test('C-107 C-244 counts what has succeeded, failed and waits', async () => {
    await holding(lane, async ({ number, reached, release }) => {
      const { group, ident, hold } = kitOf(lane.tasks)
      const handle = await group([ident.s(1), hold.s(2, number), ident.s(3).with({ delay: '1h' })]).enqueue()
      await reached()
      const [one, , three] = await nodesOf(lane.database, handle.workflow.id)
      await lane.app.job(one?.id ?? '').result({ timeout: '5s' })
      expect([await handle.completedCount?.(), await handle.state()]).toEqual([1, 'waiting'])
      await release()
      await lane.app.job(three?.id ?? '').retry()
      expect(await handle.result({ timeout: '5s' })).toEqual([1, 2, 3])
      expect([await handle.completedCount?.(), await handle.state()]).toEqual([3, 'succeeded'])
    })
  })

  test('C-243 a group handle can be made again from its id alone', async () => {
    const { handle } = await run(lane, ({ group, ident, fail }) => group([ident.s(1), fail.s()]))
    const again = lane.app.group(JSON.parse(JSON.stringify(handle)))
    expect([await again.state(), await again.completedCount()]).toEqual(['failed', 1])
    const [one, two] = (await again.members()) as JobHandle[]
    expect([await one?.state(), await two?.state()]).toEqual(['succeeded', 'failed'])
    expect(await again.results({ settled: true })).toMatchObject([{ ok: true, value: 1 }, { ok: false }])
    expect(await again.cancel()).toEqual(['settled', 'settled'])
    await again.forget()
    await expect(again.state()).rejects.toMatchObject({ code: 'JOB_UNKNOWN' })
  })

  test('C-245 a wait that times out harms nobody', async () => {
    await holding(lane, async ({ number, reached, release }) => {
      const { group, hold } = kitOf(lane.tasks)
      const handle = await group([hold.s(2, number)]).enqueue()
      await reached()
      await expect(handle.result({ timeout: '50ms' })).rejects.toMatchObject({ code: 'RESULT_TIMEOUT' })
      await release()
      expect((await ended(lane, handle)).value).toEqual([2])
    })
  })

  test('C-246 C-100 an empty group is done', async () => {
    const handle = await start(lane, kitOf(lane.tasks).group([]))
    expect([await handle.result({ timeout: '5s' }), await handle.completedCount?.()]).toEqual([[], 0])
  })

  test('C-247 handles of several canvases are waited for together', async () => {
    const { chain, group, ident, add } = kitOf(lane.tasks)
    const handles = [chain(ident.s(1), add.s(1)), group([ident.s(2)]), ident.s(3)].map((one) => one.enqueue())
    const values = (await Promise.all(handles)).map((handle) => handle.result({ timeout: '5s' }))
    expect(await Promise.all(values)).toEqual([2, [2], 3])
  })

  test('C-248 results come as members end', async () => {
    const { group, ident, hold } = kitOf(lane.tasks)
    await holding(lane, async ({ number, release }) => {
      const handle = await group([hold.s(1, number).with({ priority: -1 }), ident.s(2)]).enqueue()
      const seen: unknown[] = []
      for await (const [index, value] of handle.stream?.({ timeout: '5s' }) ?? []) {
        seen.push([index, value])
        if (seen.length === 1) await release()
      }
      expect(seen).toEqual([
        [1, 2],
        [0, 1],
      ])
    })
  })

  test('C-92 two canvases at once do not mix', async () => {
    const { chain, ident, add } = kitOf(lane.tasks)
    const handles = await Promise.all([1, 10].map((x) => chain(ident.s(x), add.s(1), add.s(1)).enqueue()))
    expect(await Promise.all(handles.map((handle) => handle.result({ timeout: '5s' })))).toEqual([3, 12])
  })

  test('C-14 the same group twice is two groups', async () => {
    const { group, ident } = kitOf(lane.tasks)
    const twice = group([ident.s(1), ident.s(2)])
    const handles = [await twice.enqueue(), await twice.enqueue()]
    expect(new Set(handles.map(({ id }) => id)).size).toBe(2)
    expect(await Promise.all(handles.map((handle) => handle.result({ timeout: '5s' })))).toEqual([
      [1, 2],
      [1, 2],
    ])
  })

  test('C-82 one step after the other', async () => {
    const { nodes } = await run(lane, ({ chain, ident }) =>
      chain(ident.s(1), ...upTo(9).map(() => ident.s())),
    )
    const [overlaps] = await lane.database.query<{ n: number }>(
      `select count(*)::int as n from celeriac.results as earlier
        join celeriac.results as later on later.parent_id = earlier.id join runs on runs.job_id = later.id
        where earlier.workflow_id = $1 and runs.at < earlier.settled_at`,
      [nodes[0]?.id],
    )
    expect([nodes.length, overlaps]).toEqual([10, { n: 0 }])
  })
})
