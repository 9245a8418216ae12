import pg from 'pg'
import { hasOurSettings, type SessionPurpose, sessionConfig, settingsRefused } from './session-config.ts'

/** Connects a client of one's own, which nothing that happens to it will end the process; whoever has it ends it. */
export async function openClient(config: pg.PoolConfig, purpose: SessionPurpose): Promise<pg.Client> {
  const session = sessionConfig(config, purpose)
  const client = new pg.Client(session)
  client.on('error', () => undefined)
  try {
    await client.connect()
    if (hasOurSettings(session)) await liftTransactionLimit(client)
    return client
  } catch (error) {
    client.connection.stream.destroy()
    if (settingsRefused(session, error)) return openClient(config, purpose)
    throw error
  }
}

/**
 * Lifts the limit for whole transactions. Servers before 17 do not know it, so it cannot be a setting at startup.
 *
 * @returns whether the server knows it
 */
export async function liftTransactionLimit(client: pg.ClientBase): Promise<boolean> {
  const { rowCount } = await client.query(
    `select set_config('transaction_timeout', '0', false) where current_setting('transaction_timeout', true) is not null`,
  )
  return rowCount === 1
}
