import type pg from 'pg'
import { clientConfig } from './connection.ts'

/** What a session of ours is for. */
export interface SessionPurpose {
  /** Seen in `pg_stat_activity` after `celeriac:`. */
  readonly role: string
}

/** The settings every connection of ours gets. */
export function sessionConfig(config: pg.PoolConfig, { role }: SessionPurpose): pg.ClientConfig {
  return clientConfig(config, role)
}
