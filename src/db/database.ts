/*
 * db: the only room that holds a connection and speaks SQL. Everything above calls functions of the schema through
 * `Database.call`, in files under calls/ that are named like the SQL functions they call. It knows nothing of tasks,
 * workers or handles.
 */
import type pg from 'pg'
import { CeleriacError } from '../base/errors.ts'
import { assertSchemaName } from '../base/names.ts'
import {
  connectFailed,
  type DatabaseInput,
  deniedAction,
  isConnectionError,
  isPool,
  openPool,
  poolConfig,
  serverOf,
  sqlStateOf,
} from './connection.ts'

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
  /** Goes past a transaction pooler. */
  readonly directUrl?: string | null
}

export class Database implements Executor {
  readonly schema: string
  readonly #options: DatabaseOptions
  #opening: Promise<pg.Pool> | undefined
  #pool: pg.Pool | undefined
  #owned = false
  #closed = false

  constructor(options: DatabaseOptions) {
    this.schema = assertSchemaName(options.schema)
    this.#options = options
  }

  /** The pool; opened by the first statement. */
  async pool(): Promise<pg.Pool> {
    if (this.#closed) throw new CeleriacError('APP_CLOSED', { action: 'connect' })
    if (this.#pool !== undefined) return this.#pool
    this.#opening ??= this.#open()
    return this.#opening
  }

  /** Runs one statement on a connection of the pool. */
  async query(statement: Statement): Promise<readonly Row[]> {
    const pool = await this.pool()
    try {
      return (await pool.query(toQuery(statement))).rows
    } catch (error) {
      throw this.explain(error)
    }
  }

  /**
   * Calls a function of the schema and returns its rows.
   *
   * The function's name is the name of the prepared statement, so its text is parsed once per connection and is
   * written nowhere else.
   */
  call(name: string, values: readonly unknown[], executor: Executor = this): Promise<readonly Row[]> {
    return executor.query(callOf(this.schema, name, values))
  }

  /** Runs statements in one transaction on one connection; rolls back when `work` throws. */
  async transaction<Result>(work: (executor: Executor) => Promise<Result>): Promise<Result> {
    const pool = await this.pool()
    const client = await pool.connect().catch((error: unknown) => {
      throw this.explain(error)
    })
    const executor: Executor = { query: async (statement) => (await client.query(toQuery(statement))).rows }
    try {
      await client.query('begin isolation level read committed')
      const result = await work(executor)
      await client.query('commit')
      client.release()
      return result
    } catch (error) {
      await client.query('rollback').catch(() => undefined)
      // A connection in an unknown state is worth less than a new one.
      client.release(isConnectionError(error))
      throw this.explain(error)
    }
  }

  /** Settings for a connection of one's own, such as the listener's. */
  async config(): Promise<pg.PoolConfig> {
    return poolConfig(await this.pool())
  }

  /** Settings for a session that has to last: past a transaction pooler where that is known. */
  async directConfig(): Promise<pg.PoolConfig> {
    const { directUrl } = this.#options
    return typeof directUrl === 'string' ? poolConfig(directUrl) : this.config()
  }

  /** Whether sessions last, so that they can listen and hold locks. */
  async hasSessions(): Promise<boolean> {
    return true
  }

  /** How many connections the pool may open; the driver's default when a user's pool does not say. */
  async maxConnections(): Promise<number> {
    return (await this.pool()).options.max ?? 10
  }

  /** The error of a driver as ours where a user can do something about it; any other is returned as it is. */
  explain(error: unknown): unknown {
    if (error instanceof CeleriacError || !(error instanceof Error)) return error
    const config = this.#pool?.options ?? {}
    const state = sqlStateOf(error)
    const { server, role, database } = serverOf(config)
    if (state === '42P01' || state === '42883' || state === '3F000') {
      if (!error.message.includes(this.schema)) return error
      return new CeleriacError('NOT_MIGRATED', { schema: this.schema, database, server }, { cause: error })
    }
    if (state === '42501') {
      return new CeleriacError(
        'PERMISSION_DENIED',
        { role, action: deniedAction(error), remedy: `grant it the rights on schema "${this.schema}"` },
        { cause: error },
      )
    }
    if (state === '25006') return new CeleriacError('READ_ONLY', { server }, { cause: error })
    if (isConnectionError(error)) return connectFailed(config, error)
    return error
  }

  /** Closes the pool if it is our own; one that was given to us stays open. */
  async close(): Promise<void> {
    this.#closed = true
    const pool = await this.#opening?.catch(() => undefined)
    if (pool !== undefined && this.#owned && !pool.ended) await pool.end()
  }

  async #open(): Promise<pg.Pool> {
    try {
      const { source } = this.#options
      const input = typeof source === 'function' ? await source() : source
      const { maxConnections, role = 'pool', ownPool = false } = this.#options
      this.#owned = ownPool || !isPool(input)
      this.#pool = openPool(ownPool ? { ...poolConfig(input), max: maxConnections } : input, maxConnections, role)
      return this.#pool
    } catch (error) {
      this.#opening = undefined
      throw error
    }
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

function toQuery(statement: Statement): pg.QueryConfig {
  return statement as pg.QueryConfig
}
