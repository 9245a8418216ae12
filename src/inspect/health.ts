import { findUnknownTasks } from '../db/calls/maintain.ts'
import type { Database } from '../db/database.ts'
import { Listener } from '../db/listener.ts'

/** The server and the session, as they see themselves. */
export interface ServerHealth {
  readonly version: string
  /** As `server_version_num`: 180004. */
  readonly versionNumber: number
  readonly encoding: string
  readonly role: string
  readonly readOnly: boolean
  readonly connections: number
  readonly maxConnections: number
  /** From asking to the answer, over an open connection. */
  readonly roundTripMs: number
}

/** Reads what can be said without a schema. */
export async function readServer(database: Database): Promise<ServerHealth> {
  await database.query({ text: 'select 1', values: [] })
  const asked = performance.now()
  const [row] = await database.query({
    text: `select current_setting('server_version') as version, current_setting('server_version_num')::int as number,
        (select pg_encoding_to_char(base.encoding) from pg_database as base where base.datname = current_database()) as encoding,
        current_user::text as role, current_setting('transaction_read_only') = 'on' as read_only,
        (select count(*)::int from pg_stat_activity as session where session.backend_type = 'client backend') as connections,
        current_setting('max_connections')::int as most`,
    values: [],
  })
  return {
    version: String(row?.version).split(' ')[0] ?? '',
    versionNumber: Number(row?.number),
    encoding: String(row?.encoding),
    role: String(row?.role),
    readOnly: row?.read_only === true,
    connections: Number(row?.connections),
    maxConnections: Number(row?.most),
    roundTripMs: performance.now() - asked,
  }
}

/** Rights on the schema that the session's role lacks, as SQL names them. */
export async function findMissingRights(database: Database): Promise<string[]> {
  const [row] = await database.query({
    text: `select has_schema_privilege($1, 'usage') as usage,
        (select bool_and(has_table_privilege(class.oid, 'select, insert, update, delete'))
          from pg_class as class
          where class.relnamespace = $1::regnamespace and class.relname in ('jobs', 'results', 'attempts', 'workers')) as writes,
        (select bool_and(has_function_privilege(routine.oid, 'execute'))
          from pg_proc as routine where routine.pronamespace = $1::regnamespace) as calls`,
    values: [database.schema],
  })
  return [
    row?.usage === true ? '' : `usage on schema ${database.schema}`,
    row?.writes === true ? '' : `select, insert, update, delete on all tables in schema ${database.schema}`,
    row?.calls === true ? '' : `execute on all functions in schema ${database.schema}`,
  ].filter((right) => right !== '')
}

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

/** Partitions of a table that is divided by day. */
export interface PartitionHealth {
  readonly table: string
  /** Days ahead of today that have a partition, without a gap; -1 when today has none. */
  readonly daysAhead: number
  /** Whether rows lie in the default partition, whose days cannot be dropped whole. */
  readonly strays: boolean
}

export async function readPartitions(database: Database): Promise<PartitionHealth[]> {
  const { schema } = database
  const rows = await database.query({
    text: `with today as (select ("${schema}".clock() at time zone 'UTC')::date as day)
      select parent.name as table,
        (select coalesce(min(ahead.days), 32) - 1 from today, generate_series(0, 31) as ahead (days)
          where to_regclass(format('%I.%I', $1::text, parent.name || '_' || to_char(today.day + ahead.days, 'YYYYMMDD'))) is null) as days,
        case parent.name
          when 'results' then exists (select from "${schema}".results_default)
          else exists (select from "${schema}".attempts_default)
        end as strays
      from (values ('results'), ('attempts')) as parent (name)`,
    values: [schema],
  })
  return rows.map((row) => ({
    table: String(row.table),
    daysAhead: Number(row.days),
    strays: row.strays === true,
  }))
}

/** Jobs that nobody will run as things stand. */
export interface Unserved {
  /** Tasks of due jobs that no worker of their queue has registered. */
  readonly tasks: readonly { readonly task: string; readonly jobs: number }[]
  /** Queues with due jobs and no worker. */
  readonly queues: readonly { readonly queue: string; readonly jobs: number }[]
}

export async function findUnserved(database: Database): Promise<Unserved> {
  const { schema } = database
  const tasks = await findUnknownTasks(database, 1_000)
  const queues = await database.query({
    text: `select queue.name, queue.ready::int as jobs from "${schema}".queue_overview as queue
      where queue.ready > 0 and queue.workers = 0 order by queue.ready desc`,
    values: [],
  })
  return { tasks, queues: queues.map((row) => ({ queue: String(row.name), jobs: Number(row.jobs) })) }
}

/** Whoever keeps vacuum from removing dead rows, and for how long. */
export interface SnapshotHolder {
  readonly kind: 'session' | 'prepared transaction' | 'replication slot'
  /** Process id, name of the prepared transaction or of the slot. */
  readonly name: string
  readonly role: string
  readonly state: string
  /** Since the transaction began; null where the server does not tell. */
  readonly ageMs: number | null
  /** Transactions begun since. */
  readonly ageXids: number
  /** The beginning of what it runs or ran last; empty when it is not ours to see. */
  readonly query: string
}

/** The holder of the oldest snapshot, other than this session; null when there is none. */
export async function findOldestSnapshot(database: Database): Promise<SnapshotHolder | null> {
  const [row] = await database.query({
    text: `select holder.kind, holder.name, holder.role, holder.state, holder.age_ms, holder.age_xids, holder.query from (
        select 'session' as kind, session.pid::text as name, session.usename::text as role, session.state,
          extract(epoch from clock_timestamp() - session.xact_start)::float8 * 1000 as age_ms,
          greatest(age(session.backend_xmin), age(session.backend_xid)) as age_xids, left(session.query, 200) as query
        from pg_stat_activity as session
        where session.pid <> pg_backend_pid() and session.datname = current_database()
          and coalesce(session.backend_xmin, session.backend_xid) is not null
        union all
        select 'prepared transaction', prepared.gid, prepared.owner::text, 'prepared',
          extract(epoch from clock_timestamp() - prepared.prepared)::float8 * 1000, age(prepared.transaction), ''
        from pg_prepared_xacts as prepared where prepared.database = current_database()
        union all
        select 'replication slot', slot.slot_name::text, '', case when slot.active then 'active' else 'inactive' end,
          null, age(slot.xmin), ''
        from pg_replication_slots as slot where slot.xmin is not null
      ) as holder
      order by holder.age_ms desc nulls last, holder.age_xids desc limit 1`,
    values: [],
  })
  if (row === undefined) return null
  return {
    kind: row.kind as SnapshotHolder['kind'],
    name: String(row.name),
    role: String(row.role ?? ''),
    state: String(row.state ?? ''),
    ageMs: row.age_ms === null ? null : Number(row.age_ms),
    ageXids: Number(row.age_xids ?? 0),
    query: String(row.query ?? ''),
  }
}

/** Indexes of the schema that the server does not use, such as those of a `create index concurrently` that failed. */
export async function findInvalidIndexes(database: Database): Promise<string[]> {
  const rows = await database.query({
    text: `select format('%I.%I', space.nspname, class.relname) as name
      from pg_index as index
      join pg_class as class on class.oid = index.indexrelid
      join pg_namespace as space on space.oid = class.relnamespace
      where space.nspname = $1 and not (index.indisvalid and index.indisready) order by 1`,
    values: [database.schema],
  })
  return rows.map((row) => String(row.name))
}
