/*
 * worker: runs jobs. It claims only tasks it has registered (cycle), calls their handlers (execute, attempt), turns
 * whatever they do into an outcome (outcome) and settles it; a guard shows that it is alive (guard), and it lets go of its
 * jobs in order when it stops (drain). It may live in a web process or in one of its own, in any number.
 */

import { randomUUID } from 'node:crypto'
import { type Duration, toMs } from '../base/duration.ts'
import { CeleriacError } from '../base/errors.ts'
import type { Codec } from '../base/json.ts'
import type { CanvasBinding } from '../canvas/binding.ts'
import { findLost } from '../db/calls/find-lost.ts'
import { announceIdle, findHeld, type HeartbeatAnswer, releaseWorkerJobs } from '../db/calls/worker.ts'
import type { Database } from '../db/database.ts'
import type { Listener } from '../db/listener.ts'
import type { Bus } from '../event/bus.ts'
import type { Log } from '../event/log.ts'
import type { Results } from '../job/results.ts'
import type { Waker } from '../job/waker.ts'
import type { Locks } from '../lock/locks.ts'
import type { LimitsInForce } from '../task/door.ts'
import { type JobLog, SILENT_LOG } from '../task/job-log.ts'
import type { Registry } from '../task/registry.ts'
import type { Attempt } from './attempt.ts'
import { Cycle } from './cycle.ts'
import { drain } from './drain.ts'
import { Gate } from './gate.ts'
import type { GuardEntry, Guarded, GuardedHost, WorkerGuard } from './guard.ts'
import { Inputs } from './inputs.ts'
import { KnownQueues } from './known-queues.ts'
import type { Middleware } from './middleware.ts'
import { type ResolvedWorkerOptions, resolveWorkerOptions, type WorkerOptions } from './options.ts'
import { ProgressReports } from './progress-reports.ts'
import { Pulse } from './pulse.ts'
import type { AppQueues } from './queue-choice.ts'

/** What a worker needs of its app. */
export interface WorkerContext {
  /** Connections of the app, which handlers may use up. */
  readonly database: Database
  /** Connections that only workers use: no handler can starve them. */
  readonly work: Database
  readonly guard: WorkerGuard
  readonly listener: Listener
  readonly registry: Registry
  readonly results: Results
  readonly waker: Waker
  readonly bus: Bus
  readonly log: Log
  readonly locks: Locks
  readonly codec: Codec | undefined
  /** Limits that are no task's own, as the app declares them. */
  readonly limits: LimitsInForce
  /** What canvases that handlers start need of the app. */
  readonly canvas: CanvasBinding
  /** What the app says of its queues. */
  readonly queues: AppQueues
  readonly maxResultBytes: number
  readonly middleware: readonly Middleware[]
  /** Fires schedules for as long as a worker runs. */
  readonly scheduler: WorkerScheduler
  /** Refuses to start on a schema that will not do. */
  readonly assertReady: () => Promise<void>
}

/** What turns instants into jobs. */
export interface WorkerScheduler {
  /** Refuses what is declared wrong. */
  check(): Promise<void>
  /** @returns the function that takes the worker back */
  enter(worker: () => string): Promise<() => void>
}

/** Only attempts of this age are worth asking about: a notification tells sooner. */
const ASK_AFTER_MS = 1_000
const MOST_ASKED = 5_000
/** How often the main loop shows that it goes round. */
const TICK_MS = 1_000
const ANEW_MS = { first: 100, most: 2_000 } as const

type State = 'new' | 'starting' | 'running' | 'stopping' | 'stopped'

/** Runs jobs until it is stopped. Make one with `app.worker(options)`. */
export class Worker implements AsyncDisposable {
  readonly #options: ResolvedWorkerOptions
  readonly #context: WorkerContext
  readonly #cycle: Cycle
  readonly #reports: ProgressReports
  readonly #pulse = new Pulse()
  #id = randomUUID()
  #guarded: Guarded | undefined
  #startingAnew = false
  #fatal: { readonly error: unknown } | undefined
  #state: State = 'new'
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  #hurry = new AbortController()
  #log: JobLog | undefined
  #unschedule: (() => void) | undefined
  readonly #undo: (() => void)[] = []

