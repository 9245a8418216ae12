import { expectTypeOf, test } from 'vitest'
import {
  Celeriac,
  chain,
  chord,
  type Group,
  type GroupHandle,
  type GroupSignature,
  group,
  type JobHandle,
  type Signature,
} from '../../src/index.ts'

const app = new Celeriac({ database: '' })
const add = app.task('add', (x: number, y: number) => x + y)
const upper = app.task('upper', async (text: string) => text.toUpperCase())
const noop = app.task('noop', () => undefined)
const sum = app.task('sum', (numbers: readonly number[]) => numbers.length)
const merge = app.task('merge', ([n, text]: [number, string]) => n + text.length)
const mergeMany = app.task('mergeMany', (values: (number | string)[]) => values.length)
const publish = app.task('publish', (parts: { art: string; size: number }) => parts.art)
const tolerant = app.task('tolerant', (values: (number | Error)[]) => values.length)
const either = app.task('either', (value: number | string) => value)

test('C-96 a group gives the tuple of what its members give', () => {
  const both = group([add.s(1, 1), upper.s('a')])
  expectTypeOf(both).toEqualTypeOf<Group<[], [number, string]>>()
  expectTypeOf(both.enqueue()).toEqualTypeOf<Promise<GroupHandle<[number, string]>>>()
  expectTypeOf(group(add.s(1, 1), upper.s('a'))).toEqualTypeOf<Group<[], [number, string]>>()
  expectTypeOf(group([])).toEqualTypeOf<Group<unknown[], []>>()
})

test('C-101 of a list or an iterable, the list', () => {
  expectTypeOf(group([1, 2].map((n) => add.s(n, n)))).toEqualTypeOf<Group<[], number[]>>()
  expectTypeOf(group(...[1, 2].map((n) => add.s(n, n)))).toEqualTypeOf<Group<[], number[]>>()
  function* members() {
    yield add.s(1, 2)
    yield upper.s('a')
  }
  expectTypeOf(group(members())).toEqualTypeOf<Group<[], (number | string)[]>>()
  expectTypeOf(group([add.s(1, 2), ...[1].map((n) => upper.si(`${n}`))]).enqueue()).resolves.toEqualTypeOf<
    GroupHandle<[number, ...string[]]>
  >()
})

test('of an object, the object', () => {
  const named = group({ art: upper.s('a'), size: add.s(1, 2) })
  expectTypeOf(named).toEqualTypeOf<GroupSignature<[], { art: string; size: number }>>()
  expectTypeOf(chain(named, publish.s())).toEqualTypeOf<Signature<[], string>>()
  // @ts-expect-error: the other names
  void (() => chain(group({ art: upper.s('a') }), publish.s()))
})

test('C-102 a group in a group dissolves in it, unless it has something of its own', () => {
  const inner = group([upper.s('a'), add.s(2, 2)])
  expectTypeOf(group([add.s(1, 1), inner, add.s(3, 3)])).toEqualTypeOf<
    Group<[], [number, string, number, number]>
  >()
  expectTypeOf(group([group([group([add.s(1, 2)])])])).toEqualTypeOf<Group<[], [number]>>()
  expectTypeOf(group([[1], [2]].map((list) => group(list.map((n) => add.s(n, n)))))).toEqualTypeOf<
    Group<[], number[]>
  >()
  const own = inner.with({ queue: 'a' })
  expectTypeOf(group([add.s(1, 1), own])).toEqualTypeOf<Group<[], [number, [string, number]]>>()
  expectTypeOf(group([add.s(1, 1), chain(inner)])).toEqualTypeOf<Group<[], [number, [string, number]]>>()
  expectTypeOf(group([add.s(1, 1), group({ a: upper.s('a') })])).toEqualTypeOf<
    Group<[], [number, { a: string }]>
  >()
  expectTypeOf(chord([inner, add.s(3, 3)], mergeMany.s())).toEqualTypeOf<Signature<[], number>>()
})

test('C-103 a chain in a group is one member', () => {
  expectTypeOf(group([upper.s('a'), chain(add.s(1, 1), group([add.s(1), add.s(2)]))])).toEqualTypeOf<
    Group<[], [string, [number, number]]>
  >()
})

test('C-34 open parameters of a group are those that all members have', () => {
  expectTypeOf(group([add.s(2), add.s(3)])).toEqualTypeOf<Group<[x: number], [number, number]>>()
  expectTypeOf(group([add.s(2), add.si(3, 4), noop.si()])).toEqualTypeOf<
    Group<[x: number], [number, number, undefined]>
  >()
  expectTypeOf(group([add.si(3, 4)])).toEqualTypeOf<Group<unknown[], [number]>>()
  expectTypeOf(group([add.s(2), either.s()]).enqueue).parameters.toEqualTypeOf<[x: number]>()
  expectTypeOf(group([1, 2].map((n) => add.s(n)))).toEqualTypeOf<Group<[x: number], number[]>>()
  // @ts-expect-error: x is open
  void (() => group([add.s(2), add.s(3)]).enqueue())
  // @ts-expect-error: a number is no text
  void (() => group([add.s(2), upper.s()]))
  // @ts-expect-error: one takes an input, the other none
  void (() => group(add.s(2), add.s(3, 4)))
})

