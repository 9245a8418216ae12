import { hasTags } from '../../base/json.ts'
import { jsonTextArray, plainArray } from '../array-literal.ts'
import type { Database } from '../database.ts'

/** Attempts that succeeded: three lists of the same length. */
export interface Successes {
  readonly ids: readonly string[]
  readonly tokens: readonly number[]
  /** JSON texts; null for no value. */
  readonly values: readonly (string | null)[]
}

/** Any other end of an attempt; see `sql/functions/job/settle_jobs.sql`. */
export interface OtherOutcome {
  readonly id: string
  readonly token: number
  readonly kind:
    | 'succeeded'
    | 'replaced'
    | 'errored'
    | 'snoozed'
    | 'limited'
    | 'held'
    | 'released'
    | 'returned'
    | 'discarded'
    | 'cancelled'
  /** It is a node of a canvas. */
  readonly node?: true
  /** JSON text; null for no value. */
  readonly value?: string | null
  /** JSON text: what takes its place, or joins its group. */
  readonly plan?: string | null
  readonly error?: unknown
  readonly delayMs?: number | null
  readonly reason?: string
  /** What it has to pass; it goes into that lane. */
  readonly door?: unknown
  /** Limits and keys under which nothing starts until it may begin again. */
  readonly hold?: readonly (readonly [name: string, key: string])[]
}

/** Where to look in one priority of a queue: not before this place. */
export type Floor = readonly [priority: number, runAt: string | null, id: string | null]

/** Where to look in one queue. */
export type Look = readonly [queue: string, floors: readonly Floor[]]

/** What a worker settles and asks for in one turn. */
export interface Turn {
  readonly workerId: string
  readonly successes: Successes
  readonly others: readonly OtherOutcome[]
  readonly tasks: string
  readonly wanted: number
  readonly looks: readonly Look[]
}

/** Rare fields of a claimed job, in the order `claim_jobs` sends them. */
export type RareFields = readonly [
  options: Readonly<Record<string, unknown>> | null,
  labels: Readonly<Record<string, string>> | null,
  rootId: string | null,
  parentId: string | null,
  /** It was taken from a lane. */
  lane?: true,
]

/** A claimed job, in the order `claim_jobs` sends its fields. */
export type ClaimedRow = readonly [
  id: string,
  token: number,
  attempt: number,
  task: string,
  args: unknown,
  maxAttempts: number,
  uncharged: number,
  enqueuedAtS: number,
  rare: RareFields | null,
]

/** Jobs claimed from one priority of one queue. */
export interface ClaimedGroup {
  readonly queue: string
  readonly priority: number
  /** `run_at` of the last one, with all its digits; null when none was claimed. */
  readonly lastRunAt: string | null
  readonly jobs: readonly ClaimedRow[]
}

/** What a turn came to. */
export interface TurnAnswer {
  /** Attempts this worker no longer holds. */
  readonly lost: readonly string[]
  /** Whether any process waits for results. */
  readonly listenedTo: boolean
  /** Until the next job of the queues looked at is due, in ms; null when none is or the look found its fill. */
  readonly nextDueMs: number | null
  /** The database's clock, in ms since 1970. */
  readonly nowMs: number
  readonly groups: readonly ClaimedGroup[]
  /** False when the worker was declared dead: it is given nothing more. */
  readonly alive: boolean
  /** Of the settings; a new one is to be read before anything begins. */
  readonly settings: number
  /** Whether a stored value in the answer may be tagged, so that args need decoding. */
  readonly tagged: boolean
}

type Answer = readonly [
  lost: string[] | null,
  listenedTo: boolean,
  nextDueMs: number | null,
  nowMs: number,
  groups: [queue: string, priority: number, lastRunAt: string | null, jobs: ClaimedRow[]][],
  alive: boolean,
  settings: number,
]

/** Values and plans are JSON texts already. */
function otherText({ value, plan, ...other }: OtherOutcome): string {
  const text = JSON.stringify(other)
  if (value === undefined && plan === undefined) return text
  return `${text.slice(0, -1)}${value == null ? ',"nothing":true' : `,"value":${value}`}${plan == null ? '' : `,"plan":${plan}`}}`
}

/** Settles what a worker has finished and claims what it may run next, in one call. */
export async function workCycle(database: Database, turn: Turn): Promise<TurnAnswer> {
  const [row] = await database.call('work_cycle', [
    turn.workerId,
    plainArray(turn.successes.ids),
    plainArray(turn.successes.tokens),
    jsonTextArray(turn.successes.values),
    turn.others.length === 0 ? null : `[${turn.others.map(otherText)}]`,
    turn.tasks,
    turn.wanted,
    turn.wanted === 0 ? '[]' : JSON.stringify(turn.looks),
  ])
  const text = row?.work_cycle as string
  const [lost, listenedTo, nextDueMs, nowMs, groups, alive, settings] = JSON.parse(text) as Answer
  return {
    lost: lost ?? [],
    listenedTo,
    nextDueMs,
    nowMs,
    alive,
    settings,
    groups: groups.map(([queue, priority, lastRunAt, jobs]) => ({ queue, priority, lastRunAt, jobs })),
    tagged: hasTags(text),
  }
}
