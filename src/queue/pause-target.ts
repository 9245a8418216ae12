import { type Duration, toMs } from '../base/duration.ts'
import { CeleriacError } from '../base/errors.ts'
import { assertQueueName, assertTaskName } from '../base/names.ts'
import { instant, labels, refuseUnknown, text } from '../base/options.ts'
import { preview } from '../base/text.ts'
import type { PauseKind, PauseTerms } from '../db/calls/queue.ts'

/**
 * What to pause: a queue by its name, a task, all jobs with a label, or those under one key of a limit.
 */
export type PauseTarget =
  | string
  | { readonly task: string }
  | { readonly label: Readonly<Record<string, string>> }
  | { readonly limit: string; readonly key: string }

/** Why to pause, and for how long; without an end, until it is resumed. */
export interface PauseOptions {
  /** For people: whoever finds it paused reads this. */
  readonly reason?: string
  /** Resumes by itself after this long, by the database's clock. Not together with `until`. */
  readonly for?: Duration
  /** Resumes by itself at this instant. Not together with `for`. */
  readonly until?: Date | string | number
}

/** What a target is in the database. */
export type Place =
  | { readonly kind: PauseKind; readonly name: string }
  | { readonly kind: 'key'; readonly limit: string; readonly key: string }

/** @throws {CeleriacError} `OPTION_…`, `QUEUE_NAME_INVALID` or `NAME_INVALID` */
export function placeOf(target: PauseTarget): Place {
  if (typeof target === 'string') return { kind: 'queue', name: assertQueueName(target) }
  refuseUnknown(target, ['task', 'label', 'limit', 'key'], 'pause')
  if ('task' in target) return { kind: 'task', name: assertTaskName(target.task) }
  if ('label' in target) return { kind: 'label', name: labelName(target.label) }
  return { kind: 'key', limit: text(target.limit, 'limit', 400), key: text(target.key, 'key', 1_000) }
}

function labelName(label: Readonly<Record<string, string>>): string {
  const entries = Object.entries(labels(label, 'label'))
  const [first] = entries
  const problem =
    first === undefined || entries.length > 1
      ? 'must be one label, such as { tenant: "acme" }'
      : first[0].includes('=')
        ? 'has a name with "=", which cannot be told from its value'
        : null
  if (first !== undefined && problem === null) return first.join('=')
  throw new CeleriacError('OPTION_INVALID', { option: 'label', problem: `${problem}; got ${preview(label)}` })
}

/** @throws {CeleriacError} `OPTION_…` */
export function termsOf(options: PauseOptions): PauseTerms {
  refuseUnknown(options, ['reason', 'for', 'until'], 'pause')
  if (options.for !== undefined && options.until !== undefined)
    throw new CeleriacError('OPTION_CONFLICT', { option: 'for', other: 'until' })
  return {
    reason: options.reason === undefined ? null : text(options.reason, 'reason', 2_000),
    forMs: options.for === undefined ? null : toMs(options.for, 'for', { min: 1 }),
    until: options.until === undefined ? null : instant(options.until, 'until'),
  }
}
