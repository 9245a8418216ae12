/*
 * base: what every room may use and what needs no I/O. Values in, values out: errors, options, durations,
 * backoff, the JSON of args and results, ids and names. It imports nothing of ours outside this folder and
 * never touches a connection, a timer or the environment, so every function here can be tested by a table.
 *
 * This file holds the one error class and the one table of its codes. A message is a template; the facts it
 * needs are typed from its placeholders, so that a forgotten fact does not compile.
 */
import { clip, preview } from './text.ts'

/** What each code says, and the SQLSTATE under which PostgreSQL raises it (`null`: only TypeScript does). */
export const ERRORS = {
  // job
  LEASE_LOST: { sqlstate: 'ZC001', message: 'job {jobId} attempt {attempt} is no longer held here' },
  JOB_EXISTS: { sqlstate: 'ZC002', message: 'job {jobId} exists already; give another id, or none' },
  JOB_UNKNOWN: {
    sqlstate: null,
    message: 'no job {jobId} (never created, deleted, or not visible to you)',
  },
  WORKFLOW_BUSY: {
    sqlstate: 'ZC003',
    message:
      'job {jobId} cannot run again: job {busyId}, which needs it, {problem}; wait until that has settled, or cancel it, and ask again',
  },
  WORKFLOW_UNKNOWN: {
    sqlstate: null,
    message: 'no workflow {workflowId} (never started, deleted, or not visible to you)',
  },
  CANVAS_EMPTY: {
    sqlstate: null,
    message: 'a chain needs at least one step; leave an empty one out, or put a task in its place',
  },
  CHORD_MISSING: {
    sqlstate: null,
    message:
      'job {jobId} is not a member of a group, so nothing can be added beside it; enqueueChild() starts a job of its own',
  },
  NOT_ENQUEUED: {
    sqlstate: null,
    message: 'job.{verb}() needs a job; this task was called directly: enqueue it',
  },
  REPLACED_TOO_OFTEN: {
    sqlstate: null,
    message:
      'job {jobId} was replaced {levels} times one within the other; a task that always replaces itself never ends',
  },
  INPUT_MISSING: {
    sqlstate: null,
    message:
      'job {jobId} cannot begin: the result of job {parentId}, which it takes, is not kept any more; run that one again (workflow.rerun)',
  },
  INPUT_SIZE: {
    sqlstate: null,
    message:
      'what job {jobId} takes from its parents has {size}; the limit is {limit}: store the data elsewhere and pass references',
  },
  JOB_ID_INVALID: { sqlstate: null, message: '{id} is not a job id' },
  JOB_FAILED: { sqlstate: null, message: 'job {jobId} ({task}) failed in attempt {attempt}: {reason}' },
  CHORD_FAILED: {
    sqlstate: null,
    message: 'job {jobId} ({task}) failed, since {count} of what it waits for did not succeed: {reason}',
  },
  JOB_CANCELLED: { sqlstate: null, message: 'job {jobId} ({task}) was cancelled: {reason}' },
  JOB_DISCARDED: { sqlstate: null, message: 'job {jobId} was discarded: {reason}' },
  JOB_EXPIRED: { sqlstate: null, message: 'job {jobId} expired at {expiresAt}, before it began' },
  RESULT_TIMEOUT: {
    sqlstate: null,
    message: 'job {jobId} has not settled within {timeout}; it goes on, and its handle may be asked again',
  },
  RETRIES_EXHAUSTED: { sqlstate: null, message: 'job {jobId} failed in all of its {maxAttempts} attempts' },
  PERMANENT: { sqlstate: null, message: '{message}' },
  NOT_IN_JOB: {
    sqlstate: null,
    message: 'currentJob() was called outside of a job; call it in a handler, or take the job by bind: true',
  },

  // task, args, result
  TASK_EXISTS: { sqlstate: null, message: 'task "{task}" is defined twice: {first} and {second}' },
  TASK_UNKNOWN: { sqlstate: null, message: 'no task "{task}" here; {hint}' },
  NAME_INVALID: { sqlstate: null, message: 'task name {name} {problem}' },
  ARGS_REJECTED: { sqlstate: null, message: 'arguments of "{task}" are invalid: {issues}' },
  PAYLOAD_SIZE: {
    sqlstate: null,
    message:
      'arguments of "{task}" take {size} as JSON; the limit is {limit} (maxArgsBytes); store the data elsewhere and pass a reference',
  },
  RESULT_SIZE: {
    sqlstate: null,
    message:
      'result of "{task}" takes {size} as JSON; the limit is {limit} (maxResultBytes); store the data elsewhere and return a reference',
  },
  JSON_NUL: {
    sqlstate: null,
    message:
      '{place} contains U+0000 at index {index}; PostgreSQL cannot store it; remove it or pass bytes as a Buffer',
  },
  JSON_SURROGATE: {
    sqlstate: null,
    message:
      '{place} contains the lone surrogate {unit} at index {index} (half of a character); use value.toWellFormed()',
  },
  JSON_CYCLE: { sqlstate: null, message: '{place} refers back to {target}' },
  JSON_DEPTH: { sqlstate: null, message: '{place} is nested deeper than {limit} levels' },
  JSON_TYPE: { sqlstate: null, message: '{place} is {kind} and cannot be stored' },
  JSON_NUMBER: { sqlstate: null, message: '{place} is {number}; JSON would turn it into null' },
  JSON_BIGINT: { sqlstate: null, message: '{place} is a BigInt; use the default codec or pass a string' },
  JSON_CLASS: {
    sqlstate: null,
    message: '{place} is an instance of {className}; give a codec or pass a plain object',
  },
  JSON_DATE: { sqlstate: null, message: '{place} is an invalid Date' },
  JSON_GETTER: { sqlstate: null, message: 'reading {place} threw: {reason}' },
  JSON_PROTO: {
    sqlstate: null,
    message: '{place} has the key "{key}"; it is refused because copying it can change prototypes',
  },
  CODEC_FAILED: { sqlstate: null, message: 'the codec could not encode {place}: {reason}' },
  DECODE_FAILED: { sqlstate: null, message: 'stored {what} cannot be read: {path} {problem}' },
  THROWN_NON_ERROR: { sqlstate: null, message: 'thrown value was {value}' },

  // canvas
  CANVAS_INVALID: { sqlstate: null, message: 'this is no canvas: {path} {problem}' },
  CANVAS_UNBOUND: {
    sqlstate: null,
    message:
      '{signature} belongs to no app yet; enqueue it with app.enqueue(signature), or read it with Signature.from(json, app)',
  },

  // options
  OPTION_INVALID: { sqlstate: null, message: '{option} {problem}' },
  OPTION_UNKNOWN: { sqlstate: null, message: 'unknown {where} option "{option}"; {hint}' },
  OPTION_CONFLICT: { sqlstate: null, message: 'give {option} or {other}, not both' },
  OPTIONS_INVALID: { sqlstate: null, message: '{count} options are wrong: {problems}' },
  QUEUE_UNKNOWN: {
    sqlstate: null,
    message: 'no queue {queue} here, and strictQueues allows no other; {hint} (or declare it in queues)',
  },
  ROUTE_FAILED: { sqlstate: null, message: 'a route of task "{task}" threw: {reason}' },
  QUEUE_NAME_INVALID: { sqlstate: null, message: 'queue name {name} {problem}' },
  RATE_INVALID: { sqlstate: null, message: 'rate {rate} is not like "10/s", "100/m", "5/h", "1/d"' },
  SCHEMA_NAME_INVALID: {
    sqlstate: null,
    message:
      'schema name {name} may contain only a-z, 0-9 and _, start with a letter, not with pg_, at most 40 bytes',
  },

  // limits
  LIMIT_NAME: { sqlstate: 'ZC010', message: 'limit name {name} {problem}' },
  LIMIT_KEY: { sqlstate: 'ZC011', message: 'the key of limit "{limit}" {problem}' },
  LIMIT_COST: {
    sqlstate: null,
    message: 'a job of "{task}" costs {cost} of limit "{limit}", {problem}',
  },
  LIMIT_UNITS: {
    sqlstate: 'ZC013',
    message: '{units} units of limit "{limit}" are never granted; ask for 1 to {most}',
  },
  RATE_LIMITED: { sqlstate: null, message: 'told to come back in {wait}' },
  LIMIT_EXISTS: {
    sqlstate: null,
    message: 'limit "{limit}" is declared twice, and differently: {first} and {second}',
  },
  LIMIT_UNKNOWN: { sqlstate: 'ZC012', message: 'no limit "{limit}"; {hint}' },

  // unique jobs
  UNIQUE_CONFLICT: {
    sqlstate: 'ZC020',
    message:
      'the key "{key}" of "{task}" belongs to job {jobId}, {differing}; with onConflict: "keep" the call gives that job instead',
  },
  UNIQUE_APART: {
    sqlstate: 'ZC021',
    message:
      'job {jobId} runs with the key "{key}" of "{task}" and was enqueued without onConflict: "replace" or "rerun", so no other can be made to follow it; give all calls with this key the same onConflict',
  },
  UNIQUE_BUSY: {
    sqlstate: 'ZC022',
    message:
      'the key {key} of "{task}" was taken by a transaction that has not ended within {patience}; end that one, or enqueue again',
  },

  // schedules
  CRON_INVALID: { sqlstate: null, message: 'cron {cron}: {problem}' },
  CRON_NEVER: { sqlstate: null, message: 'cron {cron} never fires: no such day comes' },
  TIMEZONE_UNKNOWN: { sqlstate: null, message: '{timezone} is not a time zone; {hint}' },
  SCHEDULE_EXISTS: {
    sqlstate: null,
    message: 'schedule "{schedule}" is declared twice: {first} and {second}; give one of them another name',
  },
  SCHEDULE_UNKNOWN: { sqlstate: null, message: 'no schedule "{schedule}"; {hint}' },
  SCHEDULE_STATE: { sqlstate: null, message: 'schedule "{schedule}" {problem}' },

  // transactions
  TX_POOL: {
    sqlstate: null,
    message: 'tx is a Pool; its statements may use different connections; pass a client inside BEGIN',
  },
  TX_IDLE: { sqlstate: null, message: 'the client passed as tx is not in a transaction; send BEGIN first' },
  TX_ABORTED: {
    sqlstate: null,
    message: 'the transaction passed as tx is already aborted by an earlier error; roll it back',
  },
  TX_UNSUPPORTED: {
    sqlstate: null,
    message:
      'tx is {got}; pass a pg client, a Kysely transaction, an object with query(text, values), or a function of (text, values)',
  },

  TX_TAKEN: {
    sqlstate: null,
    message: 'job {jobId} attempt {attempt} {how} already; one transaction settles it',
  },
  TX_ENDED: {
    sqlstate: null,
    message:
      'the transaction of job {jobId} was ended by the function that ran in it; leave COMMIT and ROLLBACK to job.transaction()',
  },
  TX_OPEN: { sqlstate: null, message: 'complete() was called but its transaction {how} (job {jobId})' },
  TX_UNKNOWN: {
    sqlstate: null,
    message:
      'nobody can tell whether the transaction of job {jobId} was committed; if it was, the job is settled and does not run again',
  },

  // database
  NOT_MIGRATED: {
    sqlstate: null,
    message:
      'schema "{schema}" is not installed in database "{database}" at {server}; run: npx celeriac migrate',
  },
  SCHEMA_BEHIND: {
    sqlstate: null,
    message:
      'schema "{schema}" is at version {found} and this celeriac needs {needed}; run: npx celeriac migrate',
  },
  SCHEMA_AHEAD: {
    sqlstate: null,
    message:
      'schema "{schema}" is at version {found} and this celeriac knows only {needed}; upgrade the package celeriac',
  },
  PERMISSION_DENIED: { sqlstate: null, message: 'role "{role}" may not {action}; {remedy}' },
  READ_ONLY: { sqlstate: null, message: '{server} is read-only (standby); connect to the primary' },
  SERVER_UNSUPPORTED: { sqlstate: null, message: '{found}; {needed} is needed' },
  CONNECT_FAILED: { sqlstate: null, message: 'cannot reach {server} as "{role}": {reason}' },
  POOLER_UNSUPPORTED: {
    sqlstate: null,
    message:
      'the pooler at {server} allows no transactions (statement pooling); let it pool sessions or transactions, or connect past it',
  },
  ENQUEUE_UNKNOWN: {
    sqlstate: null,
    message:
      'whether {jobs} is enqueued is unknown: {reason}; ask for its state, or enqueue it again if running twice does no harm',
  },
  EMBEDDED_FAILED: { sqlstate: null, message: 'the embedded PostgreSQL in {dir} failed: {reason}' },
  EMBEDDED_UNAVAILABLE: {
    sqlstate: null,
    message: 'embedded PostgreSQL is not available: {reason}; {remedy}',
  },

  // worker
  WORKER_LOST: { sqlstate: null, message: 'job {jobId} was lost with its worker {losses} times' },
  TIME_LIMIT: { sqlstate: null, message: 'job {jobId} ran longer than its time limit of {limit}' },
  SOFT_TIME_LIMIT: { sqlstate: null, message: 'job {jobId} ran longer than its soft time limit of {limit}' },
  UNREACHABLE: {
    sqlstate: null,
    message:
      'job {jobId} was given up here: the database has been out of reach for so long that another worker may run it',
  },
  WORKER_STATE: { sqlstate: null, message: 'the worker is {state}; {remedy}' },
  APP_CLOSED: { sqlstate: null, message: 'this app is stopped; make a new Celeriac to {action}' },

  // locks
  LOCK_TIMEOUT: {
    sqlstate: null,
    message:
      "lock \"{key}\" was not free within {timeout}: {holder}; wait longer (timeout), or use onBusy: 'skip' or 'retry'",
  },
  LOCK_LOST: {
    sqlstate: 'ZC030',
    message: 'lock "{key}" is no longer held with fence {fence}: somebody else may hold it by now',
  },
  LOCK_DEADLOCK: {
    sqlstate: null,
    message:
      'waiting for lock "{key}" would never end: {holder} holds it and waits for "{held}", which is held here; take locks in one order everywhere',
  },

  // the command line
  CLI_USAGE: { sqlstate: null, message: '{problem}' },
  APP_FILE: { sqlstate: null, message: '{file} {problem}' },
  DATABASE_UNSET: {
    sqlstate: null,
    message:
      'no database is set, and NODE_ENV=production refuses the embedded one; set DATABASE_URL, or give --database <url>',
  },
  INTERRUPTED: { sqlstate: null, message: 'stopped by {signal}' },

  // its demo
  DEMO_PACKAGES: {
    sqlstate: null,
    message: 'the demo needs packages that celeriac does not bring; run: npm install --save-dev {packages}',
  },
  DEMO_RIGHTS: { sqlstate: null, message: 'copyright service: {reason}' },
  DEMO_WORKER: {
    sqlstate: null,
    message: 'worker process {worker} ended ({how}); what it wrote is in {log}',
  },
  AUDIO_FOLDER: {
    sqlstate: null,
    message: 'no audio in {folder}: {reason}; give a folder with mp3, flac, ogg, opus or wav files',
  },
  AUDIO_UNSUPPORTED: {
    sqlstate: null,
    message: '{file} is {found}; the demo reads mp3, flac, ogg (vorbis, opus) and wav',
  },
  AUDIO_DAMAGED: { sqlstate: null, message: '{file} is damaged: {problem}' },
} as const satisfies Record<string, { readonly sqlstate: string | null; readonly message: string }>

