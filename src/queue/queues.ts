import { setTimeout as sleep } from 'node:timers/promises'
import { toMs } from '../base/duration.ts'
import { CeleriacError } from '../base/errors.ts'
import { assertQueueName } from '../base/names.ts'
import { flag, instant, integer, refuseUnknown, text } from '../base/options.ts'
import { editJobs, type JobChange, type MatchFilter, purgeJobs } from '../db/calls/edit-jobs.ts'
import {
  findClaiming,
  holdKey,
  type PauseOutcome,
  pause,
  type ResumeOutcome,
  releaseKey,
  resume,
} from '../db/calls/queue.ts'
import type { Database } from '../db/database.ts'
import type { PauseListRow, QueueOverviewRow } from '../db/tables.ts'
import {
  type EditReport,
  type EditRun,
  editIds,
  editMatching,
  filterOf,
  readTarget,
  rehearse,
} from './edits.ts'
import { type PauseInfo, pauseInfo, type QueueInfo, queueInfo, unusedInfo } from './info.ts'
import type { ResolvedQueueSettings } from './options.ts'
import { type PauseOptions, type PauseTarget, placeOf, termsOf } from './pause-target.ts'
import { type RerouteContext, reroute } from './reroute.ts'
import type { EditTarget, MoveOptions, NewTime, PurgeOptions, RehearseOptions } from './verb-options.ts'

/** What the queues of an app need of it. */
export interface QueuesContext {
  readonly database: Database
  readonly settings: ResolvedQueueSettings
  readonly lists: {
    queues(): Promise<QueueOverviewRow[]>
    pauses(): Promise<PauseListRow[]>
  }
  /** Refuses a queue that may not be used. */
  readonly assertQueue: (name: string) => string
  readonly reroute: RerouteContext
  /** Refuses when the app is stopped. */
  readonly assertOpen: () => void
}

const EDIT_PAGE = 1_000
/** A purge writes a result for each job. */
const PURGE_PAGE = 500
/** How long a pause waits for claims that began before it; each lasts a few ms. */
const QUIET_MS = 5_000
const LOOK_MS = 5

/** The queues of an app: `app.queues`. All of it is stored; nothing here depends on this process. */
export class Queues {
  readonly #context: QueuesContext

  constructor(context: QueuesContext) {
    this.#context = context
  }

  /**
   * Pauses a queue, a task, all jobs with a label, or a key of a limit, for all workers: once this resolves, nothing of
   * it is claimed. What runs goes on, jobs may be enqueued, and a restart changes nothing. What a worker has claimed and not
   * begun begins within 250 ms, or goes back.
   *
   * @returns `paused`, or `changed` when it was paused already: then it has this reason and this end
   * @throws {CeleriacError} `OPTION_…`, `QUEUE_…`, `NAME_INVALID`
   * @example await app.queues.pause('mail', { reason: 'SMTP outage', for: '30m' })
   */
  async pause(target: PauseTarget, options: PauseOptions = {}): Promise<PauseOutcome> {
    const { database } = this.#context
    const place = placeOf(target)
    const terms = termsOf(options)
    if (place.kind === 'queue') this.#context.assertQueue(place.name)
    this.#context.assertOpen()
    if (place.kind === 'key') {
      await holdKey(database, [place.limit, place.key], terms)
      await this.#claimsEnded()
      return 'paused'
    }
    const outcome = await pause(database, place.kind, place.name, terms)
    await this.#claimsEnded()
    return outcome
  }

  /**
   * Ends a pause; workers that sleep are woken.
   *
   * @returns `resumed`, or `running` when it was not paused
   * @throws {CeleriacError} `OPTION_…`, `QUEUE_…`, `NAME_INVALID`
   */
  async resume(target: PauseTarget): Promise<ResumeOutcome> {
    const { database } = this.#context
    const place = placeOf(target)
    this.#context.assertOpen()
    if (place.kind === 'key')
      return (await releaseKey(database, [place.limit, place.key])) ? 'resumed' : 'running'
    return resume(database, place.kind, place.name)
  }

  /** Queues that hold jobs, have been served, are paused or declared, by name. Counts walk all jobs: read it seldom. */
  async list(): Promise<QueueInfo[]> {
    const { lists, settings } = this.#context
    const rows = await lists.queues()
    const seen = new Set(rows.map(({ name }) => name))
    const unused = [...settings.queues].filter(([name]) => !seen.has(name))
    return [
      ...rows.map((row) => queueInfo(row, settings.queues.get(row.name))),
      ...unused.map(([name, options]) => unusedInfo(name, options)),
    ].toSorted((one, other) => (one.name < other.name ? -1 : 1))
  }

