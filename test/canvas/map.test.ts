import { expect, test } from 'vitest'
import { run } from './ends.ts'
import { eachLane } from './harness.ts'
import { upTo } from './kit.ts'
import { type Case, eachCase } from './values.ts'

const pairs = (count: number): number[][] => upTo(count).map((x) => [x, x])

const CASES: readonly Case[] = [
  ['C-203 map', ({ ident }) => ident.map([1, 2, 3]), [1, 2, 3]],
  ['C-203 map over lists', ({ tsum }) => tsum.map([[1, 2], [3]]), [3, 3]],
  [
    'C-204 starmap',
    ({ add }) =>
      add.starmap([
        [1, 2],
        [3, 4],
      ]),
    [3, 7],
  ],
  ['C-205 map over nothing', ({ ident }) => ident.map([]), []],
  ['C-205 starmap over nothing', ({ add }) => add.starmap([]), []],
  ['C-207 chunks', ({ add }) => add.chunks(pairs(5) as [number, number][], 2), [[0, 2], [4, 6], [8]]],
  ['C-208 chunks of nothing', ({ add }) => add.chunks([], 2), []],
  ['C-209 the value before is ignored', ({ chain, ident }) => chain(ident.s(9), ident.map([1])), [1]],
  [
    'C-210 the lists of chunks pass on',
    ({ chain, add, xsum }) => chain(add.chunks(pairs(5) as [number, number][], 2), xsum.s()),
    20,
  ],
  ['C-210 map in a chain passes its list', ({ chain, ident, tsum }) => chain(ident.map([1, 2]), tsum.s()), 3],
]

eachLane((lane) => {
  eachCase(lane, CASES)

  test('C-206 one element that fails fails the job', async () => {
    const { states, value } = await run(lane, ({ chain, fail, ident }) => chain(fail.map([1, 2]), ident.s()))
    expect([states, value]).toEqual([['fail failed', 'ident failed'], undefined])
  })

  test('C-206 unless failures are allowed', async () => {
    const { value } = await run(lane, ({ fail }) => fail.map(['a', 'b'], { allowFailures: true }))
    expect(value).toEqual(
      ['a', 'b'].map((message) => expect.objectContaining({ name: 'ExpectedError', message })),
    )
  })

  test('C-203 is one job', async () => {
    const { nodes } = await run(lane, ({ ident }) => ident.map(upTo(50)))
    expect(nodes.map(({ task, runs }) => [task, runs])).toEqual([['ident', 1]])
  })
})
