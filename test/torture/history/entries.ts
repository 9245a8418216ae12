import type { Drawing } from '../canvas/drawing.ts'

/*
 * The history of a run: what every process saw, one JSON object per line. `t` is CLOCK_MONOTONIC in ms, which all
 * processes of a machine share and no change of the clock touches; `p` is the process that writes.
 *
 * A job is named by its mark, which the producer makes and passes as the first argument, so that a job whose insert
 * was never answered can be told from one that nobody asked for. Workers name it by its id.
 */

/** What producers write. */
export type ProducerEntry =
  /** What is about to be enqueued as a canvas; its jobs are named by the entry that follows. */
  | { readonly e: 'canvas'; readonly mark: string; readonly drawing: Drawing }
  | { readonly e: 'enq'; readonly ks: readonly string[] }
  | { readonly e: 'enq-ok'; readonly ks: readonly string[] }
  /** No answer came, or it is not known whether the statement took effect. */
  | { readonly e: 'enq-unknown'; readonly ks: readonly string[]; readonly code: string }
  /** Refused for good: nothing was written. */
  | { readonly e: 'enq-fail'; readonly ks: readonly string[]; readonly code: string }
  | { readonly e: 'tx-begin'; readonly x: string; readonly ks: readonly string[] }
  | { readonly e: 'tx-commit'; readonly x: string }
  | { readonly e: 'tx-unknown'; readonly x: string }
  | { readonly e: 'tx-rollback'; readonly x: string }

/** How an attempt was settled, as its worker was told. */
export type SettledAs = 'succeeded' | 'failed' | 'retried' | 'snoozed' | 'cancelled' | 'released' | 'returned'

/** What workers write. `j` is the job, `k` the token, `a` the attempt, `w` the worker's id. */
export type WorkerEntry =
  | { readonly e: 'worker'; readonly w: string }
  | { readonly e: 'claim'; readonly j: string; readonly a: number }
  | {
      readonly e: 'start'
      readonly j: string
      readonly k: number
      readonly a: number
      readonly w: string
      readonly task: string
      readonly mark: string
    }
  /** The handler is done: it returned, threw, or gave way to its signal. */
  | { readonly e: 'end'; readonly j: string; readonly k: number; readonly out: 'ok' | 'error' | 'aborted' }
  | { readonly e: 'settled'; readonly j: string; readonly a: number; readonly as: SettledAs }
  | { readonly e: 'lost'; readonly j: string; readonly a: number }
  | { readonly e: 'evicted' }
  | { readonly e: 'fenced' }
  | { readonly e: 'unfenced' }
  /** Took the jobs of another worker away. */
  | { readonly e: 'rescued'; readonly w: string; readonly jobs: number; readonly reason: string }
  /** The program has stopped in order. */
  | { readonly e: 'down' }

/** What the operator writes. */
export type OperatorEntry =
  | { readonly e: 'ask'; readonly verb: string; readonly j: string }
  | { readonly e: 'answer'; readonly verb: string; readonly j: string; readonly out: string }
  | { readonly e: 'no-answer'; readonly verb: string; readonly j: string }

/** What the driver and its nemesis write; `c` is the process it is done to. */
export type DriverEntry =
  | { readonly e: 'phase'; readonly name: Phase }
  | { readonly e: 'spawn'; readonly c: string; readonly role: Role; readonly pid: number }
  | { readonly e: 'exit'; readonly c: string; readonly code: number | null; readonly signal: string | null }
  | { readonly e: 'kill9'; readonly c: string }
  | { readonly e: 'term'; readonly c: string }
  | { readonly e: 'sigstop'; readonly c: string }
  | { readonly e: 'sigcont'; readonly c: string }
  /** The sessions that show its presence were ended from outside. */
  | { readonly e: 'cut'; readonly c: string }
  | { readonly e: 'terminate'; readonly backends: number }
  | { readonly e: 'backend-kill' }
  /** From here to `pgstart` the server takes no connections. */
  | { readonly e: 'pgstop'; readonly mode: string }
  | { readonly e: 'pgstart' }
  /** From here to `heal` no byte passes between it and the server. */
  | { readonly e: 'partition'; readonly c: string; readonly how: string }
  | { readonly e: 'heal'; readonly c: string }
  /** An answer was thrown away; `js` are the jobs it named. */
  | { readonly e: 'drop'; readonly c: string; readonly call: string; readonly js: readonly string[] }
  | { readonly e: 'reset'; readonly c: string }
  | { readonly e: 'delay'; readonly c: string; readonly ms: number }
  /** All schedules were paused. */
  | { readonly e: 'paused' }
  | { readonly e: 'clock'; readonly c: string; readonly offset: string }
  /** A timer of the driver itself came late by so much: the machine had other things to do. */
  | { readonly e: 'busy'; readonly ms: number }
  | Sample

/** What the tables and views showed at an instant. */
export interface Sample {
  readonly e: 'sample'
  /** Due for longer than two seconds and claimed by nobody. */
  readonly overdue: number
  /** Running on a worker that has no row. */
  readonly orphans: number
  readonly unsettled: number
  readonly connections: number
  /** Transactions so far, of everybody. */
  readonly transactions: number
}

export type Phase = 'calm' | 'faults' | 'drain' | 'probe' | 'idle' | 'close' | 'end'
export type Role = 'worker' | 'producer' | 'operator'
export type AnyEntry = ProducerEntry | WorkerEntry | OperatorEntry | DriverEntry
/** One line of the history. */
export type Entry = { readonly t: number; readonly p: string } & AnyEntry
