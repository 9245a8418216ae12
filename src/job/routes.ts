import type { TaskDefinition } from '../task/definition.ts'
import type { CallOptions } from '../task/options.ts'
import type { Shape } from './shape.ts'

/** How calls are stored: one shape for all of them, or one for each list of args, where a route asks for these. */
export type Shapes = Shape | ((args: readonly unknown[]) => Shape)

/** Fills in what calls and their tasks leave open; see `src/queue/routes.ts`. */
export interface Routes {
  /** Where a job stands that nothing says more of. */
  readonly defaultQueue: string
  /**
   * Decides for all calls of a task with these options.
   *
   * @throws {CeleriacError} `OPTION_…`, `QUEUE_…`; the function it returns also `ROUTE_FAILED`
   */
  readonly shapesOf: (task: TaskDefinition, options: CallOptions) => Shapes
}
