import { eachLane } from './harness.ts'
import { type Canvas, type Kit, times, upTo } from './kit.ts'
import { type Case, eachCase } from './values.ts'

/** `width` of the same, summed; some times over. */
const rows = ({ group, add, tsum }: Kit, width: number, additions: readonly number[]): Canvas[] =>
  additions.flatMap((addition, index) => [
    group(times(width, index === 0 ? add.si(1, addition) : add.s(addition))),
    tsum.s(),
  ])

/** The same as chords, one after the other. */
const chords = ({ chord, add, tsum }: Kit, width: number, additions: readonly number[]): Canvas[] =>
  additions.map((addition, index) =>
    chord(times(width, index === 0 ? add.si(1, addition) : add.s(addition)), tsum.s()),
  )

/** Alternating chord, group and chain, each `width` wide. */
const deep = (kit: Kit, levels: number, width: number): Canvas => {
  const { chord, chain, group, add, xsum } = kit
  if (levels === 0) return add.si(0, 1)
  const inner = upTo(width).map(() => deep(kit, levels - 1, width))
  if (levels % 3 === 0) return chord(inner, xsum.s())
  return levels % 3 === 1 ? group(inner) : chain(group(inner), xsum.s(), add.s(0))
}

const SIX = [0, 1, 0, 10, 0, 1]
const NINE = [0, 1, 1, 1, 1, 1, 1, 1, 0]

const CASES: readonly Case[] = [
  [
    'C-131 group then task',
    ({ chain, group, ident }) => chain(group([ident.s(1), ident.s(2)]), ident.s()),
    [1, 2],
  ],
  [
    'C-132 step, group, step',
    ({ chain, group, ident }) => chain(ident.s(42), group([ident.s(), ident.s()]), ident.s()),
    [42, 42],
  ],
  [
    'C-133 group after group, summed',
    ({ chain, group, add, tsum }) =>
      chain(add.s(1, 0), group([add.s(1), add.s(1)]), group([tsum.s(), tsum.s()]), tsum.s()),
    8,
  ],
  [
    'C-134 group then group',
    ({ chain, group, ident }) => chain(group([ident.s(2), ident.s(4)]), group([ident.s(), ident.s()])),
    [
      [2, 4],
      [2, 4],
    ],
  ],
  [
    'C-135 two groups and their sums',
    ({ chain, group, add, tsum }) =>
      chain(
        add.s(1, 0),
        group([add.s(1), add.s(1)]),
        tsum.s(),
        add.s(1),
        group([add.s(1), add.s(1)]),
        tsum.s(),
      ),
    12,
  ],
  [
    'C-136 a chord at the end',
    ({ chain, chord, group, add, tsum }) =>
      chain(
        add.s(1, 0),
        group([add.s(1), add.s(1)]),
        tsum.s(),
        add.s(1),
        chord([add.s(1), add.s(1)], tsum.s()),
      ),
    12,
  ],
  [
    'C-137 a group at the end',
    ({ chain, group, add, tsum }) =>
      chain(add.s(1, 0), group([add.s(1), add.s(1)]), tsum.s(), add.s(1), group([add.s(1), add.s(1)])),
    [6, 6],
  ],
  ...[1, 2, 3].map(
    (steps): Case => [
      `C-138 a group after ${steps} steps`,
      ({ chain, group, add, tsum }) =>
        chain(group(times(2, add.s(1, 1))), tsum.s(), ...times(steps, add.s(1)), group(times(2, add.s(1)))),
      [5 + steps, 5 + steps],
    ],
  ),
  [
    'C-139 six chords in a row',
    (kit) => {
      const six = chords(kit, 2, SIX)
      return kit.chain(...six.slice(0, 3)).pipe(kit.chain(...six.slice(3)))
    },
    178,
  ],
  ['C-140 nine chords in a row', (kit) => kit.chain(...chords(kit, 3, NINE)), 29_520],
  ['C-141 nine groups and sums in a row', (kit) => kit.chain(...rows(kit, 3, NINE)), 29_520],
  [
    'C-144 a group in a header',
    ({ chord, group, ident }) => chord([group([ident.s(42), ident.s(42)])], ident.s()),
    [42, 42],
  ],
  [
    'C-145 a chain that ends in a group, in a header',
    ({ chord, chain, group, ident }) => chord([chain(ident.s(42), group([ident.s(), ident.s()]))], ident.s()),
    [[42, 42]],
  ],
  [
    'C-147 four levels of one',
    ({ chain, group, add, concat }) => {
      const one = chain(group([add.s(1, 2)]), concat.s([3]))
      const two = chain(group([one]), concat.s([4]))
      const three = chain(group([two]), concat.s([5]))
      return chain(group([three]), concat.s([6]))
    },
    [[[[3, 3], 4], 5], 6],
  ],
  [
    'C-150 C-151 a chord in a header is one member',
    ({ chord, ident, tsum }) => chord([ident.s(1), chord([ident.s(2), ident.s(3)], tsum.s())], tsum.s()),
    6,
  ],
  [
    'C-152 a flattened header keeps its order',
    ({ chord, group, ident }) => chord([group([ident.s(1), ident.s(2), ident.s(3)]), ident.s(4)], ident.s()),
    [1, 2, 3, 4],
  ],
  [
    'C-153 a chord in a group',
    ({ group, chord, ident, tsum }) => group([chord([ident.s(1), ident.s(2)], tsum.s()), ident.s(5)]),
    [3, 5],
  ],
  ['C-155 chain(group(x), t)', ({ chain, group, ident }) => chain(group([ident.s(1)]), ident.s()), [1]],
  [
    'C-155 chain(a, group(x), t)',
    ({ chain, group, ident }) => chain(ident.s(1), group([ident.s()]), ident.s()),
    [1],
  ],
  ['C-155 group(x) piped into t', ({ group, ident }) => group([ident.s(1)]).pipe(ident.s()), [1]],
  ['C-155 chord([x], t)', ({ chord, ident }) => chord([ident.s(1)], ident.s()), [1]],
  ['C-156 chain(group(), t)', ({ chain, group, ident }) => chain(group([]), ident.s()), []],
  ['C-156 chain(a, group(), t)', ({ chain, group, ident }) => chain(ident.s(1), group([]), ident.s()), []],
  ['C-156 group(group(), x)', ({ group, ident }) => group([group([]), ident.s(1)]), [1]],
  ['C-156 chain(group(), group())', ({ chain, group }) => chain(group([]), group([])), []],
  [
    'C-157 arguments of the call reach a chord in a chain in a chain',
    ({ chain, chord, add, tsum }) => chain(chain(chord([add.s(1), add.s(2)], tsum.s())), add.s(100)),
    111,
    [4],
  ],
  ['C-158 three levels, 27 leaves', (kit) => kit.chain(deep(kit, 3, 3), kit.xsum.s()), 27],
  [
    'C-261 with labels, no value changes',
    ({ chain, chord, group, ident, mul, xsum }) =>
      chain(
        group(times(1, group([ident.s(1), ident.s(2), ident.s(3)]))),
        xsum.s(),
        chord(times(3, mul.s(10)), xsum.s()),
      ).with({ labels: { tenant: 'acme' } }),
    180,
  ],
]

eachLane((lane) => eachCase(lane, CASES))
