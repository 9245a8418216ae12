import pg from 'pg'
import { CeleriacError } from '../base/errors.ts'

/** Where the database is: a URL, a pool of your own, or the settings for one. */
export type DatabaseInput = string | pg.Pool | pg.PoolConfig

/** Connections of ours are told apart by this in `pg_stat_activity`. */
export const APPLICATION_NAME = 'celeriac'

/**
 * Settings that every connection of ours gets: dead peers are noticed, nothing waits for ever to connect.
 */
export function clientConfig(config: pg.PoolConfig, role: string): pg.ClientConfig {
  return {
    ...config,
    application_name: `${APPLICATION_NAME}:${role}`,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    connectionTimeoutMillis: config.connectionTimeoutMillis ?? 5_000,
  }
}

/** The settings behind an input; those of a user's pool are read from the pool. */
export function poolConfig(input: DatabaseInput): pg.PoolConfig {
  if (typeof input === 'string') return { connectionString: input }
  if (!isPool(input)) return input
  const { options } = input
  // A pool hides its password from copies.
  return { ...options, ...(options.password !== undefined && { password: options.password }) }
}

/** Whether a value is a `pg.Pool`, also one of another copy of the package. */
export function isPool(value: unknown): value is pg.Pool {
  return (
    typeof value === 'object' &&
    value !== null &&
    'totalCount' in value &&
    'connect' in value &&
    typeof value.connect === 'function'
  )
}

/**
 * Makes the pool that everything but LISTEN goes through.
 *
 * A checked-out client without an `error` listener takes the process down when the server goes away; the pool
 * covers idle clients only, so each client gets a listener of its own, those of a user's pool too.
 */
export function openPool(input: DatabaseInput, max: number, role = 'pool'): pg.Pool {
  const pool = isPool(input)
    ? input
    : new pg.Pool({ max, allowExitOnIdle: true, ...clientConfig(poolConfig(input), role) })
  // Several apps may share a pool; one listener does for all.
  if (!pool.listeners('error').includes(ignore)) {
    pool.on('error', ignore)
    pool.on('connect', (client) => client.on('error', ignore))
  }
  return pool
}

function ignore(): void {}

/** A server and a database of it, as messages name them. */
export interface ServerPlace {
  /** Host and port. */
  readonly server: string
  readonly role: string
  readonly database: string
}

/** Host and port for messages; never the password. */
export function serverOf(config: pg.PoolConfig): ServerPlace {
  const client = new pg.Client(config)
  return {
    server: `${client.host}:${client.port}`,
    role: client.user ?? 'unknown',
    database: client.database ?? 'unknown',
  }
}

const CONNECTION_CODES =
  /^(08|57P|53300|28|3D000)|^(ECONN|ENOTFOUND|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH|EAI_)/

/** Whether an error means that the server could not be reached or went away, rather than refused a statement. */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return (
    CONNECTION_CODES.test(code) ||
    (code === '' && /terminat|Connection|connect|ended|timeout/i.test(error.message))
  )
}

/**
 * Whether the server refused a statement for what it holds: sent again it would be refused again. Anything else may
 * pass: an outage, a lock, a cancelled statement, a full disk.
 */
export function isContentError(error: unknown): boolean {
  return /^(21|22|23|54)/.test(sqlStateOf(error))
}

/** SQLSTATE of a driver's error; `''` for anything else. */
export function sqlStateOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** What PostgreSQL did not allow, so that it can follow "may not": `use table jobs`. */
export function deniedAction(error: Error): string {
  const [, object] = /^permission denied for (.+)$/.exec(error.message) ?? []
  return object === undefined ? `do this: ${error.message}` : `use ${object}`
}

/** A connection error of the driver as ours: names the server and the remedy, hides the password. */
export function connectFailed(config: pg.PoolConfig, cause: unknown): CeleriacError<'CONNECT_FAILED'> {
  const { server, role } = serverOf(config)
  const reason = cause instanceof AggregateError ? cause.errors.map(reasonOf).join('; ') : reasonOf(cause)
  return new CeleriacError('CONNECT_FAILED', { server, role, reason }, { cause })
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'unknown'
  const code = sqlStateOf(cause)
  return code !== '' && !cause.message.includes(code) ? `${cause.message} (${code})` : cause.message
}
