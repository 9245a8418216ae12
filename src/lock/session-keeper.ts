import {
  clearLocks,
  dropLock,
  type LockAnswer,
  type LockClaim,
  readServerPid,
  releaseLock,
  takeLock,
} from '../db/calls/lock.ts'
import type { Database, Executor } from '../db/database.ts'
import { isConnectionError, isNameLost } from '../db/fault.ts'
import { inTurn } from '../db/in-turn.ts'
import { KeptSession } from '../db/kept-session.ts'
import { keepAlive } from '../db/listening-session.ts'
import { sessionConfig } from '../db/session-config.ts'
import { type Keeper, NOT_HELD, type Released } from './keeper.ts'

const NOBODYS = { fence: null, id: '', holder: null } as const

/**
 * Holds keys by advisory locks of one session: they are free as soon as that ends, and it ends with the process. It never
 * waits in the server, where one key would keep all others waiting.
 */
export class SessionKeeper implements Keeper {
  readonly kind = 'session'
  readonly #database: Database
  readonly #session: KeptSession
  readonly #inTurn: Executor
  readonly #moved: () => void
  readonly #taken = new Map<string, (cause: unknown) => void>()
  /** Sessions that have ended so far. */
  #ended = 0
  #pid = 0

  /** @param moved - told when the session turns out to be lent to others between statements: nothing is taken then */
  constructor(database: Database, moved: () => void) {
    this.#database = database
    this.#moved = moved
    this.#session = new KeptSession({
      config: async () => sessionConfig(await database.directConfig(), { role: 'lock' }),
      prepare: async (session) => {
        await keepAlive(session)
        this.#pid = await readServerPid(session)
        await clearLocks(database, session)
      },
      lost: (error) => this.#lost(error),
    })
    this.#session.hold(false)
    this.#inTurn = inTurn(this.#session)
  }

  async take(claim: LockClaim, lost: (cause: unknown) => void): Promise<LockAnswer> {
    const { key } = claim
    try {
      await this.#session.start()
      const ended = this.#ended
      const answer = await takeLock(this.#database, claim, { pid: this.#pid }, this.#inTurn)
      if (answer === null) {
        this.#moved()
        return NOBODYS
      }
      if (answer.fence === null) return answer
      // Taken by a session that has ended since: nobody holds it.
      if (ended !== this.#ended) return NOBODYS
      this.#taken.set(key, lost)
      return answer
    } catch (error) {
      if (isNameLost(error)) {
        this.#moved()
        return NOBODYS
      }
      // An error undoes what was written, but not the lock itself.
      if (!isConnectionError(error)) await this.#drop(key)
      throw this.#database.explain(error)
    }
  }

  async release(key: string, fence: number): Promise<Released> {
    if (!this.#taken.delete(key)) return NOT_HELD
    try {
      return await releaseLock(this.#database, { key, fence, session: true }, this.#inTurn)
    } catch (error) {
      if (!isConnectionError(error)) await this.#drop(key)
      return NOT_HELD
    }
  }

  hold(held: boolean): void {
    this.#session.hold(held)
  }

  async stop(): Promise<void> {
    await this.#session.stop()
  }

  async #drop(key: string): Promise<void> {
    await dropLock(this.#database, key, this.#inTurn).catch(() => undefined)
  }

  #lost(error: unknown): void {
    this.#ended += 1
    const taken = [...this.#taken.values()]
    this.#taken.clear()
    for (const lost of taken) lost(error)
  }
}
