import { setTimeout as delay } from 'node:timers/promises'
import { type Duration, toMs } from '../base/duration.ts'
import { CeleriacError } from '../base/errors.ts'
import { allAtOnce, instant, integer, refuseUnknown, text } from '../base/options.ts'
import { parseRate, type Rate, type RateSettings } from '../base/rate.ts'
import { preview } from '../base/text.ts'
import {
  type GrantJson,
  type HoldEnd,
  holdLimit,
  isTaskKnown,
  releaseLimit,
  resetLimit,
  setLimit,
  takeUnits,
} from '../db/calls/limit.ts'
import type { Database } from '../db/database.ts'
import type { LimitListRow } from '../db/tables.ts'
import type { LimitSettings } from '../task/limits.ts'
import { concurrencyOf } from '../task/read-limits.ts'

/** Which limit: by its name, or those of a task or a queue. */
export type LimitTarget = string | { readonly task: string } | { readonly queue: string }

/** What a limit is to grant from now on; null or 0 switches off, and what is left out stays as it is. */
export interface LimitChange {
  readonly rateLimit?: Rate | 0 | '' | null
  readonly concurrency?: number | null
}

/** What a limit grants, and what is used of it. */
export interface LimitInfo {
  readonly name: string
  /** Null for what counts for all keys, and for a limit without keys. */
  readonly key: string | null
  /** open: a job may start; spent: its rate is, for now; full: as many run as may; held: somebody holds it. */
  readonly condition: 'open' | 'spent' | 'full' | 'held'
  readonly concurrency: number | null
  readonly rate: RateSettings | null
  /** Units that run now, where concurrency is limited. */
  readonly running: number
  /** Ids of the jobs that run and hold them. */
  readonly holderIds: readonly string[]
  /** Units that started within the window, where a rate is limited. */
  readonly started: number
  /** Lines of jobs that wait and have to pass it. */
  readonly waitingLanes: number
  /** When the next job may start; null for now, and where nobody can know. */
  readonly nextStartAt: Date | null
  /** Until when it is held, null for until it is released, and why; null when it is not. */
  readonly held: { readonly until: Date | null; readonly reason: string | null } | null
  /** What code says; null when it was made at run time. */
  readonly declared: Partial<LimitSettings> | null
  /** What was chosen at run time; null for nothing. */
  readonly chosen: Partial<LimitSettings> | null
}

/** What `take` came to. */
export interface Taken {
  readonly granted: boolean
  /** When to ask again; null when granted, and while it is held with no end. */
  readonly retryAt: Date | null
}

/** What `app.limits` needs of the app. */
export interface LimitsContext {
  readonly database: Database
  /** Reads `limit_list`: of these names, or all; of one key, or every one. */
  readonly lists: {
    limits(names: readonly string[] | null, key?: string | null): Promise<readonly LimitListRow[]>
  }
  /** Whether a task is defined or declared in this process. */
  readonly hasTask: (name: string) => boolean
  readonly hintForTask: (name: string) => string
}

/** Limits at run time: what is changed here counts in all workers within a second, and outlives restarts. */
export class Limits {
  readonly #context: LimitsContext

  constructor(context: LimitsContext) {
    this.#context = context
  }

  /**
   * Changes what a limit grants, for all or for one key, until `reset`.
   *
   * @throws {CeleriacError} `TASK_UNKNOWN`, `RATE_INVALID`, `LIMIT_…`, `OPTION_…`
   * @example await app.limits.set({ task: 'mail' }, { rateLimit: '50/m' })
   */
  async set(
    target: LimitTarget,
    change: LimitChange,
    { key = null }: { readonly key?: string | null } = {},
  ): Promise<void> {
    const { rateLimit, concurrency } = readChange(change)
    await this.#assertTask(target)
    const { database } = this.#context
    if (typeof target === 'string') {
      await setLimit(database, target, { ...rateLimit, ...concurrency }, key)
      return
    }
    if (rateLimit !== undefined) await setLimit(database, `${ownerOf(target)}/rate`, rateLimit, key)
    if (concurrency !== undefined)
      await setLimit(database, `${ownerOf(target)}/concurrency`, concurrency, key)
  }

