import { eachLane } from './harness.ts'
import { times, upTo } from './kit.ts'
import { type Case, eachCase } from './values.ts'

function* idents(ident: Parameters<Case[1]>[0]['ident'], count: number) {
  for (const x of upTo(count)) yield ident.s(x)
}

const CASES: readonly Case[] = [
  ['C-34 arguments go to every member', ({ group, sub }) => group([sub.s(2), sub.s(3)]), [8, 7], [10]],
  ['C-96 a list', ({ group, add }) => group([add.s(1, 1), add.s(2, 2)]), [2, 4]],
  ['C-96 a named one', ({ group, add }) => group({ a: add.s(1, 1), b: add.s(2, 2) }), { a: 2, b: 4 }],
  [
    'C-98 the slowest first',
    ({ group, sleep }) => group([sleep.s(60, 1), sleep.s(30, 2), sleep.s(1, 3)]),
    [1, 2, 3],
  ],
  ['C-99 one member', ({ group, ident }) => group([ident.s(7)]), [7]],
  ['C-100 no member', ({ group }) => group([]), []],
  ['C-101 from a generator', ({ group, ident }) => group(idents(ident, 40)), upTo(40)],
  [
    'C-102 a group in a group',
    ({ group, ident }) => group([ident.s(1), group([ident.s(2), ident.s(3)]), ident.s(4)]),
    [1, 2, 3, 4],
  ],
  [
    'C-103 a chain that ends in a group',
    ({ group, chain, ident, add }) => group([ident.s(1), chain(ident.s(2), group([add.s(1), add.s(2)]))]),
    [1, [3, 4]],
  ],
  [
    'C-104 a step and a group, in a group',
    ({ group, chain, add }) => group([chain(add.s(1, 2), group([add.s(1), add.s(2)]))]),
    [[4, 5]],
  ],
  [
    'C-105 a step, then a group of chains',
    ({ group, chain, add }) => chain(add.s(5, 6), group([chain(add.s(1), add.s(2)), add.s(3)])),
    [14, 14],
  ],
  [
    'C-110 the same member twice',
    ({ group, count, add }) => {
      const one = add.s(1, 1)
      return group([one, one, count.s('C-110')])
    },
    [2, 2, null],
  ],
  ['C-112 partial members', ({ group, sub }) => group(times(3, sub.s(1))), [4, 4, 4], [5]],
]

eachLane((lane) => eachCase(lane, CASES))
