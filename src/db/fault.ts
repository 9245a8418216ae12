/**
 * What an error of a statement means for whoever sent it:
 *
 *   connection  the server could not be reached, went away, or cannot write at present; tried again it may pass, and
 *               whether the statement was done may be unknown, see `isUnanswered`
 *   busy        undone because of others: a lock, a deadlock, a serialization failure, a limit of time
 *   content     undone because of what it holds: sent again it would be refused again
 *   schema      a table or function is not there
 *   rights      the role may not do this
 */
export type Fault = 'connection' | 'busy' | 'content' | 'schema' | 'rights' | 'other'

const BUSY = new Set(['40001', '40P01', '55P03', '57014'])
const SCHEMA = new Set(['42P01', '42883', '3F000', '42703'])
/** 25P03 and 25P04 end the session as 57P01 does; 25006 is said by a server that only reads. */
const CONNECTION = /^(08|57P|53|28|3D000|25006|25P03|25P04)/
const SOCKET = /^(E[A-Z]{2,}|ERR_[A-Z_]+)$/
/** What the server, or what stands before it, says before it has done anything. */
const UNDONE = /^(53|28|3D000|25006|57P03)/

/** Says what an error means, ours or the driver's. */
export function faultOf(error: unknown): Fault {
  const cause = causeOf(error)
  const state = sqlStateOf(cause)
  if (BUSY.has(state)) return 'busy'
  if (state === '42501') return 'rights'
  if (SCHEMA.has(state)) return 'schema'
  if (/^(21|22|23|54)/.test(state)) return 'content'
  return isConnectionError(cause) || isConnectionError(error) ? 'connection' : 'other'
}

/** Whether an error means that the server could not be reached or went away, rather than refused a statement. */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = sqlStateOf(error)
  if (code === '') return /terminat|Connection|connect|ended|timeout/i.test(error.message)
  return CONNECTION.test(code) || SOCKET.test(code)
}

/** Whether a statement that failed like this may have been done all the same: nobody said what became of it. */
export function isUnanswered(error: unknown): boolean {
  return isConnectionError(error) && !UNDONE.test(sqlStateOf(error))
}

/** Whether the server is another one from now on, or none: connections to it are worth nothing. */
export function isServerGone(error: unknown): boolean {
  return /^(25006|57P0[123])$/.test(sqlStateOf(error))
}

/** Whether a prepared statement is not what it was: a pooler lends us now this connection of the server, now that. */
export function isNameLost(error: unknown): boolean {
  return /^(26000|42P05)$/.test(sqlStateOf(error))
}

/** What the driver said, where it has been put in words of ours. */
export function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? error.cause : error
}

/** SQLSTATE of a driver's error, or the code of a socket's; `''` for anything else. */
export function sqlStateOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
