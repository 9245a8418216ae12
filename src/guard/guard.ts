import { poolConfig } from '../db/connection.ts'
import { Database } from '../db/database.ts'
import { leaderOf } from '../db/hints.ts'
import { KeptSession } from '../db/kept-session.ts'
import { keepAlive, ListeningSession } from '../db/listening-session.ts'
import { sessionConfig } from '../db/session-config.ts'
import { Maintenance } from '../maintain/maintenance.ts'
import type { WorkerSnapshot } from '../worker/guard.ts'
import { Leading } from './leading.ts'
import { packError } from './packed-error.ts'
import type { GuardSettings, Order, Report } from './protocol.ts'
import { Sentry, type SentryPost } from './sentry.ts'
import { Timeline } from './timeline.ts'

/** Where a guard runs: in its thread, or on the main loop. */
export interface GuardPlace {
  readonly report: (report: Report) => void
  /** Asks the main loop; null when it does not answer in time. */
  readonly snapshot: (workerId: string) => Promise<WorkerSnapshot | null>
  readonly password: () => Promise<string>
  /** Ends the process at once. */
  readonly kill: (why: string) => void
}

const WATCH_MS = 200
/** A watch this late was not late but asleep, with the process or the machine. */
const THAW_MS = 1_000
/** What a process that was frozen gets to show that it lives before it fences itself. */
const THAW_GRACE_MS = 250

/** Guards the workers of one process. */
export class Guard {
  readonly #place: GuardPlace
  readonly #database: Database
  readonly #listening: ListeningSession | null
  readonly #beats: KeptSession
  readonly #maintenance: Maintenance
  readonly #timeline: Timeline
  readonly #sentries = new Map<string, Sentry>()
  readonly #post: SentryPost
  readonly #leading: Leading
  #watchedAt = performance.now()
  #graceUntil = 0
  #connected = true
  #timer: NodeJS.Timeout | undefined

