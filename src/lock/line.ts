import { CeleriacError } from '../base/errors.ts'
import type { LockHolder } from '../db/calls/lock.ts'
import { faultOf } from '../db/fault.ts'
import { findCircle, Hold, heldAround, type Waiting } from './hold.ts'
import type { Keeper } from './keeper.ts'
import type { LockOwner } from './lock.ts'

/** What a line needs of the locks of its app. */
export interface LineHost {
  readonly holderId: string
  readonly keeper: () => Promise<Keeper>
  /** Another process holds the key: a notification will say when it does not any more. */
  readonly contended: () => void
  readonly lost: (hold: Hold) => void
  /** Nobody here holds the key or wants it. */
  readonly ended: (line: Line) => void
}

/** The key is held, and the time to wait for it is over. */
export class Busy {
  readonly holder: LockHolder | null

  constructor(holder: LockHolder | null) {
    this.holder = holder
  }
}

/** How long to wait before asking again whether another process has let go: longer each time, unless it says so. */
const ASK_MS = { first: 10, factor: 1.6, most: 500 } as const
/** Others who wait for a key get it before it is taken here again. */
const GIVE_WAY_MS = { least: 20, spread: 30 } as const
const SPREAD_HINT_MS = 5

/** Those in this process who want one key, in the order in which they came; only the first one asks the database. */
export class Line {
  readonly key: string
  readonly #host: LineHost
  readonly #waiters: Waiter[] = []
  #holder: Hold | null = null
  #working = false
  /** Who holds it in another process, as last seen. */
  #elsewhere: LockHolder | null = null
  #id = ''
  #wake: (() => void) | null = null

  constructor(key: string, host: LineHost) {
    this.key = key
    this.#host = host
  }

  /** Who holds it in this process. */
  get holder(): Hold | null {
    return this.#holder
  }

