import type { EnqueueContext } from '../job/task.ts'
import type { TaskDefinition } from '../task/definition.ts'
import type { Registry } from '../task/registry.ts'

/** What a signature needs of its app to be enqueued. */
export interface CanvasBinding {
  readonly context: EnqueueContext
  readonly registry: Registry
  /** The task of a name; one that nobody has defined or declared here has the default options. */
  readonly definition: (name: string) => TaskDefinition
}

const bindings = new WeakMap<object, CanvasBinding>()

/** Lets an app be named wherever a signature needs one, without showing what it is made of. */
export function bindApp(app: object, binding: CanvasBinding): void {
  bindings.set(app, binding)
}

/** The binding of an app, or undefined for anything else. */
export function bindingOf(app: object): CanvasBinding | undefined {
  return bindings.get(app)
}
