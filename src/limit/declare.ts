import type { TaskDefinition } from '../task/definition.ts'
import type { LimitSettings } from '../task/limits.ts'
import type { AppLimits } from './app-limits.ts'

/** What one process declares. */
export interface Declaration {
  readonly limits: readonly { readonly name: string; readonly settings: Partial<LimitSettings> }[]
  /** Whose limits these are all: one that is stored as declared and not among them is taken back. */
  readonly owners: readonly string[]
  /** Limits that stand alone and that its tasks use; somebody has to say how much they grant. */
  readonly used: readonly string[]
}

/** The limits that a worker with these tasks declares; by name, each once. */
export function declarationOf(tasks: readonly TaskDefinition[], app: AppLimits): Declaration {
  const own = [
    ...tasks.flatMap(({ options }) => options.limits?.limits ?? []),
    ...[...app.queues.values()].flat(),
  ]
  const limits = new Map<string, Partial<LimitSettings>>(app.named)
  for (const { name, settings } of own) if (settings !== null) limits.set(name, settings)
  const used = own.filter(({ settings }) => settings === null).map(({ name }) => name)
  return {
    limits: [...limits]
      .map(([name, settings]) => ({ name, settings }))
      .toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    owners: [
      ...tasks.map(({ name }) => `task:${name}`),
      ...[...app.queues.keys()].map((queue) => `queue:${queue}`),
    ],
    used: [...new Set(used)].toSorted(),
  }
}