  constructor(options: WorkerOptions, context: WorkerContext) {
    this.#options = resolveWorkerOptions(options, context.queues)
    this.#context = context
    this.#reports = new ProgressReports({
      database: context.work,
      workerId: () => this.#id,
      codec: context.codec,
      maxBytes: context.maxResultBytes,
      lost: (jobId, token) => this.#cycle.lose(jobId, token),
    })
    this.#cycle = new Cycle(this.#options, this.#cycleHost())
  }

  /** Id of this life of the worker; a new one with every start. */
  get id(): string {
    return this.#id
  }

  get name(): string {
    return this.#options.name
  }

  /** Queues it claims from, as far as it knows of them. */
  get queues(): readonly string[] {
    return this.#cycle.queues
  }

  /** Handlers that run at this moment. */
  get running(): number {
    return this.#cycle.running
  }

  /**
   * Enters the worker and begins to claim.
   *
   * @throws {CeleriacError} `NOT_MIGRATED`, `SCHEMA_BEHIND` or `SCHEMA_AHEAD` with the command to run,
   * `CONNECT_FAILED`; `WORKER_STATE` when it was stopped before.
   */
  async start(): Promise<void> {
    if (this.#state === 'stopping' || this.#state === 'stopped') {
      throw new CeleriacError('WORKER_STATE', {
        state: this.#state,
        remedy: 'make a new one with app.worker()',
      })
    }
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = undefined
      this.#state = 'new'
      throw error
    })
    return this.#starting
  }

  /**
   * Stops the worker: claims nothing more, gives back what has not begun, waits for what runs, and leaves.
   *
   * A second call, or the end of `timeout`, is cold: signals abort, and what still runs after `abortGrace` goes back to
   * its queue for others; its handler is fenced.
   */
  stop(options: { readonly timeout?: Duration } = {}): Promise<void> {
    const timeoutMs =
      options.timeout === undefined ? this.#options.stopTimeoutMs : toMs(options.timeout, 'timeout')
    if (this.#stopping !== undefined) {
      this.#hurry.abort()
      return this.#stopping
    }
    this.#stopping = this.#stop(timeoutMs)
    return this.#stopping
  }

  /**
   * Starts, stops on SIGTERM or SIGINT (a second signal is cold), and resolves when everything is given back.
   *
   * @throws {CeleriacError} as `start()`; and `NOT_MIGRATED` when the schema is dropped under it: it stops by itself.
   */
  async run(): Promise<void> {
    await this.start()
    await new Promise<void>((resolve, reject) => {
      const onSignal = (): void => {
        this.stop().then(resolve, reject)
      }
      process.on('SIGTERM', onSignal)
      process.on('SIGINT', onSignal)
      this.#undo.push(() => {
        process.off('SIGTERM', onSignal)
        process.off('SIGINT', onSignal)
      })
      // Also when somebody calls stop().
      this.#undo.push(resolve)
    })
    if (this.#fatal !== undefined) throw this.#fatal.error
  }

  /**
   * Runs until nothing is due, `max` jobs have begun or the deadline has come, then stops.
   *
   * @returns how many jobs have begun
   */
  async drain({ max, deadlineMs }: { readonly max: number; readonly deadlineMs: number }): Promise<number> {
    const deadline = performance.now() + deadlineMs
    if (this.#context.registry.runnable().length === 0) return 0
    this.#cycle.limit(max)
    await this.start()
    const { bus } = this.#context
    await new Promise<void>((resolve) => {
      const look = (): void => {
        const empty = this.#cycle.idle && this.#cycle.held === 0
        const spent = this.#cycle.started >= max && this.#cycle.held === 0
        if (!empty && !spent && performance.now() < deadline) return
        clearInterval(timer)
        resolve()
      }
      const timer = setInterval(look, 5)
      this.#undo.push(bus.on('job:released', look))
    })
    const left = deadline - performance.now()
    await this.stop(Number.isFinite(left) ? { timeout: Math.max(0, left) } : {})
    return this.#cycle.started
  }

  /** As `stop()`; but one that goes on already is waited for, not hurried. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#starting === undefined) return
    await (this.#stopping ?? this.stop())
  }

  async #start(): Promise<void> {
    this.#state = 'starting'
    const { listener, waker, bus } = this.#context
    await this.#context.assertReady()
    await this.#context.scheduler.check()
    this.#log = await this.#context.log.logger()
    this.#undo.push(
      waker.addLocal((queue, runAtUs) => this.#cycle.wakeFor(queue, runAtUs)),
      listener.subscribe({
        wake: (queue, runAtUs) => this.#cycle.wakeFor(queue, runAtUs),
        cancel: (jobId, reason) => this.#cancelled(jobId, reason),
        kill: (jobIds) => void this.#taken(jobIds),
        settings: () => this.#cycle.wake(),
        hearing: () => this.#cycle.wake(),
      }),
    )
    try {
      if (this.#cycle.isOpen) await this.#keepUp().first()
      this.#guarded = await this.#context.guard.enter(this.#entry(true), this.#guardedHost())
    } catch (error) {
      this.#undoAll()
      throw error
    }
    const ticking = setInterval(() => this.#pulse.tick(), this.#tickMs()).unref()
    this.#undo.push(() => clearInterval(ticking))
    this.#state = 'running'
    this.#cycle.start()
    this.#unschedule = await this.#context.scheduler.enter(() => this.#id)
    bus.emit('worker:started', {
      workerId: this.id,
      name: this.name,
      queues: this.#cycle.queues,
      concurrency: this.#options.concurrency,
    })
  }

  /** Keeps up with queues that come to fit its patterns. */
  #keepUp(): KnownQueues {
    const { work, bus } = this.#context
    const known = new KnownQueues({
      database: work,
      workerId: () => this.#id,
      served: () => this.#cycle.queues,
      admit: (names) => void this.#cycle.admit(names),
      failed: (error) => bus.emit('error', { during: 'looking for queues', error }),
    })
    this.#undo.push(() => known.stop())
    return known
  }

  async #stop(timeoutMs: number): Promise<void> {
    if (this.#starting === undefined) {
      this.#state = 'stopped'
      return
    }
    await this.#starting.catch(() => undefined)
    this.#state = 'stopping'
    this.#unschedule?.()
    const { bus, work } = this.#context
    bus.emit('worker:stopping', { workerId: this.id, name: this.name, running: this.#cycle.running })
    await drain({
      cycle: this.#cycle,
      guarded: this.#guarded,
      reports: this.#reports,
      database: work,
      workerId: () => this.#id,
      timeoutMs,
      abortGraceMs: this.#options.abortGraceMs,
      hurry: this.#hurry.signal,
    })
    this.#state = 'stopped'
    bus.emit('worker:stopped', { workerId: this.id, name: this.name })
    this.#undoAll()
  }

  #undoAll(): void {
    for (const undo of this.#undo.splice(0)) undo()
  }

  #cancelled(jobId: string, reason: string): void {
    this.#cycle.cancel(jobId, reason === '' ? 'cancelled' : reason)
  }

  /** Jobs are said to be taken away. Anybody can say so: the table knows. */
  async #taken(jobIds: readonly string[]): Promise<void> {
    const held = this.#cycle.attemptsOf(jobIds)
    if (held.length === 0) return
    const lost = await findLost(this.#context.work, this.#id, held).catch(() => [])
    for (const { id, token } of lost) this.#cycle.lose(id, token)
  }

  #entry(fresh: boolean): GuardEntry {
    return {
      id: this.#id,
      name: this.#options.name,
      queues: this.#cycle.queues,
      tasks: this.#context.registry.runnable(),
      concurrency: this.#options.concurrency,
      fresh,
      maxBlockMs: this.#options.maxBlockMs,
      pulse: this.#pulse.memory,
    }
  }

  #tickMs(): number {
    const { maxBlockMs } = this.#options
    return maxBlockMs === null ? TICK_MS : Math.min(TICK_MS, maxBlockMs / 4)
  }

  #guardedHost(): GuardedHost {
    const { bus, registry } = this.#context
    return {
      snapshot: () => ({
        tasks: registry.runnable(),
        running: this.#cycle.running,
        idle: this.#cycle.takeSlept(),
        stopping: this.#state === 'stopping',
        stats: { started: this.#cycle.started },
        attempts: this.#cycle.attemptsOlderThan(ASK_AFTER_MS, MOST_ASKED),
      }),
      answered: (answer, idle) => this.#answered(answer, idle),
      failed: (error) => bus.emit('error', { during: 'the heartbeat', error }),
      disconnected: (error) => bus.emit('worker:disconnected', { workerId: this.id, error }),
      connected: () => {
        bus.emit('worker:connected', { workerId: this.id })
        // Whatever was announced while nobody listened was missed.
        this.#cycle.reconnected()
      },
      fenced: (silentMs) => {
        bus.emit('worker:fenced', { workerId: this.id, silentMs, running: this.#cycle.running })
        this.#cycle.fence()
      },
      unfenced: () => {
        bus.emit('worker:unfenced', { workerId: this.id })
        this.#cycle.unfence()
      },
    }
  }

  #answered({ known, lost, cancelled }: HeartbeatAnswer, idle: boolean): void {
    if (!known) {
      this.#evicted()
      return
    }
    this.#cycle.beaten(idle)
    for (const { id, token } of lost) this.#cycle.lose(id, token)
    for (const { id, reason } of cancelled) this.#cancelled(id, reason)
  }

  #evicted(): void {
    if (this.#startingAnew) return
    this.#startingAnew = true
    this.#context.bus.emit('worker:evicted', { workerId: this.id, running: this.#cycle.running })
    void this.#startAnew().finally(() => {
      this.#startingAnew = false
    })
  }

  /**
   * Others took this worker for dead and run its jobs: it drops everything and goes on under a new id. What a call
   * under way may have claimed for the old one goes back first.
   */
  async #startAnew(): Promise<void> {
    const { work, bus } = this.#context
    const old = this.#id
    await this.#cycle.abandon()
    for (let waitMs: number = ANEW_MS.first; ; waitMs = Math.min(ANEW_MS.most, waitMs * 2)) {
      try {
        await releaseWorkerJobs(work, old, await findHeld(work, old))
        if (this.#state !== 'running') break
        this.#id = randomUUID()
        await this.#guarded?.again(this.#entry(false))
        break
      } catch (error) {
        if (this.#state === 'stopped') break
        bus.emit('error', { during: 'starting anew', error })
        await new Promise((resolve) => setTimeout(resolve, waitMs))
      }
    }
    this.#cycle.resume()
  }

  /** There is nothing to work on any more: it stops by itself, and `run()` throws this. */
  #died(error: unknown): void {
    if (this.#fatal !== undefined) return
    this.#fatal = { error }
    void this.stop({ timeout: 0 })
  }

  #cycleHost(): ConstructorParameters<typeof Cycle>[1] {
    const {
      database,
      work,
      listener,
      registry,
      bus,
      results,
      waker,
      codec,
      maxResultBytes,
      middleware,
      canvas,
      limits,
      locks,
    } = this.#context
    const worker = this
    return {
      database: work,
      registry,
      bus,
      get log() {
        return worker.#log ?? SILENT_LOG
      },
      execute: {
        codec,
        maxResultBytes,
        middleware,
        abortGraceMs: this.#options.abortGraceMs,
        inputs: new Inputs(work, codec),
      },
      gate: new Gate(work, limits),
      canvas,
      locks,
      completing: { database, work, codec, maxResultBytes },
      get worker() {
        return { id: worker.id, name: worker.name }
      },
      pulse: this.#pulse,
      evicted: () => this.#evicted(),
      fatal: (error) => this.#died(error),
      hearing: () => listener.hearing,
      report: (attempt: Attempt, value: unknown) => this.#reports.add(attempt, value),
      lastReport: (attempt: Attempt) => (this.#reports.has(attempt) ? this.#reports.flush() : null),
      settled: (jobIds, listenedTo) => {
        results.settledHere(jobIds)
        if (listenedTo) waker.settled(jobIds)
      },
      returned: (queue, runAtUs) => waker.wake([queue], runAtUs),
      announceIdle: () => announceIdle(work, this.id),
    }
  }
}
