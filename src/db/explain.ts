import type pg from 'pg'
import { CeleriacError } from '../base/errors.ts'
import { errorFromPostgres } from '../base/raised.ts'
import { connectFailed, serverOf } from './connection.ts'
import { denied } from './denied.ts'
import { faultOf, sqlStateOf } from './fault.ts'

/** What an error has to be explained by. */
export interface Circumstances {
  /** Where the server is. */
  readonly config: pg.PoolConfig
  readonly schema: string
}

/**
 * The error of a driver as ours where a user can do something about it; any other is returned as it is.
 *
 * @param unanswered - whether a statement was under way that may have been done
 */
export function explain(error: unknown, { config, schema }: Circumstances, unanswered = false): unknown {
  if (error instanceof CeleriacError || !(error instanceof Error)) return error
  const state = sqlStateOf(error)
  const { server, role, database } = serverOf(config)
  if (state === '42P01' || state === '42883' || state === '3F000') {
    if (!error.message.includes(schema)) return error
    return new CeleriacError('NOT_MIGRATED', { schema, database, server }, { cause: error })
  }
  if (state === '42501') {
    const { action, remedy } = denied(error, schema)
    return new CeleriacError('PERMISSION_DENIED', { role, action, remedy }, { cause: error })
  }
  if (state === '25006') return new CeleriacError('READ_ONLY', { server }, { cause: error })
  // A server that is out of space or memory answers; its own words say more.
  if (/^53[^3]/.test(state)) return error
  return faultOf(error) === 'connection' ? connectFailed(config, error, unanswered) : error
}

/** What one of our functions has raised as the error it stands for; any other is returned as it is. */
export function raised(error: unknown): unknown {
  const detail = error instanceof Error && 'detail' in error ? error.detail : undefined
  return (
    errorFromPostgres(sqlStateOf(error), typeof detail === 'string' ? detail : undefined, { cause: error }) ??
    error
  )
}
