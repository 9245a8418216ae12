import {
  type AnySignature,
  Celeriac,
  chain,
  chord,
  type FailureReport,
  type Group,
  type GroupHandle,
  type GroupSignature,
  group,
  type HandleOf,
  type JobContext,
  type JobHandle,
  Signature,
  type Task,
} from '../../../src/index.ts'

// Compiled as a user's file by every TypeScript that users have, against the declarations of the package.

const app = new Celeriac({ database: '' })
const add = app.task('add', (x: number, y: number) => x + y)
const upper = app.task('upper', async (text: string) => text.toUpperCase())
const noop = app.task('noop', () => undefined)
const sum = app.task('sum', (numbers: readonly number[]) => numbers.length)
const merge = app.task('merge', ([n, text]: [number, string]) => n + text.length)
const fetch = app.task('fetch', (url: string, base?: string) => base + url)
const pad = app.task('pad', (text: string, width?: number) => text + width)
const join = app.task('join', (between: string, ...parts: string[]) => parts.join(between))
const report = app.task(
  'report',
  (failure: FailureReport, channel: string) => failure.error.message + channel,
)
const bound = app.task(
  'bound',
  { bind: true },
  (job: JobContext, path: string, size: number) => job.id + path + size,
)
const declared = app.declare<(path: string, size: number) => Promise<Date>>('declared')
const publish = app.task('publish', (parts: { art: string; size: number }) => parts.art)
const tolerant = app.task('tolerant', (values: (number | Error)[]) => values.length)

type Same<One, Other> =
  (<T>() => T extends One ? 1 : 2) extends <T>() => T extends Other ? 1 : 2 ? true : false
/** Compiles when the value is of exactly this type. */
function is<Expected>() {
  return <Actual>(_value: Actual, ..._proof: Same<Actual, Expected> extends true ? [] : [never]): void =>
    undefined
}

export const kept: readonly AnySignature[] = [add.s(2), upper.s('a'), group([add.s(1, 2)])]
export const asTask: Task<[x: number, y: number], number> = add

export async function signatures(): Promise<void> {
  // @ts-expect-error: proof that these lines prove something
  is<Signature<[], string>>()(add.s(2, 2))
  is<Signature<[], number>>()(add.s(2, 2))
  is<Signature<[x: number], number>>()(add.s(4))
  is<Signature<[x: number, y: number], number>>()(add.s())
  is<Signature<unknown[], number>>()(add.si(2, 2))
  is<Signature<[] | [url: string], string>>()(fetch.s('a'))
  is<Signature<[text: string], string>>()(pad.s(5))
  is<Signature<[], string>>()(pad.s('a'))
  is<Signature<[] | [between: string, ...parts: string[]], string>>()(join.s('a', 'b'))
  is<Signature<[path: string], string>>()(bound.s(1))
  is<Signature<[path: string], Date>>()(declared.s(1))
  is<Signature<[x: number], number>>()(add.with({ queue: 'a' }).s(4).with({ priority: 1 }).clone())
  is<Signature<unknown[], string[]>>()(upper.map(['a']))
  is<Signature<unknown[], (string | Error)[]>>()(upper.map(['a'], { allowFailures: true }))
  is<Signature<unknown[], number[]>>()(add.starmap([[1, 2]]))
  is<GroupSignature<unknown[], number[][]>>()(add.chunks([[1, 2]], 2))
  is<JobHandle<number>>()(await add.s(4).enqueue(2))
  is<number>()(await (await add.s(2, 2).enqueue()).result())
  is<Signature<[], number | null>>()(add.s(2, 2).optional(null))
  is<Signature<unknown[], unknown>>()(Signature.from('{}', app))
  is<JobHandle<number>>()(await app.enqueue(add.s(2), [2]))
}