/** The stable name of a refusal or failure. Branch on it, never on the text. */
export type ErrorCode = keyof typeof ERRORS

/** What a fact may be, so that every error can be written as JSON. */
export type Fact = string | number

type Placeholder<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholder<Rest>
  : never

/** The facts that the message of `Code` names. */
export type Facts<Code extends ErrorCode> = Code extends ErrorCode
  ? { readonly [Name in Placeholder<(typeof ERRORS)[Code]['message']>]: Fact }
  : never

/** What may travel with an error beside its facts. */
export interface ErrorExtras {
  /** What led to it; kept as the standard `cause`. */
  readonly cause?: unknown
  /** More for programs than the message can show, such as `path`, `limit` or a schema's `issues`. */
  readonly details?: Readonly<Record<string, unknown>>
  /** Which item of many it concerns, counted from 1; the message says so. */
  readonly item?: { readonly number: number; readonly count: number }
}

const BRAND = Symbol.for('celeriac.error')

/**
 * Every error that celeriac throws: a stable `code`, the `facts` as fields, and a message that names the thing
 * and the remedy. Subclasses exist only where users catch.
 */
export class CeleriacError<const Code extends ErrorCode = ErrorCode> extends Error {
  static {
    named(CeleriacError, 'CeleriacError')
  }
  readonly code: Code
  readonly facts: Facts<Code>
  // declared only: without details there is no field to print
  declare readonly details?: Readonly<Record<string, unknown>>

