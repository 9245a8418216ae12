/*
 * worker: runs jobs. It claims only tasks it has registered (cycle), calls their handlers (execute, attempt), turns
 * whatever they do into an outcome (outcome) and settles it; it shows that it is alive (presence) and lets go of its
 * jobs in order when it stops (drain). It may live in a web process or in one of its own, in any number.
 */
import { type Duration, toMs } from '../base/duration.ts'
import { CeleriacError } from '../base/errors.ts'
import type { Codec } from '../base/json.ts'
import { announceIdle, type HeartbeatAnswer, releaseWorkerJobs } from '../db/calls/worker.ts'
import type { Database } from '../db/database.ts'
import type { Listener } from '../db/listener.ts'
import type { Bus } from '../event/bus.ts'
import type { Log } from '../event/log.ts'
import type { Results } from '../job/results.ts'
import type { Waker } from '../job/waker.ts'
import { type JobLog, SILENT_LOG } from '../task/job-log.ts'
import type { Registry } from '../task/registry.ts'
import type { Attempt } from './attempt.ts'
import { Cycle } from './cycle.ts'
import { drain, type Upkeep } from './drain.ts'
import type { Middleware } from './middleware.ts'
import { type ResolvedWorkerOptions, resolveWorkerOptions, type WorkerOptions } from './options.ts'
import { BEAT_MS, Presence } from './presence.ts'
import { ProgressReports } from './progress-reports.ts'

/** What a worker needs of its app. */
export interface WorkerContext {
  readonly database: Database
  readonly listener: Listener
  readonly registry: Registry
  readonly results: Results
  readonly waker: Waker
  readonly bus: Bus
  readonly log: Log
  readonly codec: Codec | undefined
  readonly maxResultBytes: number
  readonly middleware: readonly Middleware[]
  readonly retentionMs: number | null
  /** Makes what keeps the installation in order, done by whichever worker leads. */
  readonly upkeep: (leads: () => boolean, beatMs: number) => Upkeep
  /** Refuses to start on a schema or a pool that will not do. */
  readonly assertReady: () => Promise<void>
}

type State = 'new' | 'starting' | 'running' | 'stopping' | 'stopped'

/** Runs jobs until it is stopped. Make one with `app.worker(options)`. */
export class Worker implements AsyncDisposable {
  readonly #options: ResolvedWorkerOptions
  readonly #context: WorkerContext
  readonly #presence: Presence
  readonly #cycle: Cycle
  readonly #reports: ProgressReports
  readonly #upkeep: Upkeep
  #state: State = 'new'
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  #hurry = new AbortController()
  #disconnected = false
  #log: JobLog | undefined
  readonly #undo: (() => void)[] = []

