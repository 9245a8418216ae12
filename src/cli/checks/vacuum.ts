import { formatMs } from '../../base/duration.ts'
import { clip } from '../../base/text.ts'
import type { Database } from '../../db/database.ts'
import { findHorizonHolder, type HorizonHolder } from '../../inspect/health/horizon.ts'
import type { ServerHealth } from '../../inspect/health/server.ts'
import { readAutovacuum } from '../../inspect/health/settings.ts'
import { identifier, literal } from '../../inspect/health/sql-names.ts'
import type { TableHealth } from '../../inspect/health/vacuum.ts'
import { fine, note, type Verdict, wrong } from './finding.ts'
import type { Limits } from './limits.ts'

/** Who holds the oldest snapshot, and whether that is too long. */
export function snapshotVerdict(holder: HorizonHolder | null, server: ServerHealth, limits: Limits): Verdict {
  if (holder === null) return fine('nobody holds one')
  const message = holderOf(holder)
  if (isOld(holder, limits)) return wrong(`${message} keeps dead rows from being removed`, endOf(holder))
  if (holder.ageMs === null && holder.kind === 'session' && !server.seesAll)
    return note(
      `${message}; sessions of other roles are not ours to see`,
      `grant pg_read_all_stats to ${identifier(server.role)}`,
    )
  return fine(message)
}

/** Whether dead rows pile up in our tables, and whose fault that is. */
export async function checkDeadRows(
  database: Database,
  tables: readonly TableHealth[],
  limits: Limits,
): Promise<Verdict> {
  const worst = tables[0]
  if (worst === undefined || worst.deadRows === 0) return fine('none')
  const count = (rows: number): string => rows.toLocaleString('en')
  const message = `${count(worst.deadRows)} beside ${count(worst.liveRows)} live in ${worst.table}`
  if (worst.deadRows < limits.deadRows) return fine(message)
  const holder = await findHorizonHolder(database)
  if (holder !== null && (holder.ageMs === null || holder.ageMs >= limits.holderMs))
    return wrong(`${message}, kept by ${holderOf(holder)}`, endOf(holder))
  if (worst.vacuuming) return note(`${message}; a vacuum is at it`, null)
  const fix = `vacuum (analyze) ${identifier(database.schema)}.${identifier(worst.table)}`
  if (worst.vacuumedMsAgo === null) return note(`${message}; no vacuum has been there yet`, fix)
  const since = `${message}; the last vacuum was ${formatMs(worst.vacuumedMsAgo)} ago`
  return worst.vacuumedMsAgo > limits.unvacuumedMs ? wrong(since, fix) : note(since, fix)
}

/** Whether the server looks after our tables by itself. */
export async function checkAutovacuum(
  database: Database,
  tables: readonly TableHealth[],
  limits: Limits,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = []
  for (const { name, value, source } of await readAutovacuum(database)) {
    if (value === 'off')
      verdicts.push(
        wrong(
          `${name} is off: nobody removes dead rows, and claims get slower without end`,
          source === 'command line'
            ? `take ${name} out of the command line of the server`
            : `alter system set ${name} = on; select pg_reload_conf()`,
        ),
      )
  }
  for (const { table, autovacuum, repair, ageXids } of tables) {
    const name = `${identifier(database.schema)}.${identifier(table)}`
    if (!autovacuum) verdicts.push(wrong(`autovacuum is off for ${table}`, repair))
    if (ageXids > limits.frozenXids)
      verdicts.push(
        wrong(
          `${table} has not been frozen for ${ageXids.toLocaleString('en')} transactions: the server stops at 2 billion`,
          `vacuum (freeze) ${name}`,
        ),
      )
  }
  return verdicts.length === 0 ? [fine('on, for all tables')] : verdicts
}

function isOld({ kind, state, ageMs, ageXids }: HorizonHolder, limits: Limits): boolean {
  // A slot that nobody uses never moves on.
  if (kind === 'replication slot' && state === 'inactive') return true
  return ageMs === null ? ageXids >= limits.snapshotXids : ageMs >= limits.snapshotMs
}

function holderOf({ kind, name, role, state, ageMs, ageXids, query }: HorizonHolder): string {
  const age = ageMs === null ? `${ageXids.toLocaleString('en')} transactions` : formatMs(ageMs)
  const said = [role, state, clip(query.replaceAll(/\s+/g, ' ').trim(), 60)].filter((part) => part !== '')
  const who = kind === 'session' ? `pid ${name}` : `${kind} ${name}`
  return `${who} for ${age}${said.length === 0 ? '' : ` (${said.join(', ')})`}`
}

function endOf({ kind, name, state }: HorizonHolder): string {
  switch (kind) {
    case 'session':
      return `select pg_terminate_backend(${name})`
    case 'prepared transaction':
      return `rollback prepared ${literal(name)}`
    case 'replication slot':
      return state === 'inactive'
        ? `let its standby come back, or: select pg_drop_replication_slot(${literal(name)})`
        : 'end the long queries of its standby, or there: alter system set hot_standby_feedback = off'
    case 'standby':
      return 'end the long queries of the standby, or there: alter system set hot_standby_feedback = off'
  }
}
