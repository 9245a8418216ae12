import type { StandardSchemaV1 } from '@standard-schema/spec'
import {
  type Backoff,
  type BackoffFunction,
  type BackoffPolicy,
  DEFAULT_BACKOFF,
  parseBackoff,
} from '../base/backoff.ts'
import { type Duration, toMs } from '../base/duration.ts'
import { CeleriacError } from '../base/errors.ts'
import { assertQueueName } from '../base/names.ts'
import {
  allAtOnce,
  type Check,
  flag,
  instant,
  integer,
  labels,
  oneOf,
  refuseUnknown,
} from '../base/options.ts'
import type { TransactionInput } from '../db/transaction.ts'
import { limitsOfCall } from './call-limits.ts'
import type {
  CallLimit,
  CallLimits,
  ConcurrencyOption,
  Fairness,
  LimitKey,
  NamedLimit,
  RateOption,
  TaskLimits,
} from './limits.ts'
import { type ErrorMatcher, matchers } from './matchers.ts'
import { LIMIT_KEYS, limitsOfTask } from './read-limits.ts'
import { assertTimeLimits } from './time-limits.ts'
import {
  type ResolvedUnique,
  UNIQUE_KEYS,
  type UniqueKey,
  type UniqueKeyOf,
  type UniqueOptions,
  uniqueOf,
} from './unique.ts'

/** Options that may be set on a task and on a single call of it. */
export interface JobOptions {
  /** Line the job stands in. @defaultValue 'default' */
  readonly queue?: string
  /** Larger runs first; an integer from -32768 to 32767. @defaultValue 0 */
  readonly priority?: number
  /** Begin after this long, by the database's clock. Not together with `runAt`. */
  readonly delay?: Duration
  /** Too late to begin after this long (or this instant): the job is then cancelled as expired. */
  readonly expires?: Duration | Date
  /** Executions in all, the first included; 1 means never again. From 1 to 100,000. @defaultValue 5 */
  readonly maxAttempts?: number
  /** After this long the handler's signal aborts, the attempt fails and its later writes are refused. At most 365 d. */
  readonly timeLimit?: Duration
  /** After this long the handler's signal aborts; it may clean up and return. Not longer than `timeLimit`. */
  readonly softTimeLimit?: Duration
  /** Keeps the final state of the job but not its value. @defaultValue false */
  readonly ignoreResult?: boolean
  /** How long the result is kept; otherwise for the app's `retention`. */
  readonly resultTtl?: Duration
  /** Begins at most once: a job whose worker dies fails instead of running again. @defaultValue false */
  readonly atMostOnce?: boolean
  /** Small strings that travel with the job: tenant, trace id. At most 64. */
  readonly labels?: Readonly<Record<string, string>>
}

/** Options of one call, given by `task.with(options)`. */
export interface CallOptions extends JobOptions, UniqueOptions<UniqueKey> {
  /** Begin at this instant. Not together with `delay`. */
  readonly runAt?: Date | string | number
  /** Delays between attempts; a function belongs on the task, since it cannot be stored. */
  readonly backoff?: Exclude<Backoff, BackoffFunction>
  /** UUID of the job. One that is taken already is refused with `JOB_EXISTS`. */
  readonly id?: string
  /** Your transaction: the job is written in it and exists once it commits. */
  readonly tx?: TransactionInput
  /** Limits that stand alone and hold for this job, too; keys are texts here. */
  readonly limits?: readonly (string | CallLimit)[]
  /** Whose turn this job takes, instead of what the task's `fairness` says. */
  readonly fairness?: string | { readonly key: string; readonly weight?: number }
}