test('C-175 allowFailures puts errors among the values', () => {
  expectTypeOf(group([add.s(1, 1), upper.s('a')], { allowFailures: true })).toEqualTypeOf<
    GroupSignature<[], [number | Error, string | Error]>
  >()
  expectTypeOf(group({ n: add.s(1, 1) }, { allowFailures: true })).toEqualTypeOf<
    GroupSignature<[], { n: number | Error }>
  >()
  expectTypeOf(group([add.s(1, 1)], { allowFailures: false })).toEqualTypeOf<Group<[], [number]>>()
  expectTypeOf(group([add.s(1, 1), group([upper.s('a')])], { allowFailures: true })).toEqualTypeOf<
    GroupSignature<[], [number | Error, string | Error]>
  >()
  expectTypeOf(chord([add.s(1, 1)], tolerant.s(), { allowFailures: true })).toEqualTypeOf<
    Signature<[], number>
  >()
  // @ts-expect-error: sum takes no errors
  void (() => chord([add.s(1, 1)], sum.s(), { allowFailures: true }))
  // @ts-expect-error: no such option
  void (() => group([add.s(1, 1)], { allowFailure: true }))
})

test('C-113 the body of a chord takes the tuple of what the header gives', () => {
  const total = chord([add.s(1, 1), add.s(2, 2)], sum.s())
  expectTypeOf(total).toEqualTypeOf<Signature<[], number>>()
  expectTypeOf(total.enqueue()).toEqualTypeOf<Promise<JobHandle<number>>>()
  expectTypeOf(chord([add.s(1, 1), upper.s('a')], merge.s())).toEqualTypeOf<Signature<[], number>>()
  expectTypeOf(
    chord(
      [1, 2].map((n) => add.s(n, n)),
      sum.s(),
    ),
  ).toEqualTypeOf<Signature<[], number>>()
  expectTypeOf(chord(new Set([add.s(1, 1)]), sum.s())).toEqualTypeOf<Signature<[], number>>()
  // @ts-expect-error: two numbers are no number and text
  void (() => chord([add.s(1, 1), add.s(2, 2)], merge.s()))
  const many = [1, 2].map((n) => add.s(n, n))
  // @ts-expect-error: nobody knows how long a list is
  void (() => chord(many, merge.s()))
  // @ts-expect-error: a chord has a body
  void (() => chord([add.s(1, 1)]))
})

test('a header may have names, or be a group', () => {
  expectTypeOf(chord({ art: upper.s('a'), size: add.s(1, 2) }, publish.s())).toEqualTypeOf<
    Signature<[], string>
  >()
  expectTypeOf(chord(group([add.s(1, 1), upper.s('a')]), merge.s())).toEqualTypeOf<Signature<[], number>>()
  expectTypeOf(chord(group({ art: upper.s('a'), size: add.s(1, 2) }), publish.s())).toEqualTypeOf<
    Signature<[], string>
  >()
  expectTypeOf(chord(chain(add.s(1), group([add.s(1), add.s(2)])), sum.s())).toEqualTypeOf<
    Signature<[x: number], number>
  >()
  expectTypeOf(chord(group([add.s(1, 1)]), tolerant.s(), { allowFailures: true })).toEqualTypeOf<
    Signature<[], number>
  >()
  // @ts-expect-error: one job is no group
  void (() => chord(add.s(1, 1), either.s()))
  // @ts-expect-error: not these names
  void (() => chord({ art: upper.s('a') }, publish.s()))
})

test('C-35 open parameters of a chord are those of its header', () => {
  expectTypeOf(chord([add.s(2), add.s(3)], sum.s())).toEqualTypeOf<Signature<[x: number], number>>()
  expectTypeOf(chord(group([add.s(2), add.s(3)]), sum.s())).toEqualTypeOf<Signature<[x: number], number>>()
  expectTypeOf(chain(add.s(1, 1), chord([add.s(2), add.s(3)], sum.s()))).toEqualTypeOf<
    Signature<[], number>
  >()
})

test('C-121 an immutable body ignores the header', () => {
  expectTypeOf(chord([add.s(1, 1), upper.s('a')], noop.si())).toEqualTypeOf<Signature<[], undefined>>()
})

test('C-122 a body may be a group, a chain or a chord', () => {
  expectTypeOf(chord([add.s(1, 1)], group([sum.s(), mergeMany.s()]))).toEqualTypeOf<
    GroupSignature<[], [number, number]>
  >()
  expectTypeOf(chord([add.s(1, 1)], chain(sum.s(), add.s(2)))).toEqualTypeOf<Signature<[], number>>()
  expectTypeOf(chord([add.s(1, 1)], chord([sum.s(), sum.s()], sum.s()))).toEqualTypeOf<
    Signature<[], number>
  >()
  // @ts-expect-error: the chain begins with a number
  void (() => chord([add.s(1, 1)], chain(add.s(2), add.s(2))))
})

test('C-52 a link of a group takes the list, of a chord what its body gives', () => {
  expectTypeOf(group([add.s(1, 1)]).link(sum.s())).toEqualTypeOf<GroupSignature<[], [number]>>()
  expectTypeOf(chord([add.s(1, 1)], sum.s()).link(add.s(1))).toEqualTypeOf<Signature<[], number>>()
  // @ts-expect-error: a list is no number
  void (() => group([add.s(1, 1)]).link(add.s(1)))
})

test('C-124 nesting has no end', () => {
  const canvas = chord(
    [
      chain(upper.s('a'), upper.s()),
      chord(
        [chain(add.s(1, 1), group([add.s(1), chord([add.s(2), add.s(3)], sum.s())])), add.s(2, 2)],
        noop.si(),
      ),
      chain(add.s(1, 2), group({ a: add.s(3), b: chain(add.s(4), either.s()) })),
    ],
    chain(
      app.task('last', (values: [string, undefined, { a: number; b: number | string }]) => values[2]).s(),
      group([app.task('show', (value: { a: number }) => `${value.a}`).s()]),
    ),
  )
  expectTypeOf(canvas).toEqualTypeOf<GroupSignature<[], [string]>>()
})
