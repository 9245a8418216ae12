import { readTimeline } from '../db/calls/read-timeline.ts'
import type { Executor } from '../db/database.ts'
import type { Events } from '../event/events.ts'

/** Notices that the server is another one than before. */
export class Timeline {
  readonly #changed: (fact: Events['database:failover']) => void
  #known: string | null = null

  constructor(changed: (fact: Events['database:failover']) => void) {
    this.#changed = changed
  }

  /** Looks at the server behind a new session; one that does not tell changes nothing. */
  async look(session: Executor): Promise<void> {
    const found = await readTimeline(session)
    if (found === null) return
    const before = this.#known
    this.#known = found
    if (before !== null && before !== found) this.#changed({ from: before, to: found })
  }
}
