import type { HeartbeatAnswer, HeldAttempt } from '../db/calls/worker.ts'

/** What a heartbeat says of the worker at that moment. */
export interface WorkerSnapshot {
  readonly tasks: readonly string[]
  readonly running: number
  readonly idle: boolean
  readonly stopping: boolean
  readonly stats: Readonly<Record<string, number>>
  /** Attempts to ask about. */
  readonly attempts: readonly HeldAttempt[]
}

/** What a worker says about itself when it enters. */
export interface GuardEntry {
  readonly id: string
  readonly name: string
  readonly queues: readonly string[]
  readonly tasks: readonly string[]
  readonly concurrency: number
  /** False for one that goes on under a new id. */
  readonly fresh: boolean
  /** How long its main loop may stand still before the process is killed; null for ever. */
  readonly maxBlockMs: number | null
  /** Counters its main loop keeps; see pulse.ts. */
  readonly pulse: SharedArrayBuffer
}

/** What a guard tells its worker, and asks it. */
export interface GuardedHost {
  snapshot(): WorkerSnapshot
  /** @param idle - what the heartbeat said of that */
  answered(answer: HeartbeatAnswer, idle: boolean): void
  failed(error: unknown): void
  /** The sessions that show that the worker lives are gone; they are being opened again. */
  disconnected(error: unknown): void
  connected(): void
  /** Not heard for so long that others may soon take its jobs. */
  fenced(silentMs: number): void
  unfenced(): void
}

/** A worker under guard. */
export interface Guarded {
  /** Enters the worker under another id: nothing of the old one may be written any more. */
  again(entry: GuardEntry): Promise<void>
  /** Beats no more. The row and the locks stay until the worker has let go of its jobs. */
  quiet(): Promise<void>
  /** Lets go of the locks. */
  leave(): Promise<void>
}

/** Shows that workers live, whatever their handlers do to the event loop. */
export interface WorkerGuard {
  enter(entry: GuardEntry, host: GuardedHost): Promise<Guarded>
}