  constructor(code: Code, facts: Facts<Code>, extras: ErrorExtras = {}) {
    super(worded(code, facts, extras), 'cause' in extras ? { cause: extras.cause } : undefined)
    this.code = code
    this.facts = facts
    if (extras.details !== undefined) this.details = extras.details
  }

  get [BRAND](): true {
    return true
  }
}

/** The job that was waited for has failed. `cause` is the handler's error, restored. */
export class JobFailedError extends CeleriacError<'JOB_FAILED' | 'CHORD_FAILED'> {
  static {
    named(JobFailedError, 'JobFailedError')
  }
  readonly jobId: string
  readonly task: string
  /** The attempt that failed last, counted from 1; 0 when it never began. */
  readonly attempt: number
  // declared only: most jobs fail by themselves, and there is no field to print then
  /** Id of the job whose end was the reason, where it was not this one's own: this one never began. */
  declare readonly upstream?: string

  constructor(job: JobFacts, extras: ErrorExtras = {}, failure: FailureFacts = {}) {
    const { jobId, task, attempt } = job
    const { upstream, failedIds } = failure
    const said = clip(messageOf(extras.cause), 200)
    const reason = upstream === undefined ? said : `${said} (upstream: job ${upstream})`
    if (failedIds === undefined) super('JOB_FAILED', { jobId, task, attempt, reason }, extras)
    else super('CHORD_FAILED', { jobId, task, count: failedIds.length, reason }, extras)
    this.jobId = jobId
    this.task = task
    this.attempt = attempt
    if (upstream !== undefined) this.upstream = upstream
  }
}

