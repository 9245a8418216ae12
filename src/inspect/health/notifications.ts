import type { Database } from '../../db/database.ts'
import { Listener } from '../../db/listener.ts'

/** Says something with NOTIFY on a session that listens, and whether it was heard: what poolers and proxies break. */
export async function hearsItself(database: Database): Promise<boolean> {
  const listener = new Listener(database, true)
  const heard = new Promise<boolean>((resolve) => listener.subscribe({ hearing: resolve }))
  const owner = {}
  listener.hold(owner, true)
  try {
    await listener.start()
    return await heard
  } finally {
    await listener.stop()
  }
}

/** A session that keeps notifications from being forgotten. */
export interface SlowListener {
  readonly pid: number
  readonly role: string
  readonly database: string
  readonly application: string
  /** Whether the server waits for it to read what it has been sent. */
  readonly deaf: boolean
  readonly state: string
  /** For how long it has been in its transaction, or has read nothing. */
  readonly ageMs: number
}

/** The queue that notifications of all databases of the server go through. */
export interface NotifyQueue {
  /** From 0 to 1: at 1 every transaction that notifies fails. */
  readonly usage: number
  /** Who may be holding it up, most suspicious first. */
  readonly suspects: readonly SlowListener[]
}

/**
 * Reads how full the queue is, and who may not be reading.
 *
 * The server does not tell who listens. One that does not read is idle, yet the server waits to write to it; one that
 * is in a transaction hears nothing before its end.
 */
export async function readNotifyQueue(database: Database): Promise<NotifyQueue> {
  const rows = await database.query({
    text: `select pg_notification_queue_usage() as usage, suspect.*
      from (select) as one
      left join lateral (
        select session.pid, session.usename::text as role, session.datname::text as database, session.application_name,
          session.state = 'idle' and session.wait_event = 'ClientWrite' as deaf, session.state,
          extract(epoch from clock_timestamp() - session.xact_start)::float8 * 1000 as age_ms
        from pg_stat_activity as session
        where session.pid <> pg_backend_pid() and session.usesysid is not null
          and session.backend_type = 'client backend' and session.xact_start is not null
        order by deaf desc, session.query ~* '^\\s*listen' desc, session.xact_start
        limit 5
      ) as suspect on true`,
    values: [],
  })
  return {
    usage: Number(rows[0]?.usage ?? 0),
    suspects: rows
      .filter((row) => row.pid !== null)
      .map((row) => ({
        pid: Number(row.pid),
        role: String(row.role),
        database: String(row.database),
        application: String(row.application_name ?? ''),
        deaf: row.deaf === true,
        state: String(row.state ?? ''),
        ageMs: Number(row.age_ms),
      })),
  }
}
