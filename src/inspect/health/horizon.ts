import type { Database } from '../../db/database.ts'

/** Whoever keeps vacuum from removing dead rows, and for how long. */
export interface HorizonHolder {
  readonly kind: 'session' | 'prepared transaction' | 'replication slot' | 'standby'
  /** Process id, name of the prepared transaction or of the slot, application name of the standby. */
  readonly name: string
  readonly role: string
  /** Empty when it is not ours to see. */
  readonly state: string
  /** Since the transaction began; null where the server does not tell. */
  readonly ageMs: number | null
  /** Transactions begun since. */
  readonly ageXids: number
  /** The beginning of what it runs or ran last; empty when it is not ours to see. */
  readonly query: string
}

/** The holder of the oldest snapshot, other than this session; null when there is none. */
export async function findHorizonHolder(database: Database): Promise<HorizonHolder | null> {
  const [row] = await database.query({
    text: `select holder.* from (
        select 'session' as kind, session.pid::text as name, session.usename::text as role, session.state,
          extract(epoch from clock_timestamp() - session.xact_start)::float8 * 1000 as age_ms,
          greatest(age(session.backend_xmin), age(session.backend_xid)) as age_xids, left(session.query, 200) as query
        from pg_stat_activity as session
        where session.pid <> pg_backend_pid() and session.datname = current_database()
          and coalesce(session.backend_xmin, session.backend_xid) is not null
          -- A vacuum holds up no other.
          and not exists (select from pg_stat_progress_vacuum as vacuum where vacuum.pid = session.pid)
        union all
        select 'prepared transaction', prepared.gid, prepared.owner::text, 'prepared',
          extract(epoch from clock_timestamp() - prepared.prepared)::float8 * 1000, age(prepared.transaction), ''
        from pg_prepared_xacts as prepared where prepared.database = current_database()
        union all
        select 'replication slot', slot.slot_name::text, '', case when slot.active then 'active' else 'inactive' end,
          null, age(slot.xmin), ''
        from pg_replication_slots as slot where slot.xmin is not null
        union all
        -- One with a slot is named by that.
        select 'standby', coalesce(nullif(standby.application_name, ''), standby.pid::text), standby.usename::text,
          'hot_standby_feedback', null, age(standby.backend_xmin), ''
        from pg_stat_replication as standby where standby.backend_xmin is not null
      ) as holder
      order by holder.age_xids desc nulls last, holder.age_ms desc nulls last limit 1`,
    values: [],
  })
  if (row === undefined) return null
  return {
    kind: row.kind as HorizonHolder['kind'],
    name: String(row.name),
    role: String(row.role ?? ''),
    state: String(row.state ?? ''),
    ageMs: row.age_ms === null ? null : Number(row.age_ms),
    ageXids: Number(row.age_xids ?? 0),
    query: String(row.query ?? ''),
  }
}
