import { expectTypeOf, test } from 'vitest'
import {
  type AnySignature,
  Celeriac,
  chain,
  type FailureReport,
  type GroupHandle,
  type GroupSignature,
  group,
  type HandleOf,
  type JobHandle,
  type OpenOf,
  type ResultOf,
  Signature,
} from '../../src/index.ts'

const app = new Celeriac({ database: '' })
const add = app.task('add', (x: number, y: number) => x + y)
const upper = app.task('upper', async (text: string) => text.toUpperCase())
const noop = app.task('noop', () => undefined)
const sum = app.task('sum', (numbers: readonly number[]) => numbers.length)
const pad = app.task('pad', (text: string, width?: number) => text + width)
const join = app.task('join', (between: string, ...parts: string[]) => parts.join(between))
const resize = app.task(
  'resize',
  (art: { url: string }, size: number, density: 1 | 2) => `${art.url}${size}${density}`,
)
const extract = app.task('extract', (file: string) => ({ url: file, title: 'x' }))
const report = app.task('report', (failure: FailureReport, channel: string) => channel + failure.jobId)

test('C-76 a chain gives what its last step gives', () => {
  const three = chain(add.s(2, 2), add.s(4), add.s(8))
  expectTypeOf(three).toEqualTypeOf<Signature<[], number>>()
  expectTypeOf(three.enqueue()).toEqualTypeOf<Promise<JobHandle<number>>>()
  expectTypeOf(chain(upper.s('a'))).toEqualTypeOf<Signature<[], string>>()
  expectTypeOf(chain(extract.s('a'), resize.s(100, 2), upper.s())).toEqualTypeOf<Signature<[], string>>()
})

test('C-33 what its first step leaves open, the chain leaves open', () => {
  const open = chain(add.s(4), add.s(8))
  expectTypeOf(open).toEqualTypeOf<Signature<[x: number], number>>()
  expectTypeOf(chain(add.s(), add.s(8))).toEqualTypeOf<Signature<[x: number, y: number], number>>()
  void (() => open.enqueue(1))
  // @ts-expect-error: x is open
  void (() => open.enqueue())
  expectTypeOf(chain(add.s(1, 1), open, open)).toEqualTypeOf<Signature<[], number>>()
})

test('a step accepts what the step before it returns', () => {
  // @ts-expect-error: a number is no text
  void (() => chain(add.s(1, 2), upper.s()))
  // @ts-expect-error: neither is it in the middle
  void (() => chain(upper.s('a'), add.s(1), upper.s()))
  // @ts-expect-error: a value without a url
  void (() => chain(upper.s('a'), resize.s(100, 2)))
  // @ts-expect-error: undefined is no number
  void (() => chain(noop.s(), add.s(1)))
})

test('a step has one open parameter, or is immutable', () => {
  // @ts-expect-error: two are open
  void (() => chain(add.s(1, 2), add.s()))
  // @ts-expect-error: none is open, and the value would shift the others
  void (() => chain(add.s(1, 2), add.s(3, 4)))
  // @ts-expect-error: it takes none
  void (() => chain(add.s(1, 2), noop.s()))
  expectTypeOf(chain(add.s(1, 2), add.si(3, 4), noop.si())).toEqualTypeOf<Signature<[], undefined>>()
})

test('a step may have optional and rest parameters behind the one that is filled', () => {
  expectTypeOf(chain(upper.s('a'), pad.s())).toEqualTypeOf<Signature<[], string>>()
  expectTypeOf(chain(upper.s('a'), pad.s(5))).toEqualTypeOf<Signature<[], string>>()
  expectTypeOf(chain(upper.s('a'), join.s())).toEqualTypeOf<Signature<[], string>>()
  expectTypeOf(chain(upper.s('a'), join.s('b', 'c'))).toEqualTypeOf<Signature<[], string>>()
  // @ts-expect-error: all of it is given
  void (() => chain(upper.s('a'), pad.s('b', 5)))
})

