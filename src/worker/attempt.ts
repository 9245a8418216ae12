import { type Duration, toMs } from '../base/duration.ts'
import { CeleriacError } from '../base/errors.ts'
import { text } from '../base/options.ts'
import type { CanvasBinding } from '../canvas/binding.ts'
import { assertSignature, type BoundSignature } from '../canvas/bound-signature.ts'
import { memberText, replacementText } from '../canvas/replace.ts'
import type { ClaimedRow } from '../db/calls/work-cycle.ts'
import type { TransactionClient } from '../db/open-transaction.ts'
import type { TransactionInput } from '../db/transaction.ts'
import type { LockVerb } from '../lock/lock.ts'
import type { Locks } from '../lock/locks.ts'
import type { JobContext, SignatureLike, StartableLike } from '../task/current-job.ts'
import type { TaskDefinition } from '../task/definition.ts'
import { JobControl } from '../task/job-control.ts'
import type { JobLog } from '../task/job-log.ts'
import { Completion, type CompletionContext } from './completion.ts'
import type { Each } from './each.ts'
import type { Inputs } from './inputs.ts'
import { jobLock } from './job-lock.ts'

/** What an attempt needs of the worker it runs in. */
export interface AttemptHost {
  readonly worker: { readonly id: string; readonly name: string }
  readonly log: JobLog
  /** Stores a progress report before long; `value` as the handler gave it. */
  readonly report: (attempt: Attempt, value: unknown) => void
  /** Stores the last progress of an attempt before it is settled; null when there is nothing to store. */
  readonly lastReport: (attempt: Attempt) => Promise<void> | null
  /** What settling inside of transactions needs. */
  readonly completing: CompletionContext
  readonly locks: Locks
  /** What canvases need of the app. */
  readonly canvas: CanvasBinding
}

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({})

/**
 * One execution of a job by this worker: the claimed row, and the context its handler sees. What few handlers use
 * (signal, log) is made when it is asked for, since most jobs are over before a timer would have been worth it.
 */
export class Attempt implements JobContext {
  readonly definition: TaskDefinition
  readonly queue: string
  readonly priority: number
  readonly token: number
  readonly #row: ClaimedRow
  readonly #claimedAtMs: number
  readonly #host: AttemptHost
  args: readonly unknown[] = []
  /** When the handler was called, in ms of this process's monotonic clock; 0 before. */
  startedAt = 0
  /** Over as far as this worker is concerned; whatever the handler still does is refused. */
  ended = false
  #input: Promise<unknown> | null = null
  readonly #added: BoundSignature[] = []
  #abort: AbortController | null = null
  #abortedWith: { readonly reason: unknown } | null = null
  #log: JobLog | null = null
  #completion: Completion | null = null
  readonly #timers: (() => void)[] = []

  constructor(
    definition: TaskDefinition,
    row: ClaimedRow,
    place: { readonly queue: string; readonly priority: number; readonly claimedAtMs: number },
    host: AttemptHost,
  ) {
    this.definition = definition
    this.queue = place.queue
    this.priority = place.priority
    this.#claimedAtMs = place.claimedAtMs
    this.token = row[1]
    this.#row = row
    this.#host = host
  }

  get id(): string {
    return this.#row[0]
  }

  get task(): string {
    return this.#row[3]
  }

  get attempt(): number {
    return this.#row[2]
  }

  get maxAttempts(): number {
    return this.#row[5]
  }

  /** Number of this attempt among those that are held against `maxAttempts`. */
  get charged(): number {
    return this.#row[2] - this.#row[6]
  }

  /** Args as the row holds them. */
  get storedArgs(): unknown {
    return this.#row[4]
  }

  /** Whether it is a node of a canvas. */
  get isNode(): boolean {
    return this.rowOptions?.n !== undefined
  }

  /** Whether it was taken from a lane: its limits have let it through. */
  get inLane(): boolean {
    return this.#row[8]?.[4] === true
  }

  /** Whether its first argument is what its parents have returned. */
  get takesInput(): boolean {
    return this.rowOptions?.in === true
  }

  /** Asks for its input before it begins: all that are claimed together share a statement, and no slot waits for it. */
  askForInput(inputs: Inputs): void {
    this.#input = inputs.read(this.id)
    this.#input.catch(() => undefined)
  }

  /** The same, still for the handler to take. */
  earlyInput(inputs: Inputs): Promise<unknown> {
    this.#input ??= inputs.read(this.id)
    return this.#input
  }

  /** What its parents have returned; asked for again when that failed before it began. */
  readInput(inputs: Inputs): Promise<unknown> {
    const early = this.#input
    this.#input = null
    return early === null ? inputs.read(this.id) : early.catch(() => inputs.read(this.id))
  }

  /** How it calls its task with many items; null for an ordinary job. */
  get each(): Each | null {
    const map = this.rowOptions?.map
    return map === undefined ? null : (map as Each)
  }

  /** Options of this one job. */
  get rowOptions(): Readonly<Record<string, unknown>> | null {
    return this.#row[8]?.[0] ?? null
  }

