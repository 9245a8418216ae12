import { isConnectionError, sqlStateOf } from './connection.ts'

/**
 * What an error of a statement means for whoever sent it:
 *
 *   connection  the server could not be reached or went away; whether the statement was done is unknown
 *   busy        undone because of others: a lock, a deadlock, a serialization failure, a limit of time
 *   content     undone because of what it holds: sent again it would be refused again
 *   schema      a table or function is not there
 *   rights      the role may not do this
 */
export type Fault = 'connection' | 'busy' | 'content' | 'schema' | 'rights' | 'other'

const BUSY = new Set(['40001', '40P01', '55P03', '57014'])
const SCHEMA = new Set(['42P01', '42883', '3F000', '42703'])

export function faultOf(error: unknown): Fault {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const state = sqlStateOf(cause)
  if (BUSY.has(state)) return 'busy'
  if (state === '42501') return 'rights'
  if (SCHEMA.has(state)) return 'schema'
  if (/^(21|22|23|54)/.test(state)) return 'content'
  if (state === '25006' || isConnectionError(cause) || isConnectionError(error)) return 'connection'
  return 'other'
}
