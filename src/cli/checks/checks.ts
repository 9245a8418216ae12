/*
 * checks: what `celeriac doctor` looks at, one file per topic. Facts come from src/inspect/health; here they are judged,
 * and each that is not as it should be gets a remedy.
 */
import type { DatabaseInput } from '../../db/connection.ts'
import type { Database } from '../../db/database.ts'
import { findHorizonHolder } from '../../inspect/health/horizon.ts'
import { readServer } from '../../inspect/health/server.ts'
import { readTables } from '../../inspect/health/vacuum.ts'
import { pendingMigrations } from '../../migrate/migrate.ts'
import { EXIT } from '../exit-codes.ts'
import { checkDrift } from './drift.ts'
import { checked, type Finding, fine, skipped, tried, wrong } from './finding.ts'
import { LIMITS, type Limits } from './limits.ts'
import { checkHearing, checkNotifyQueue } from './notifications.ts'
import { checkIndexes, checkPartitions, checkRights } from './schema.ts'
import { checkServer } from './server.ts'
import { checkSettings } from './settings.ts'
import { checkAutovacuum, checkDeadRows, snapshotVerdict } from './vacuum.ts'
import { checkWork } from './work.ts'

/** What is looked at. */
export interface Patient {
  readonly database: Database
  readonly input: DatabaseInput
  /** Past a pooler; null where there is no such way. */
  readonly direct: Database | null
}

/** Looks at everything in turn; what cannot be looked at, because something before it is wrong, is left out. */
export async function* runChecks(patient: Patient, limits: Partial<Limits> = {}): AsyncGenerator<Finding> {
  const bounds = { ...LIMITS, ...limits }
  const { database, direct } = patient
  const server = await tried(() => readServer(database))
  if ('status' in server) {
    yield { check: 'database reachable', ...server }
    return
  }
  const about = server.value
  const milliseconds = about.roundTripMs.toFixed(1)
  yield { check: 'database reachable', ...fine(`as ${about.role}, ${milliseconds} ms there and back`) }
  yield* checkServer(database, direct, about, bounds)
  yield* checked('settings', () => checkSettings(database, patient.input, about))
  yield* checked('oldest snapshot', async () =>
    snapshotVerdict(await findHorizonHolder(database), about, bounds),
  )
  yield* checked('notification queue', () => checkNotifyQueue(database, about, bounds))
  const state = { installed: false, current: false }
  yield* checkVersion(patient, state)
  yield* checked('rights', () => checkRights(database, about))
  if (state.installed) yield* checkInstallation(patient, bounds, state.current)
}

async function* checkVersion(
  { input, database }: Patient,
  state: { installed: boolean; current: boolean },
): AsyncGenerator<Finding> {
  const { schema } = database
  const pending = await tried(() =>
    pendingMigrations({ database: input, schema }).catch((error: unknown) => {
      throw database.explain(error)
    }),
  )
  if ('status' in pending) {
    yield { check: 'schema', ...pending }
    return
  }
  state.current = pending.value.length === 0
  if (state.current) yield { check: 'schema', ...fine(`"${schema}" is up to date`) }
  else {
    const message = `schema "${schema}" needs ${pending.value.length} migrations, functions or views applied`
    yield { check: 'schema', ...wrong(message, 'celeriac migrate', EXIT.schema) }
  }
  // One whose functions are of another version may well be there; one that is not there tells nothing more.
  const version = await tried(() => database.call('schema_version', []))
  state.installed = state.current || 'value' in version
}

async function* checkInstallation(
  { database }: Patient,
  limits: Limits,
  current: boolean,
): AsyncGenerator<Finding> {
  yield* checked('drift', async () =>
    current ? checkDrift(database) : skipped('compared once the schema is up to date'),
  )
  yield* checked('partitions', () => checkPartitions(database, limits))
  yield* checked('indexes', () => checkIndexes(database))
  const tables = await tried(() => readTables(database))
  if ('status' in tables) yield { check: 'autovacuum', ...tables }
  else {
    yield* checked('autovacuum', () => checkAutovacuum(database, tables.value, limits))
    yield* checked('dead rows', () => checkDeadRows(database, tables.value, limits))
  }
  yield* checked('notifications', () => checkHearing(database))
  yield* checkWork(database, limits)
}
