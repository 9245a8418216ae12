import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { TaskDefinition } from './definition.ts'

/** What a schema says of args; `value` is what the handler gets. */
export type ArgsCheck =
  | { readonly value: readonly unknown[]; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaV1.Issue[] }

/** Checks args against the task's schema; resolves at once when it has none. */
export async function validateArgs(task: TaskDefinition, args: readonly unknown[]): Promise<ArgsCheck> {
  if (task.schema === null) return { value: args }
  const outcome = await task.schema['~standard'].validate(args)
  if (outcome.issues !== undefined) return { issues: outcome.issues }
  return { value: Array.isArray(outcome.value) ? outcome.value : args }
}

/** Issues as one text: `$[0].to: expected string; …`. */
export function issuesText(issues: readonly StandardSchemaV1.Issue[]): string {
  return issues.map((issue) => `${pathOf(issue)}: ${issue.message}`).join('; ')
}

function pathOf(issue: StandardSchemaV1.Issue): string {
  const keys = (issue.path ?? []).map((part) => (typeof part === 'object' ? part.key : part))
  return keys.reduce<string>(
    (path, key) => path + (typeof key === 'number' ? `[${key}]` : `.${String(key)}`),
    '$',
  )
}
