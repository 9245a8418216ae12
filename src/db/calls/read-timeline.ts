import type { Executor } from '../database.ts'

/**
 * Which server a session talks to, and in which timeline it writes: a promoted standby goes on in a new one, a restored
 * copy has an identity of its own.
 *
 * @returns null for a server that does not tell, such as a standby
 */
export function readTimeline(session: Executor): Promise<string | null> {
  return session
    .query({
      // The checkpoint's timeline lags behind; the log that is being written does not.
      text: `select system.system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) as place
        from pg_control_system() as system`,
      values: [],
    })
    .then(
      ([row]) => String(row?.place),
      () => null,
    )
}