/** What a job waits for in a group has not succeeded. `cause` is the first error of its members. */
export class ChordError extends JobFailedError {
  static {
    named(ChordError, 'ChordError')
  }
  /** Ids of the members that failed or were cancelled, as far as they were known when the group failed. */
  readonly failedIds: readonly string[]

  constructor(job: JobFacts, extras: ErrorExtras, failure: ChordFacts) {
    super(job, extras, failure)
    this.failedIds = failure.failedIds
  }
}

interface JobFacts {
  readonly jobId: string
  readonly task: string
  readonly attempt: number
}

interface ChordFacts extends FailureFacts {
  readonly failedIds: readonly string[]
}

/** What is said of a failure that came from elsewhere. */
interface FailureFacts {
  readonly upstream?: string | undefined
  readonly failedIds?: readonly string[] | undefined
}

/** The job that was waited for has been cancelled; `reason` is what the canceller gave. */
export class JobCancelledError extends CeleriacError<'JOB_CANCELLED'> {
  static {
    named(JobCancelledError, 'JobCancelledError')
  }
  readonly jobId: string
  readonly task: string
  readonly reason: string
  // declared only: most jobs are cancelled themselves
  /** Id of the job whose cancelling was the reason, where it was not this one's own. */
  declare readonly upstream?: string

