import { refuseUnknown } from '../base/options.ts'
import type { TaskDefinition } from './definition.ts'
import { type HandlerOptions, resolveTaskOptions, type TaskOptions } from './options.ts'

type AnyFunction = (...args: never[]) => unknown

const DEFINE_KEYS_OF_HANDLER = ['bind', 'retryOn', 'giveUpOn', 'expected']

/**
 * Makes a definition of what `app.task` was given; without a handler, of what `app.declare` was.
 *
 * @throws {CeleriacError} `OPTION_…`
 */
export function definitionOf<Args extends readonly unknown[]>(
  name: string,
  options: TaskOptions<Args> & HandlerOptions,
  handler: AnyFunction | null,
  place: string,
): TaskDefinition {
  if (handler === null) {
    for (const key of DEFINE_KEYS_OF_HANDLER) {
      if (key in options)
        refuseUnknown(
          options,
          Object.keys(options).filter((known) => known !== key),
          'declare',
        )
    }
  }
  const resolved = resolveTaskOptions(options, name)
  const bound = options.bind === true
  const call = handler as ((...args: unknown[]) => unknown) | null
  return {
    name,
    options: resolved,
    given: new Set(Object.entries(options).flatMap(([key, value]) => (value === undefined ? [] : [key]))),
    schema: options.args ?? null,
    place,
    run: call === null ? null : bound ? (job, args) => call(job, ...args) : (_, args) => call(...args),
  }
}
