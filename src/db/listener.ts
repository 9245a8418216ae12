import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { clientConfig, isConnectionError } from './connection.ts'
import { callOf, type Database, type Executor, type Statement } from './database.ts'

/**
 * What a notification can say. Payloads are hints: whoever gets one looks at the tables, and everything works,
 * slower, when none arrives.
 *
 *   w <µs> <queue>   a job of the queue is due from that instant on      src: enqueue, retry, rescue
 *   s <id> <id> …    these jobs are settled                             src: workers, cancel
 *   p <id>           this job reported progress                         src: report_progress
 *   c <id> <reason>  this running job is asked to be cancelled          src: cancel_jobs
 *   t <word>         the listener's question whether it hears itself
 */
export interface Hints {
  wake: (queue: string, runAtUs: bigint) => void
  settled: (jobIds: readonly string[]) => void
  progress: (jobId: string) => void
  cancel: (jobId: string, reason: string) => void
  /** Whether notifications arrive; while they do not, somebody has to look oftener. */
  hearing: (hears: boolean) => void
  /** The session is new: whatever an earlier one held (locks) is gone, whatever was announced meanwhile was missed. */
  connected: (session: Executor) => Promise<void>
  /** The session ended without our doing. */
  disconnected: (error: unknown) => void
}

const RECONNECT_MS = { first: 100, most: 5_000 } as const
const SELF_TEST_MS = 2_000
const KEEPALIVE_MS = 10_000
const STATEMENT_TIMEOUT_MS = 5_000
/** A payload must stay below 8000 bytes. */
const MOST_IDS = 200

/**
 * The control session of a process: LISTEN, presence locks and heartbeats go through this one connection, which is
 * never pooled, is watched, and comes back by itself.
 */
export class Listener {
  readonly #database: Database
  readonly #listen: boolean
  readonly #hints = new Set<Partial<Hints>>()
  readonly #holders = new Set<object>()
  #client: pg.Client | undefined
  #starting: Promise<void> | undefined
  #stopped = false
  #hearing = false
  #reconnects = 0
  #answeredAt = 0
  #timer: NodeJS.Timeout | undefined
  #selfTest: { word: string; heard: () => void } | undefined
  #channel = ''

  /** @param listen - false never sends LISTEN: the session only carries locks and heartbeats. */
  constructor(database: Database, listen: boolean) {
    this.#database = database
    this.#listen = listen
  }

  /** Whether notifications arrive at this moment. */
  get hearing(): boolean {
    return this.#hearing
  }

  /** Name of the channel; known once the first session is open. */
  get channel(): string {
    return this.#channel
  }

  /** Adds somebody who wants hints; returns the function that takes it back. */
  subscribe(hints: Partial<Hints>): () => void {
    this.#hints.add(hints)
    return () => this.#hints.delete(hints)
  }