  constructor(settings: GuardSettings, place: GuardPlace) {
    this.#place = place
    const { schema, listen, sessions, beatMs, leaseMs, retentionMs } = settings
    const config = { ...settings.config, ...(settings.asksPassword && { password: () => place.password() }) }
    this.#database = new Database({
      source: poolConfig(config),
      schema,
      maxConnections: 2,
      role: 'maintain',
      ownPool: true,
    })
    this.#timeline = new Timeline((fact) => place.report({ kind: 'failover', fact }))
    this.#beats = new KeptSession({
      config: async () => sessionConfig(config, { role: 'beat' }),
      prepare: async (session) => {
        // A new session holds nothing of what the old one held.
        if (sessions) await keepAlive(session)
        for (const sentry of this.#sentries.values()) await sentry.lock(session)
        await this.#timeline.look(session)
      },
      prepares: sessions,
      opened: () => this.#reopened(),
      lost: (error) => this.#lost(error),
    })
    this.#listening = sessions
      ? new ListeningSession({
          config: async () => sessionConfig(config, { role: 'listen' }),
          schema,
          listen,
          prepare: async (session) => {
            for (const sentry of this.#sentries.values()) await sentry.lock(session)
          },
          heard: (payload) => this.#heard(payload),
          hearing: (hears) => {
            this.#leading.hearing = hears
            place.report({ kind: 'hearing', hears })
          },
        })
      : null
    this.#maintenance = new Maintenance({
      database: this.#database,
      emit: (name, fact) => {
        if (name === 'worker:rescued') place.report({ kind: 'rescued', fact: fact as never })
        else if (name === 'tasks:unknown') place.report({ kind: 'unknown tasks', fact: fact as never })
        else {
          const { during, error } = fact as { during: string; error: unknown }
          place.report({ kind: 'error', during, error: packError(error) })
        }
      },
      beatMs,
      leaseMs,
      retentionMs,
      accuser: () => (this.#leading.leads ? (this.#first()?.entry.id ?? null) : null),
      others: () => this.#leading.yield(),
    })
    this.#leading = new Leading(() => this.#maintenance.hurry())
    this.#post = {
      database: this.#database,
      session: this.#beats,
      beatMs,
      leaseMs,
      sessions,
      snapshot: place.snapshot,
      answered: (workerId, answer, idle) => place.report({ kind: 'answered', workerId, answer, idle }),
      failed: (workerId, error) => place.report({ kind: 'failed', workerId, error: packError(error) }),
      fenced: (workerId, silentMs) => place.report({ kind: 'fenced', workerId, silentMs }),
      unfenced: (workerId) => place.report({ kind: 'unfenced', workerId }),
      kill: place.kill,
    }
  }

  /** Carries out an order and reports that it is done. */
  async obey(order: Order): Promise<void> {
    try {
      await this.#obey(order)
      this.#place.report({ kind: 'done', call: order.call, error: null })
    } catch (error) {
      this.#place.report({ kind: 'done', call: order.call, error: packError(error) })
    }
  }

  #obey(order: Order): Promise<void> {
    switch (order.kind) {
      case 'enter':
        return this.#enter(new Sentry(order.entry, this.#post))
      case 'quiet':
        this.#sentries.get(order.workerId)?.quiet()
        return Promise.resolve()
      case 'leave':
        return this.#leave(order.workerId)
      case 'stop':
        return this.#stop()
    }
  }

  async #enter(sentry: Sentry): Promise<void> {
    // Entered before its sessions are: one that reopens meanwhile takes its lock as well.
    this.#sentries.set(sentry.entry.id, sentry)
    try {
      await Promise.all([this.#beats.start(), this.#listening?.start()])
      await sentry.lock(this.#beats)
      if (this.#listening !== null) await sentry.lock(this.#listening.session)
      await sentry.enter()
    } catch (error) {
      this.#sentries.delete(sentry.entry.id)
      throw error
    }
    if (this.#timer === undefined) {
      this.#watchedAt = performance.now()
      this.#timer = setInterval(() => this.#watch(), WATCH_MS)
      this.#maintenance.start()
    }
    // The first one soon: it says which attempts and tasks there are.
    void sentry.beat()
  }

  async #leave(workerId: string): Promise<void> {
    const sentry = this.#sentries.get(workerId)
    if (sentry === undefined) return
    sentry.quiet()
    this.#sentries.delete(workerId)
    await sentry.unlock(this.#beats).catch(() => undefined)
    if (this.#listening !== null) await sentry.unlock(this.#listening.session).catch(() => undefined)
  }

  async #stop(): Promise<void> {
    clearInterval(this.#timer)
    for (const sentry of this.#sentries.values()) sentry.quiet()
    await this.#maintenance.stop()
    await Promise.all([this.#beats.stop(), this.#listening?.stop()])
    await this.#database.close()
  }

  #watch(): void {
    const now = performance.now()
    const frozen = now - this.#watchedAt > THAW_MS
    this.#watchedAt = now
    if (frozen) {
      this.#graceUntil = now + THAW_GRACE_MS
      for (const sentry of this.#sentries.values()) sentry.thawed(now)
    }
    if (now < this.#graceUntil) return
    for (const sentry of this.#sentries.values()) sentry.watch(now)
    this.#leading.watch(now)
  }

  #heard(payload: string): void {
    const leader = leaderOf(payload)
    if (leader === null) this.#place.report({ kind: 'heard', payload })
    else if (!this.#sentries.has(leader)) this.#leading.heard(leader, this.#first()?.entry.id ?? '')
  }

  #first(): Sentry | undefined {
    for (const sentry of this.#sentries.values()) if (sentry.fit) return sentry
    return undefined
  }

  #lost(error: unknown): void {
    this.#connected = false
    this.#place.report({ kind: 'disconnected', error: packError(error) })
  }

  #reopened(): void {
    if (this.#connected) return
    this.#connected = true
    this.#place.report({ kind: 'connected' })
    // Before anybody wonders.
    for (const sentry of this.#sentries.values()) void sentry.beat()
  }
}