/** Options of a task, given where it is defined; several tasks may share them. */
export interface TaskOptions<Args extends readonly unknown[] = unknown[]>
  extends JobOptions,
    UniqueOptions<UniqueKeyOf<Args>> {
  /** Delays between attempts. @defaultValue exponential({ base: '1s', factor: 2, max: '10m', jitter: true }) */
  readonly backoff?: Backoff
  /** Only these errors are retried; any other fails the job. Left out: every error is. */
  readonly retryOn?: readonly ErrorMatcher[]
  /** These errors fail the job at once. Wins over `retryOn`. */
  readonly giveUpOn?: readonly ErrorMatcher[]
  /** These errors are part of the work: they fail or retry the job, without noise in the logs. */
  readonly expected?: readonly ErrorMatcher[]
  /**
   * What becomes of a running handler whose worker cannot reach the database for so long (10 s) that another may soon
   * run the job: 'abort' aborts its signal and returns the job uncharged; 'kill' does so too, and ends the whole process
   * if the handler still runs when the lease is about to end; 'continue' lets it go on. Whichever it is, what it writes
   * as an attempt that is no longer held is refused. @defaultValue 'abort'
   */
  readonly onUnreachable?: OnUnreachable
  /**
   * How many jobs of the task may run at once, in all workers together: a number, or `{ limit, key, cost }`, or a list
   * of these. With `key`, a function of the args, each key has the limit for itself.
   */
  readonly concurrency?: ConcurrencyOption<Args>
  /**
   * How many jobs of the task may start per period, in all workers together: `'100/m'`, or
   * `{ limit, per, burst, key, cost }`, or a list of these. Retries are starts, too.
   */
  readonly rateLimit?: RateOption<Args>
  /** Limits that stand alone, shared with other tasks: names, or `{ name, key, cost }`. See `app.limit`. */
  readonly limits?: readonly (string | NamedLimit<Args>)[]
  /** One job at a time for each key. */
  readonly exclusive?: (...args: Args) => LimitKey
  /** Keys take turns, by weight, whatever their backlogs: a tenant with one job does not wait behind a million. */
  readonly fairness?: Fairness<Args>
}

/** See `TaskOptions.onUnreachable`. */
export type OnUnreachable = (typeof ON_UNREACHABLE)[number]

const ON_UNREACHABLE = ['abort', 'kill', 'continue'] as const

/** Options that decide what the handler is called with. */
export interface HandlerOptions {
  /** Passes the job's context as the first parameter. @defaultValue false */
  readonly bind?: boolean
  /** Standard Schema (Zod, Valibot, ArkType …) of the tuple of args; checked when enqueued and again when run. */
  readonly args?: StandardSchemaV1
}

/** Options of a task, read and checked; nothing raw is looked at afterwards. */
export interface ResolvedTaskOptions extends ResolvedJobOptions {
  readonly backoff: BackoffPolicy
  readonly retryOn: readonly ErrorMatcher[] | null
  readonly giveUpOn: readonly ErrorMatcher[]
  readonly expected: readonly ErrorMatcher[]
  readonly onUnreachable: OnUnreachable
  /** Null for a task without limits. */
  readonly limits: TaskLimits | null
}

/** Options of a job, read and checked; null for: not set. */
export interface ResolvedJobOptions {
  readonly queue: string
  readonly priority: number
  readonly delayMs: number | null
  readonly runAt: Date | null
  readonly expiresMs: number | null
  readonly expiresAt: Date | null
  readonly maxAttempts: number
  readonly timeLimitMs: number | null
  readonly softTimeLimitMs: number | null
  readonly ignoreResult: boolean
  readonly resultTtlMs: number | null
  readonly atMostOnce: boolean
  readonly labels: Readonly<Record<string, string>> | null
  /** Limits that this call adds. */
  readonly callLimits: CallLimits | null
  /** What makes jobs unique; null for nothing. */
  readonly unique: ResolvedUnique | null
}

export const JOB_DEFAULTS = {
  queue: 'default',
  priority: 0,
  maxAttempts: 5,
  ignoreResult: false,
  atMostOnce: false,
} as const

/** Defaults of what only tasks have. */
export const TASK_DEFAULTS = { onUnreachable: 'abort' } as const

const YEAR_MS = 365 * 86_400_000
const JOB_KEYS = [
  'queue',
  'priority',
  'delay',
  'expires',
  'maxAttempts',
  'timeLimit',
  'softTimeLimit',
  'ignoreResult',
  'resultTtl',
  'atMostOnce',
  'labels',
  'backoff',
  ...UNIQUE_KEYS,
] as const
const TASK_KEYS = [
  ...JOB_KEYS,
  ...LIMIT_KEYS,
  'bind',
  'args',
  'retryOn',
  'giveUpOn',
  'expected',
  'onUnreachable',
]
const CALL_KEYS = [...JOB_KEYS, ...LIMIT_KEYS, 'runAt', 'id', 'tx']

/**
 * @param task - its name, which is part of the names of its limits
 * @throws {CeleriacError} `OPTION_…` for each option that is unknown or out of bounds, all at once.
 */