export async function chains(): Promise<void> {
  is<Signature<[], number>>()(chain(add.s(2, 2), add.s(4), add.s(8)))
  is<Signature<[x: number], number>>()(chain(add.s(4), add.s(8)))
  is<Signature<[], string>>()(chain(add.s(2, 2), noop.si(), upper.si('a'), pad.s(), join.s('a')))
  is<Signature<[], number>>()(chain([add.s(2, 2), add.s(4)]))
  is<Signature<[x: number], number>>()(chain(new Set([add.s(4)])))
  is<Signature<[], number>>()(add.s(2, 2).pipe(add.s(4)).link(add.s(1)).linkError(report.s('ops')))
  is<GroupHandle<[number, number]>>()(await chain(add.s(1, 1), group([add.s(1), add.s(2)])).enqueue())
  is<Signature<[], number>>()(chain(group([add.s(1, 1), upper.s('a')]), merge.s(), add.s(1)))
}

export async function groups(): Promise<void> {
  is<Group<[], [number, string]>>()(group([add.s(1, 1), upper.s('a')]))
  is<Group<[x: number], [number, number]>>()(group(add.s(1), add.s(2)))
  is<Group<[], number[]>>()(group([1, 2].map((n) => add.s(n, n))))
  is<GroupSignature<[], { art: string; size: number }>>()(group({ art: upper.s('a'), size: add.s(1, 2) }))
  is<Group<[], [number, string, number]>>()(group([add.s(1, 1), group([upper.s('a'), add.s(1, 1)])]))
  is<GroupSignature<[], [number | Error]>>()(group([add.s(1, 1)], { allowFailures: true }))
  is<{ art: string }>()(await (await group({ art: upper.s('a') }).enqueue()).result())
  const settled = await (await group([add.s(1, 1)]).enqueue()).results({ settled: true })
  is<number>()(settled[0].ok ? settled[0].value : 0)
}

export async function chords(): Promise<void> {
  is<Signature<[], number>>()(chord([add.s(1, 1), add.s(2, 2)], sum.s()))
  is<Signature<[x: number], number>>()(
    chord(
      [1, 2].map((n) => add.s(n)),
      sum.s(),
    ),
  )
  is<Signature<[], string>>()(chord({ art: upper.s('a'), size: add.s(1, 2) }, publish.s()))
  is<Signature<[], number>>()(chord([add.s(1, 1)], tolerant.s(), { allowFailures: true }))
  is<GroupSignature<[], [number, number]>>()(chord(group([add.s(1, 1)]), group([sum.s(), sum.s()])))
  const handle: HandleOf<ReturnType<typeof nested>> = await nested().enqueue()
  is<GroupHandle<[string, number]>>()(handle)
}

function nested() {
  return chord(
    [
      chain(upper.s('a'), upper.s()),
      chord(
        [chain(add.s(1, 1), group([add.s(1), chord([add.s(2), add.s(3)], sum.s())])), add.s(2, 2)],
        noop.si(),
      ),
    ],
    group([upper.si('a'), chain(sum.si([]), add.s(1))]),
  )
}

export function long() {
  const step = add.s(1)
  return chain(
    chain(
      add.s(1, 1),
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
    ),
    chain(
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
    ),
    group([
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
      step,
    ]),
    sum.s(),
  )
}

export function misfits(): void {
  // @ts-expect-error: a number is no text
  chain(add.s(1, 2), upper.s())
  // @ts-expect-error: two parameters are open
  chain(add.s(1, 2), add.s())
  // @ts-expect-error: none is
  chain(add.s(1, 2), add.s(3, 4))
  // @ts-expect-error: a number is no text
  chain([add.s(1, 2), upper.s()])
  // @ts-expect-error: a number is no text
  add.s(1, 2).pipe(upper.s())
  // @ts-expect-error: a number is no text
  add.s(1, 2).link(upper.s())
  // @ts-expect-error: a report is no text
  add.s(1, 2).linkError(upper.s())
  // @ts-expect-error: two numbers are no number and text
  chord([add.s(1, 1), add.s(2, 2)], merge.s())
  // @ts-expect-error: one job is no group
  chord(add.s(1, 1), add.s(1))
  // @ts-expect-error: one takes a number, the other a text
  group([add.s(1), upper.s()])
  // @ts-expect-error: add needs two arguments
  add.map([1])
  // @ts-expect-error: x is open
  void add.s(4).enqueue()
  // @ts-expect-error: a task is no signature
  chain(add)
}
