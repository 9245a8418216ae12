import { formatMs } from '../base/duration.ts'
import { isCeleriacError } from '../base/errors.ts'
import type { DatabaseInput } from '../db/connection.ts'
import * as health from '../inspect/health.ts'
import { pendingMigrations } from '../migrate/migrate.ts'
import { EXIT } from './exit-codes.ts'
import { problemOf } from './problem.ts'
import type { Reading } from './session.ts'

/** What a check came to. */
export interface Finding {
  readonly check: string
  readonly status: 'ok' | 'wrong' | 'skipped'
  readonly message: string
  /** What to do about it; null unless it is wrong. */
  readonly fix: string | null
  /** What the process ends with when this is the worst. */
  readonly exitCode: number
}

const OLDEST_SERVER = 150_000
const LEAST_DAYS_AHEAD = 2
/** A transaction of this age keeps enough dead rows to be felt. */
const OLD_SNAPSHOT_MS = 5 * 60_000
const CROWDED = 0.9

type Verdict = { readonly message: string; readonly fix?: string; readonly exitCode?: number }

/** Looks at everything in turn; what cannot be looked at, because something before it is wrong, is skipped. */
export async function* runChecks(
  input: DatabaseInput,
  { database, inspect }: Reading,
): AsyncGenerator<Finding> {
  const { schema } = database
  const server = await tried('database reachable', () => health.readServer(database))
  if ('status' in server) {
    yield server
    return
  }
  const { value: about } = server
  const milliseconds = about.roundTripMs.toFixed(1)
  yield finding('database reachable', { message: `as ${about.role}, ${milliseconds} ms there and back` })
  yield finding(
    'server version',
    about.versionNumber >= OLDEST_SERVER
      ? { message: `PostgreSQL ${about.version}` }
      : { message: `PostgreSQL ${about.version} is too old`, fix: 'upgrade to PostgreSQL 15 or newer' },
  )
  yield finding(
    'encoding',
    about.encoding === 'UTF8'
      ? { message: about.encoding }
      : { message: about.encoding, fix: 'create the database with: encoding UTF8 template template0' },
  )
  yield finding(
    'writable',
    about.readOnly
      ? { message: 'the server is read-only (a standby)', fix: 'connect to the primary' }
      : { message: 'yes' },
  )
  const crowded = about.connections >= about.maxConnections * CROWDED
  const connections = `${about.connections} of ${about.maxConnections} in use`
  yield finding('connections', {
    message: connections,
    ...(crowded && { fix: 'raise max_connections, or lower maxConnections of the apps' }),
  })
  const holder = await health.findOldestSnapshot(database)
  yield finding('oldest snapshot', snapshotVerdict(holder))

  const pending = await tried('schema', () => pendingMigrations({ database: input, schema }))
  if ('status' in pending) {
    yield pending
    return
  }
  if (pending.value.length > 0) {
    const message = `schema "${schema}" needs ${pending.value.length} migrations, functions or views applied`
    yield finding('schema', { message, fix: 'celeriac migrate', exitCode: EXIT.schema })
    // A schema whose functions are of another version may well be there; one that is not there tells nothing more.
    const installed = await database.call('schema_version', []).then(
      () => true,
      () => false,
    )
    if (!installed) return
  } else yield finding('schema', { message: `"${schema}" is up to date` })

  yield await looked('notifications', async () =>
    (await health.hearsItself(database))
      ? { message: 'LISTEN hears NOTIFY' }
      : {
          message: 'LISTEN does not hear NOTIFY: workers look for work every 500 ms instead',
          fix: 'connect past the transaction pooler, or run it in session mode',
        },
  )
  yield await looked('rights', async () => {
    const missing = await health.findMissingRights(database)
    const message = missing.length === 0 ? 'all there' : `${about.role} lacks ${missing.join('; ')}`
    return { message, ...(missing.length > 0 && { fix: `grant ${missing[0]} to ${about.role}` }) }
  })
  yield await looked('partitions', async () =>
    partitionVerdict(await health.readPartitions(database), schema),
  )
  yield await looked('indexes', async () => {
    const invalid = await health.findInvalidIndexes(database)
    if (invalid.length === 0) return { message: 'all valid' }
    return { message: `invalid: ${invalid.join(', ')}`, fix: `reindex index concurrently ${invalid[0]}` }
  })
  yield await looked('workers', async () => {
    const workers = await inspect.workers()
    const lost = workers.filter((worker) => worker.condition === 'lost')
    if (lost.length === 0) return { message: `${workers.length} alive` }
    const names = lost.map((worker) => `${worker.name} (last seen ${worker.heartbeat_at.toISOString()})`)
    const fix = 'start a worker: it takes over the jobs of the dead'
    return { message: `${lost.length} of ${workers.length} dead: ${names.join(', ')}`, fix }
  })
  yield await looked('jobs served', async () => {
    const { tasks, queues } = await health.findUnserved(database)
    if (tasks.length + queues.length === 0)
      return { message: 'every due job has a worker that knows its task' }
    const parts = [
      ...queues.map(({ queue, jobs }) => `queue ${queue}: ${jobs} due, no worker`),
      ...tasks.map(
        ({ task, jobs }) => `task ${task}: ${jobs} due, no worker of their queue has registered it`,
      ),
    ]
    return { message: parts.join('; '), fix: 'start a worker with --queues and --app that serve them' }
  })
}

