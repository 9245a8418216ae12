import type pg from 'pg'
import { CeleriacError } from '../base/errors.ts'
import { connectFailed, type DatabaseInput, poolConfig } from '../db/connection.ts'
import { denied } from '../db/denied.ts'
import { isConnectionError } from '../db/fault.ts'
import { openClient } from '../db/open-client.ts'

/** Connects for the length of a piece of work. */
export async function withClient<Result>(
  database: DatabaseInput,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const config = poolConfig(database)
  let client: pg.Client | undefined
  try {
    client = await openClient(config, { role: 'migrate' })
    return await work(client)
  } catch (error) {
    throw isConnectionError(error) ? connectFailed(config, error) : error
  } finally {
    await client?.end().catch(() => undefined)
  }
}

/**
 * Does a piece of work in one transaction, alone: whoever else changes this schema waits.
 *
 * @param remedy - what to do when the role may not
 */
export async function withSchemaLocked<Result>(
  client: pg.Client,
  schema: string,
  remedy: string,
  work: () => Promise<Result>,
): Promise<Result> {
  await client.query('begin isolation level read committed read write')
  try {
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
      `celeriac.migrate.${schema}`,
    ])
    await client.query("set local lock_timeout = '10s'; set local check_function_bodies = off")
    const result = await work()
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch(() => undefined)
    throw explain(error, client.user ?? 'unknown', remedy)
  }
}

function explain(error: unknown, role: string, remedy: string): unknown {
  if (!(error instanceof Error) || !('code' in error) || error.code !== '42501') return error
  const { action } = denied(error, '')
  return new CeleriacError('PERMISSION_DENIED', { role, action, remedy }, { cause: error })
}
