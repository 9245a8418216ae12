import type { Database } from '../../db/database.ts'

/** Sessions that something may have at once, and has. */
export interface Places {
  readonly whose: 'server' | 'database' | 'role'
  readonly used: number
  readonly most: number
}

/** The server and the session, as they see themselves. */
export interface ServerHealth {
  readonly version: string
  /** As `server_version_num`: 180004. */
  readonly versionNumber: number
  readonly encoding: string
  readonly database: string
  readonly role: string
  readonly superuser: boolean
  /** Whether the role may see what sessions of other roles do. */
  readonly seesAll: boolean
  /** Whether the server only follows another. */
  readonly standby: boolean
  readonly readOnly: boolean
  /** Without those kept for superusers. */
  readonly places: readonly Places[]
  /** From asking to the answer, over an open connection. */
  readonly roundTripMs: number
  /** By how much the clock of the database is ahead of this machine's; sure to half a round trip. */
  readonly clockAheadMs: number
}

const LOOKS_AT_CLOCK = 3

/** Reads what can be said without a schema. */
export async function readServer(database: Database): Promise<ServerHealth> {
  const [row] = await database.query({
    text: `select current_setting('server_version') as version, current_setting('server_version_num')::int as number,
        pg_encoding_to_char(base.encoding) as encoding, base.datname::text as database,
        role.rolname::text as role, role.rolsuper as superuser,
        pg_has_role(role.oid, 'pg_read_all_stats', 'usage') as sees_all,
        pg_is_in_recovery() as standby, current_setting('transaction_read_only') = 'on' as read_only,
        base.datconnlimit as database_most, role.rolconnlimit as role_most,
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
          - coalesce(current_setting('reserved_connections', true)::int, 0) as server_most,
        session.*
      from pg_database as base, pg_roles as role, (
        select count(*)::int as server_used, count(*) filter (where datname = current_database())::int as database_used,
          count(*) filter (where usename = current_user)::int as role_used
        -- The kind of a session that is not ours to see is null.
        from pg_stat_activity where usesysid is not null and coalesce(backend_type, 'client backend') = 'client backend'
      ) as session
      where base.datname = current_database() and role.rolname = current_user`,
    values: [],
  })
  const places: Places[] = [
    { whose: 'server', used: Number(row?.server_used), most: Number(row?.server_most) },
  ]
  for (const whose of ['database', 'role'] as const) {
    const most = Number(row?.[`${whose}_most`])
    // -1 is no limit, -2 a database that is being dropped.
    if (most >= 0) places.push({ whose, used: Number(row?.[`${whose}_used`]), most })
  }
  return {
    version: String(row?.version).split(' ')[0] ?? '',
    versionNumber: Number(row?.number),
    encoding: String(row?.encoding),
    database: String(row?.database),
    role: String(row?.role),
    superuser: row?.superuser === true,
    seesAll: row?.sees_all === true,
    standby: row?.standby === true,
    readOnly: row?.read_only === true,
    places,
    ...(await readClock(database)),
  }
}

/** The database that a connection leads to. */
export async function readDatabaseName(database: Database): Promise<string> {
  const [row] = await database.query({ text: 'select current_database() as name', values: [] })
  return String(row?.name)
}

/** The shortest of some round trips says most. */
async function readClock(
  database: Database,
): Promise<{ readonly roundTripMs: number; readonly clockAheadMs: number }> {
  let best = { roundTripMs: Number.POSITIVE_INFINITY, clockAheadMs: 0 }
  for (let look = 0; look < LOOKS_AT_CLOCK; look += 1) {
    const [here, asked] = [Date.now(), performance.now()]
    const [row] = await database.query({
      text: 'select extract(epoch from clock_timestamp())::float8 * 1000 as now',
      values: [],
    })
    const roundTripMs = performance.now() - asked
    if (roundTripMs < best.roundTripMs)
      best = { roundTripMs, clockAheadMs: Number(row?.now) - (here + roundTripMs / 2) }
  }
  return best
}
