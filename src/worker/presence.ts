import { randomBytes, randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { VERSION } from '../base/version.ts'
import { type HeartbeatAnswer, lockPresence, recordHeartbeat, registerWorker } from '../db/calls/worker.ts'
import type { Database, Executor } from '../db/database.ts'
import type { Listener } from '../db/listener.ts'

/** Interval of heartbeats; a row that is this old plus a grace is late. */
export const BEAT_MS = 3_000
/** Only attempts of this age are worth asking about: a notification tells sooner. */
const ASK_AFTER_MS = 1_000
const MOST_ASKED = 5_000

/** What a heartbeat says of the worker at that moment. */
export interface PresenceHost {
  readonly name: string
  readonly queues: readonly string[]
  readonly concurrency: number
  readonly tasks: () => readonly string[]
  readonly snapshot: (
    askAfterMs: number,
    most: number,
  ) => {
    readonly running: number
    readonly idle: boolean
    readonly stopping: boolean
    readonly stats: Readonly<Record<string, number>>
    readonly attempts: readonly { readonly id: string; readonly token: number }[]
  }
  /** @param idle - what the heartbeat said of that */
  readonly answered: (answer: HeartbeatAnswer, idle: boolean) => void
  readonly failed: (error: unknown) => void
}

/**
 * A worker's sign of life: a row with a heartbeat, and an advisory lock on the control session that falls with the
 * process. Both are on the one session, so that neither vouches for a worker whose session is gone.
 */
export class Presence {
  readonly #database: Database
  readonly #listener: Listener
  readonly #host: PresenceHost
  #id = randomUUID()
  #key = newKey()
  #leads = false
  #registered = false
  #timer: NodeJS.Timeout | undefined
  #beating = false
  #unsubscribe: (() => void) | undefined
  #stopped = false

  constructor(database: Database, listener: Listener, host: PresenceHost) {
    this.#database = database
    this.#listener = listener
    this.#host = host
  }

  /** Id of this life of the worker. */
  get id(): string {
    return this.#id
  }

  /** Whether this worker does the maintenance of the installation. */
  get leads(): boolean {
    return this.#leads
  }

  /** Enters the worker: the lock first, so that nobody finds the row without it. */
  async start(): Promise<void> {
    this.#unsubscribe = this.#listener.subscribe({
      connected: async (session) => {
        // A new session holds nothing of what the old one held.
        this.#leads = false
        await this.#lock(session)
      },
    })
    await this.#listener.start()
    // The session may have been open before this subscription; taking a shared lock twice does no harm.
    await this.#lock(this.#listener.session)
    await this.#register()
    this.#arm()
  }

  /** Starts a new life under a new id: nothing of the old one may be written any more. */
  async restart(): Promise<void> {
    this.#id = randomUUID()
    this.#key = newKey()
    this.#leads = false
    this.#registered = false
    await this.#lock(this.#listener.session)
    await this.#register()
  }

  /** Beats once, now. */
  async beat(): Promise<void> {
    if (this.#beating || this.#stopped || !this.#registered) return
    this.#beating = true
    try {
      const id = this.#id
      const snapshot = this.#host.snapshot(ASK_AFTER_MS, MOST_ASKED)
      const answer = await recordHeartbeat(
        this.#database,
        {
          id,
          tasks: this.#host.tasks(),
          leads: this.#leads,
          ...snapshot,
        },
        this.#listener.session,
      )
      this.#leads = answer.leads
      if (!answer.known) this.#registered = false
      this.#host.answered(answer, snapshot.idle)
    } catch (error) {
      this.#leads = false
      this.#host.failed(error)
    } finally {
      this.#beating = false
    }
  }

  /** Beats no more. The row and the lock stay until the worker has let go of its jobs. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#unsubscribe?.()
  }

  #arm(): void {
    this.#timer = setTimeout(
      () => {
        void this.beat().finally(() => {
          if (!this.#stopped) this.#arm()
        })
      },
      BEAT_MS * (0.95 + Math.random() * 0.1),
    )
  }

  async #lock(session: Executor): Promise<void> {
    await lockPresence(session, this.#key)
  }

  async #register(): Promise<void> {
    await registerWorker(
      this.#database,
      {
        id: this.#id,
        presenceKey: this.#key,
        name: this.#host.name,
        host: hostname(),
        pid: process.pid,
        version: VERSION,
        queues: this.#host.queues,
        tasks: this.#host.tasks(),
        concurrency: this.#host.concurrency,
      },
      this.#listener.session,
    )
    this.#registered = true
  }
}

/** Random: equal host names or process ids must not give equal keys. */
function newKey(): string {
  return randomBytes(8).readBigInt64BE().toString()
}
