import type { Payload } from '../harness/payload.ts'

/**
 * Called by the harness' handler for every job that begins. It does nothing else: handlers are no-ops. Where a question
 * needs a job that goes on, it gives what celeriac's handler waits for.
 */
export type OnJob = (payload: Payload) => Promise<void> | undefined

/** Jobs that wait for each other. Each that waits takes the values of those it waits for, where the contender has them. */
export type Shape =
  /** `size` jobs side by side, and one after all of them. */
  | { readonly kind: 'chord'; readonly size: number }
  /** `size` jobs one after the other. */
  | { readonly kind: 'chain'; readonly size: number }
  /** `count` chains of `size` jobs. */
  | { readonly kind: 'chains'; readonly count: number; readonly size: number }

/** How many jobs a shape has. */
export function jobsIn(shape: Shape): number {
  if (shape.kind === 'chains') return shape.count * shape.size
  return shape.kind === 'chord' ? shape.size + 1 : shape.size
}

/** The sending side of a contender, opened in a process of its own. */
export interface Producer {
  enqueue(payload: Payload): Promise<void>
  enqueueMany(payloads: readonly Payload[]): Promise<void>
  /** Enqueues inside the transaction open on `client`; absent where a contender cannot. */
  enqueueIn?(client: Queryable, payload: Payload): Promise<void>
  /** Starts jobs that wait for each other; absent where a contender has none. */
  startCanvas?(shape: Shape, payload: () => Payload): Promise<void>
  close(): Promise<void>
}

/** A `pg` client, as far as enqueuing in somebody's transaction needs one. */
export interface Queryable {
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>
}

/** The running side of a contender. `stop` finishes what runs and settles it. */
export interface Worker {
  stop(): Promise<void>
}

/** Settings that a question may ask for, beyond the contender's own. */
export interface Settings {
  /** False: producers send no NOTIFY, and workers look about as often as they would be woken. */
  readonly wakeUp?: boolean
  /** What limits the jobs; they have its keys in turn. */
  readonly limit?: Limit
}

/** A limit of P9; each contender has what comes nearest to it. */
export interface Limit {
  /** slots: so many at once for each key. rate: so many per second for each key. */
  readonly kind: 'slots' | 'rate'
  readonly grant: number
  /** One is no key at all. */
  readonly keys: number
}

/** The keys of a limit in turn. */
export function keysOf({ keys }: Limit): () => string {
  let next = 0
  return () => `key ${next++ % keys}`
}

/** What is left and what was done, asked of the contender's own store. */
export interface Census {
  readonly unsettled: number
  /** Undefined where the contender keeps no results. */
  readonly settled: number | undefined
}

/** A table that questions fill by SQL, copying a row that the contender itself has written. */
export interface CopiedTable {
  readonly table: string
  /** Which of the table's rows to copy. */
  readonly sample: string
  /** SQL for columns whose value must differ from the sample's; `default` leaves a column out. */
  readonly columns: Readonly<Record<string, string>>
}

export type Family = 'celeriac' | 'graphile' | 'pgboss' | 'bullmq' | 'plain'

/** One job queue with one set of settings. */
export interface Contender {
  readonly id: string
  readonly name: string
  readonly family: Family
  readonly variant: 'default' | 'tuned'
  /** The questions it takes part in; all when undefined. */
  readonly only?: readonly string[]
  readonly store: 'postgres' | 'redis'
  /** About how many jobs one worker process drains per second: sizes what a question fills in. */
  readonly expectedRate: number
  /** Jobs per call of the bulk method where many are to be enqueued: all at once by default, else the best of a sweep. */
  readonly bulkChunk: number
  /** Imports the contender's library. */
  load(): Promise<unknown>
  /** Installs the contender in an empty database. */
  setUp(url: string): Promise<void>
  openProducer(url: string, settings: Settings): Promise<Producer>
  startWorker(url: string, onJob: OnJob, settings: Settings): Promise<Worker>
  /** A worker and a producer that share one process. */
  openTogether?(url: string, onJob: OnJob): Promise<{ producer: Producer; worker: Worker }>
  census(url: string): Promise<Census>
  /** Rows of P7: a job that is due, a job for tomorrow, and a result where results are kept. */
  readonly copies?: {
    readonly due: CopiedTable
    readonly scheduled: CopiedTable
    readonly settled?: CopiedTable
  }
}

/** Names of the one queue and the one task every contender uses. */
export const QUEUE = 'default'
export const TASK = 'noop'
/** The task of jobs that take the values of others. */
export const STEP = 'step'
