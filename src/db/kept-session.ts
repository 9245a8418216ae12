import pg from 'pg'
import type { Executor, Row, Statement } from './database.ts'
import { isConnectionError } from './fault.ts'
import { settingsRefused } from './session-config.ts'

/** What a kept session needs. */
export interface KeptSessionOptions {
  /** Settings for the next connection; asked each time, since passwords and places change. */
  readonly config: () => Promise<pg.ClientConfig>
  /** Makes a new connection fit before anybody may use it: locks, LISTEN. What it throws ends the connection. */
  readonly prepare: (session: Executor) => Promise<void>
  readonly opened?: () => void
  /** The connection ended without our doing; it is being opened again. */
  readonly lost?: (error: unknown) => void
  readonly heard?: (payload: string) => void
  /** False behind a transaction pooler: what is prepared there is prepared for somebody else. @defaultValue true */
  readonly prepares?: boolean
}

const RECONNECT_MS = { first: 50, most: 1_000 } as const
const KEEPALIVE_MS = 10_000
const STATEMENT_TIMEOUT_MS = 5_000

/**
 * A connection of our own that is never pooled, is watched, and comes back by itself: what it holds (locks, LISTEN) is
 * taken again before anybody may use it.
 */
export class KeptSession implements Executor {
  readonly #options: KeptSessionOptions
  #client: pg.Client | undefined
  #starting: Promise<void> | undefined
  #stopped = false
  #held = true
  #reconnects = 0
  #answeredAt = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: KeptSessionOptions) {
    this.#options = options
  }

  get open(): boolean {
    return this.#client !== undefined
  }

  /** Opens the session if it is not open; rejects when the first attempt fails, later ones are repeated. */
  start(): Promise<void> {
    this.#starting ??= this.#connect().catch((error: unknown) => {
      this.#starting = undefined
      throw error
    })
    return this.#starting
  }

  /** Runs a statement on the session; rejects while there is none. */
  async query(statement: Statement): Promise<readonly Row[]> {
    const client = this.#client
    if (client === undefined)
      throw new pg.DatabaseError('Connection terminated: it is being reopened', 0, 'error')
    return this.#guarded(client, statement)
  }

  /** Whether the session keeps the process from ending. */
  hold(held: boolean): void {
    this.#held = held
    if (this.#client !== undefined) this.#hold(this.#client)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#starting?.catch(() => undefined)
    const client = this.#client
    this.#client = undefined
    if (client === undefined) return
    streamOf(client)?.ref()
    await client.end().catch(() => undefined)
  }

  async #connect(): Promise<void> {
    const config = await this.#options.config()
    const client = new pg.Client({ ...config, query_timeout: STATEMENT_TIMEOUT_MS })
    client.on('error', () => undefined)
    try {
      await client.connect()
      client.on('notification', (message) => this.#options.heard?.(message.payload ?? ''))
      await this.#options.prepare({ query: (statement) => this.#guarded(client, statement) })
    } catch (error) {
      // One that never got there has nothing to say good-bye to.
      streamOf(client)?.destroy()
      if (settingsRefused(config, error)) return this.#connect()
      throw error
    }
    if (this.#stopped) {
      await client.end().catch(() => undefined)
      return
    }
    this.#client = client
    this.#hold(client)
    this.#reconnects = 0
    client.once('end', () => this.#lost(client, new pg.DatabaseError('Connection terminated', 0, 'error')))
    this.#watch(client)
    this.#options.opened?.()
  }

  /** A statement that does not answer in time leaves the connection out of step: it is not used again. */
  async #guarded(client: pg.Client, statement: Statement): Promise<readonly Row[]> {
    try {
      const { name, text, values } = statement
      const named = this.#options.prepares !== false && name !== undefined
      const { rows } = await client.query({ ...(named && { name }), text, values: [...values] })
      this.#answeredAt = performance.now()
      return rows
    } catch (error) {
      if (isConnectionError(error)) this.#lost(client, error)
      throw error
    }
  }

  /** A peer that vanished says nothing: somebody has to ask. */
  #watch(client: pg.Client): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      if (this.#client !== client) return
      // Whatever was asked meanwhile is proof enough.
      if (performance.now() - this.#answeredAt < KEEPALIVE_MS) {
        this.#watch(client)
        return
      }
      this.#guarded(client, { text: 'select 1', values: [] }).then(
        () => this.#watch(client),
        (error: unknown) => this.#lost(client, error),
      )
    }, KEEPALIVE_MS)
    this.#timer.unref()
  }

  #lost(client: pg.Client, error: unknown): void {
    if (this.#client !== client) return
    this.#client = undefined
    clearTimeout(this.#timer)
    streamOf(client)?.destroy()
    if (this.#stopped) return
    this.#options.lost?.(error)
    this.#reconnect()
  }

  #reconnect(): void {
    const ceiling = Math.min(RECONNECT_MS.most, RECONNECT_MS.first * 2 ** Math.min(this.#reconnects, 10))
    this.#reconnects += 1
    // The first attempt is immediate: presence locks are free until it succeeds.
    const delay = this.#reconnects === 1 ? 0 : ceiling / 2 + (Math.random() * ceiling) / 2
    this.#timer = setTimeout(() => {
      if (this.#stopped) return
      this.#connect().catch(() => this.#reconnect())
    }, delay)
    if (!this.#held) this.#timer.unref()
  }

  #hold(client: pg.Client): void {
    if (this.#held) streamOf(client)?.ref()
    else streamOf(client)?.unref()
  }
}

interface StreamLike {
  ref(): void
  unref(): void
  destroy(): void
}

function streamOf(client: pg.Client): StreamLike | undefined {
  return (client as unknown as { connection?: { stream?: StreamLike } }).connection?.stream
}
