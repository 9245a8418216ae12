import { type Codec, decodeArgs } from '../base/json.ts'
import type { Routes } from '../job/routes.ts'
import type { TaskDefinition } from '../task/definition.ts'
import type { CallOptions } from '../task/options.ts'

/** Which schedule a job is of, as its row keeps it: name and instant in ms since 1970. */
export type ScheduleStamp = readonly [name: string, at: number]

/** How shapes are made. */
export interface ShapeMaker {
  readonly routes: Routes
  readonly codec: Codec | undefined
}

/** What a scheduled job is made of. */
export interface ScheduledCall {
  readonly task: TaskDefinition
  /** Options of the schedule. */
  readonly options: object
  /** As they are stored. */
  readonly args: unknown
  readonly stamp: ScheduleStamp
  /** By how much later than now it is due. */
  readonly lateMs: number
}

/**
 * What a job of a schedule is like, as `enqueue_jobs` reads it. Routes see it as they see any call.
 *
 * @throws {CeleriacError} `OPTION_…`: rows can be written by hand; what routes throw
 */
export function scheduledShape(
  { task, options, args, stamp, lateMs }: ScheduledCall,
  { routes, codec }: ShapeMaker,
): { readonly queue: string } {
  const call: CallOptions = options
  const shapes = routes.shapesOf(task, call)
  const { text } = typeof shapes === 'function' ? shapes(decodeArgs(args, codec)) : shapes
  const shape = JSON.parse(text)
  const delayMs = (shape.delayMs ?? 0) + lateMs
  return {
    ...shape,
    ...(delayMs > 0 && { delayMs }),
    givenId: undefined,
    options: { ...shape.options, schedule: stamp },
  }
}