  constructor(job: CancelFacts, extras: ErrorExtras = {}) {
    super('JOB_CANCELLED', { jobId: job.jobId, task: job.task, reason: job.reason }, extras)
    this.jobId = job.jobId
    this.task = job.task
    this.reason = job.reason
    if (job.upstream !== undefined) this.upstream = job.upstream
  }
}

interface CancelFacts extends Omit<JobFacts, 'attempt'> {
  readonly reason: string
  readonly upstream?: string | undefined
}

/** `handle.result({ timeout })` has waited long enough. The job itself is not touched. */
export class ResultTimeoutError extends CeleriacError<'RESULT_TIMEOUT'> {
  static {
    named(ResultTimeoutError, 'ResultTimeoutError')
  }
  readonly jobId: string

  constructor(wait: { readonly jobId: string; readonly timeout: string }, extras: ErrorExtras = {}) {
    super('RESULT_TIMEOUT', { jobId: wait.jobId, timeout: wait.timeout }, extras)
    this.jobId = wait.jobId
  }
}

/**
 * Throw it in a handler for a failure that another attempt cannot mend: the job fails at once.
 *
 * @example throw new PermanentError('card declined', { cause: error })
 */
export class PermanentError extends CeleriacError<'PERMANENT'> {
  static {
    named(PermanentError, 'PermanentError')
  }