function snapshotVerdict(holder: health.SnapshotHolder | null): Verdict {
  if (holder === null) return { message: 'nobody holds one' }
  const { kind, name, role, state, ageMs, ageXids, query } = holder
  const age = ageMs === null ? `${ageXids} transactions` : formatMs(ageMs)
  const said = [role, state, query].filter((part) => part !== '').join(', ')
  const message = `${kind === 'session' ? `pid ${name}` : `${kind} ${name}`} for ${age} (${said})`
  if (ageMs !== null && ageMs < OLD_SNAPSHOT_MS) return { message }
  const fixes = {
    session: `end that transaction: select pg_terminate_backend(${name})`,
    'prepared transaction': `commit prepared or rollback prepared '${name}'`,
    'replication slot': `let its standby catch up, or: select pg_drop_replication_slot('${name}')`,
  } as const
  return { message: `${message} keeps dead rows from being removed`, fix: fixes[kind] }
}

function partitionVerdict(tables: readonly health.PartitionHealth[], schema: string): Verdict {
  const short = tables.filter((table) => table.daysAhead < LEAST_DAYS_AHEAD)
  if (short.length > 0) {
    const names = short.map(({ table, daysAhead }) => `${table}: ${Math.max(0, daysAhead)} days`)
    const fix = `run a worker, which makes them, or: select ${schema}.make_partitions(7)`
    return { message: `made too few days ahead (${names.join(', ')})`, fix }
  }
  const strays = tables.filter((table) => table.strays).map((table) => `${table.table}_default`)
  const ahead = Math.min(...tables.map((table) => table.daysAhead))
  // Rows there are found and pruned all the same, one by one instead of a day at a time.
  const note = strays.length === 0 ? '' : `; ${strays.join(' and ')} hold rows of days that had none`
  return { message: `made ${ahead} days ahead${note}` }
}

/** The verdict of a check that may itself fail. */
async function looked(check: string, look: () => Promise<Verdict>): Promise<Finding> {
  const outcome = await tried(check, look)
  return 'status' in outcome ? outcome : finding(check, outcome.value)
}

async function tried<Value>(
  check: string,
  work: () => Promise<Value>,
): Promise<Finding | { readonly value: Value }> {
  try {
    return { value: await work() }
  } catch (error) {
    const { message, remedy, exitCode } = problemOf(error, 'celeriac doctor')
    const fix =
      remedy === 'celeriac doctor' ? (isCeleriacError(error) ? null : 'read the log of the server') : remedy
    return { check, status: 'wrong', message, fix, exitCode }
  }
}

function finding(check: string, { message, fix, exitCode = EXIT.failed }: Verdict): Finding {
  return { check, status: fix === undefined ? 'ok' : 'wrong', message, fix: fix ?? null, exitCode }
}
