import type { Executor } from '../db/database.ts'
import type { Events } from '../event/events.ts'

/**
 * Notices that the server is another one than before: a promoted standby goes on in a new timeline, a restored copy has
 * an identity of its own.
 */
export class Timeline {
  readonly #changed: (fact: Events['database:failover']) => void
  #known: string | undefined

  constructor(changed: (fact: Events['database:failover']) => void) {
    this.#changed = changed
  }

  /** Looks at the server behind a session; one that does not tell changes nothing. */
  async look(session: Executor): Promise<void> {
    const found = await session
      .query({
        // The checkpoint's timeline lags behind; the log that is being written does not.
        text: `select system.system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) as place
          from pg_control_system() as system`,
        values: [],
      })
      .then(
        ([row]) => String(row?.place),
        () => undefined,
      )
    if (found === undefined) return
    const before = this.#known
    this.#known = found
    if (before !== undefined && before !== found) this.#changed({ from: before, to: found })
  }
}
