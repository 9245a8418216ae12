import { expect, test } from 'vitest'
import { run } from './ends.ts'
import { eachLane } from './harness.ts'
import { type Canvas, type Kit, times } from './kit.ts'
import { countOf, echoesOf } from './tables.ts'

/** A canvas, and the values of all its nodes, callbacks last. */
type Case = readonly [title: string, build: (kit: Kit) => Canvas, values: readonly unknown[]]

const CASES: readonly Case[] = [
  ['C-41 gets the value', ({ add, mul }) => add.s(2, 2).link(mul.s(10)), [4, 40]],
  ['C-42 an immutable one does not', ({ add, mul }) => add.s(2, 2).link(mul.si(3, 3)), [4, 9]],
  ['C-43 several', ({ add, mul, sub }) => add.s(2, 2).link(mul.s(10)).link(sub.s(1)), [4, 40, 3]],
  ['C-44 its own arguments come after the value', ({ add, sub }) => add.s(2, 2).link(sub.s(1)), [4, 3]],
  [
    'C-22 the identical one counts once, others each',
    ({ add, mul }) => add.s(2, 2).link(mul.s(10)).link(mul.s(10)).link(mul.s(2)),
    [4, 40, 8],
  ],
  ['C-46 a chain', ({ chain, add, mul }) => add.s(2, 2).link(chain(mul.s(10), add.s(1))), [4, 40, 41]],
  ['C-46 a group', ({ group, add, mul }) => add.s(2, 2).link(group([mul.s(10), mul.s(2)])), [4, 40, 8]],
  [
    'C-46 C-154 a chord',
    ({ chord, add, mul, tsum }) => add.s(2, 2).link(chord([mul.s(10), mul.s(2)], tsum.s())),
    [4, 40, 8, 48],
  ],
  ['C-49 callbacks of callbacks', ({ add, mul }) => add.s(2, 2).link(mul.s(10).link(add.s(1))), [4, 40, 41]],
  [
    'C-51 of a chain: after the last step',
    ({ chain, add, mul }) => chain(add.s(2, 2), add.s(1)).link(mul.s(10)),
    [4, 5, 50],
  ],
  [
    'C-52 of a chord: after the body',
    ({ chord, add, tsum, mul }) => chord([add.s(1, 1), add.s(2, 2)], tsum.s()).link(mul.s(10)),
    [2, 4, 6, 60],
  ],
  [
    'C-53 C-54 of a group: the list, once all have succeeded',
    ({ group, add, tsum }) => group([add.s(1, 1), add.s(2, 2)]).link(tsum.s()),
    [2, 4, 6],
  ],
  [
    'C-39 of an inner chain, kept when it is piped onwards',
    ({ chain, add, mul }) => chain(chain(add.s(1, 1), add.s(1)).link(mul.s(10)), add.s(1)),
    [2, 3, 30, 4],
  ],
  [
    'C-48 after a retry that succeeds at last: once',
    ({ retryN, mul }) => retryN.s(2).link(mul.s(10)),
    [2, 20],
  ],
]

eachLane((lane) => {
  test.for(CASES)('a callback: %s', async ([, build, values]) => {
    const { nodes } = await run(lane, build)
    const found = nodes.map(({ value }) => value)
    expect(found.toSorted()).toEqual(values.toSorted())
    expect(nodes.map(({ state }) => state)).toEqual(times(values.length, 'succeeded'))
  })

  test('C-45 its failure is its own', async () => {
    const { value, states } = await run(lane, ({ ident, fail }) => ident.s(1).link(fail.s()))
    expect([value, states]).toEqual([1, ['ident succeeded', 'fail failed']])
  })

  test('C-53 not after a group with a failure', async () => {
    const { states } = await run(lane, ({ group, ident, fail, tsum }) =>
      group([ident.s(1), fail.s()]).link(tsum.s()),
    )
    expect(states).toEqual(['ident succeeded', 'fail failed', 'tsum failed'])
  })

  test('C-43 all start in their order', async () => {
    await run(lane, ({ ident, echo }) =>
      ident.s(1).link(echo.si('C-43', 'a')).link(echo.si('C-43', 'b')).link(echo.si('C-43', 'c')),
    )
    expect((await echoesOf(lane.database, 'C-43')).toSorted()).toEqual(['a', 'b', 'c'])
  })

  test('C-67 42 steps with one each', async () => {
    const { nodes } = await run(
      lane,
      ({ chain, ident, count }) => chain(...times(42, ident.s().link(count.si('C-67')))),
      [1],
    )
    expect([nodes.length, await countOf(lane.database, 'C-67')]).toEqual([84, 42])
  })

  test('C-41 C-235 is a child of the job it is linked to', async () => {
    const { nodes, handle } = await run(lane, ({ add, mul }) => add.s(2, 2).link(mul.s(10).link(mul.s(2))))
    const [parent, child, grandchild] = nodes
    expect([child?.parentId, grandchild?.parentId]).toEqual([parent?.id, child?.id])
    expect((await lane.app.job(handle.id).children()).map(({ id }) => id)).toEqual([child?.id])
  })
})
