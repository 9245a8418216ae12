import type pg from 'pg'
import type { Database } from '../db/database.ts'
import type { Listener } from '../db/listener.ts'
import type { Bus } from '../event/bus.ts'
import type { GuardEntry, Guarded, GuardedHost, WorkerGuard, WorkerSnapshot } from '../worker/guard.ts'
import { type Link, openInline, openThread, threadObstacle } from './link.ts'
import { unpackError } from './packed-error.ts'
import type { GuardSettings, Order, Report } from './protocol.ts'

/** What the post needs of the app. */
export interface PostOptions {
  readonly database: Database
  readonly listener: Listener
  readonly bus: Bus
  readonly listen: boolean
  /** Whether a thread is wanted. */
  readonly threaded: boolean
  readonly retentionMs: number | null
}

/** Interval of heartbeats, and how long a worker that is not heard keeps its jobs. */
export const BEAT_MS = 3_000
export const LEASE_MS = 15_000
const STOP_MS = 3_000

type NewOrder = Order extends infer One ? (One extends Order ? Omit<One, 'call'> : never) : never

/** The workers' side of the guard: one guard for all workers of the app, there while one of them runs. */
export class GuardPost implements WorkerGuard {
  readonly #options: PostOptions
  readonly #hosts = new Map<string, { readonly entry: GuardEntry; readonly host: GuardedHost }>()
  readonly #calls = new Map<number, (error: unknown) => void>()
  #link: Promise<Link> | undefined
  #call = 0
  #password: (() => Promise<string>) | undefined
  /** Workers that have entered or are about to. */
  #guarded = 0

  constructor(options: PostOptions) {
    this.#options = options
  }

  async enter(entry: GuardEntry, host: GuardedHost): Promise<Guarded> {
    this.#guarded += 1
    try {
      await this.#enter(entry, host)
    } catch (error) {
      await this.#left()
      throw this.#options.database.explain(error)
    }
    let present = entry
    return {
      again: async (next) => {
        await this.#order({ kind: 'leave', workerId: present.id }).catch(() => undefined)
        this.#hosts.delete(present.id)
        present = next
        await this.#enter(next, host)
      },
      quiet: () => this.#order({ kind: 'quiet', workerId: present.id }).catch(() => undefined),
      leave: async () => {
        this.#hosts.delete(present.id)
        await this.#order({ kind: 'leave', workerId: present.id }).catch(() => undefined)
        await this.#left()
      },
    }
  }

