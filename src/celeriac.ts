import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type CeleriacOptions, type ResolvedCeleriacOptions, resolveCeleriacOptions } from './app-options.ts'
import { type Duration, toMs } from './base/duration.ts'
import { CeleriacError } from './base/errors.ts'
import { assertJobId } from './base/ids.ts'
import { assertTaskName } from './base/names.ts'
import { integer } from './base/options.ts'
import { bindApp, type CanvasBinding, releaseApp } from './canvas/binding.ts'
import { BoundSignature } from './canvas/bound-signature.ts'
import { GroupHandle } from './canvas/group-handle.ts'
import { joinedValue } from './canvas/joined.ts'
import type { AnySignature } from './canvas/signature.ts'
import { canvasTask, type Task } from './canvas/task.ts'
import type { HandleOf, OpenOf } from './canvas/types.ts'
import { type DatabaseInput, type ServerPlace, serverOf } from './db/connection.ts'
import { Database } from './db/database.ts'
import { Listener } from './db/listener.ts'
import { Bus, type EventListener } from './event/bus.ts'
import type { EventName } from './event/events.ts'
import { Log } from './event/log.ts'
import { writeLogLines } from './event/log-lines.ts'
import { GuardPost } from './guard/post.ts'
import { Inspect } from './inspect/inspect.ts'
import { Enqueuer } from './job/enqueuer.ts'
import { JobHandle } from './job/handle.ts'
import { Results } from './job/results.ts'
import { callsOf, type EnqueueContext, makeTask } from './job/task.ts'
import { Waker } from './job/waker.ts'
import { Workflow } from './job/workflow.ts'
import { AppLimits, type LimitGrant } from './limit/app-limits.ts'
import { Declarer } from './limit/declarer.ts'
import { Limits } from './limit/limits.ts'
import type { Locked, LockOptions, LockRun, LockVerb } from './lock/lock.ts'
import { Locks, thisProcess } from './lock/locks.ts'
import { assertSchema } from './migrate/check.ts'
import type { MigrateReport } from './migrate/migrate.ts'
import { Queues } from './queue/queues.ts'
import { RouteTable } from './queue/routes.ts'
import { Declarations } from './schedule/declarations.ts'
import { Scheduler } from './schedule/scheduler.ts'
import { Schedules } from './schedule/schedules.ts'
import { type JobContext, jobStorage } from './task/current-job.ts'
import { definitionOf } from './task/define.ts'
import type { TaskDefinition } from './task/definition.ts'
import { callDirectly } from './task/direct-call.ts'
import { JobControl } from './task/job-control.ts'
import type { CallOptions, HandlerOptions, TaskOptions } from './task/options.ts'
import { placeOfCall, Registry } from './task/registry.ts'
import type { Middleware } from './worker/middleware.ts'
import type { WorkerOptions } from './worker/options.ts'
import { Worker } from './worker/worker.ts'

type AnyFunction = (...args: never[]) => unknown

/** Where an app's database is. */
export interface DatabaseLocation extends ServerPlace {
  readonly schema: string
}

/** Connections that are the workers' alone: two calls under way, and one for whatever else they write. */
const WORK_CONNECTIONS = 3

/**
 * The app: tasks are defined on it, jobs enqueued through it, workers made by it. It opens connections when they are
 * first needed and closes them with `stop()`.
 *
 * @example
 * const app = new Celeriac({ database: process.env.DATABASE_URL })
 * const add = app.task('add', (x: number, y: number) => x + y)
 */
export class Celeriac implements AsyncDisposable {
  readonly #options: ResolvedCeleriacOptions
  readonly #database: Database
  readonly #work: Database
  readonly #guard: GuardPost
  readonly #listener: Listener
  readonly #registry = new Registry()
  readonly #bus = new Bus()
  readonly #log: Log
  readonly #waker: Waker
  readonly #results: Results
  readonly #context: EnqueueContext
  readonly #routes: RouteTable
  readonly #queues: Queues
  readonly #canvas: CanvasBinding
  readonly #middleware: Middleware[] = []
  readonly #workers = new Set<Worker>()
  readonly #inspect: Inspect
  readonly #locks: Locks
  readonly #directLock: LockVerb
  readonly #appLimits: AppLimits
  readonly #declarer: Declarer
  readonly #limits: Limits
  readonly #scheduler: Scheduler
  readonly #schedules: Schedules
  #stopEmbedded: (() => Promise<unknown>) | undefined
  #stopped: Promise<void> | undefined

