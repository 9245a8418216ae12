import { AsyncLocalStorage } from 'node:async_hooks'
import { CeleriacError } from '../base/errors.ts'
import type { LockOwner } from './lock.ts'

/** Somebody who waits for a key. */
export interface Waiting {
  /** Who holds that key in this process; null when nobody does. */
  readonly holder: Hold | null
}

/** A key that is held in this process. */
export class Hold {
  readonly key: string
  readonly fence: number
  readonly owner: LockOwner
  readonly since = new Date()
  /** The one within whose function this one was asked for. */
  readonly outer: Hold | null
  /** What is waited for within its function, at any depth. */
  readonly waits = new Set<Waiting>()
  /** Functions that run under it: the same one may ask again. */
  uses = 1
  readonly #abort = new AbortController()

  constructor(key: string, fence: number, owner: LockOwner, outer: Hold | null) {
    this.key = key
    this.fence = fence
    this.owner = owner
    this.outer = outer
  }

  /** Aborts when it is lost. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get isLost(): boolean {
    return this.#abort.signal.aborted
  }

  lose(cause: unknown): void {
    const { key, fence } = this
    this.#abort.abort(new CeleriacError('LOCK_LOST', { key, fence }, cause === undefined ? {} : { cause }))
  }
}

/** The innermost lock within whose function the present code runs; it may have been given back since. */
export const holdStorage = new AsyncLocalStorage<Hold>()

/** Locks that are held around the present code, innermost first. */
export function* heldAround(innermost: Hold | null): Generator<Hold> {
  for (let hold = innermost; hold !== null; hold = hold.outer) if (hold.uses > 0) yield hold
}

/**
 * Whether waiting for what `holder` holds would wait for oneself: he waits, maybe by way of others, for a lock that is held
 * around here. A lock that is asked for within the function of another is taken to be awaited by it.
 *
 * @returns what is held here that he waits for; null when there is none
 */
export function findCircle(holder: Hold | null, innermost: Hold | null): Hold | null {
  const mine = new Set(heldAround(innermost))
  if (holder === null || mine.size === 0) return null
  const seen = new Set<Hold>()
  const next = [holder]
  for (let hold = next.pop(); hold !== undefined; hold = next.pop()) {
    if (mine.has(hold)) return hold
    if (seen.has(hold)) continue
    seen.add(hold)
    for (const waiting of hold.waits) if (waiting.holder !== null) next.push(waiting.holder)
  }
  return null
}