  get labels(): Readonly<Record<string, string>> {
    return this.#row[8]?.[1] ?? NO_LABELS
  }

  get rootId(): string {
    return this.#row[8]?.[2] ?? this.id
  }

  get parentId(): string | null {
    return this.#row[8]?.[3] ?? null
  }

  get workflow(): string | null {
    const own = this.rowOptions?.workflow
    return this.isNode ? (typeof own === 'string' ? own : this.rootId) : null
  }

  get schedule(): { readonly name: string; readonly instant: Date } | null {
    const stamp = this.rowOptions?.schedule
    if (!Array.isArray(stamp) || typeof stamp[0] !== 'string') return null
    return { name: stamp[0], instant: new Date(Number(stamp[1])) }
  }

  get enqueuedAt(): Date {
    return new Date(this.#row[7] * 1000)
  }

  get claimedAt(): Date {
    return new Date(this.#claimedAtMs)
  }

  /** From being due at the earliest to being claimed, as far as the row tells. */
  get waitMs(): number {
    return Math.max(0, this.#claimedAtMs - this.#row[7] * 1000)
  }

  get worker(): { readonly id: string; readonly name: string } {
    return this.#host.worker
  }

  get signal(): AbortSignal {
    if (this.#abort === null) {
      this.#abort = new AbortController()
      if (this.#abortedWith !== null) this.#abort.abort(this.#abortedWith.reason)
    }
    return this.#abort.signal
  }

  get log(): JobLog {
    this.#log ??= this.#host.log.child({ jobId: this.id, task: this.task, attempt: this.attempt })
    return this.#log
  }

  progress(value: unknown): void {
    if (this.ended || this.#completion?.sealed === true) {
      throw new CeleriacError('LEASE_LOST', { jobId: this.id, attempt: this.attempt })
    }
    this.#host.report(this, value)
  }

  retry(options: { readonly in?: Duration; readonly reason?: string } = {}): never {
    const delayMs = options.in === undefined ? null : toMs(options.in, 'in')
    throw new JobControl('retry', delayMs, options.reason ?? '')
  }

  snooze(delay: Duration): never {
    throw new JobControl('snooze', toMs(delay, 'delay'), '')
  }

  discard(reason: string): never {
    throw new JobControl('discard', null, text(reason, 'reason', 4096))
  }

  replace(signature: SignatureLike): never {
    throw new JobControl(
      'replace',
      null,
      '',
      replacementText(this, assertSignature(signature, 'the replacement'), this.#host.canvas),
    )
  }

  addToChord(signature: SignatureLike): void {
    if (this.rowOptions?.chord !== true) throw new CeleriacError('CHORD_MISSING', { jobId: this.id })
    if (this.#completion !== null) throw notTogether()
    const member = assertSignature(signature, 'the member')
    // What cannot be planned is refused here, and not when the job is settled.
    memberText(this, [member], this.#host.canvas)
    this.#added.push(member)
  }

  /** Members it adds to its group, as SQL takes them; null for none. */
  added(): string | null {
    return this.#added.length === 0 ? null : memberText(this, this.#added, this.#host.canvas)
  }

  enqueueChild<Child extends StartableLike>(signature: Child): ReturnType<Child['enqueue']> {
    const bound = assertSignature(signature, 'the child').boundTo(this.#host.canvas)
    return bound.enqueue() as ReturnType<Child['enqueue']>
  }

  transaction<Result>(run: (tx: TransactionClient) => Promise<Result> | Result): Promise<Result> {
    return this.#complete().transaction(run)
  }

  complete(tx: TransactionInput, value?: unknown): Promise<void> {
    return this.#complete().complete(tx, value)
  }

  get lock(): LockVerb {
    return jobLock(this, this.#host.locks, this.#row[6])
  }

  /** Its settling in transactions of the handler; null when it has asked for none. */
  get completion(): Completion | null {
    return this.#completion
  }

  /** Stores what it has reported and is not stored yet. */
  async storeProgress(): Promise<void> {
    await this.#host.lastReport(this)
  }

  #complete(): Completion {
    if (this.#added.length > 0) throw notTogether()
    this.#completion ??= new Completion(this, this.#host.completing)
    return this.#completion
  }

  /** Aborts the signal, once; the first reason stays. */
  abort(reason: unknown): void {
    if (this.#abortedWith !== null) return
    this.#abortedWith = { reason }
    this.#abort?.abort(reason)
  }

  /** Why the signal was aborted; undefined when it was not. */
  get abortReason(): unknown {
    return this.#abortedWith?.reason
  }

  /** Keeps a timer that ends with the attempt. */
  own(stop: () => void): void {
    this.#timers.push(stop)
  }

  /** Marks the end; false when it had ended before. */
  end(): boolean {
    if (this.ended) return false
    this.ended = true
    for (const stop of this.#timers) stop()
    return true
  }
}

function notTogether(): CeleriacError<'OPTION_CONFLICT'> {
  return new CeleriacError('OPTION_CONFLICT', { option: 'addToChord', other: 'transaction' })
}