export function resolveTaskOptions<Args extends readonly unknown[]>(
  options: TaskOptions<Args> & HandlerOptions,
  task = '',
): ResolvedTaskOptions {
  return allAtOnce((check) => {
    check(() => refuseUnknown(options, TASK_KEYS, 'task'), undefined)
    return {
      ...resolveJobOptions(options, null, check),
      backoff: check(() => parseBackoff(options.backoff ?? DEFAULT_BACKOFF), parseBackoff(DEFAULT_BACKOFF)),
      retryOn: check(
        () => (options.retryOn === undefined ? null : matchers(options.retryOn, 'retryOn')),
        null,
      ),
      giveUpOn: check(() => matchers(options.giveUpOn === undefined ? [] : options.giveUpOn, 'giveUpOn'), []),
      expected: check(() => matchers(options.expected === undefined ? [] : options.expected, 'expected'), []),
      onUnreachable: check(
        () => oneOf(options.onUnreachable ?? TASK_DEFAULTS.onUnreachable, 'onUnreachable', ON_UNREACHABLE),
        TASK_DEFAULTS.onUnreachable,
      ),
      limits: limitsOfTask(options, task, check),
    }
  })
}

/** Reads the options of one call over those of its task. */
export function resolveCallOptions(options: CallOptions, task: ResolvedJobOptions): ResolvedJobOptions {
  return allAtOnce((check) => {
    check(() => refuseUnknown(options, CALL_KEYS, 'call'), undefined)
    if (options.delay !== undefined && options.runAt !== undefined) {
      check(() => {
        throw new CeleriacError('OPTION_CONFLICT', { option: 'delay', other: 'runAt' })
      }, undefined)
    }
    return { ...resolveJobOptions(options, task, check), callLimits: limitsOfCall(options, check) }
  })
}

function resolveJobOptions(
  options: JobOptions & { readonly runAt?: unknown },
  task: ResolvedJobOptions | null,
  check: Check,
): ResolvedJobOptions {
  const read = <Value, Fallback>(
    name: string,
    fallback: Fallback,
    reader: (value: unknown) => Value,
  ): Value | Fallback => {
    const value: unknown = Reflect.get(options, name)
    return value === undefined ? fallback : check<Value | Fallback>(() => reader(value), fallback)
  }
  const ms = (name: string, max?: number) => (value: unknown) =>
    toMs(value, name, max === undefined ? {} : { max })
  const timed = options.delay !== undefined || options.runAt !== undefined
  const expires = options.expires !== undefined
  const resolved = {
    queue: read('queue', task?.queue ?? JOB_DEFAULTS.queue, assertQueueName),
    priority: read('priority', task?.priority ?? JOB_DEFAULTS.priority, (value) =>
      integer(value, 'priority', -32_768, 32_767),
    ),
    delayMs: read('delay', timed ? null : (task?.delayMs ?? null), ms('delay')),
    runAt: read('runAt', null, (value) => instant(value, 'runAt')),
    expiresMs:
      options.expires instanceof Date ? null : read('expires', task?.expiresMs ?? null, ms('expires')),
    expiresAt:
      options.expires instanceof Date
        ? read('expires', null, (value) => instant(value, 'expires'))
        : expires
          ? null
          : (task?.expiresAt ?? null),
    maxAttempts: read('maxAttempts', task?.maxAttempts ?? JOB_DEFAULTS.maxAttempts, (value) =>
      integer(value, 'maxAttempts', 1, 100_000),
    ),
    timeLimitMs: read('timeLimit', task?.timeLimitMs ?? null, ms('timeLimit', YEAR_MS)),
    softTimeLimitMs: read('softTimeLimit', task?.softTimeLimitMs ?? null, ms('softTimeLimit', YEAR_MS)),
    ignoreResult: read('ignoreResult', task?.ignoreResult ?? JOB_DEFAULTS.ignoreResult, (value) =>
      flag(value, 'ignoreResult'),
    ),
    resultTtlMs: read('resultTtl', task?.resultTtlMs ?? null, ms('resultTtl')),
    atMostOnce: read('atMostOnce', task?.atMostOnce ?? JOB_DEFAULTS.atMostOnce, (value) =>
      flag(value, 'atMostOnce'),
    ),
    labels: mergeLabels(
      task?.labels ?? null,
      read('labels', null, (value) => labels(value)),
    ),
    callLimits: null,
    unique: uniqueOf(options, task?.unique ?? null, check),
  }
  check(() => assertTimeLimits(resolved), undefined)
  return resolved
}

function mergeLabels(
  task: Readonly<Record<string, string>> | null,
  call: Readonly<Record<string, string>> | null,
): Readonly<Record<string, string>> | null {
  return task === null || call === null ? (call ?? task) : { ...task, ...call }
}
