import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import {
  Celeriac,
  type GroupSignature,
  type JobContext,
  type JobHandle,
  type Signature,
} from '../../src/index.ts'

const app = new Celeriac({ database: '' })
const add = app.task('add', (x: number, y: number) => x + y)
const upper = app.task('upper', async (text: string) => text.toUpperCase())
const clock = app.task('clock', () => 1)
const box = app.task('box', (width: number, depth: string, height: boolean) => ({ width, depth, height }))
const fetch = app.task('fetch', (url: string, base?: string) => base + url)
const pad = app.task('pad', (text: string, width?: number) => text.padEnd(width ?? 0))
const encode = app.task('encode', (file: string, options?: { kbps: number }, label?: string) => [
  file,
  options,
  label,
])
const join = app.task('join', (between: string, ...parts: string[]) => parts.join(between))
const scale = app.task('scale', (name: string, ...sizes: number[]) => [name, ...sizes])
const largest = app.task('largest', (...numbers: number[]) => Math.max(...numbers))

test('C-1 a signature knows what is open and what it gives', () => {
  expectTypeOf(add.s(2, 2)).toEqualTypeOf<Signature<[], number>>()
  expectTypeOf(upper.s('a')).toEqualTypeOf<Signature<[], string>>()
  expectTypeOf(clock.s()).toEqualTypeOf<Signature<[], number>>()
  expectTypeOf(add.s(2, 2).enqueue()).toEqualTypeOf<Promise<JobHandle<number>>>()
})

test('C-6 args that are given are the last; what is before them stays open, by its name', () => {
  expectTypeOf(add.s(4)).toEqualTypeOf<Signature<[x: number], number>>()
  expectTypeOf(add.s()).toEqualTypeOf<Signature<[x: number, y: number], number>>()
  expectTypeOf(box.s(true)).toEqualTypeOf<Signature<[width: number, depth: string], ReturnType<typeof box>>>()
  expectTypeOf(box.s('a', true).enqueue).parameters.toEqualTypeOf<[width: number]>()
  expectTypeOf(box.s().enqueue).parameters.toEqualTypeOf<[width: number, depth: string, height: boolean]>()
  // @ts-expect-error: the last parameter is a boolean
  void (() => box.s('a'))
  // @ts-expect-error: there are three
  void (() => box.s(1, 'a', true, true))
  // @ts-expect-error: x is open
  void (() => add.s(4).enqueue())
  // @ts-expect-error: nothing is open
  void (() => add.s(4, 5).enqueue(6))
})

test('an object literal may hold what the parameter has, and no more', () => {
  void (() => encode.s({ kbps: 128 }, 'x'))
  // @ts-expect-error: a slip of the pen
  void (() => app.task('one', (_: string, o: { kbps: number }) => o).s({ kbps: 128, bitrat: 3 }))
})

test('a parameter that is optional may be given, or left to what is before it', () => {
  expectTypeOf(pad.s()).toEqualTypeOf<Signature<[text: string, width?: number | undefined], string>>()
  expectTypeOf(pad.s(5)).toEqualTypeOf<Signature<[text: string], string>>()
  expectTypeOf(pad.s('a')).toEqualTypeOf<Signature<[], string>>()
  expectTypeOf(pad.s('a', 5)).toEqualTypeOf<Signature<[], string>>()
  expectTypeOf(encode.s({ kbps: 1 }).enqueue).parameters.toEqualTypeOf<[file: string]>()
  expectTypeOf(encode.s({ kbps: 1 }, 'a').enqueue).parameters.toEqualTypeOf<[file: string]>()
  expectTypeOf(encode.s('a', { kbps: 1 }).enqueue).parameters.toEqualTypeOf<[]>()
  // @ts-expect-error: a width is a number
  void (() => pad.s('a', 'b'))
})

test('an arg that fits two places leaves it open and complete at once', () => {
  expectTypeOf(fetch.s('a')).toEqualTypeOf<Signature<[] | [url: string], string>>()
  void (() => fetch.s('a').enqueue())
  void (() => fetch.s('a').enqueue('b'))
  // @ts-expect-error: a url is a string
  void (() => fetch.s('a').enqueue(1))
})

