import { type BackoffPolicy, backoffFromJson } from '../base/backoff.ts'
import { formatMs } from '../base/duration.ts'
import { CeleriacError, isCeleriacError, JobCancelledError } from '../base/errors.ts'
import { type Codec, decodeArgs } from '../base/json.ts'
import { serialiseThrown } from '../base/thrown.ts'
import { jobStorage } from '../task/current-job.ts'
import type { Door } from '../task/door.ts'
import { issuesText, validateArgs } from '../task/schema.ts'
import type { Attempt } from './attempt.ts'
import type { Completion } from './completion.ts'
import { eachOf } from './each.ts'
import { encodeValue } from './encode-value.ts'
import type { Inputs } from './inputs.ts'
import { type Middleware, wrap } from './middleware.ts'
import { harmless, type Outcome, type OutcomeToSettle, outcomeOf } from './outcome.ts'
import { after } from './timer.ts'

/** What running handlers needs of the app. */
export interface ExecuteContext {
  readonly codec: Codec | undefined
  readonly maxResultBytes: number
  readonly middleware: readonly Middleware[]
  /** How long a cancelled handler may go on before the job is settled without it. */
  readonly abortGraceMs: number
  /** What a node takes from its parents. */
  readonly inputs: Inputs
}

/** Gets the outcome of an attempt, once; maybe before `execute` returns. */
export type Done = (attempt: Attempt, outcome: Outcome) => void

/**
 * Calls the handler of an attempt and turns its end into an outcome.
 *
 * Most handlers need nothing but the call: no promise, timer or controller is made for those.
 *
 * @param tagged - whether the stored args may hold tagged values
 */
export function execute(attempt: Attempt, tagged: boolean, context: ExecuteContext, done: Done): void {
  attempt.startedAt = performance.now()
  startTimers(attempt, done)
  const succeed = (value: unknown): void => {
    if (attempt.completion !== null) void conclude(attempt, attempt.completion, { value }, context, done)
    else finish(attempt, success(attempt, value, context), done)
  }
  const fail = (thrown: unknown): void => {
    if (attempt.completion !== null) void conclude(attempt, attempt.completion, { thrown }, context, done)
    else finish(attempt, failure(attempt, harmless(thrown)), done)
  }
  try {
    const value = attempt.takesInput
      ? callWithInput(attempt, tagged, context)
      : callStored(attempt, [], tagged, context)
    if (isThenable(value)) value.then(succeed, fail)
    else succeed(value)
  } catch (error) {
    fail(error)
  }
}

async function callWithInput(attempt: Attempt, tagged: boolean, context: ExecuteContext): Promise<unknown> {
  const input = await attempt.readInput(context.inputs)
  return attempt.ended ? undefined : callStored(attempt, [input], tagged, context)
}

/** @param input - what goes in front of the stored args */
function callStored(
  attempt: Attempt,
  input: readonly unknown[],
  tagged: boolean,
  context: ExecuteContext,
): unknown {
  const stored = readArgs(attempt, tagged, context.codec)
  attempt.args = input.length === 0 ? stored : [...input, ...stored]
  return attempt.definition.schema === null || attempt.each !== null
    ? call(attempt, context)
    : callChecked(attempt, context)
}

/** Asks the handler to stop because the job is to be cancelled, and settles it without the handler after a grace. */
export function cancel(attempt: Attempt, reason: string, context: ExecuteContext, done: Done): void {
  if (attempt.ended || attempt.abortReason !== undefined) return
  attempt.abort(new JobCancelledError({ jobId: attempt.id, task: attempt.task, reason }))
  attempt.own(
    after(context.abortGraceMs, () => endWithoutHandler(attempt, { kind: 'cancelled', reason }, done)),
  )
}

/**
 * Ends an attempt whose handler still runs: whatever that does from now on is refused. When it is just being settled in
 * a transaction, that decides.
 */
export function endWithoutHandler(attempt: Attempt, outcome: OutcomeToSettle, done: Done): void {
  const { completion } = attempt
  if (completion?.sealed !== true) finish(attempt, outcome, done)
  else if (attempt.end()) void completion.verdict().then(({ settled }) => done(attempt, settled ?? outcome))
}

function finish(attempt: Attempt, outcome: Outcome, done: Done): void {
  if (attempt.end()) done(attempt, outcome)
}

/** The handler has ended, and it has settled its job in a transaction, or tried to. */
async function conclude(
  attempt: Attempt,
  completion: Completion,
  end: { readonly value: unknown } | { readonly thrown: unknown },
  context: ExecuteContext,
  done: Done,
): Promise<void> {
  const verdict = await completion.verdict()
  if (verdict.settled !== null) {
    if ('thrown' in end) attempt.log.warn({ err: end.thrown }, 'the handler failed after its job was settled')
    finish(attempt, verdict.settled, done)
  } else if ('thrown' in end) finish(attempt, failure(attempt, harmless(end.thrown)), done)
  else if (verdict.failure !== null) finish(attempt, failure(attempt, harmless(verdict.failure.error)), done)
  else finish(attempt, success(attempt, end.value, context), done)
}