  /** Takes back what was chosen, for one key or for all: what code declares counts again. Whether anything was chosen. */
  async reset(target: LimitTarget, { key = null }: { readonly key?: string | null } = {}): Promise<boolean> {
    const outcomes = await this.#each(target, (name) => resetLimit(this.#context.database, name, key))
    return outcomes.includes(true)
  }

  /** A limit, or one key of it; null when nobody has declared or set it. Of a key that was never used, what it would have. */
  async get(name: string, key: string | null = null): Promise<LimitInfo | null> {
    const { lists } = this.#context
    const [row] = await lists.limits([name], key)
    if (row !== undefined || key === null) return row === undefined ? null : infoOf(row)
    const [all] = await lists.limits([name], null)
    return all === undefined ? null : infoOf(unused(all, key))
  }

  /** All limits, each followed by its keys that were ever used. */
  async list(): Promise<readonly LimitInfo[]> {
    return (await this.#context.lists.limits(null)).map(infoOf)
  }

  /**
   * Spends units of a rate outside jobs, which then wait as if a job had started.
   *
   * @param key - null for a limit without keys
   * @param options.wait - asks again until so long has passed
   * @throws {CeleriacError} `LIMIT_UNKNOWN`, `LIMIT_UNITS`, `LIMIT_…`; what `options.signal` aborts with
   */
  async take(
    name: string,
    key: string | null = null,
    units = 1,
    options: { readonly wait?: Duration; readonly signal?: AbortSignal } = {},
  ): Promise<Taken> {
    integer(units, 'units', 1, 1_000_000)
    const waitMs = options.wait === undefined ? 0 : toMs(options.wait, 'wait')
    const begun = performance.now()
    for (;;) {
      options.signal?.throwIfAborted()
      const { granted, retryAt, retryInMs } = await takeUnits(this.#context.database, name, key, units)
      const leftMs = waitMs - (performance.now() - begun)
      // One that is held with no end may be released at any time.
      const napMs = Math.max(1, retryInMs ?? HELD_LOOK_MS)
      if (granted || napMs > leftMs) return { granted, retryAt }
      await delay(napMs, undefined, { signal: options.signal })
    }
  }

  /**
   * Lets nothing start under a key of a limit until an instant, for a time, or until `release`; what runs goes on.
   *
   * @throws {CeleriacError} `LIMIT_KEY` without a key where the limit has keys, `LIMIT_…`, `OPTION_…`
   */
  async hold(
    target: LimitTarget,
    options: {
      readonly key?: string
      readonly until?: Date | Duration | null
      readonly reason?: string
    } = {},
  ): Promise<void> {
    refuseUnknown(options, ['key', 'until', 'reason'], 'hold')
    const { key = null, until = null, reason } = options
    await this.#assertTask(target)
    const name = typeof target === 'string' ? target : `${ownerOf(target)}/rate`
    await holdLimit(this.#context.database, name, key, {
      end: endOf(until),
      reason: reason === undefined ? null : text(reason, 'reason', 1_000),
    })
  }

  /** Ends a hold, of one key or of all. Whether anything was held. */
  async release(
    target: LimitTarget,
    { key = null }: { readonly key?: string | null } = {},
  ): Promise<boolean> {
    const outcomes = await this.#each(target, (name) => releaseLimit(this.#context.database, name, key))
    return outcomes.includes(true)
  }

  async #each<Outcome>(
    target: LimitTarget,
    act: (name: string) => Promise<Outcome>,
  ): Promise<readonly Outcome[]> {
    if (typeof target === 'string') return [await act(target)]
    const owner = ownerOf(target)
    const rows = await this.#context.lists.limits(null, null)
    const names = rows.map(({ name }) => name).filter((name) => name.startsWith(`${owner}/`))
    const outcomes: Outcome[] = []
    for (const name of names) outcomes.push(await act(name))
    return outcomes
  }