test('any number of args fill a rest parameter', () => {
  expectTypeOf(join.s('a', 'b')).toEqualTypeOf<
    Signature<[] | [between: string, ...parts: string[]], string>
  >()
  expectTypeOf(scale.s(1, 2, 3)).toEqualTypeOf<
    Signature<[name: string, ...sizes: number[]], (string | number)[]>
  >()
  expectTypeOf(scale.s('a', 1, 2)).toEqualTypeOf<Signature<[], (string | number)[]>>()
  expectTypeOf(largest.s(1, 2)).toEqualTypeOf<Signature<number[], number>>()
  // @ts-expect-error: sizes are numbers
  void (() => scale.s('a', 'b'))
})

test('C-9 an immutable signature takes all args, and whatever comes before', () => {
  expectTypeOf(add.si(2, 2)).toEqualTypeOf<Signature<unknown[], number>>()
  void (() => add.si(2, 2).enqueue())
  void (() => add.si(2, 2).enqueue(9))
  // @ts-expect-error: all of them
  void (() => add.si(2))
})

test('bind: true and a schema leave out of a signature what callers do not give', () => {
  const bound = app.task('bound', { bind: true }, (_: JobContext, path: string, size: number) => path + size)
  expectTypeOf(bound.s(1)).toEqualTypeOf<Signature<[path: string], string>>()
  const checked = app.task(
    'checked',
    { args: z.tuple([z.coerce.number(), z.string().optional()]) },
    (n) => n + 1,
  )
  expectTypeOf(checked.s('a')).toExtend<Signature<[], number>>()
  const declared = app.declare<(path: string, size: number) => Promise<Date>>('declared')
  expectTypeOf(declared.s(1)).toEqualTypeOf<Signature<[path: string], Date>>()
})

test('task.with(…) composes like the task', () => {
  expectTypeOf(add.with({ queue: 'a' }).s(4)).toEqualTypeOf<Signature<[x: number], number>>()
  expectTypeOf(add.with({ queue: 'a' }).with({ priority: 1 }).si(4, 5)).toEqualTypeOf<
    Signature<unknown[], number>
  >()
})

test('C-203 map gives one argument, and only to tasks that need no more', () => {
  expectTypeOf(upper.map(['a'])).toEqualTypeOf<Signature<unknown[], string[]>>()
  expectTypeOf(upper.map(new Set(['a']))).toEqualTypeOf<Signature<unknown[], string[]>>()
  expectTypeOf(pad.map(['a'])).toEqualTypeOf<Signature<unknown[], string[]>>()
  expectTypeOf(largest.map([1])).toEqualTypeOf<Signature<unknown[], number[]>>()
  // @ts-expect-error: not a text
  void (() => upper.map([1]))
  // @ts-expect-error: it needs two
  void (() => add.map([1]))
  // @ts-expect-error: it takes none
  void (() => clock.map([1]))
})

test('C-204 starmap gives all arguments, chunks too, as a group', () => {
  expectTypeOf(add.starmap([[1, 2]])).toEqualTypeOf<Signature<unknown[], number[]>>()
  expectTypeOf(pad.starmap([['a'], ['b', 1]])).toEqualTypeOf<Signature<unknown[], string[]>>()
  expectTypeOf(add.chunks([[1, 2]], 10)).toEqualTypeOf<GroupSignature<unknown[], number[][]>>()
  // @ts-expect-error: two numbers each
  void (() => add.starmap([[1]]))
  // @ts-expect-error: how many
  void (() => add.chunks([[1, 2]]))
})

test('C-206 allowFailures puts errors among the values', () => {
  expectTypeOf(upper.map(['a'], { allowFailures: true })).toEqualTypeOf<
    Signature<unknown[], (string | Error)[]>
  >()
  expectTypeOf(upper.map(['a'], { allowFailures: false })).toEqualTypeOf<Signature<unknown[], string[]>>()
  const maybe: boolean = true
  expectTypeOf(add.starmap([[1, 2]], { allowFailures: maybe })).toEqualTypeOf<
    Signature<unknown[], (number | Error)[]>
  >()
})
