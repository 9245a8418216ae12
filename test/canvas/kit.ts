import type { SignatureData } from '../../src/canvas/data.ts'
import { chain, chord, type GroupHandle, group, type JobHandle } from '../../src/index.ts'
import type { Tasks } from './tasks.ts'

/*
 * The builders as tables of cases use them: without their types. A table holds canvases of every shape; that shapes
 * which do not fit are refused by the compiler is what the type tests prove.
 */

/** A handle of either kind; what only groups have is left out for jobs. */
export type AnyHandle = JobHandle &
  Partial<Pick<GroupHandle, 'results' | 'completedCount' | 'members' | 'stream'>>

/** Any canvas. */
export interface Canvas {
  enqueue(...args: unknown[]): Promise<AnyHandle>
  with(options: object): Canvas
  link(next: Canvas): Canvas
  linkError(handler: Canvas): Canvas
  onError(handler: Canvas): Canvas
  pipe(next: Canvas): Canvas
  optional(value: unknown): Canvas
  clone(...args: unknown[]): Canvas
  readonly data: SignatureData
  toJSON(): unknown
}

/** A task that makes canvases of any arguments. */
export interface AnyTask {
  s(...args: unknown[]): Canvas
  si(...args: unknown[]): Canvas
  map(items: Iterable<unknown>, options?: object): Canvas
  starmap(items: Iterable<readonly unknown[]>, options?: object): Canvas
  chunks(items: Iterable<readonly unknown[]>, size: number): Canvas
}

/** All tasks, and what makes canvases of them. */
export type Kit = { readonly [Name in keyof Tasks]: AnyTask } & {
  chain(...steps: Canvas[]): Canvas
  group(members: Iterable<Canvas> | Readonly<Record<string, Canvas>>, options?: object): Canvas
  chord(
    header: Iterable<Canvas> | Readonly<Record<string, Canvas>> | Canvas,
    body: Canvas,
    options?: object,
  ): Canvas
}

/** The kit of a lane. */
export function kitOf(tasks: Tasks): Kit {
  return { ...tasks, chain, group, chord } as unknown as Kit
}

/** Numbers from 0 on. */
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

/** The same some times over. */
export const times = <Item>(count: number, item: Item): Item[] => upTo(count).map(() => item)