/** Args of an attempt as its handler gets them, without its input. */
export function readArgs(attempt: Attempt, tagged: boolean, codec: Codec | undefined): readonly unknown[] {
  const stored = attempt.storedArgs
  if (!tagged && codec === undefined && Array.isArray(stored)) return stored
  return decodeArgs(stored, codec)
}

function call(attempt: Attempt, { middleware }: ExecuteContext): unknown {
  const { each, definition } = attempt
  if (definition.run === null) return undefined
  const run = each === null ? definition.run : eachOf(definition, definition.run, each)
  return middleware.length === 0
    ? jobStorage.run(attempt, run, attempt, attempt.args)
    : jobStorage.run(attempt, wrap, middleware, attempt, run)
}

async function callChecked(attempt: Attempt, context: ExecuteContext): Promise<unknown> {
  const outcome = await validateArgs(attempt.definition, attempt.args)
  if (outcome.issues !== undefined) {
    throw new CeleriacError(
      'ARGS_REJECTED',
      { task: attempt.task, issues: issuesText(outcome.issues) },
      { details: { issues: outcome.issues } },
    )
  }
  attempt.args = outcome.value
  return call(attempt, context)
}

function success(attempt: Attempt, value: unknown, context: ExecuteContext): OutcomeToSettle {
  try {
    return { kind: 'succeeded', value: encodeValue(attempt, value, context), added: attempt.added() }
  } catch (error) {
    return failure(attempt, error)
  }
}

/** What an attempt comes to whose handler, or what comes before it, has thrown. */
export function failure(attempt: Attempt, thrown: unknown): OutcomeToSettle {
  const reason = attempt.abortReason
  if (reason instanceof JobCancelledError) return { kind: 'cancelled', reason: reason.reason }
  if (isCeleriacError(reason, 'WORKER_STATE') || isCeleriacError(reason, 'UNREACHABLE'))
    return givenUp(attempt)
  // A handler that gave way to its signal shows an AbortError; what made it give way says more.
  const cause = isCeleriacError(reason, 'SOFT_TIME_LIMIT') && isAbortError(thrown) ? reason : thrown
  return outcomeOf(cause, {
    jobId: attempt.id,
    task: attempt.task,
    door: (attempt.rowOptions?.door as Door | undefined) ?? null,
    charged: attempt.charged,
    maxAttempts: attempt.maxAttempts,
    backoff: backoffOf(attempt),
    options: attempt.definition.options,
  })
}

/** The outcome of an attempt that its worker cannot wait for any longer: others run the job, unless it may begin only once. */
export function givenUp(attempt: Attempt): OutcomeToSettle {
  if (attempt.rowOptions?.atMostOnce !== true) return { kind: 'released' }
  const thrown = new CeleriacError('WORKER_LOST', { jobId: attempt.id, losses: 1 })
  return { kind: 'errored', error: serialiseThrown(thrown), thrown, delayMs: null, expected: false }
}

function backoffOf(attempt: Attempt): BackoffPolicy {
  const own = attempt.rowOptions?.backoff
  return own === undefined ? attempt.definition.options.backoff : backoffFromJson(own)
}

function startTimers(attempt: Attempt, done: Done): void {
  const { timeLimitMs, softTimeLimitMs } = limitsOf(attempt)
  if (softTimeLimitMs !== null) {
    attempt.own(
      after(softTimeLimitMs, () =>
        attempt.abort(
          new CeleriacError('SOFT_TIME_LIMIT', { jobId: attempt.id, limit: formatMs(softTimeLimitMs) }),
        ),
      ),
    )
  }
  if (timeLimitMs !== null) {
    attempt.own(
      after(timeLimitMs, () => {
        const reason = new CeleriacError('TIME_LIMIT', { jobId: attempt.id, limit: formatMs(timeLimitMs) })
        attempt.abort(reason)
        // The handler cannot be stopped in this process; it is fenced: the slot is free and its end is nobody's.
        endWithoutHandler(attempt, failure(attempt, reason), done)
      }),
    )
  }
}

function limitsOf(attempt: Attempt): { timeLimitMs: number | null; softTimeLimitMs: number | null } {
  const own = attempt.rowOptions
  const { timeLimitMs, softTimeLimitMs } = attempt.definition.options
  return {
    timeLimitMs: numberOr(own?.timeLimitMs, timeLimitMs),
    softTimeLimitMs: numberOr(own?.softTimeLimitMs, softTimeLimitMs),
  }
}

function numberOr(value: unknown, fallback: number | null): number | null {
  return typeof value === 'number' ? value : fallback
}

function isAbortError(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === 'AbortError'
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
