/*
 * lock: keys that one function at a time may have, in all processes: `job.lock` and `app.lock`. It keeps a line for each
 * key (line), so that functions of this process follow one another, and takes the key in the database for whoever is
 * first (keepers): by the lock of a session of its own, which falls with the process, or, where sessions do not last, by
 * a lease. It knows nothing of jobs but their ids: whoever asks says who he is.
 */
import type { Duration } from '../base/duration.ts'
import type { LockHolder } from '../db/calls/lock.ts'
import type { TransactionInput } from '../db/transaction.ts'

/** A lock that is held, as the function under it sees it. */
export interface Lock {
  readonly key: string
  /**
   * Number of this holding; any later one of the same key has a larger one. Store it with what you write elsewhere, and
   * let that refuse smaller ones: then nothing a holder does that was taken for dead can come too late.
   */
  readonly fence: number
  /** `session`: held for as long as this process lives; `lease`: behind a transaction pooler, renewed every few seconds. */
  readonly kind: 'session' | 'lease'
  /** Aborts with `LOCK_LOST` when the lock is lost, and with the job's own signal. Pass it on to whatever waits. */
  readonly signal: AbortSignal
  /**
   * Makes sure, in a transaction of yours, that the lock is still held, and that nobody gets it before the transaction
   * has ended: what is written there cannot come too late.
   *
   * @throws {CeleriacError} `LOCK_LOST`: your transaction can only be rolled back then; `TX_…` for what `tx` is
   */
  assert(tx: TransactionInput): Promise<void>
}

/** What is called once the lock is held. */
export type LockRun<Result> = (lock: Lock) => Promise<Result> | Result

/** How a lock is asked for. */
export interface LockOptions {
  /**
   * What to do when the key is still held after `timeout`: `'wait'` throws `LOCK_TIMEOUT`; `'skip'` goes on without
   * calling the function.
   * @defaultValue 'wait'
   */
  readonly onBusy?: 'wait' | 'skip'
  /** How long to wait for the key. @defaultValue '30s', and 0 with 'skip' */
  readonly timeout?: Duration
}

/** How a job asks for a lock. */
export interface JobLockOptions extends Omit<LockOptions, 'onBusy'> {
  /**
   * What to do when the key is still held after `timeout`: `'wait'` throws `LOCK_TIMEOUT`; `'skip'` goes on without
   * calling the function; `'retry'` ends this attempt, uncharged, and runs the job again a little later.
   * @defaultValue 'wait'
   */
  readonly onBusy?: 'wait' | 'skip' | 'retry'
}

/** What came of a lock that is skipped when it is busy. */
export type Locked<Result> =
  | { readonly skipped: false; readonly value: Result }
  /** `holder` is null when nobody knows. */
  | { readonly skipped: true; readonly holder: LockHolder | null }

/** `job.lock`: with `'skip'` it says whether the function was called, else it gives the function's value. */
export interface LockVerb {
  <Result>(
    key: string,
    run: LockRun<Result>,
    options: JobLockOptions & { readonly onBusy: 'skip' },
  ): Promise<Locked<Result>>
  <Result>(
    key: string,
    run: LockRun<Result>,
    options?: JobLockOptions & { readonly onBusy?: 'wait' | 'retry' },
  ): Promise<Result>
  <Result>(key: string, run: LockRun<Result>, options: JobLockOptions): Promise<Result | Locked<Result>>
}

/** Who asks for a lock. */
export interface LockOwner {
  /** For people. */
  readonly name: string
  readonly jobId: string | null
  /** Ends the wait, and aborts the signal of the lock. */
  readonly signal: AbortSignal | null
}
