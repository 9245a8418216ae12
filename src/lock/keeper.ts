import type { LockAnswer, LockClaim } from '../db/calls/lock.ts'

/** How a process holds keys in the database. */
export interface Keeper {
  readonly kind: 'session' | 'lease'
  /**
   * Tries once. At most one holding of a key is asked for at a time.
   *
   * @param lost - called, once, when what was taken is lost before it is released
   */
  take(claim: LockClaim, lost: (cause: unknown) => void): Promise<LockAnswer>
  /** Gives back what was taken; never rejects. `held`: it was ours until now, for certain. */
  release(key: string, fence: number): Promise<Released>
  /** Keeps the process from ending while it holds or awaits something. */
  hold(held: boolean): void
  stop(): Promise<void>
}

/** What came of giving a key back. */
export interface Released {
  readonly held: boolean
  /** Others wait for it. */
  readonly wanted: boolean
}

export const NOT_HELD: Released = { held: false, wanted: false }
