import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { formatMs } from '../base/duration.ts'
import { CeleriacError } from '../base/errors.ts'
import { assertLock } from '../db/calls/lock.ts'
import type { Database } from '../db/database.ts'
import type { Listener } from '../db/listener.ts'
import { callerTransaction } from '../db/transaction.ts'
import type { Bus } from '../event/bus.ts'
import { type Hold, heldAround, holdStorage } from './hold.ts'
import type { Keeper } from './keeper.ts'
import { LEASE_MS, LeaseKeeper } from './lease-keeper.ts'
import { Busy, Line, type LineHost, nameOf } from './line.ts'
import type { JobLockOptions, Lock, Locked, LockOwner, LockRun, LockVerb } from './lock.ts'
import { assertKey, type ResolvedLockOptions, resolveLockOptions } from './options.ts'
import { SessionKeeper } from './session-keeper.ts'

/** What locks need of their app. */
export interface LocksContext {
  readonly database: Database
  /** Connections no handler can use up: leases are renewed over these. */
  readonly work: Database
  readonly listener: Listener
  readonly bus: Bus
}

/** Throws what sends a job back. */
export type SendBack = () => never

/** The locks of one app. */
export class Locks {
  readonly #context: LocksContext
  readonly #lines = new Map<string, Line>()
  readonly #holderId = randomUUID()
  readonly #host: LineHost
  #keeper: Promise<Keeper> | undefined
  #stopped = false

  constructor(context: LocksContext) {
    this.#context = context
    context.listener.subscribe({
      unlocked: (id) => {
        for (const line of this.#lines.values()) line.unlocked(id)
      },
    })
    this.#host = {
      holderId: this.#holderId,
      keeper: () => this.#kept(),
      contended: () => void context.listener.start().catch(() => undefined),
      lost: ({ key, fence, owner }) => context.bus.emit('lock:lost', { key, fence, jobId: owner.jobId }),
      ended: (line) => {
        this.#lines.delete(line.key)
        if (this.#lines.size === 0) void this.#keeper?.then((keeper) => keeper.hold(false))
      },
    }
  }

  /** `job.lock` of whoever asks. @param sendBack - how `onBusy: 'retry'` ends */
  verb(owner: () => LockOwner, sendBack: SendBack): LockVerb {
    const lockAs = async (key: string, run: LockRun<unknown>, options?: JobLockOptions): Promise<unknown> =>
      this.lockAs(owner(), key, run, options, sendBack)
    function lock<Result>(
      key: string,
      run: LockRun<Result>,
      options: JobLockOptions & { readonly onBusy: 'skip' },
    ): Promise<Locked<Result>>
    function lock<Result>(
      key: string,
      run: LockRun<Result>,
      options?: JobLockOptions & { readonly onBusy?: 'wait' | 'retry' },
    ): Promise<Result>
    function lock<Result>(
      key: string,
      run: LockRun<Result>,
      options: JobLockOptions,
    ): Promise<Result | Locked<Result>>
    function lock(key: string, run: LockRun<unknown>, options?: JobLockOptions): Promise<unknown> {
      return lockAs(key, run, options)
    }
    return lock
  }

  /**
   * Calls a function while it alone, of all processes, holds a key.
   *
   * @param sendBack - how `onBusy: 'retry'` ends; null where that makes no sense
   * @returns the function's value; with `onBusy: 'skip'` a {@link Locked}
   */
  async lockAs(
    owner: LockOwner,
    key: string,
    run: LockRun<unknown>,
    options: JobLockOptions = {},
    sendBack: SendBack | null = null,
  ): Promise<unknown> {
    const words = sendBack === null ? (['wait', 'skip'] as const) : (['wait', 'skip', 'retry'] as const)
    const resolved = resolveLockOptions(options, words)
    const outcome = await this.#run(owner, assertKey(key), run, resolved)
    if (resolved.onBusy === 'skip') return outcome
    if (!outcome.skipped) return outcome.value
    if (resolved.onBusy === 'retry') sendBack?.()
    throw new CeleriacError('LOCK_TIMEOUT', {
      key,
      timeout: formatMs(resolved.timeoutMs),
      holder: `${nameOf(outcome.holder)} holds it`,
    })
  }

  /** Whoever waits is refused, and what is held is free for others. */
  async stop(): Promise<void> {
    this.#stopped = true
    const closed = new CeleriacError('APP_CLOSED', { action: 'lock a key' })
    for (const line of this.#lines.values()) line.stop(closed)
    const keeper = await this.#keeper?.catch(() => undefined)
    await keeper?.stop()
  }

  async #run(
    owner: LockOwner,
    key: string,
    run: LockRun<unknown>,
    { timeoutMs }: ResolvedLockOptions,
  ): Promise<Locked<unknown>> {
    owner.signal?.throwIfAborted()
    const innermost = holdStorage.getStore() ?? null
    const line = this.#line(key)
    const own = [...heldAround(innermost)].find((hold) => hold === line.holder)
    if (own?.isLost === true) throw lostOf(own)
    const hold = own ?? (await line.enter(owner, innermost, timeoutMs))
    if (hold instanceof Busy) return { skipped: true, holder: hold.holder }
    if (hold === own) hold.uses += 1
    let value: unknown
    try {
      const lock = await this.#lockOf(hold, owner)
      value = await holdStorage.run(hold, run, lock)
    } catch (error) {
      await line.leave(hold)
      throw error
    }
    // Its value may rest on what others have changed meanwhile.
    if (!(await line.leave(hold))) throw lostOf(hold)
    return { skipped: false, value }
  }

  #line(key: string): Line {
    if (this.#stopped) throw new CeleriacError('APP_CLOSED', { action: 'lock a key' })
    const line = this.#lines.get(key) ?? new Line(key, this.#host)
    if (this.#lines.size === 0)
      void this.#kept().then(
        (keeper) => keeper.hold(true),
        () => undefined,
      )
    this.#lines.set(key, line)
    return line
  }

  async #lockOf(hold: Hold, owner: LockOwner): Promise<Lock> {
    const { key, fence, signal } = hold
    const { kind } = await this.#kept()
    return {
      key,
      fence,
      kind,
      signal: owner.signal === null ? signal : AbortSignal.any([owner.signal, signal]),
      assert: async (tx) => {
        if (hold.isLost || hold.uses === 0) throw lostOf(hold)
        await assertLock(this.#context.database, { key, fence }, callerTransaction(tx).executor)
      },
    }
  }

  #kept(): Promise<Keeper> {
    this.#keeper ??= this.#open().catch((error: unknown) => {
      this.#keeper = undefined
      throw error
    })
    return this.#keeper
  }

  async #open(): Promise<Keeper> {
    const { database } = this.#context
    return (await database.hasSessions()) ? new SessionKeeper(database, () => this.#lease()) : this.#leases()
  }

  /** A pooler stands in between that had not shown itself: what its session holds may be anybody's. */
  #lease(): void {
    const before = this.#keeper
    this.#keeper = Promise.resolve(this.#leases())
    for (const line of this.#lines.values()) line.holder?.lose(undefined)
    void before?.then((keeper) => keeper.stop())
  }

  #leases(): Keeper {
    this.#context.bus.emit('lock:leased', { leaseMs: LEASE_MS })
    return new LeaseKeeper(this.#context.work)
  }
}

function lostOf({ key, fence, signal }: Hold): unknown {
  return signal.aborted ? signal.reason : new CeleriacError('LOCK_LOST', { key, fence })
}

/** Who asks when no job does. */
export function thisProcess(): LockOwner {
  return { name: `${hostname()}:${process.pid}`, jobId: null, signal: null }
}
