import { formatMs } from '../../base/duration.ts'
import type { Database } from '../../db/database.ts'
import { readRoute } from '../../inspect/health/route.ts'
import { readDatabaseName, type ServerHealth } from '../../inspect/health/server.ts'
import { identifier } from '../../inspect/health/sql-names.ts'
import { checked, type Finding, fine, note, type Verdict, wrong } from './finding.ts'
import type { Limits } from './limits.ts'

/** Looks at the server and at the way to it. */
export async function* checkServer(
  database: Database,
  direct: Database | null,
  server: ServerHealth,
  limits: Limits,
): AsyncGenerator<Finding> {
  const found = (check: string, verdict: Verdict): Finding => ({ check, ...verdict })
  yield found('server version', versionVerdict(server, limits))
  yield found(
    'encoding',
    server.encoding === 'UTF8'
      ? fine(server.encoding)
      : wrong(server.encoding, 'create database celeriac encoding UTF8 template template0'),
  )
  yield found('writable', writableVerdict(server))
  yield found(
    'role',
    server.superuser
      ? note(
          `${server.role} is a superuser: more than producers and workers need`,
          'celeriac migrate --roles',
        )
      : fine(`${server.role}, no superuser`),
  )
  yield found('clock', clockVerdict(server, limits))
  yield found('connections', placesVerdict(server, limits))
  yield* checkRoute(database, direct, server)
}

function versionVerdict({ version, versionNumber }: ServerHealth, { oldestServer }: Limits): Verdict {
  if (versionNumber >= oldestServer) return fine(`PostgreSQL ${version}`)
  return wrong(`PostgreSQL ${version} is too old`, 'upgrade to PostgreSQL 15 or newer')
}

function writableVerdict({ standby, readOnly, role }: ServerHealth): Verdict {
  if (standby) return wrong('the server is read-only (a standby)', 'connect to the primary')
  if (!readOnly) return fine('yes')
  return wrong(
    'transactions are read-only by default',
    `alter role ${identifier(role)} set default_transaction_read_only = off`,
  )
}

function clockVerdict({ clockAheadMs, roundTripMs }: ServerHealth, { clockMs }: Limits): Verdict {
  const apart = Math.abs(clockAheadMs)
  // Half a round trip is what the measurement cannot tell.
  if (apart - roundTripMs / 2 <= clockMs) return fine('this machine and the database agree within a second')
  const message = `this machine is ${formatMs(apart)} ${clockAheadMs > 0 ? 'behind' : 'ahead of'} the database`
  return note(
    `${message}; only the clock of the database counts`,
    'set both by NTP: times you compute here, such as runAt, are off by this',
  )
}

function placesVerdict({ places, role, database }: ServerHealth, { crowded }: Limits): Verdict {
  const full = places.find(({ used, most }) => used >= most * crowded)
  const shown = full ?? places[0]
  if (shown === undefined) return fine('not counted')
  const suffix = { server: '', database: ` by database ${database}`, role: ` by role ${role}` }[shown.whose]
  const message = `${shown.used} of ${shown.most} in use${suffix}`
  if (full === undefined) return fine(message)
  const raised = Math.max(100, full.most * 2)
  const fixes = {
    server: `lower maxConnections of the apps, or: alter system set max_connections = ${raised}, and restart the server`,
    database: `alter database ${identifier(database)} connection limit ${raised}`,
    role: `alter role ${identifier(role)} connection limit ${raised}`,
  }
  return wrong(message, fixes[full.whose])
}

async function* checkRoute(
  database: Database,
  direct: Database | null,
  { database: name }: ServerHealth,
): AsyncGenerator<Finding> {
  const routes: Verdict[] = []
  yield* checked('pooler', async () => {
    const route = await readRoute(database)
    routes.push(encryptionVerdict(route))
    if (direct === null) return poolerVerdict(route.pooler)
    const past = await readRoute(direct)
    if (past.pooler === 'transaction' || past.pooler === 'statement')
      return wrong('there is one in --direct-url, too', 'give the URL of the server itself as directUrl')
    const other = await readDatabaseName(direct)
    if (other !== name)
      return wrong(
        `--direct-url leads to database ${other}, not to ${name}`,
        'give the URL of the same database',
      )
    return route.pooler === 'statement'
      ? poolerVerdict(route.pooler)
      : fine(
          `${route.pooler === 'none' ? 'none' : `one that lends by ${route.pooler}`}; directUrl goes past it`,
        )
  })
  for (const verdict of routes) yield { check: 'encryption', ...verdict }
}

function poolerVerdict(pooler: Awaited<ReturnType<typeof readRoute>>['pooler']): Verdict {
  switch (pooler) {
    case 'none':
      return fine('none')
    case 'session':
      return fine('one that lends by session: as good as none')
    case 'transaction':
      return wrong(
        'one that lends by transaction: nobody is woken by NOTIFY, and a dead worker is missed only after 15 s',
        'new Celeriac({ directUrl: <URL of the server itself> }); check it with celeriac doctor --direct-url <url>',
      )
    case 'statement':
      return wrong(
        'one that lends by statement: no transactions',
        'pool_mode = transaction or session, in the pooler',
      )
  }
}

function encryptionVerdict({ local, tls }: Awaited<ReturnType<typeof readRoute>>): Verdict {
  if (local) return fine(tls === 'none' ? 'none needed on this machine' : 'TLS')
  if (tls === 'verified') return fine('TLS, certificate verified')
  if (tls === 'unverified')
    return note(
      'TLS, but nobody checks whom it is with',
      'add sslmode=verify-full to the URL, and sslrootcert=<file> for an authority of your own',
    )
  return note(
    'none: passwords and arguments of jobs cross the network in the clear',
    'add sslmode=verify-full to the URL',
  )
}