  /** Opens the session if it is not open; rejects when the first attempt fails, later ones are repeated. */
  start(): Promise<void> {
    this.#starting ??= this.#connect().catch((error: unknown) => {
      this.#starting = undefined
      throw this.#database.explain(error)
    })
    return this.#starting
  }

  /** The session for statements that must run on it, such as taking a lock; rejects while there is none. */
  readonly session: Executor = {
    query: async (statement: Statement) => {
      const client = this.#client
      if (client === undefined) {
        throw this.#database.explain(
          new Error('Connection terminated: the control session is being reopened'),
        )
      }
      return this.#guarded(client, statement)
    },
  }

  /** Calls a function of the schema on the session. */
  call(name: string, values: readonly unknown[]): Promise<readonly Record<string, unknown>[]> {
    return this.session.query(callOf(this.#database.schema, name, values))
  }

  /** Keeps the process from ending while this session is open, on behalf of `owner`; nobody does so lets it end. */
  hold(owner: object, held: boolean): void {
    if (held) this.#holders.add(owner)
    else this.#holders.delete(owner)
    if (this.#client !== undefined) this.#hold(this.#client)
  }

  #hold(client: pg.Client): void {
    if (this.#holders.size > 0) streamOf(client)?.ref()
    else streamOf(client)?.unref()
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
    const client = new pg.Client({
      ...clientConfig(await this.#database.config(), 'control'),
      query_timeout: STATEMENT_TIMEOUT_MS,
    })
    client.on('error', () => undefined)
    await client.connect()
    try {
      // A host that vanishes must be noticed in seconds: the locks of this session speak for the process.
      await client
        .query(
          'set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3; set tcp_user_timeout = 10000',
        )
        .catch(() => undefined)
      client.on('notification', (message) => this.#hear(message.payload ?? ''))
      if (this.#channel === '') {
        const rows = (await client.query(`select "${this.#database.schema}".channel() as channel`)).rows
        this.#channel = String(rows[0]?.channel)
      }
      if (this.#listen) await client.query(`listen ${this.#channel}`)
      const session: Executor = { query: (statement) => this.#guarded(client, statement) }
      for (const hints of this.#hints) await hints.connected?.(session)
    } catch (error) {
      await client.end().catch(() => undefined)
      throw error
    }
    if (this.#stopped) {
      await client.end().catch(() => undefined)
      return
    }
    this.#client = client
    this.#hold(client)
    this.#reconnects = 0
    client.once('end', () => this.#lost(client, new Error('Connection terminated')))
    this.#watch(client)
    if (this.#listen) void this.#testHearing(client)
  }

  /** A statement that does not answer in time leaves the connection out of step: it is not used again. */
  async #guarded(client: pg.Client, statement: Statement): Promise<readonly Record<string, unknown>[]> {
    try {
      const { rows } = await client.query(statement as pg.QueryConfig)
      this.#answeredAt = performance.now()
      return rows
    } catch (error) {
      if (isConnectionError(error)) this.#lost(client, error)
      throw error
    }
  }

  #watch(client: pg.Client): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      if (this.#client !== client) return
      // A heartbeat is proof enough.
      if (performance.now() - this.#answeredAt < KEEPALIVE_MS) {
        this.#watch(client)
        return
      }
      client.query('select 1').then(
        () => this.#watch(client),
        (error: unknown) => this.#lost(client, error),
      )
    }, KEEPALIVE_MS)
    this.#timer.unref()
  }

  /** The only honest test for what stands in between: say something and wait to hear it. */
  async #testHearing(client: pg.Client): Promise<void> {
    const word = randomUUID()
    const heard = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), SELF_TEST_MS)
      timer.unref()
      this.#selfTest = {
        word,
        heard: () => {
          clearTimeout(timer)
          resolve(true)
        },
      }
      client.query('select pg_notify($1, $2)', [this.#channel, `t ${word}`]).catch(() => resolve(false))
    })
    this.#selfTest = undefined
    if (this.#client === client) this.#setHearing(heard)
  }

  #setHearing(hears: boolean): void {
    this.#hearing = hears
    for (const hints of this.#hints) hints.hearing?.(hears)
  }

  #lost(client: pg.Client, error: unknown): void {
    if (this.#client !== client) return
    this.#client = undefined
    clearTimeout(this.#timer)
    streamOf(client)?.destroy()
    if (this.#stopped) return
    this.#setHearing(false)
    for (const hints of this.#hints) hints.disconnected?.(error)
    this.#reconnect()
  }

  #reconnect(): void {
    const ceiling = Math.min(RECONNECT_MS.most, RECONNECT_MS.first * 2 ** this.#reconnects)
    this.#reconnects += 1
    // The first attempt is immediate: presence locks are free until it succeeds.
    const delay = this.#reconnects === 1 ? 0 : ceiling / 2 + (Math.random() * ceiling) / 2
    this.#timer = setTimeout(() => {
      if (this.#stopped) return
      this.#connect().catch(() => this.#reconnect())
    }, delay)
  }

  #hear(payload: string): void {
    const body = payload.slice(2)
    switch (payload.slice(0, 2)) {
      case 'w ': {
        const space = body.indexOf(' ')
        if (!/^-?\d{1,18}$/.test(body.slice(0, space))) return
        for (const hints of this.#hints) hints.wake?.(body.slice(space + 1), BigInt(body.slice(0, space)))
        return
      }
      case 's ':
        for (const hints of this.#hints) hints.settled?.(body.split(' '))
        return
      case 'p ':
        for (const hints of this.#hints) hints.progress?.(body)
        return
      case 'c ':
        for (const hints of this.#hints) hints.cancel?.(body.slice(0, 36), body.slice(37))
        return
      case 't ':
        if (this.#selfTest?.word === body) this.#selfTest.heard()
    }
  }
}

/** Payloads that say these jobs are settled. */
export function settledPayloads(jobIds: readonly string[]): string[] {
  const payloads: string[] = []
  for (let index = 0; index < jobIds.length; index += MOST_IDS) {
    payloads.push(`s ${jobIds.slice(index, index + MOST_IDS).join(' ')}`)
  }
  return payloads
}

/** Payload that says a job of a queue is due from an instant on. */
export function wakePayload(queue: string, runAtUs: bigint): string {
  return `w ${runAtUs} ${queue}`
}

/** Sends payloads in a transaction of their own: nothing is written, so nobody waits for a disk. */
export async function notify(database: Database, payloads: readonly string[]): Promise<void> {
  await database.query({
    name: `${database.schema}.notify`,
    text: `select pg_notify("${database.schema}".channel(), payload) from unnest($1::text[]) as payload`,
    values: [[...payloads]],
  })
}

interface StreamLike {
  ref(): void
  unref(): void
  destroy(): void
}

function streamOf(client: pg.Client): StreamLike | undefined {
  return (client as unknown as { connection?: { stream?: StreamLike } }).connection?.stream
}