  /** @throws {CeleriacError} `OPTION_…` naming every option that is wrong; nothing is opened yet. */
  constructor(options: CeleriacOptions) {
    this.#options = resolveCeleriacOptions(options)
    const { schema, maxConnections, listen, codec, maxArgsBytes, log, directUrl } = this.#options
    let source: Promise<DatabaseInput> | undefined
    const input = (): Promise<DatabaseInput> => {
      source ??= this.#source()
      return source
    }
    this.#database = new Database({
      source: input,
      schema,
      maxConnections,
      directUrl,
      leaked: (leak) => this.#bus.emit('connection:leaked', { leak }),
    })
    this.#work = new Database({
      source: input,
      schema,
      maxConnections: WORK_CONNECTIONS,
      role: 'work',
      ownPool: true,
    })
    this.#listener = new Listener(this.#database, listen)
    this.#waker = new Waker(this.#database, listen)
    this.#results = new Results(this.#database, this.#listener)
    this.#inspect = new Inspect(this.#database)
    this.#routes = new RouteTable(this.#options.queueSettings)
    this.#queues = new Queues({
      database: this.#database,
      settings: this.#options.queueSettings,
      lists: this.#inspect,
      assertQueue: (queue) => this.#routes.assertQueue(queue),
      reroute: {
        database: this.#database,
        codec,
        queueOf: (task, args) => this.#routes.queueOf(task, this.#registry.get(task), args),
      },
      assertOpen: () => this.#assertOpen('change queues'),
    })
    this.#appLimits = new AppLimits(this.#options.queueSettings.limits)
    this.#declarer = new Declarer({
      database: this.#work,
      registry: this.#registry,
      limits: this.#appLimits,
      bus: this.#bus,
    })
    this.#limits = new Limits({
      database: this.#database,
      lists: this.#inspect,
      hasTask: (name) => this.#registry.get(name) !== undefined,
      hintForTask: (name) => this.#registry.hintFor(name),
    })
    this.#context = {
      database: this.#database,
      results: this.#results,
      enqueuer: new Enqueuer(this.#database, this.#waker),
      routes: this.#routes,
      codec,
      limits: this.#appLimits,
      maxArgsBytes,
      joined: (jobId) => joinedValue(this.#database, codec, jobId),
      workflow: (id) => new Workflow(id, this.#context),
      assertOpen: () => this.#assertOpen('enqueue'),
    }
    const declarations = new Declarations()
    this.#canvas = {
      context: this.#context,
      registry: this.#registry,
      definition: (name) => this.#registry.get(name) ?? definitionOf(assertTaskName(name), {}, null, ''),
      every: (task, options, callee) => {
        declarations.add(this.#canvas.definition(task), options, placeOfCall(callee))
        this.#scheduler.changed()
      },
    }
    this.#schedules = new Schedules({
      database: this.#database,
      enqueue: this.#context,
      declarations,
      definition: this.#canvas.definition,
    })
    this.#scheduler = new Scheduler({
      database: this.#work,
      listener: this.#listener,
      waker: this.#waker,
      bus: this.#bus,
      registry: this.#registry,
      declarations,
      routes: this.#routes,
      codec,
      maxArgsBytes,
    })
    bindApp(this, this.#canvas)
    this.#guard = new GuardPost({
      database: this.#database,
      listener: this.#listener,
      bus: this.#bus,
      listen,
      threaded: this.#options.guard,
      retentionMs: this.#options.retentionMs,
    })
    this.#listener.subscribe({ hearing: (hearing) => this.#bus.emit('listen:changed', { hearing }) })
    this.#locks = new Locks({
      database: this.#database,
      work: this.#work,
      listener: this.#listener,
      bus: this.#bus,
    })
    this.#directLock = this.#locks.verb(thisProcess, () => {
      throw new JobControl('snooze', null, '')
    })
    this.#log = new Log(log)
    writeLogLines(this.#bus, this.#log)
  }

  /**
   * Defines a task: a function with a name, and options where it needs some.
   *
   * The task is still the function; `.enqueue(…)` runs it in a worker. With `bind: true` the handler gets the job's
   * context first. With `args`, a Standard Schema of the tuple of args, the handler gets what the schema returns.
   * @throws {CeleriacError} `TASK_EXISTS` for a name that is taken, `NAME_INVALID`, `OPTION_…`.
   */
  task<Args extends unknown[], Returned>(
    name: string,
    handler: (...args: Args) => Returned,
  ): Task<Args, Awaited<Returned>, Returned>
  task<Schema extends StandardSchemaV1<readonly unknown[], readonly unknown[]>, Returned>(
    name: string,
    options: NoInfer<TaskOptions<Spread<StandardSchemaV1.InferInput<Schema>>>> & {
      readonly args: Schema
      readonly bind: true
    },
    handler: (job: JobContext, ...args: Spread<StandardSchemaV1.InferOutput<Schema>>) => Returned,
  ): Task<Spread<StandardSchemaV1.InferInput<Schema>>, Awaited<Returned>, Promise<Awaited<Returned>>>
  task<Schema extends StandardSchemaV1<readonly unknown[], readonly unknown[]>, Returned>(
    name: string,
    options: NoInfer<TaskOptions<Spread<StandardSchemaV1.InferInput<Schema>>>> & {
      readonly args: Schema
      readonly bind?: false
    },
    handler: (...args: Spread<StandardSchemaV1.InferOutput<Schema>>) => Returned,
  ): Task<Spread<StandardSchemaV1.InferInput<Schema>>, Awaited<Returned>, Promise<Awaited<Returned>>>
  task<Args extends unknown[], Returned>(
    name: string,
    options: NoInfer<TaskOptions<Args>> & { readonly bind: true; readonly args?: never },
    handler: (job: JobContext, ...args: Args) => Returned,
  ): Task<Args, Awaited<Returned>, Returned>
  task<Bound extends (job: JobContext, ...args: never[]) => unknown>(
    name: string,
    options: NoInfer<TaskOptions<ArgsOf<Bound>>> & { readonly bind: true; readonly args?: never },
    handler: Bound,
  ): Task<ArgsOf<Bound>, Awaited<ReturnType<Bound>>, ReturnType<Bound>>
  task<Args extends unknown[], Returned>(
    name: string,
    options: NoInfer<TaskOptions<Args>> & { readonly bind?: false; readonly args?: never },
    handler: (...args: Args) => Returned,
  ): Task<Args, Awaited<Returned>, Returned>
  task(
    name: string,
    second: (TaskOptions<never[]> & HandlerOptions) | AnyFunction,
    third?: AnyFunction,
  ): Task<never[], unknown, unknown> {
    const options = typeof second === 'function' ? {} : second
    const handler = typeof second === 'function' ? second : third
    if (typeof handler !== 'function') {
      throw new CeleriacError('OPTION_INVALID', {
        option: 'handler',
        problem: `of task "${name}" must be a function: app.task(name, handler) or app.task(name, options, handler)`,
      })
    }
    const definition = this.#define(name, options, handler, this.task)
    const direct = (...args: unknown[]): unknown =>
      callDirectly(definition, args, { database: this.#database, lock: this.#directLock })
    return canvasTask(
      makeTask(definition, direct as (...args: never[]) => unknown, this.#context),
      this.#canvas,
    )
  }

  /**
   * Declares a task whose code is elsewhere, for producers: typed like the task, without its handler.
   *
   * @example const add = app.declare<(x: number, y: number) => number>('add')
   */
  declare<Handler extends AnyFunction>(
    name: string,
    options: Omit<TaskOptions<Parameters<Handler>>, 'retryOn' | 'giveUpOn' | 'expected'> = {},
  ): Omit<Task<Parameters<Handler>, Awaited<ReturnType<Handler>>>, never> {
    const definition = this.#define(name, options, null, this.declare)
    const direct = (): never => {
      throw new CeleriacError('TASK_UNKNOWN', {
        task: name,
        hint: 'it is only declared in this process; enqueue it',
      })
    }
    return canvasTask(
      makeTask<Parameters<Handler>, Awaited<ReturnType<Handler>>, never>(definition, direct, this.#context),
      this.#canvas,
    )
  }

  /**
   * Enqueues a job by the name of its task, for producers that know nothing else of it; or a signature, such as one
   * read from JSON, with the args that are still open.
   *
   * A task that is defined or declared here lends its options; otherwise the defaults hold.
   * @throws {CeleriacError} as `task.enqueue`; for a signature `CANVAS_…`
   */
  enqueue<Result = unknown>(
    name: string,
    args?: readonly unknown[],
    options?: CallOptions,
  ): Promise<JobHandle<Result>>
  enqueue<Given extends AnySignature>(
    signature: Given,
    ...rest: OpenArgs<OpenOf<Given>>
  ): Promise<HandleOf<Given>>
  async enqueue(
    what: string | AnySignature,
    args: readonly unknown[] = [],
    options: CallOptions = {},
  ): Promise<unknown> {
    if (!Array.isArray(args)) {
      throw new CeleriacError('ARGS_REJECTED', {
        task: String(what),
        issues: 'must be a list of positional arguments',
      })
    }
    if (what instanceof BoundSignature)
      return what
        .boundTo(this.#canvas)
        .with(options)
        .enqueue(...args)
    const definition = this.#canvas.definition(assertTaskName(what))
    return callsOf<unknown[], unknown>(definition, options, this.#context).enqueue(...args)
  }

  /** A handle to any job by its id. @throws {CeleriacError} `JOB_ID_INVALID` */
  job<Result = unknown>(id: string): JobHandle<Result> {
    return new JobHandle<Result>(assertJobId(id), this.#context)
  }

  /** A handle to a group of a started canvas by its id. @throws {CeleriacError} `JOB_ID_INVALID` */
  group<Results = readonly unknown[]>(id: string): GroupHandle<Results> {
    return new GroupHandle<Results>(assertJobId(id), this.#context)
  }

  /** A handle to a started canvas by its id, or that of any of its jobs. @throws {CeleriacError} `JOB_ID_INVALID` */
  workflow(id: string): Workflow {
    return new Workflow(assertJobId(id), this.#context)
  }

  /** Makes a worker; it claims nothing before `start()`. @throws {CeleriacError} `OPTION_…` */
  worker(options: WorkerOptions = {}): Worker {
    this.#assertOpen('make a worker')
    const worker = new Worker(options, {
      database: this.#database,
      work: this.#work,
      guard: this.#guard,
      listener: this.#listener,
      registry: this.#registry,
      results: this.#results,
      waker: this.#waker,
      locks: this.#locks,
      canvas: this.#canvas,
      bus: this.#bus,
      log: this.#log,
      codec: this.#options.codec,
      queues: {
        defaultQueue: this.#routes.defaultQueue,
        declared: [...this.#options.queueSettings.queues.keys()],
        assertQueue: (queue) => this.#routes.assertQueue(queue),
      },
      limits: this.#appLimits,
      maxResultBytes: this.#options.maxResultBytes,
      middleware: this.#middleware,
      scheduler: this.#scheduler,
      assertReady: () => this.#assertReady(),
    })
    this.#workers.add(worker)
    return worker
  }

  /**
   * Runs what is due, within bounds, and returns: for serverless functions and cron platforms.
   *
   * @returns how many jobs have begun
   */
  async drain(
    options: WorkerOptions & { readonly max?: number; readonly deadline?: Duration } = {},
  ): Promise<number> {
    const { max, deadline, ...rest } = options
    const worker = this.worker(rest)
    try {
      return await worker.drain({
        max: max === undefined ? Number.MAX_SAFE_INTEGER : integer(max, 'max', 1, 1_000_000_000),
        deadlineMs: deadline === undefined ? Number.POSITIVE_INFINITY : toMs(deadline, 'deadline'),
      })
    } finally {
      this.#workers.delete(worker)
    }
  }

  /**
   * Calls `run` while it alone, of all processes, holds `key`: as `job.lock`, for code that is no job. Within a job it is
   * the job's.
   *
   * @returns what `run` returns; with `onBusy: 'skip'` whether it was skipped, and that value or who holds the key
   * @throws {CeleriacError} `LOCK_TIMEOUT`, `LOCK_DEADLOCK`, `LOCK_LOST`, `CONNECT_FAILED`
   * @example await app.lock('reindex', () => reindex(), { timeout: '5s' })
   */
  lock<Result>(
    key: string,
    run: LockRun<Result>,
    options: LockOptions & { readonly onBusy: 'skip' },
  ): Promise<Locked<Result>>
  lock<Result>(
    key: string,
    run: LockRun<Result>,
    options?: LockOptions & { readonly onBusy?: 'wait' },
  ): Promise<Result>
  async lock(key: string, run: LockRun<unknown>, options?: LockOptions): Promise<unknown> {
    this.#assertOpen('lock a key')
    const job = jobStorage.getStore()
    return job === undefined
      ? this.#locks.lockAs(thisProcess(), key, run, options)
      : job.lock(key, run, options ?? {})
  }

  /** Installs or updates the schema; see `celeriac migrate`. */
  async migrate(): Promise<MigrateReport> {
    const { migrate } = await import('./migrate/migrate.ts')
    return migrate({ database: await this.#database.config(), schema: this.#options.schema })
  }

  /** Lists and counts, read from the views. */
  get inspect(): Inspect {
    return this.#inspect
  }

  /** Pauses, lists, empties and rearranges queues. */
  get queues(): Queues {
    return this.#queues
  }

  /**
   * Declares a limit that stands alone: any task may use it by name (`limits: ['openai']`), and all share it.
   *
   * @throws {CeleriacError} `LIMIT_NAME`, `LIMIT_EXISTS`, `RATE_INVALID`, `OPTION_…`
   */
  limit(name: string, grant: LimitGrant): void {
    this.#appLimits.declare(name, grant)
    this.#declarer.joined(null)
  }

  /** Limits at run time: changed, read, held, and spent outside jobs. */
  get limits(): Limits {
    return this.#limits
  }

  /** Schedules: listed, made and changed at run time. `task.every(…)` declares them in code. */
  get schedules(): Schedules {
    return this.#schedules
  }

  /** Calls back for every fact of a kind, after it is committed; returns the function that takes it back. */
  on<Name extends EventName>(name: Name, listener: EventListener<Name>): () => void {
    return this.#bus.on(name, listener)
  }

  /** Wraps every handler that runs in this process; the first one added is outermost. */
  use(middleware: Middleware): this {
    this.#middleware.push(middleware)
    return this
  }

  /** Names of the tasks that are defined or declared here. */
  get tasks(): readonly string[] {
    return this.#registry.names()
  }

  /** Where the app's database is, for people to read: without its password. Starts an embedded server, connects to none. */
  async location(): Promise<DatabaseLocation> {
    return { ...serverOf(await this.#database.config()), schema: this.#options.schema }
  }

  /** Stops the app's workers, sends what is left to send, and closes connections; a pool of yours stays open. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stop(): Promise<void> {
    releaseApp(this)
    this.#declarer.stop()
    await Promise.all([...this.#workers].map((worker) => worker[Symbol.asyncDispose]()))
    await this.#locks.stop()
    await this.#context.enqueuer.stop()
    await this.#waker.stop()
    await this.#results.stop()
    await this.#listener.stop()
    await this.#work.close()
    await this.#database.close()
    await this.#stopEmbedded?.()
  }

  #define<Args extends readonly unknown[]>(
    name: string,
    options: TaskOptions<Args>,
    handler: AnyFunction | null,
    callee: AnyFunction,
  ): TaskDefinition {
    assertTaskName(name)
    const definition = definitionOf(name, options, handler, placeOfCall(callee))
    this.#registry.add(definition)
    if (handler !== null && definition.options.limits !== null) this.#declarer.joined(name)
    return definition
  }

  #assertOpen(action: string): void {
    if (this.#stopped !== undefined) throw new CeleriacError('APP_CLOSED', { action })
  }

  async #assertReady(): Promise<void> {
    this.#assertOpen('start a worker')
    await assertSchema(this.#database)
    await this.#declarer.start()
  }

  async #source(): Promise<DatabaseInput> {
    const { database } = this.#options
    if (database !== 'embedded') return database
    const { startEmbedded } = await import('./embedded/index.ts')
    const server = await startEmbedded()
    this.#stopEmbedded = () => server.stop()
    return server.url
  }
}

/** What goes with a signature: its open args, which may be left out when there are none. */
type OpenArgs<Open> = [Open] extends [never]
  ? [args?: readonly unknown[], options?: CallOptions]
  : [] extends Open
    ? [args?: Open, options?: CallOptions]
    : [args: Open, options?: CallOptions]

/** The args of a bound handler. Its key functions are typed by it even when it leaves the type of the job out. */
type ArgsOf<Bound> = Bound extends (job: JobContext, ...args: infer Args) => unknown ? Args : never

/** A tuple that may be spread into parameters. */
type Spread<Value> = Value extends readonly [...infer Items] ? Items : never
