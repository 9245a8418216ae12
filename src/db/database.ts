/*
 * db: the only room that holds a connection and speaks SQL. Everything above calls functions of the schema through
 * `Database.call`, in files under calls/ that are named like the SQL functions they call. It knows nothing of tasks,
 * workers or handles.
 */
import type pg from 'pg'
import { CeleriacError } from '../base/errors.ts'
import { assertSchemaName } from '../base/names.ts'
import { connectFailed, type DatabaseInput, isOutcomeUnknown, poolConfig, serverOf } from './connection.ts'
import { type Client, Connections, type Leak } from './connections.ts'
import { explain, raised } from './explain.ts'
import { causeOf, faultOf, isNameLost, isUnanswered } from './fault.ts'
import { detectPooler, type Pooler } from './pooler.ts'
import { limitsOf, type SessionLimits } from './session-config.ts'

/** A row as the driver gives it; each call names the shape it expects. */
export type Row = Record<string, unknown>

/** What can run one statement: our pool, one client of it, or the transaction of a caller. */
export interface Executor {
  query(statement: Statement): Promise<readonly Row[]>
}

/** A statement with its values; one with a name is prepared once per connection. */
export interface Statement {
  readonly name?: string
  readonly text: string
  readonly values: readonly unknown[]
}

/** Options of the connection to PostgreSQL. */
export interface DatabaseOptions {
  /** Where the database is, or how to find out when the first statement is sent. */
  readonly source: DatabaseInput | (() => Promise<DatabaseInput>)
  readonly schema: string
  /** Connections of a pool of our own. */
  readonly maxConnections: number
  /** What the connections are for, as `pg_stat_activity` shows it. @defaultValue 'pool' */
  readonly role?: string
  /** Opens a pool of its own with the settings of a user's pool, instead of using that. */
  readonly ownPool?: boolean
  /** Limits of statements, instead of those that fit the role. */
  readonly limits?: Partial<SessionLimits>
  /** Goes past a transaction pooler. */
  readonly directUrl?: string | null
  /** Somebody who shares the pool gave back a client in the middle of something; it is not used again. */
  readonly leaked?: (leak: Leak) => void
}

const BEGIN = 'begin isolation level read committed read write'

/** How often a statement is sent that others hindered, and how long it may wait in between and in all. */
const BUSY = { tries: 5, firstMs: 20, mostMs: 1_000, patienceMs: 60_000 } as const

/** A connection that is out of the pool. */
export interface TakenClient {
  readonly client: Client
  /** @param error - what went wrong with it last; decides whether it is used again */
  readonly giveBack: (error?: unknown) => void
}

/** How often a statement is sent that only reads, when its connection ends under it. */
const STALE_TRIES = 3
const READING = /\.((find|read)_\w+|explain)(\/\d+)?$/

export class Database implements Executor {
  readonly schema: string
  readonly #options: DatabaseOptions
  readonly #role: string
  /** Who does not answer in time, will not. */
  readonly #answerMs: number
  #opening: Promise<Connections> | undefined
  #connections: Connections | undefined
  #input: DatabaseInput | undefined
  #pooler: Promise<Pooler> | undefined
  #directPooler: Promise<Pooler> | undefined
  /** Whether statements are prepared under their names; behind a transaction pooler names may mean nothing. */
  #named = true
  #closed = false

  constructor(options: DatabaseOptions) {
    this.schema = assertSchemaName(options.schema)
    this.#options = options
    this.#role = options.role ?? 'pool'
    this.#answerMs = limitsOf({ role: this.#role, limits: options.limits }).answerMs
  }

