import { eachLane } from './harness.ts'
import { type Case, eachCase } from './values.ts'

const CASES: readonly Case[] = [
  ['C-2 a signature', ({ add }) => add.s(2, 2), 4],
  ['C-6 arguments of the call first', ({ sub }) => sub.s(2), 8, [10]],
  ['C-6 the value before first', ({ chain, ident, sub }) => chain(ident.s(10), sub.s(2)), 8],
  ['C-8 an immutable step', ({ chain, ident, add }) => chain(ident.s(100), add.si(2, 2)), 4],
  [
    'C-13 the same signature thrice',
    ({ chain, add }) => {
      const one = add.s(1)
      return chain(one, one, one)
    },
    3,
    [0],
  ],
  ['C-20 a step piped into another', ({ add }) => add.s(2).pipe(add.s(3)), 6, [1]],
  [
    'C-32 C-33 arguments go to the first step',
    ({ chain, sub, ident }) => chain(sub.s(2), ident.s()),
    8,
    [10],
  ],
  [
    'C-38 a chain piped into a chain',
    ({ chain, add }) => chain(add.s(1), add.s(2)).pipe(chain(add.s(3), add.s(4))),
    10,
    [0],
  ],
  ['C-76 values pass', ({ chain, add }) => chain(add.s(4, 4), add.s(8), add.s(16)), 32],
  ['C-77 one step', ({ chain, add }) => chain(add.s(3, 4)), 7],
  ['C-79 a chain in a chain', ({ chain, ident }) => chain(chain(ident.s(42))), 42],
  [
    'C-79 a chain in a chain in a chain',
    ({ chain, add }) => chain(add.s(1, 1), chain(add.s(2), chain(add.s(4), add.s(8)))),
    16,
  ],
  ['C-83 nothing passes as null', ({ chain, noop, ident }) => chain(noop.s(), ident.s()), null],
  ['C-83 null passes as null', ({ chain, ident }) => chain(ident.s(null), ident.s()), null],
  ['C-83 a list passes as one argument', ({ chain, ident, tsum }) => chain(ident.s([1, 2]), tsum.s()), 3],
  [
    'C-85 steps on two queues',
    ({ chain, add }) => chain(add.s(1, 1).with({ queue: 'q' }), add.s(1).with({ queue: 'z' })),
    3,
  ],
  [
    'C-87 a step that retries',
    ({ chain, ident, retryN, add }) => chain(ident.s(1), retryN.s(3), add.s(1)),
    4,
  ],
  [
    'C-89 a step due in the past',
    ({ chain, add }) => chain(add.s(1, 1), add.s(1).with({ runAt: new Date(0) })),
    3,
  ],
  ['C-91 a lone group', ({ chain, group, ident }) => chain(group([ident.s(42), ident.s(42)])), [42, 42]],
  ['C-93 later steps see no argument of the call', ({ chain, add }) => chain(add.s(1), add.s(1)), 6, [4]],
  [
    'C-148 immutable steps among groups',
    ({ chain, group, add }) =>
      chain(
        add.si(1, 0),
        group([add.si(1, 100), chain(add.si(1, 200), group([add.si(1, 1000), add.si(1, 2000)]))]),
        add.si(1, 10),
      ),
    11,
  ],
]

eachLane((lane) => eachCase(lane, CASES))