  /**
   * Waits for the key.
   *
   * @param innermost - the lock within whose function it is asked for
   * @throws {CeleriacError} `LOCK_DEADLOCK`; what the signal was aborted with; `CONNECT_FAILED`
   */
  async enter(owner: LockOwner, innermost: Hold | null, timeoutMs: number): Promise<Hold | Busy> {
    const isFree = this.#holder === null && this.#waiters.length === 0
    if (!isFree && timeoutMs === 0) return this.#busy()
    const circle = findCircle(this.#holder, innermost)
    if (circle !== null) throw this.#deadlock(circle)
    const waiter = new Waiter(this, owner, innermost, timeoutMs)
    this.#waiters.push(waiter)
    const timer = timeoutMs === 0 ? undefined : setTimeout(() => this.#timedOut(waiter), timeoutMs)
    const onAbort = (): void => this.#leaveLine(waiter, () => waiter.fail(owner.signal?.reason))
    owner.signal?.addEventListener('abort', onAbort, { once: true })
    void this.#work(false)
    try {
      return await waiter.end
    } finally {
      clearTimeout(timer)
      owner.signal?.removeEventListener('abort', onAbort)
    }
  }

  /** Gives the key back once nobody uses it here; false when it was not held to the end, or nobody can tell. */
  async leave(hold: Hold): Promise<boolean> {
    hold.uses -= 1
    if (hold.uses > 0) return !hold.isLost
    const keeper = await this.#host.keeper()
    const { held, wanted } = await keeper.release(this.key, hold.fence)
    this.#holder = null
    void this.#work(wanted)
    return held && !hold.isLost
  }

  /** Somebody has let go of a key: it may be this one. */
  unlocked(id: string): void {
    if (id === this.#id) this.#wake?.()
  }

  /** Nobody gets it any more, and whoever has it has lost it. */
  stop(error: CeleriacError): void {
    for (const waiter of [...this.#waiters]) this.#leaveLine(waiter, () => waiter.fail(error))
    this.#holder?.lose(error)
  }

  async #work(wanted: boolean): Promise<void> {
    if (this.#working) return
    this.#working = true
    if (wanted && this.#waiters.length > 0)
      await this.#pause(GIVE_WAY_MS.least + Math.random() * GIVE_WAY_MS.spread, false)
    let pauseMs: number = ASK_MS.first
    for (let first = this.#waiters[0]; first !== undefined; first = this.#waiters[0]) {
      if (this.#holder !== null || (await this.#ask(first))) break
      if (this.#waiters[0] !== first) continue
      const heard = await this.#pause(pauseMs * (0.5 + Math.random() / 2), true)
      pauseMs = heard ? ASK_MS.first : Math.min(ASK_MS.most, pauseMs * ASK_MS.factor)
    }
    this.#working = false
    if (this.#holder === null && this.#waiters.length === 0) this.#host.ended(this)
  }

  /** Tries to take the key for whoever is first; true when somebody here has it now. */
  async #ask(first: Waiter): Promise<boolean> {
    const { holderId } = this.#host
    const { name, jobId } = first.owner
    let hold: Hold | null = null
    try {
      const keeper = await this.#host.keeper()
      const answer = await keeper.take({ key: this.key, holderId, holder: name, jobId }, (cause) => {
        hold?.lose(cause)
        if (hold !== null) this.#host.lost(hold)
      })
      first.failure = null
      if (answer.fence === null) {
        this.#id = answer.id
        this.#elsewhere = answer.holder
        this.#host.contended()
        if (!first.isPatient) this.#timedOut(first)
        return false
      }
      if (first.isOver) {
        await keeper.release(this.key, answer.fence)
        return false
      }
      hold = new Hold(this.key, answer.fence, first.owner, first.innermost)
      const taken = hold
      this.#holder = taken
      this.#leaveLine(first, () => first.enter(taken))
      return true
    } catch (error) {
      first.failure = { error }
      const mayPass = ['connection', 'busy'].includes(faultOf(error))
      if (!first.isPatient || !mayPass) this.#leaveLine(first, () => first.fail(error))
      return false
    }
  }

  #timedOut(waiter: Waiter): void {
    const { failure } = waiter
    this.#leaveLine(waiter, () =>
      failure === null ? waiter.enter(this.#busy()) : waiter.fail(failure.error),
    )
  }

  #leaveLine(waiter: Waiter, end: () => void): void {
    const index = this.#waiters.indexOf(waiter)
    if (index < 0) return
    this.#waiters.splice(index, 1)
    waiter.leave()
    end()
    this.#wake?.()
  }

  #busy(): Busy {
    if (this.#holder === null) return new Busy(this.#elsewhere)
    const { owner, since } = this.#holder
    return new Busy({ name: owner.name, jobId: owner.jobId, since })
  }

  #deadlock(circle: Hold): CeleriacError<'LOCK_DEADLOCK'> {
    const holder = nameOf(this.#busy().holder)
    return new CeleriacError('LOCK_DEADLOCK', { key: this.key, holder, held: circle.key })
  }

  /** True when something has ended it early. */
  #pause(ms: number, wakeable: boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (heard: boolean): void => {
        clearTimeout(timer)
        this.#wake = null
        resolve(heard)
      }
      let timer = setTimeout(end, ms, false)
      if (!wakeable) return
      this.#wake = () => {
        this.#wake = null
        clearTimeout(timer)
        // All who wait hear it at once.
        timer = setTimeout(end, Math.random() * SPREAD_HINT_MS, true)
      }
    })
  }
}

/** Who holds a key, in a sentence. */
export function nameOf(holder: LockHolder | null): string {
  if (holder === null) return 'somebody unknown'
  return holder.jobId === null ? holder.name : `job ${holder.jobId} (${holder.name})`
}

/** One place in the line. */
class Waiter implements Waiting {
  readonly owner: LockOwner
  readonly innermost: Hold | null
  readonly isPatient: boolean
  readonly end: Promise<Hold | Busy>
  /** What went wrong when it was last asked for. */
  failure: { readonly error: unknown } | null = null
  isOver = false
  readonly #line: Line
  #resolve: (end: Hold | Busy) => void = () => undefined
  #reject: (error: unknown) => void = () => undefined

  constructor(line: Line, owner: LockOwner, innermost: Hold | null, timeoutMs: number) {
    this.owner = owner
    this.innermost = innermost
    this.isPatient = timeoutMs > 0
    this.#line = line
    this.end = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    for (const hold of heldAround(innermost)) hold.waits.add(this)
  }

  get holder(): Hold | null {
    return this.#line.holder
  }

  enter(end: Hold | Busy): void {
    this.#resolve(end)
  }

  fail(error: unknown): void {
    this.#reject(error)
  }

  leave(): void {
    this.isOver = true
    for (let hold = this.innermost; hold !== null; hold = hold.outer) hold.waits.delete(this)
  }
}