  constructor(message: string, extras: ErrorExtras = {}) {
    super('PERMANENT', { message }, extras)
  }
}

/**
 * Tells whether something thrown is celeriac's, and with `code` whether it is that one.
 *
 * It goes by a brand, not by `instanceof`, so that two copies of the package in one process agree.
 */
export function isCeleriacError<const Code extends ErrorCode = ErrorCode>(
  error: unknown,
  code?: Code,
): error is CeleriacError<Code> {
  try {
    if (typeof error !== 'object' || error === null || !(BRAND in error)) return false
    return code === undefined || ('code' in error && error.code === code)
  } catch {
    return false // a proxy that throws on everything may well have been thrown by a handler
  }
}

/**
 * The same error as one item of many caused it, so that `enqueueMany` can say which.
 *
 * @param item - counted from 1
 */
export function errorOfItem(error: CeleriacError, item: number, count: number): CeleriacError {
  return new CeleriacError(error.code, error.facts, {
    ...('cause' in error && { cause: error.cause }),
    details: { ...error.details, item, count },
    item: { number: item, count },
  })
}

const PLACEHOLDER = /\{(\w+)\}/g

function worded(code: ErrorCode, facts: object, { item }: ErrorExtras): string {
  const message = fill(ERRORS[code].message, facts)
  return item === undefined
    ? message
    : `item ${item.number} of ${item.count}: ${message}; nothing was enqueued`
}

function fill(template: string, facts: object): string {
  return template.replace(PLACEHOLDER, (_, name: string) => String(Reflect.get(facts, name)))
}

function messageOf(cause: unknown): string {
  return cause instanceof Error
    ? cause.message
    : cause === undefined
      ? 'no error was recorded'
      : preview(cause)
}

/** The name stands on the prototype: V8 reads it there when it writes the head of the stack. */
function named(type: { readonly prototype: Error }, name: string): void {
  Object.defineProperty(type.prototype, 'name', { value: name, configurable: true, writable: true })
}
