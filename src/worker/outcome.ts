import { type BackoffPolicy, backoffDelayMs } from '../base/backoff.ts'
import { CeleriacError, isCeleriacError } from '../base/errors.ts'
import { restoreError, type StoredError, serialiseThrown } from '../base/thrown.ts'
import type { Door } from '../task/door.ts'
import { JobControl } from '../task/job-control.ts'
import { matches } from '../task/matchers.ts'
import type { ResolvedTaskOptions } from '../task/options.ts'
import { type LimitMet, limitMet } from './limited.ts'

/** How an attempt ended, as a value; each kind is one case of `settle_jobs`. */
export type Outcome =
  /** `value` is JSON text; null for nothing. */
  | {
      readonly kind: 'succeeded'
      readonly value: string | null
      /** Members it adds to its group, as `add_members` takes them; null for none. */
      readonly added: string | null
    }
  /** It ends as another canvas does, which takes its place; `plan` as `replace_node` takes it. */
  | { readonly kind: 'replaced'; readonly plan: string }
  /** `delayMs` null: no further attempt. */
  | {
      readonly kind: 'errored'
      readonly error: StoredError
      readonly thrown: unknown
      readonly delayMs: number | null
      readonly expected: boolean
    }
  | { readonly kind: 'snoozed'; readonly delayMs: number }
  /** As snoozed; and nothing starts under these limits meanwhile. */
  | {
      readonly kind: 'limited'
      readonly delayMs: number
      readonly reason: string
      readonly hold: LimitMet['hold']
    }
  | { readonly kind: 'discarded'; readonly error: StoredError; readonly thrown: unknown }
  | { readonly kind: 'cancelled'; readonly reason: string }
  | { readonly kind: 'released' }
  /** Never begun: it has limits to pass yet. */
  | { readonly kind: 'held'; readonly door: Door }
  /** Succeeded and settled already, in a transaction of the handler's: nothing is sent. */
  | { readonly kind: 'settled'; readonly value: string | null; readonly listenedTo: boolean }

/** An outcome that the worker has to settle. */
export type OutcomeToSettle = Exclude<Outcome, { readonly kind: 'settled' }>

/** What deciding about a failure needs to know of the attempt. */
export interface FailedAttempt {
  readonly jobId: string
  readonly task: string
  /** What it has passed; null where nothing limits it. */
  readonly door: Door | null
  /** Number of the attempt among those that are charged. */
  readonly charged: number
  readonly maxAttempts: number
  readonly backoff: BackoffPolicy
  readonly options: ResolvedTaskOptions
}

/** Turns whatever a handler threw into an outcome. Whether attempts are left is for SQL to say. */
export function outcomeOf(thrown: unknown, attempt: FailedAttempt): OutcomeToSettle {
  if (thrown instanceof JobControl) return outcomeOfControl(thrown, attempt)
  const limit = limitMet(thrown, attempt.task, attempt.door)
  if (limit !== null)
    return { kind: 'limited', delayMs: limit.waitMs, reason: limit.reason, hold: limit.hold }
  return {
    kind: 'errored',
    error: serialiseThrown(thrown),
    thrown,
    delayMs: isFinal(thrown, attempt.options) ? null : delayOf(thrown, attempt),
    expected: isExpected(thrown, attempt.options),
  }
}

function outcomeOfControl(control: JobControl, attempt: FailedAttempt): OutcomeToSettle {
  if (control.kind === 'replace') return { kind: 'replaced', plan: control.plan }
  if (control.kind === 'snooze') return { kind: 'snoozed', delayMs: control.delayMs ?? 0 }
  if (control.kind === 'discard') {
    const thrown = new CeleriacError('JOB_DISCARDED', { jobId: attempt.jobId, reason: control.reason })
    return { kind: 'discarded', error: withoutStack(thrown), thrown }
  }
  const asked = new CeleriacError('RETRIES_EXHAUSTED', {
    jobId: attempt.jobId,
    maxAttempts: attempt.maxAttempts,
  })
  const exhausted = attempt.charged >= attempt.maxAttempts
  const reason = control.reason === '' ? 'the handler asked for another attempt' : control.reason
  return {
    kind: 'errored',
    error: exhausted
      ? {
          ...withoutStack(asked),
          ...(control.reason !== '' && { cause: { name: 'RetryRequested', message: reason } }),
        }
      : { name: 'RetryRequested', message: reason },
    thrown: exhausted ? asked : control,
    delayMs: control.delayMs ?? delayOf(control, attempt),
    expected: !exhausted,
  }
}

const LOOKED_AT = ['name', 'message', 'stack', 'code', 'cause']

/**
 * What a handler threw; or, when looking at it throws, a plain error that says the same, so that matchers, listeners
 * and logs can look at it without care.
 */
export function harmless(thrown: unknown): unknown {
  if (typeof thrown !== 'object' || thrown === null) return thrown
  try {
    if (thrown instanceof Error) for (const key of LOOKED_AT) Reflect.get(thrown, key)
    return thrown
  } catch {
    return restoreError(serialiseThrown(thrown))
  }
}

/** Errors that another attempt would meet again. */
const FINAL_CODES = new Set([
  'PERMANENT',
  'ARGS_REJECTED',
  'DECODE_FAILED',
  'RESULT_SIZE',
  'CODEC_FAILED',
  'CANVAS_EMPTY',
  'CANVAS_INVALID',
  'CHORD_MISSING',
  'INPUT_MISSING',
  'INPUT_SIZE',
  'REPLACED_TOO_OFTEN',
  'LIMIT_KEY',
  'LIMIT_COST',
])

function isFinal(thrown: unknown, options: ResolvedTaskOptions): boolean {
  if (isCeleriacError(thrown) && (FINAL_CODES.has(thrown.code) || thrown.code.startsWith('JSON_')))
    return true
  if (asks(options.giveUpOn, thrown)) return true
  return options.retryOn !== null && !asks(options.retryOn, thrown)
}

function isExpected(thrown: unknown, options: ResolvedTaskOptions): boolean {
  return asks(options.expected, thrown)
}

/** A matcher of the user's that throws knows nothing about the error; the error stays the one to report. */
function asks(list: ResolvedTaskOptions['giveUpOn'], thrown: unknown): boolean {
  try {
    return matches(list, thrown)
  } catch {
    return false
  }
}

function delayOf(thrown: unknown, attempt: FailedAttempt): number | null {
  try {
    return backoffDelayMs(attempt.backoff, Math.max(1, attempt.charged), thrown)
  } catch {
    // The user's backoff function failed: the job must not stay with it.
    return 1_000
  }
}

function withoutStack(error: CeleriacError): StoredError {
  const { stack: _, ...stored } = serialiseThrown(error)
  return stored
}