test('C-31 steps come one by one, in a list, or from an iterable', () => {
  expectTypeOf(chain([add.s(2, 2), add.s(4), upper.si('a')])).toEqualTypeOf<Signature<[], string>>()
  // @ts-expect-error: a number is no text
  void (() => chain([add.s(1, 2), upper.s()]))
  function* steps() {
    yield add.s(1)
    yield add.s(2)
  }
  expectTypeOf(chain(steps())).toEqualTypeOf<Signature<[x: number], number>>()
  const list = [1, 2, 3].map((n) => add.s(n))
  expectTypeOf(chain(list)).toEqualTypeOf<Signature<[x: number], number>>()
  expectTypeOf(chain(...(list as [(typeof list)[number]]))).toEqualTypeOf<Signature<[x: number], number>>()
  expectTypeOf(chain(add.s(1, 2), ...list)).toEqualTypeOf<Signature<[], number>>()
  // @ts-expect-error: none of them takes what the others return
  void (() => chain([1, 2].map(() => extract.s())))
  // @ts-expect-error: a task is no signature yet
  void (() => chain(add))
  // @ts-expect-error: an empty chain
  void (() => chain())
})

test('C-131 a step after a group takes the tuple of what its members give', () => {
  const both = group([add.s(1, 1), add.s(2, 2)])
  expectTypeOf(chain(both, sum.s(), add.s(3))).toEqualTypeOf<Signature<[], number>>()
  const merge = app.task('merge', ([n, text]: [number, string]) => n + text.length)
  expectTypeOf(chain(group([add.s(1, 1), upper.s('a')]), merge.s())).toEqualTypeOf<Signature<[], number>>()
  // @ts-expect-error: two numbers are no number and text
  void (() => chain(both, merge.s()))
  // @ts-expect-error: nor a number
  void (() => chain(both, add.s(1)))
})

test('a chain that ends in a group gives a handle to the group', () => {
  const split = chain(add.s(1, 1), group([add.s(1), add.s(2)]))
  expectTypeOf(split).toEqualTypeOf<GroupSignature<[], [number, number]>>()
  expectTypeOf(split.enqueue()).toEqualTypeOf<Promise<GroupHandle<[number, number]>>>()
  expectTypeOf(chain(group([add.s(1, 2)]))).toEqualTypeOf<GroupSignature<[], [number]>>()
  expectTypeOf(chain(group([add.s(1, 2)]), group([sum.s(), sum.s()]))).toEqualTypeOf<
    GroupSignature<[], [number, number]>
  >()
})

test('C-20 pipe is a chain of two', () => {
  expectTypeOf(add.s(2).pipe(add.s(3))).toEqualTypeOf<Signature<[x: number], number>>()
  expectTypeOf(add.s(2, 2).pipe(group([add.s(1), upper.si('a')]))).toEqualTypeOf<
    GroupSignature<[], [number, string]>
  >()
  // @ts-expect-error: a number is no text
  void (() => add.s(2, 2).pipe(upper.s()))
})

test('C-41 a callback accepts the value, and changes no type', () => {
  const linked = add.s(2).link(add.s(10))
  expectTypeOf(linked).toEqualTypeOf<Signature<[x: number], number>>()
  expectTypeOf(chain(add.s(1, 2), linked)).toEqualTypeOf<Signature<[], number>>()
  void (() => add.s(1, 2).link(chain(add.s(1), group([add.s(1), noop.si()]))))
  // @ts-expect-error: a number is no text
  void (() => add.s(2, 2).link(upper.s()))
  // @ts-expect-error: one of the two stays open
  void (() => add.s(2, 2).link(add.s()))
})

test('C-56 an error handler takes a report of the failure first', () => {
  expectTypeOf(add.s(2).linkError(report.s('ops'))).toEqualTypeOf<Signature<[x: number], number>>()
  expectTypeOf(chain(add.s(2, 2), add.s(1)).onError(report.s('ops'))).toEqualTypeOf<Signature<[], number>>()
  void (() => add.s(2).linkError(noop.si()))
  // @ts-expect-error: a report is no text
  void (() => add.s(2).linkError(upper.s()))
  // @ts-expect-error: nobody says which channel
  void (() => add.s(2).linkError(report.s()))
})

test('a step that is optional gives its value or what stands for it', () => {
  expectTypeOf(add.s(2, 2).optional(null)).toEqualTypeOf<Signature<[], number | null>>()
  // @ts-expect-error: null is no number
  void (() => chain(add.s(2, 2).optional(null), add.s(1)))
  expectTypeOf(chain(add.s(2, 2).optional(0), add.s(1))).toEqualTypeOf<Signature<[], number>>()
  expectTypeOf(group([add.s(1, 1)]).optional('none')).toEqualTypeOf<Signature<[], [number] | string>>()
})

test('C-11 options change no type; tx is one of them', () => {
  expectTypeOf(add.s(2).with({ queue: 'a' })).toEqualTypeOf<Signature<[x: number], number>>()
  void (() =>
    add
      .s(2)
      .with({ tx: async () => [] })
      .enqueue(1))
  // @ts-expect-error: no such option
  void (() => add.s(2).with({ que: 'a' }))
})

