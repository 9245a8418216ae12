import type { EnqueueContext } from '../job/task.ts'
import type { TaskDefinition } from '../task/definition.ts'
import type { EveryOptions } from '../task/every.ts'
import type { Registry } from '../task/registry.ts'

/** What a signature needs of its app to be enqueued. */
export interface CanvasBinding {
  readonly context: EnqueueContext
  readonly registry: Registry
  /** The task of a name; one that nobody has defined or declared here has the default options. */
  readonly definition: (name: string) => TaskDefinition
  /** Declares a schedule of a task. @param callee - the function that users called */
  readonly every: (
    task: string,
    options: EveryOptions<readonly unknown[]>,
    callee: (...args: never[]) => unknown,
  ) => void
}

const bindings = new WeakMap<object, CanvasBinding>()
/** Those of apps that are open; whoever forgets to stop an app does not keep it here. */
const open = new Set<WeakRef<CanvasBinding>>()

/** Lets an app be named wherever a signature needs one, without showing what it is made of. */
export function bindApp(app: object, binding: CanvasBinding): void {
  bindings.set(app, binding)
  open.add(new WeakRef(binding))
}

/** Ends what {@link bindApp} began. */
export function releaseApp(app: object): void {
  const binding = bindings.get(app)
  for (const one of open) if (one.deref() === binding || one.deref() === undefined) open.delete(one)
}

/** The binding of an app, or undefined for anything else. */
export function bindingOf(app: object): CanvasBinding | undefined {
  return bindings.get(app)
}

/** The binding of the one app that is open in this process; undefined when there are several, or none. */
export function onlyBinding(): CanvasBinding | undefined {
  const all = [...open].flatMap((one) => one.deref() ?? [])
  return all.length === 1 ? all[0] : undefined
}
