import pg from 'pg'
import { type SessionPurpose, sessionConfig, settingsRefused } from './session-config.ts'

/** Connects a client of one's own, which nothing that happens to it will end the process; whoever has it ends it. */
export async function openClient(config: pg.PoolConfig, purpose: SessionPurpose): Promise<pg.Client> {
  const session = sessionConfig(config, purpose)
  const client = new pg.Client(session)
  client.on('error', () => undefined)
  try {
    return await client.connect()
  } catch (error) {
    client.connection.stream.destroy()
    if (settingsRefused(session, error)) return openClient(config, purpose)
    throw error
  }
}