test('C-12 a clone has the same types; with its open parameters it is complete', () => {
  expectTypeOf(add.s(2).clone()).toEqualTypeOf<Signature<[x: number], number>>()
  expectTypeOf(add.s(2).clone(4)).toEqualTypeOf<Signature<[], number>>()
  // @ts-expect-error: x is a number
  void (() => add.s(2).clone('a'))
})

test('C-17 what is read from JSON has the types that are told', () => {
  expectTypeOf(Signature.from('{}')).toEqualTypeOf<Signature<unknown[], unknown>>()
  expectTypeOf(Signature.from<Signature<[x: number], number>>({}, app)).toEqualTypeOf<
    Signature<[x: number], number>
  >()
  // @ts-expect-error: it may give anything
  void (() => chain(Signature.from({}), add.s(1)))
})

test('C-19 app.enqueue takes a signature and what is open', () => {
  expectTypeOf(app.enqueue(add.s(2, 2))).toEqualTypeOf<Promise<JobHandle<number>>>()
  expectTypeOf(app.enqueue(add.s(2), [2])).toEqualTypeOf<Promise<JobHandle<number>>>()
  expectTypeOf(app.enqueue(add.s(2), [2], { queue: 'a' })).toEqualTypeOf<Promise<JobHandle<number>>>()
  expectTypeOf(app.enqueue(group([add.s(2, 2)]))).toEqualTypeOf<Promise<GroupHandle<[number]>>>()
  expectTypeOf(app.enqueue<string>('add', [2, 3])).toEqualTypeOf<Promise<JobHandle<string>>>()
  expectTypeOf(app.enqueue(Signature.from('{}'), [1])).toEqualTypeOf<Promise<JobHandle<unknown>>>()
  void ((any: AnySignature) => {
    expectTypeOf(app.enqueue(any)).toEqualTypeOf<Promise<JobHandle<unknown> | GroupHandle<unknown>>>()
    expectTypeOf(app.enqueue(any, [1])).toEqualTypeOf<Promise<JobHandle<unknown> | GroupHandle<unknown>>>()
  })
  // @ts-expect-error: x is open
  void (() => app.enqueue(add.s(2)))
  // @ts-expect-error: x is a number
  void (() => app.enqueue(add.s(2), ['a']))
})

test('C-189 a handler gives its place, and adds to its group, only what is complete', () => {
  app.task('spawns', { bind: true }, async (job, n: number): Promise<number> => {
    expectTypeOf(job.enqueueChild(add.s(n, 1))).toEqualTypeOf<Promise<JobHandle<number>>>()
    expectTypeOf(job.enqueueChild(group([add.s(n, 1)]))).toEqualTypeOf<Promise<GroupHandle<[number]>>>()
    job.addToChord(chain(add.s(n, 1), add.s(2)))
    // @ts-expect-error: x is open
    void (() => job.enqueueChild(add.s(1)))
    // @ts-expect-error: x is open
    void (() => job.addToChord(add.s(1)))
    // @ts-expect-error: x is open
    void (() => job.replace(add.s(1)))
    // @ts-expect-error: a task is no signature
    void (() => job.replace(add))
    return job.replace(group([add.s(n, 1), add.s(n, 2)]).pipe(sum.s()))
  })
})

test('a signature is never thenable', () => {
  expectTypeOf<Signature>().not.toHaveProperty('then')
  expectTypeOf<GroupSignature>().not.toHaveProperty('then')
})

test('the types of a signature can be asked for', () => {
  const open = add.s(2)
  expectTypeOf<OpenOf<typeof open>>().toEqualTypeOf<[x: number]>()
  expectTypeOf<ResultOf<typeof open>>().toEqualTypeOf<number>()
  expectTypeOf<HandleOf<typeof open>>().toEqualTypeOf<JobHandle<number>>()
})

test('a signature fits where one of its kind is asked for', () => {
  const complete: Signature[] = [add.s(1, 2), upper.s('a'), add.si(1, 2), chain(add.s(1, 2), add.s(3))]
  expectTypeOf(group(complete).enqueue()).toEqualTypeOf<Promise<GroupHandle<unknown[]>>>()
  const open: Signature<[number], unknown>[] = [add.s(1), add.si(1, 2)]
  expectTypeOf(open).not.toBeAny()
  // @ts-expect-error: x is open
  const incomplete: Signature = add.s(1)
  expectTypeOf(incomplete).not.toBeAny()
})
