import { eachLane } from './harness.ts'
import { times, upTo } from './kit.ts'
import { type Case, eachCase } from './values.ts'

function* idents(ident: Parameters<Case[1]>[0]['ident'], count: number) {
  for (const x of upTo(count)) yield ident.s(x)
}

const CASES: readonly Case[] = [
  [
    'C-35 arguments go to every header member',
    ({ chord, sub, tsum }) => chord([sub.s(2), sub.s(3)], tsum.s()),
    15,
    [10],
  ],
  ['C-113 C-115 the sum', ({ chord, add, tsum }) => chord([add.s(1, 1), add.s(2, 2)], tsum.s()), 6],
  [
    'C-113 the values of a named header',
    ({ chord, add, ident }) => chord({ a: add.s(1, 1), b: add.s(2, 2) }, ident.s()),
    { a: 2, b: 4 },
  ],
  [
    'C-114 a hundred members in order',
    ({ chord, sleep, ident }) =>
      chord(
        upTo(100).map((x) => sleep.s((x * 7) % 5, x)),
        ident.s(),
      ),
    upTo(100),
  ],
  ['C-117 a header of one', ({ chord, add, ident }) => chord([add.s(2, 5)], ident.s()), [7]],
  ['C-118 a header of none, summed', ({ chord, tsum }) => chord([], tsum.s()), 0],
  ['C-118 a header of none', ({ chord, concat }) => chord([], concat.s([1])), [1]],
  ['C-119 from a generator', ({ chord, ident, tsum }) => chord(idents(ident, 30), tsum.s()), 435],
  [
    'C-120 a step, a wide group, a sum',
    ({ chain, group, ident, tsum }) => chain(ident.s(1), group(times(30, ident.s())), tsum.s()),
    30,
  ],
  ['C-121 an immutable body', ({ chord, ident, noop }) => chord([ident.s(1)], noop.si()), undefined],
  [
    'C-122 a group as body',
    ({ chord, group, ident, tsum }) => chord([ident.s(1), ident.s(2)], group([tsum.s(), ident.s()])),
    [3, [1, 2]],
  ],
  [
    'C-123 a chain as body',
    ({ chord, chain, ident, tsum, add }) => chord([ident.s(1), ident.s(2)], chain(tsum.s(), add.s(10))),
    13,
  ],
  [
    'C-124 chords as bodies',
    ({ chord, chain, group, add, tsum }) =>
      chord(
        [add.s(0, 1)],
        chord(
          [tsum.s(), tsum.s()],
          chain(tsum.s(), group([add.s(8), add.s(16)]), chain(tsum.s(), add.s(32))),
        ),
      ),
    60,
  ],
  [
    'C-125 a callback on a header member',
    ({ chord, ident, count, tsum }) => chord([ident.s(1).link(count.si('C-125')), ident.s(2)], tsum.s()),
    3,
  ],
  [
    'C-126 a header member that retries',
    ({ chord, ident, retryN, tsum }) => chord([retryN.s(3), ident.s(1)], tsum.s()),
    4,
  ],
]

eachLane((lane) => eachCase(lane, CASES))
