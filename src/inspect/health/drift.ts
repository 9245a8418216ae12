import type { Database } from '../../db/database.ts'
import { CATALOGUE, type Entry } from './catalogue.ts'

/** Something that is not as this version installs it. */
export interface Drift {
  readonly change: 'missing' | 'different' | 'extra'
  /** What is there. */
  readonly found: Entry | null
  /** What should be. */
  readonly wanted: Entry | null
}

/** The name that {@link findDrift} expects the files to be written for. */
export const SCRATCH = 'celeriac_scratch'

const LOCK_MS = 2_000
const INSTALL_MS = 20_000

/** Whether the session may have temporary tables, which comparing takes. */
export async function readTemporary(
  database: Database,
): Promise<{ readonly standby: boolean; readonly grant: string | null }> {
  const [row] = await database.query({
    text: `select pg_is_in_recovery() as standby,
      case when not has_database_privilege(current_database(), 'temporary')
        then format('grant temporary on database %I to %I', current_database(), current_user) end as grant`,
    values: [],
  })
  return { standby: row?.standby === true, grant: typeof row?.grant === 'string' ? row.grant : null }
}

/**
 * Compares the schema with what the files make of an empty one: they are installed beside it, in the temporary schema
 * of a session, in a transaction that is rolled back. The server itself writes down both, so that what differs does
 * differ, whatever its version; nothing of ours is locked, nothing stays.
 *
 * @param files - texts of `sql/` for the schema name {@link SCRATCH}
 */
export function findDrift(database: Database, files: readonly string[]): Promise<Drift[]> {
  const { schema } = database
  return database.rehearse(async (executor) => {
    const ask = (text: string, ...values: readonly unknown[]) => executor.query({ text, values })
    await ask(
      `set local search_path = pg_catalog; set local check_function_bodies = off; set local client_min_messages = error;
      set local lock_timeout = ${LOCK_MS}; set local statement_timeout = ${INSTALL_MS};
      create temporary table celeriac_probe (); drop table pg_temp.celeriac_probe`,
    )
    const [names] = await ask(
      `select pg_my_temp_schema()::oid as scratch, pg_my_temp_schema()::regnamespace::text as name, oid as real,
        quote_ident(nspname) as place, nspowner::regrole::text ~ '_owner"?$' as roles from pg_namespace where nspname = $1`,
      schema,
    )
    const { scratch, name, real, place, roles } = names as unknown as Names
    await ask(files.map((text) => withoutComments(text).replaceAll(SCRATCH, name)).join('\n'))
    const wanted = (await ask(CATALOGUE, scratch)) as unknown as readonly Entry[]
    const found = (await ask(CATALOGUE, real)) as unknown as readonly Entry[]
    return compare(
      renamed(wanted, [name, 'pg_temp'], schema, place),
      roles ? found.map(withoutRoles) : found,
      schema,
    )
  })
}

interface Names {
  /** The temporary schema, and ours. */
  readonly scratch: number
  readonly real: number
  /** What the temporary one is called. */
  readonly name: string
  /** What ours is called in SQL. */
  readonly place: string
  readonly roles: boolean
}

/** Where the schema has roles, some functions act as its owner, and may be reached by no names but the system's. */
function withoutRoles(entry: Entry): Entry {
  if (entry.kind !== 'function') return entry
  const definition = entry.definition
    .replace(/^( .*?) SECURITY DEFINER$/m, '$1')
    .replace(/^ SECURITY DEFINER\n/m, '')
    .replace(/^ SET search_path TO 'pg_catalog', 'pg_temp'\n/m, '')
  return { ...entry, definition }
}

/** They are half of all statements, and nothing depends on them. */
function withoutComments(text: string): string {
  return text.replaceAll(/^comment on (?:[^;']|'(?:[^']|'')*')*;$/gm, '')
}

/** Definitions as they would be written in the schema itself; a temporary type is named without any. */
function renamed(
  entries: readonly Entry[],
  names: readonly string[],
  schema: string,
  place: string,
): Entry[] {
  const any = names.join('|')
  const qualifier = new RegExp(`"?\\b(?:${any})"?\\.(?=["a-z_%'])`, 'g')
  const literal = new RegExp(`'(?:${any})'`, 'g')
  const types = entries.flatMap(({ kind, name }) => (kind === 'type' ? [name] : []))
  const type = new RegExp(`(?<=::|^)(?:${types.join('|')})\\b`, 'g')
  return entries.map((entry) => ({
    ...entry,
    definition: entry.definition
      .replaceAll(qualifier, `${place}.`)
      .replaceAll(literal, `'${schema}'`)
      .replaceAll(type, types.length === 0 || entry.kind === 'table' ? '$&' : `${place}.$&`),
  }))
}

function compare(wanted: readonly Entry[], found: readonly Entry[], schema: string): Drift[] {
  // Whether a name is written with its schema depends on what a session sees; some names keep ours in every schema.
  const qualifier = new RegExp(`"?\\b(?:${schema}|celeriac)"?\\.`, 'g')
  const bare = (text: string): string => text.replaceAll(qualifier, '')
  const keyOf = ({ kind, table, name }: Entry): string => [kind, table ?? '', bare(name)].join(' ')
  const missing = new Map(wanted.map((entry) => [keyOf(entry), entry]))
  const drifts: Drift[] = []
  for (const entry of found) {
    const key = keyOf(entry)
    const model = missing.get(key) ?? null
    missing.delete(key)
    if (model === null) drifts.push({ change: 'extra', found: entry, wanted: null })
    else if (bare(model.definition) !== bare(entry.definition))
      drifts.push({ change: 'different', found: entry, wanted: model })
  }
  for (const model of missing.values()) drifts.push({ change: 'missing', found: null, wanted: model })
  return withoutConsequences(drifts, wanted)
}

/** A table that is gone has taken all of its own along; one that is not ours is one thing; an older overload is kept for older workers. */
function withoutConsequences(drifts: readonly Drift[], wanted: readonly Entry[]): Drift[] {
  const tables = new Set(
    drifts.flatMap(({ change, found, wanted: model }) => {
      const entry = found ?? model
      return change !== 'different' && entry?.kind === 'table' ? [entry.name] : []
    }),
  )
  const functions = new Set(wanted.flatMap(({ kind, name }) => (kind === 'function' ? [baseName(name)] : [])))
  return drifts.filter(({ change, found, wanted: model }) => {
    const entry = found ?? model
    if (entry?.table != null && tables.has(entry.table)) return false
    return !(change === 'extra' && entry?.kind === 'function' && functions.has(baseName(entry.name)))
  })
}

const baseName = (name: string): string => name.replace(/\(.*/s, '')