  /** What is paused now: queues, tasks and labels. Keys of limits are held by those: `app.limits.list()`. */
  async pauses(): Promise<PauseInfo[]> {
    return (await this.#context.lists.pauses()).map(pauseInfo)
  }

  /**
   * Moves jobs that nobody runs to another queue.
   *
   * @throws {CeleriacError} `OPTION_…`, `QUEUE_…`
   */
  async move(options: MoveOptions): Promise<EditReport> {
    refuseUnknown(options, ['from', 'to', 'task', 'labels', 'limit', 'dryRun'], 'move')
    const { from, to, limit, dryRun, ...rest } = options
    const filter = filterOf({ ...rest, queue: from })
    const change = { queue: this.#context.assertQueue(assertQueueName(to)) }
    if (limit !== undefined) integer(limit, 'limit', 1, Number.MAX_SAFE_INTEGER)
    if (from === to)
      throw new CeleriacError('OPTION_INVALID', { option: 'to', problem: 'is the queue they are in' })
    return this.#editMatching(filter, change, dryRun, limit)
  }

  /**
   * Cancels what waits in a queue for a worker; jobs that run go on. Nobody waits in vain: the jobs end as cancelled, and
   * with them what follows from them in a canvas.
   *
   * @throws {CeleriacError} `OPTION_…`, `QUEUE_NAME_INVALID`
   */
  async purge(queue: string, options: PurgeOptions = {}): Promise<EditReport> {
    refuseUnknown(options, ['task', 'labels', 'scheduled', 'reason', 'dryRun'], 'purge')
    const { scheduled = false, reason = 'purged', dryRun = false, ...rest } = options
    const filter: MatchFilter = {
      ...filterOf({ ...rest, queue }),
      conditions: flag(scheduled, 'scheduled') ? ['due', 'scheduled'] : ['due'],
    }
    text(reason, 'reason', 2_000)
    const { database, assertOpen } = this.#context
    assertOpen()
    if (flag(dryRun, 'dryRun')) return rehearse(database, filter)
    return editMatching(
      {
        database,
        page: PURGE_PAGE,
        work: (ids, fitting) => purgeJobs(database, ids, fitting ?? filter, reason),
      },
      filter,
    )
  }

  /**
   * Gives jobs that nobody runs another priority; a larger one runs first.
   *
   * @throws {CeleriacError} `OPTION_…`, `JOB_ID_INVALID`
   */
  async reprioritise(
    target: EditTarget,
    priority: number,
    { dryRun }: RehearseOptions = {},
  ): Promise<EditReport> {
    return this.#edit(target, { priority: integer(priority, 'priority', -32_768, 32_767) }, dryRun)
  }

  /**
   * Gives jobs that nobody runs another time to begin. One that waits for other jobs is told apart (`waiting`): its time
   * begins with their end.
   *
   * @throws {CeleriacError} `OPTION_…`, `JOB_ID_INVALID`
   * @example await app.queues.reschedule({ queue: 'mail', task: 'digest.*' }, { delay: '1h' })
   */
  async reschedule(target: EditTarget, time: NewTime, { dryRun }: RehearseOptions = {}): Promise<EditReport> {
    refuseUnknown(time, ['runAt', 'delay'], 'reschedule')
    if ('runAt' in time && 'delay' in time)
      throw new CeleriacError('OPTION_CONFLICT', { option: 'runAt', other: 'delay' })
    const change =
      'runAt' in time ? { runAt: instant(time.runAt, 'runAt') } : { delayMs: toMs(time.delay, 'delay') }
    return this.#edit(target, change, dryRun)
  }

  /**
   * Moves jobs that nobody runs to where the same calls would go now, by the routes of this app: after they have changed.
   * What a call said of its queue is not kept with the job, so it does not count; a task that this app neither defines
   * nor declares goes where a route sends it, or stays.
   *
   * @throws {CeleriacError} `OPTION_…`, `JOB_ID_INVALID`, `ROUTE_FAILED`
   */
  async reroute(target: EditTarget, { dryRun = false }: RehearseOptions = {}): Promise<EditReport> {
    const { database, reroute: context, assertOpen } = this.#context
    const read = readTarget(target)
    const rehearsed = flag(dryRun, 'dryRun')
    assertOpen()
    const run: EditRun = {
      database,
      page: EDIT_PAGE,
      work: (ids) => reroute(context, ids, rehearsed),
    }
    return 'filter' in read ? editMatching(run, read.filter) : editIds(run, read.ids)
  }

  async #edit(target: EditTarget, change: JobChange, dryRun: boolean | undefined): Promise<EditReport> {
    const read = readTarget(target)
    if ('filter' in read) return this.#editMatching(read.filter, change, dryRun)
    if (dryRun === true)
      throw new CeleriacError('OPTION_INVALID', { option: 'dryRun', problem: 'is for a filter, not for ids' })
    this.#context.assertOpen()
    return editIds(this.#run(change), read.ids)
  }

  async #editMatching(
    filter: MatchFilter,
    change: JobChange,
    dryRun = false,
    limit?: number,
  ): Promise<EditReport> {
    const { database, assertOpen } = this.#context
    assertOpen()
    if (flag(dryRun, 'dryRun')) return rehearse(database, filter, limit)
    return editMatching({ ...this.#run(change), ...(limit !== undefined && { limit }) }, filter)
  }

  #run(change: JobChange): EditRun {
    const { database } = this.#context
    return { database, page: EDIT_PAGE, work: (ids, filter) => editJobs(database, ids, change, filter) }
  }

  /** Claims that were under way when a pause was committed may not have seen it; they end within a few ms. */
  async #claimsEnded(): Promise<void> {
    const { database } = this.#context
    const before = new Set(await findClaiming(database))
    const patience = performance.now() + QUIET_MS
    while (before.size > 0 && performance.now() < patience) {
      await sleep(LOOK_MS)
      const still = new Set(await findClaiming(database))
      for (const claim of before) if (!still.has(claim)) before.delete(claim)
    }
  }
}