  /** The pool; its first client is connected by the first statement. */
  async pool(): Promise<pg.Pool> {
    return (await this.#open()).pool
  }

  /** Whether the server has ever answered: the settings are right then, and whatever hinders may pass. */
  get connected(): boolean {
    return this.#connections?.connected === true
  }

  /**
   * Runs one statement on a connection of the pool. One that others hindered was undone, so it is sent again, a few
   * times; not by a worker, which has better things to do meanwhile. So is one that only reads and was not answered.
   */
  async query(statement: Statement): Promise<readonly Row[]> {
    const begun = performance.now()
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#withClient((client) => this.#send(client, statement))
      } catch (error) {
        // The server has not even begun: it does not know the statement, or another one, by this name.
        if (isNameLost(error) && this.#named) {
          this.#named = false
          continue
        }
        // Connections that were idle may be dead, and nobody has noticed.
        if (isOutcomeUnknown(error) && READING.test(statement.name ?? '') && tries < STALE_TRIES) continue
        const patient = this.#role === 'pool' && tries < BUSY.tries
        const late = performance.now() - begun > BUSY.patienceMs
        if (faultOf(error) !== 'busy' || !patient || late) throw error
        const most = Math.min(BUSY.mostMs, BUSY.firstMs * 2 ** tries)
        await new Promise((resolve) => setTimeout(resolve, Math.random() * most))
      }
    }
  }

  /**
   * Calls a function of the schema and returns its rows.
   *
   * The function's name is the name of the prepared statement, so its text is parsed once per connection and is
   * written nowhere else.
   */
  async call(name: string, values: readonly unknown[], executor: Executor = this): Promise<readonly Row[]> {
    const { name: prepared, ...rest } = callOf(this.schema, name, values)
    try {
      return await executor.query(this.#named && prepared !== undefined ? { name: prepared, ...rest } : rest)
    } catch (error) {
      // Too late for the transaction of a caller, but not for his next one.
      if (isNameLost(error)) this.#named = false
      throw raised(error)
    }
  }

  /**
   * Runs statements in one transaction on one connection; rolls back when `work` throws.
   *
   * @throws {CeleriacError} `CONNECT_FAILED`, of which `isOutcomeUnknown` tells whether it may be committed all the same
   */
  transaction<Result>(work: (executor: Executor) => Promise<Result>): Promise<Result> {
    return this.#inTransaction(work, async (client) => {
      const { command } = await client.query(this.#timed({ text: 'commit' }))
      // A transaction that an error has ended is rolled back, without a word.
      if (command === 'ROLLBACK') throw new CeleriacError('TX_ABORTED', {})
    })
  }

  /** Runs statements in one transaction and takes them back: what they answer is what they would have done. */
  rehearse<Result>(work: (executor: Executor) => Promise<Result>): Promise<Result> {
    return this.#inTransaction(work, (client) => client.query(this.#timed({ text: 'rollback' })))
  }

  /** Takes a connection out of the pool for longer than a call; whoever does gives it back, once. */
  async take(): Promise<TakenClient> {
    const connections = await this.#open()
    const client = await connections.acquire().catch((error: unknown) => {
      throw this.explain(error)
    })
    return { client, giveBack: (error) => connections.release(client, error) }
  }

  /** Settings for a connection of one's own, such as the listener's. */
  async config(): Promise<pg.PoolConfig> {
    await this.#open()
    return this.#config()
  }

  /** Settings for a session that has to last: past a transaction pooler where that is known. */
  async directConfig(): Promise<pg.PoolConfig> {
    const { directUrl } = this.#options
    return typeof directUrl === 'string' ? poolConfig(directUrl) : this.config()
  }

  /**
   * What stands between us and the server. Asked once, by whoever needs to know.
   *
   * @throws {CeleriacError} `POOLER_UNSUPPORTED` for one that allows no transactions
   */
  pooler(): Promise<Pooler> {
    this.#pooler ??= this.#detect(this.config()).catch((error: unknown) => {
      this.#pooler = undefined
      throw error
    })
    return this.#pooler
  }

  /** Whether sessions last where {@link directConfig} leads, so that they can listen and hold locks. */
  async hasSessions(): Promise<boolean> {
    const pooler = await this.pooler()
    if (typeof this.#options.directUrl !== 'string') return pooler.kind !== 'transaction'
    this.#directPooler ??= this.#detect(this.directConfig()).catch((error: unknown) => {
      this.#directPooler = undefined
      throw error
    })
    return (await this.#directPooler).kind !== 'transaction'
  }

  /** How many connections the pool may open; the driver's default when a user's pool does not say. */
  async maxConnections(): Promise<number> {
    return (await this.pool()).options.max ?? 10
  }

  /** The error of a driver as ours where a user can do something about it; any other is returned as it is. */
  explain(error: unknown, unanswered = false): unknown {
    return explain(error, { config: this.#config(), schema: this.schema }, unanswered)
  }

  /** Closes the pool if it is our own; one that was given to us stays open. */
  async close(): Promise<void> {
    this.#closed = true
    const connections = await this.#opening?.catch(() => undefined)
    await connections?.end()
  }

  async #withClient<Result>(work: (client: Client) => Promise<Result>): Promise<Result> {
    const connections = this.#connections ?? (await this.#open())
    let client: Client
    try {
      client = await connections.acquire()
    } catch (error) {
      throw this.explain(error)
    }
    try {
      const result = await work(client)
      connections.release(client)
      return result
    } catch (error) {
      connections.release(client, causeOf(error))
      throw this.explain(error, isUnanswered(error))
    }
  }

  #inTransaction<Result>(
    work: (executor: Executor) => Promise<Result>,
    end: (client: Client) => Promise<unknown>,
  ): Promise<Result> {
    return this.#withClient(async (client) => {
      let result: Result
      try {
        await client.query(this.#timed({ text: BEGIN }))
        // Without names: one that means something else to a pooler would cost the whole transaction.
        result = await work({ query: ({ text, values }) => this.#send(client, { text, values }) })
      } catch (error) {
        // What the server has not been asked to commit, it never will.
        if (faultOf(error) === 'connection') throw this.explain(error)
        await client.query(this.#timed({ text: 'rollback' })).catch(() => undefined)
        throw error
      }
      await end(client)
      return result
    })
  }

  async #send(client: Client, { name, text, values }: Statement): Promise<readonly Row[]> {
    const query = { name: this.#named ? name : undefined, text, values: values as unknown[] }
    return (await client.query(this.#timed(query))).rows
  }

  #timed(query: pg.QueryConfig): pg.QueryConfig {
    const timed = { ...query, query_timeout: this.#answerMs }
    return timed
  }

  async #detect(asked: Promise<pg.PoolConfig>): Promise<Pooler> {
    const config = await asked
    const pooler = await detectPooler(config).catch((error: unknown) => {
      throw faultOf(error) === 'connection' ? connectFailed(config, error) : this.explain(error)
    })
    if (!pooler.prepares) this.#named = false
    if (pooler.kind === 'statement') {
      throw new CeleriacError('POOLER_UNSUPPORTED', { server: serverOf(config).server })
    }
    return pooler
  }

  #config(): pg.PoolConfig {
    return this.#input === undefined ? {} : poolConfig(this.#input)
  }

  #open(): Promise<Connections> {
    if (this.#closed) return Promise.reject(new CeleriacError('APP_CLOSED', { action: 'connect' }))
    this.#opening ??= this.#connect().catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async #connect(): Promise<Connections> {
    const { source, maxConnections, ownPool = false, limits, leaked } = this.#options
    this.#input = typeof source === 'function' ? await source() : source
    const purpose = { role: this.#role, limits }
    this.#connections = new Connections({
      input: this.#input,
      max: maxConnections,
      own: ownPool,
      purpose,
      leaked,
    })
    return this.#connections
  }
}

/** The statement that calls a function of a schema. */
export function callOf(schema: string, name: string, values: readonly unknown[]): Statement {
  return {
    name: `${schema}.${name}/${values.length}`,
    text: `select * from "${schema}".${name}(${values.map((_, index) => `$${index + 1}`).join(', ')})`,
    values,
  }
}