  constructor(options: WorkerOptions, context: WorkerContext) {
    this.#options = resolveWorkerOptions(options)
    this.#context = context
    const { database, listener, registry, bus } = context
    this.#presence = new Presence(database, listener, {
      name: this.#options.name,
      queues: this.#options.queues.map((queue) => queue.name),
      concurrency: this.#options.concurrency,
      tasks: () => registry.runnable(),
      snapshot: (askAfterMs, most) => ({
        running: this.#cycle.running,
        idle: this.#cycle.takeSlept(),
        stopping: this.#state === 'stopping',
        stats: { started: this.#cycle.started },
        attempts: this.#cycle.attemptsOlderThan(askAfterMs, most),
      }),
      answered: (answer, idle) => this.#answered(answer, idle),
      failed: (error) => bus.emit('error', { during: 'the heartbeat', error }),
    })
    this.#reports = new ProgressReports({
      database,
      workerId: () => this.#presence.id,
      codec: context.codec,
      maxBytes: context.maxResultBytes,
      lost: (jobId) => this.#cycle.lose(jobId),
    })
    this.#cycle = new Cycle(this.#options, this.#cycleHost())
    this.#upkeep = context.upkeep(() => this.#presence.leads, BEAT_MS)
  }

  /** Id of this life of the worker; a new one with every start. */
  get id(): string {
    return this.#presence.id
  }

  get name(): string {
    return this.#options.name
  }

  /** Handlers that run at this moment. */
  get running(): number {
    return this.#cycle.running
  }

  /**
   * Enters the worker and begins to claim.
   *
   * @throws {CeleriacError} `NOT_MIGRATED`, `SCHEMA_BEHIND` or `SCHEMA_AHEAD` with the command to run, `POOL_SIZE`,
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

  /** Starts, stops on SIGTERM or SIGINT (a second signal is cold), and resolves when everything is given back. */
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
    this.#log = await this.#context.log.logger()
    this.#undo.push(
      waker.addLocal((queue, runAtUs) => this.#cycle.wakeFor(queue, runAtUs)),
      listener.subscribe({
        wake: (queue, runAtUs) => this.#cycle.wakeFor(queue, runAtUs),
        cancel: (jobId, reason) => this.#cancelled(jobId, reason),
        hearing: () => this.#cycle.wake(),
        connected: async () => this.#reconnected(),
        disconnected: (error) => {
          this.#disconnected = true
          bus.emit('worker:disconnected', { workerId: this.id, error })
        },
      }),
    )
    try {
      await this.#presence.start()
    } catch (error) {
      this.#undoAll()
      throw error
    }
    listener.hold(this, true)
    this.#undo.push(() => listener.hold(this, false))
    this.#state = 'running'
    this.#upkeep.start()
    this.#cycle.start()
    bus.emit('worker:started', {
      workerId: this.id,
      name: this.name,
      queues: this.#options.queues.map((queue) => queue.name),
      concurrency: this.#options.concurrency,
    })
    // The first one soon: it may have to lead.
    void this.#presence.beat()
  }

  async #stop(timeoutMs: number): Promise<void> {
    if (this.#starting === undefined) {
      this.#state = 'stopped'
      return
    }
    await this.#starting.catch(() => undefined)
    this.#state = 'stopping'
    const { bus, database, waker } = this.#context
    bus.emit('worker:stopping', { workerId: this.id, name: this.name, running: this.#cycle.running })
    await drain({
      cycle: this.#cycle,
      presence: this.#presence,
      upkeep: this.#upkeep,
      reports: this.#reports,
      database,
      waker,
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

  #answered({ known, lost, cancelled }: HeartbeatAnswer, idle: boolean): void {
    const { bus } = this.#context
    if (!known) {
      bus.emit('worker:evicted', { workerId: this.id, running: this.#cycle.running })
      void this.#startAnew()
      return
    }
    this.#cycle.beaten(idle)
    for (const jobId of lost) this.#cycle.lose(jobId)
    for (const { id, reason } of cancelled) this.#cancelled(id, reason)
  }

  /**
   * Others took this worker for dead and run its jobs: it drops everything and goes on under a new id. What a call
   * under way may have claimed for the old one goes back first.
   */
  async #startAnew(): Promise<void> {
    const { database, bus } = this.#context
    const old = this.id
    await this.#cycle.abandon()
    for (;;) {
      try {
        await releaseWorkerJobs(database, old, [])
        if (this.#state === 'running') await this.#presence.restart()
        break
      } catch (error) {
        bus.emit('error', { during: 'starting anew', error })
        await new Promise((resolve) => setTimeout(resolve, BEAT_MS / 3))
      }
    }
    this.#cycle.resume()
  }

  /** Whatever was announced while nobody listened was missed: look, and beat before anybody wonders. */
  #reconnected(): void {
    if (!this.#disconnected) return
    this.#disconnected = false
    this.#context.bus.emit('worker:connected', { workerId: this.id })
    setImmediate(() => void this.#presence.beat())
    this.#cycle.wake()
  }

  #cycleHost(): ConstructorParameters<typeof Cycle>[1] {
    const { database, listener, registry, bus, results, waker, codec, maxResultBytes, middleware } =
      this.#context
    const worker = this
    return {
      database,
      registry,
      bus,
      get log() {
        return worker.#log ?? SILENT_LOG
      },
      execute: { codec, maxResultBytes, middleware, abortGraceMs: this.#options.abortGraceMs },
      get worker() {
        return { id: worker.id, name: worker.name }
      },
      hearing: () => listener.hearing,
      report: (attempt: Attempt, value: unknown) => this.#reports.add(attempt, value),
      lastReport: (attempt: Attempt) => (this.#reports.has(attempt) ? this.#reports.flush() : null),
      settled: (jobIds, listenedTo) => {
        results.settledHere(jobIds)
        if (listenedTo) waker.settled(jobIds)
      },
      returned: (queue, runAtUs) => waker.wake([queue], runAtUs),
      announceIdle: () => announceIdle(database, this.id),
    }
  }
}