  /** A slip in the name of a task would make a limit that nobody ever asks. */
  async #assertTask(target: LimitTarget): Promise<void> {
    const { database, hasTask, hintForTask } = this.#context
    const task = typeof target === 'object' && 'task' in target ? target.task : null
    if (task === null || hasTask(task) || (await isTaskKnown(database, task))) return
    throw new CeleriacError('TASK_UNKNOWN', {
      task,
      hint: `no worker has it either; ${hintForTask(task)}`,
    })
  }
}

const HELD_LOOK_MS = 1_000

function ownerOf(target: Exclude<LimitTarget, string>): string {
  const [kind, name] = Object.entries(target)[0] ?? []
  if ((kind === 'task' || kind === 'queue') && typeof name === 'string') return `${kind}:${name}`
  throw new CeleriacError('OPTION_INVALID', {
    option: 'limit',
    problem: `must be a name, { task } or { queue }; got ${preview(target)}`,
  })
}

function readChange(change: LimitChange): {
  readonly rateLimit?: GrantJson
  readonly concurrency?: GrantJson
} {
  return allAtOnce((check) => {
    check(() => refuseUnknown(change, ['rateLimit', 'concurrency'], 'limit'), undefined)
    const { rateLimit, concurrency } = change
    if (rateLimit === undefined && concurrency === undefined)
      check(() => {
        const problem = 'changes nothing; give rateLimit, concurrency or both'
        throw new CeleriacError('OPTION_INVALID', { option: 'limit', problem })
      }, undefined)
    return {
      ...(rateLimit !== undefined && { rateLimit: check(() => rateJson(rateLimit), {}) }),
      ...(concurrency !== undefined && { concurrency: check(() => concurrencyJson(concurrency), {}) }),
    }
  })
}

function rateJson(rate: NonNullable<LimitChange['rateLimit']> | null): GrantJson {
  return { rateLimit: rate === null || rate === 0 || rate === '' ? null : parseRate(rate) }
}

function concurrencyJson(concurrency: number | null): GrantJson {
  if (concurrency === null || concurrency === 0) return { concurrency: null }
  return { concurrency: concurrencyOf(concurrency).concurrency ?? null }
}

function endOf(until: Date | Duration | null): HoldEnd {
  if (until === null) return null
  return until instanceof Date ? { at: instant(until, 'until') } : { ms: toMs(until, 'until') }
}

function infoOf(row: LimitListRow): LimitInfo {
  const { rate_limit: limit, rate_per_ms: perMs, rate_burst: burst } = row
  return {
    name: row.name,
    key: row.key,
    condition: row.condition,
    concurrency: row.concurrency,
    rate: limit === null || perMs === null ? null : { limit, perMs, burst: burst ?? 1 },
    running: Number(row.running),
    holderIds: row.holder_ids,
    started: row.started,
    waitingLanes: Number(row.waiting_lanes),
    nextStartAt: dateOf(row.next_start_at),
    held: row.held_until === null ? null : { until: dateOf(row.held_until), reason: row.hold_reason },
    declared: row.declared as Partial<LimitSettings> | null,
    chosen: row.chosen as Partial<LimitSettings> | null,
  }
}

/** The driver reads an instant that never comes as Infinity. */
const dateOf = (instantOf: Date | number | null): Date | null =>
  instantOf instanceof Date ? instantOf : null

/** A key that nobody has used has all of the limit. */
function unused(all: LimitListRow, key: string): LimitListRow {
  const nothing = { running: '0', holder_ids: [], started: 0, waiting_lanes: '0', next_start_at: null }
  return { ...all, ...nothing, key, condition: 'open', held_until: null, hold_reason: null, chosen: null }
}
