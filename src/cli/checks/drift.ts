import type { Database } from '../../db/database.ts'
import type { Entry } from '../../inspect/health/catalogue.ts'
import { type Drift, findDrift, readTemporary, SCRATCH } from '../../inspect/health/drift.ts'
import { isReplaceable, repairOf } from '../../inspect/health/repair.ts'
import { readSql } from '../../migrate/read-sql.ts'
import { forgetSql } from '../../migrate/reinstall.ts'
import { fine, note, skipped, type Verdict, wrong } from './finding.ts'

/** More than these say only that nothing is as it should be. */
const MOST = 10

/** What differs from what this version installs, each with the statement that makes it so again. */
export async function checkDrift(database: Database): Promise<Verdict[]> {
  const { schema } = database
  const { standby, grant } = await readTemporary(database)
  if (standby) return [skipped('comparing needs temporary tables, which a standby has none of')]
  if (grant !== null) return [skipped('comparing needs the right to make temporary tables', grant)]
  const drifts = await findDrift(
    database,
    readSql(SCRATCH).map((file) => file.text),
  )
  if (drifts.length === 0) return [fine('everything is as this version installs it')]
  const replaced = drifts.filter(isReplaceable)
  const others = drifts.filter((drift) => !isReplaceable(drift))
  const verdicts = [...(replaced.length > 0 ? [installAnew(replaced, schema)] : [])]
  verdicts.push(...others.slice(0, MOST).map((drift) => verdictOf(drift, schema)))
  if (others.length > MOST) verdicts.push(wrong(`and ${others.length - MOST} more`, null))
  return verdicts
}

function installAnew(drifts: readonly Drift[], schema: string): Verdict {
  const words = drifts.map(({ change, wanted }) => wordsOf(change, wanted as Entry))
  const names = drifts.map(({ wanted }) => (wanted as Entry).name.replace(/\(.*/s, ''))
  return wrong(words.join('; '), `${forgetSql(schema, [...new Set(names)])}; and then: celeriac migrate`)
}

function verdictOf(drift: Drift, schema: string): Verdict {
  const { change, found, wanted } = drift
  const fix = repairOf(drift, schema)
  if (wanted === null) return note(`${titleOf(found as Entry)} is not celeriac's`, fix)
  const words = wordsOf(change, wanted, found)
  // Storage settings may have been chosen for a reason.
  return change === 'different' && wanted.kind === 'table' ? note(words, fix) : wrong(words, fix)
}

function wordsOf(change: Drift['change'], wanted: Entry, found: Entry | null = null): string {
  if (change === 'missing') return `${titleOf(wanted)} is missing`
  if (found?.kind === 'column') return `${titleOf(wanted)} is ${found.definition}, not ${wanted.definition}`
  return `${titleOf(wanted)} is not what this version installs`
}

const titleOf = ({ kind, table, name }: Entry): string =>
  `${kind} ${kind === 'column' ? `${table}.` : ''}${name.replace(/\(.*/s, '')}${
    kind === 'trigger' || kind === 'constraint' ? ` on ${table}` : ''
  }`
