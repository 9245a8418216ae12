import pg from 'pg'
import { CeleriacError } from '../base/errors.ts'
import { sqlStateOf } from './fault.ts'

/** Where the database is: a URL, a pool of your own, or the settings for one. */
export type DatabaseInput = string | pg.Pool | pg.PoolConfig

/** Connections of ours are told apart by this in `pg_stat_activity`. */
export const APPLICATION_NAME = 'celeriac'

/** The settings behind an input; those of a user's pool are read from the pool. */
export function poolConfig(input: DatabaseInput): pg.PoolConfig {
  if (typeof input === 'string') return { connectionString: input }
  const options = isPool(input) ? input.options : input
  const { password, ssl } = options
  // A pool hides passwords and keys from copies.
  return {
    ...options,
    ...(password !== undefined && { password }),
    ...(typeof ssl === 'object' && ssl.key !== undefined && { ssl: { ...ssl, key: ssl.key } }),
  }
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

/** A server and a database of it, as messages name them. */
export interface ServerPlace {
  /** Host and port. */
  readonly server: string
  readonly role: string
  readonly database: string
}

/** Host and port for messages; never the password. */
export function serverOf(config: pg.PoolConfig): ServerPlace {
  const client = new pg.Client(withoutStream(config))
  return {
    server: `${client.host}:${client.port}`,
    role: client.user ?? 'unknown',
    database: client.database ?? 'unknown',
  }
}

/** The same settings without a stream of the user's: that is for who connects, not for who asks where to. */
export function withoutStream(config: pg.PoolConfig): pg.ClientConfig {
  if (config.stream === undefined) return config
  const { stream: _, ...rest } = poolConfig(config)
  return rest
}

/**
 * A connection error of the driver as ours: names the server and the remedy, hides the password.
 *
 * @param unanswered - whether a statement was under way that may have been done
 */
export function connectFailed(
  config: pg.PoolConfig,
  cause: unknown,
  unanswered = false,
): CeleriacError<'CONNECT_FAILED'> {
  const { server, role } = serverOf(config)
  const reason = cause instanceof AggregateError ? cause.errors.map(reasonOf).join('; ') : reasonOf(cause)
  return new CeleriacError(
    'CONNECT_FAILED',
    { server, role, reason },
    { cause, ...(unanswered && { details: { outcome: 'unknown' } }) },
  )
}

/** Whether what was asked for may have been done all the same: the connection was lost before the answer came. */
export function isOutcomeUnknown(error: unknown): boolean {
  return error instanceof CeleriacError && error.details?.outcome === 'unknown'
}

const ALL_IN_USE = 'timeout exceeded when trying to connect'

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'unknown'
  if (cause.message === ALL_IN_USE) return 'all connections of the pool were in use for too long'
  const code = sqlStateOf(cause)
  return code !== '' && !cause.message.includes(code) ? `${cause.message} (${code})` : cause.message
}
