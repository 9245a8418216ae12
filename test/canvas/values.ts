import { expect, test } from 'vitest'
import type { AnySignature } from '../../src/index.ts'
import { type Behaviour, evaluate, type Ran } from './evaluate.ts'
import type { Lane } from './harness.ts'
import { type AnyHandle, type Canvas, type Kit, kitOf } from './kit.ts'
import { assertQuiescent } from './quiescence.ts'
import { digest, type Nested, type Script, xsum } from './tasks.ts'

/** A canvas and the value it must give: with its number and what it is about, and the arguments of the call. */
export type Case = readonly [
  title: string,
  build: (kit: Kit) => Canvas,
  value: unknown,
  args?: readonly unknown[],
]

/** A test of each case: its value, by the workers and by the evaluator, and that it comes to rest. */
export function eachCase(lane: Lane, cases: readonly Case[]): void {
  test.for(cases)('%s', async ([, build, value, args = []]) => {
    const signature = build(kitOf(lane.tasks))
    const { data } = signature
    if (isPure(data)) expect(evaluate(data, PURE, args).end, 'by the evaluator').toEqual({ ok: true, value })
    const handle = await start(lane, signature, args)
    expect(await resultOf(handle)).toEqual(value)
    await assertQuiescent(lane.database, handle.workflow.id)
  })
}

/** Enqueues a canvas; in the name of the app, which a canvas without any task knows nothing of. */
export async function start(lane: Lane, canvas: Canvas, args: readonly unknown[] = []): Promise<AnyHandle> {
  const signature = canvas as unknown as AnySignature
  return (await lane.app.enqueue(signature, args as never)) as unknown as AnyHandle
}

/** What a canvas gives, of either kind of handle. */
export function resultOf(handle: AnyHandle): Promise<unknown> {
  return handle.result({ timeout: '15s' })
}

/** Tasks that make a value of their args and nothing else. */
const FUNCTIONS: Readonly<Record<string, (...args: never[]) => unknown>> = {
  add: (x: number, y: number) => x + y,
  sub: (x: number, y: number) => x - y,
  mul: (x: number, y: number) => x * y,
  ident: (x: unknown) => x,
  tsum: (list: readonly number[]) => list.reduce((sum, item) => sum + item, 0),
  xsum: (list: Nested) => xsum(list),
  noop: () => undefined,
  concat: (a: readonly unknown[], b: readonly unknown[]) => [...a, ...b],
  retryN: (...args: unknown[]) => args.at(-1),
  echo: (_key: unknown, message: unknown) => message,
}

/** The behaviour of the fixture tasks, for the evaluator. */
export const PURE: Behaviour = {
  run: (task, args): Ran => {
    const run = FUNCTIONS[task]
    return run === undefined ? { ok: false } : { ok: true, value: run(...(args as never[])) }
  },
  keyOf: () => null,
  cancelled: () => false,
}

/** The behaviour of scripted steps, for the evaluator; keys are those of the scripts. */
export function scripted(cancelled: ReadonlySet<string>): Behaviour {
  const scriptOf = (args: readonly unknown[]): Script => args.at(-1) as Script
  return {
    run: (_, args) => {
      const { key, fails } = scriptOf(args)
      return fails === true ? { ok: false } : { ok: true, value: digest(key, args.slice(0, -1)) }
    },
    keyOf: (node) => (node.kind === 'task' ? scriptOf(node.args).key : null),
    cancelled: (node) => node.kind === 'task' && cancelled.has(scriptOf(node.args).key),
  }
}

/** Whether the evaluator knows all tasks of a canvas. */
function isPure(data: unknown): boolean {
  if (typeof data !== 'object' || data === null) return true
  if ('task' in data && typeof data.task === 'string' && !(data.task in FUNCTIONS)) return false
  return Object.values(data).every(isPure)
}