  async #enter(entry: GuardEntry, host: GuardedHost): Promise<void> {
    // Known before it has entered: answers to its first heartbeat may come at once.
    this.#hosts.set(entry.id, { entry, host })
    try {
      await this.#order({ kind: 'enter', entry })
    } catch (error) {
      this.#hosts.delete(entry.id)
      throw error
    }
  }

  /** The last one out closes the door. */
  async #left(): Promise<void> {
    this.#guarded -= 1
    if (this.#guarded > 0) return
    const link = await this.#link?.catch(() => undefined)
    if (link === undefined) return
    await Promise.race([
      this.#order({ kind: 'stop' }).catch(() => undefined),
      new Promise((resolve) => setTimeout(resolve, STOP_MS).unref()),
    ])
    this.#link = undefined
    await link.close()
    await this.#options.listener.relay(undefined)
  }

  async #order(order: NewOrder): Promise<void> {
    this.#link ??= this.#open().catch((error: unknown) => {
      this.#link = undefined
      throw error
    })
    const link = await this.#link
    this.#call += 1
    const call = this.#call
    const done = new Promise<void>((resolve, reject) => {
      this.#calls.set(call, (error) => (error === null ? resolve() : reject(error)))
    })
    link.send({ ...order, call } as Order)
    return done
  }

  async #open(): Promise<Link> {
    const { listener, threaded, bus } = this.#options
    const settings = await this.#settings()
    const obstacle = threaded ? threadObstacle(settings) : 'guard: false'
    if (obstacle !== null) bus.emit('guard:inline', { reason: obstacle })
    if (!settings.sessions) {
      bus.emit('database:pooler', { missedAfterMs: LEASE_MS })
    }
    // Hints come over the guard's session from now on.
    if (settings.sessions) await listener.relay({ connected: Promise.resolve() })
    const host = {
      report: (report: Report) => this.#report(report),
      snapshot: (workerId: string): WorkerSnapshot | null =>
        this.#hosts.get(workerId)?.host.snapshot() ?? null,
      password: async () => (await this.#password?.()) ?? '',
    }
    const inline = (): Link => openInline(settings, { ...host, died: () => undefined })
    if (obstacle !== null) return inline()
    return openThread(settings, { ...host, died: (error) => this.#died(error, inline) })
  }

  async #settings(): Promise<GuardSettings> {
    const { database, listen, retentionMs } = this.#options
    const { password, ...config } = await database.directConfig()
    this.#password = typeof password === 'function' ? async () => password() : undefined
    const sessions = await database.hasSessions()
    return {
      config: { ...withoutPoolHooks(config), ...(typeof password === 'string' && { password }) },
      asksPassword: this.#password !== undefined,
      schema: database.schema,
      listen: listen && sessions,
      sessions,
      retentionMs,
      beatMs: BEAT_MS,
      leaseMs: LEASE_MS,
    }
  }

  /** Without a guard everybody else would take us for dead within seconds: it goes on here, under new ids. */
  #died(error: unknown, inline: () => Link): void {
    if (this.#guarded === 0) return
    const { bus } = this.#options
    const reason = error instanceof Error ? error.message : 'it ended'
    bus.emit('guard:inline', { reason: `the guard thread is gone (${reason})` })
    for (const finish of this.#calls.values()) finish(new Error(`the guard thread is gone (${reason})`))
    this.#calls.clear()
    this.#link = Promise.resolve(inline())
    for (const { host } of this.#hosts.values()) host.disconnected(error)
    // Their rows are there already: they enter under other ids, and their jobs go back first.
    for (const { host } of [...this.#hosts.values()]) {
      host.answered({ known: false, lost: [], cancelled: [] }, false)
    }
  }

  #report(report: Report): void {
    const { listener, bus } = this.#options
    switch (report.kind) {
      case 'done':
        this.#calls.get(report.call)?.(report.error === null ? null : unpackError(report.error))
        this.#calls.delete(report.call)
        return
      case 'heard':
        listener.hear(report.payload)
        return
      case 'hearing':
        listener.setHearing(report.hears)
        return
      case 'answered':
        this.#hosts.get(report.workerId)?.host.answered(report.answer, report.idle)
        return
      case 'failed':
        this.#hosts.get(report.workerId)?.host.failed(unpackError(report.error))
        return
      case 'fenced':
        this.#hosts.get(report.workerId)?.host.fenced(report.silentMs)
        return
      case 'unfenced':
        this.#hosts.get(report.workerId)?.host.unfenced()
        return
      case 'disconnected':
        for (const { host } of this.#hosts.values()) host.disconnected(unpackError(report.error))
        return
      case 'connected':
        for (const { host } of this.#hosts.values()) host.connected()
        return
      case 'rescued':
        bus.emit('worker:rescued', report.fact)
        return
      case 'unknown tasks':
        bus.emit('tasks:unknown', report.fact)
        return
      case 'failover':
        bus.emit('database:failover', report.fact)
        return
      case 'error':
        bus.emit('error', { during: report.during, error: unpackError(report.error) })
    }
  }
}

/** Functions that only a pool calls: they need not, and cannot, go to a thread. */
function withoutPoolHooks(config: pg.PoolConfig): pg.PoolConfig {
  const {
    log,
    verify,
    onConnect,
    Client,
    Promise: _,
    ...rest
  } = config as pg.PoolConfig & Record<string, unknown>
  return rest
}
