import type { Entry } from './catalogue.ts'
import type { Drift } from './drift.ts'
import { identifier } from './sql-names.ts'

/** Functions and views have no contents: `migrate` installs them again once it has forgotten that it did. */
export function isReplaceable({ wanted }: Drift): boolean {
  return wanted !== null && (wanted.kind === 'function' || wanted.kind === 'view')
}

/** The statement that makes something as it should be; it may have to be run as the owner. */
export function repairOf({ change, found, wanted }: Drift, schema: string): string | null {
  if (wanted === null) return found === null ? null : removal(found, schema)
  if (wanted.kind === 'table' && found !== null) return storage(found, wanted, schema)
  return repair(change, found, wanted, schema)
}

const placeOf = (table: string | null, schema: string): string =>
  `${identifier(schema)}.${identifier(table ?? '')}`

function repair(change: Drift['change'], found: Entry | null, wanted: Entry, schema: string): string | null {
  const table = placeOf(wanted.table, schema)
  const name = identifier(wanted.name)
  const first = change === 'different'
  switch (wanted.kind) {
    case 'index': {
      const again = wanted.definition.replace(' ON ONLY ', ' ON ')
      // A table in partitions cannot have an index built while it is written to.
      const online = again === wanted.definition ? again.replace(' INDEX ', ' INDEX CONCURRENTLY ') : again
      const drop = `drop index ${online === again ? '' : 'concurrently '}${identifier(schema)}.${name}; `
      return `${first ? drop : ''}${online}`
    }
    case 'constraint':
      return `alter table ${table} ${first ? `drop constraint ${name}, ` : ''}add constraint ${name} ${wanted.definition}`
    case 'column':
      return found === null
        ? `alter table ${table} add column ${name} ${wanted.definition}`
        : `alter table ${table} ${columnChanges(found, wanted).join(', ')}`
    case 'trigger':
      return `${first ? `drop trigger ${name} on ${table}; ` : ''}${wanted.definition}`
    case 'table':
    case 'type':
      return `restore ${wanted.kind} ${identifier(schema)}.${name} from a backup`
    case 'function':
    case 'view':
      return null
  }
}

interface Column {
  readonly type: string
  readonly initial: string | undefined
  readonly required: boolean
}

function columnOf({ definition }: Entry): Column {
  const [, type = '', required, initial] = /^(.*?)( not null)?(?: default (.*))?$/s.exec(definition) ?? []
  return { type, required: required !== undefined, initial }
}

function columnChanges(found: Entry, wanted: Entry): string[] {
  const [is, should, name] = [columnOf(found), columnOf(wanted), identifier(wanted.name)]
  const changes: string[] = []
  if (is.type !== should.type) changes.push(`type ${should.type} using ${name}::${should.type}`)
  if (is.required !== should.required) changes.push(`${should.required ? 'set' : 'drop'} not null`)
  if (is.initial !== should.initial)
    changes.push(should.initial === undefined ? 'drop default' : `set default ${should.initial}`)
  return changes.map((change) => `alter column ${name} ${change}`)
}

function removal({ kind, table, name }: Entry, schema: string): string {
  switch (kind) {
    case 'column':
    case 'constraint':
      return `alter table ${placeOf(table, schema)} drop ${kind} ${identifier(name)}`
    case 'trigger':
      return `drop trigger ${identifier(name)} on ${placeOf(table, schema)}`
    case 'function':
      return `drop function ${identifier(schema)}.${name}`
    case 'index':
      return `drop index concurrently ${placeOf(name, schema)}`
    case 'table':
    case 'type':
    case 'view':
      return `move it elsewhere: alter ${kind} ${placeOf(name, schema)} set schema public`
  }
}

function storage(found: Entry, wanted: Entry, schema: string): string | null {
  const optionsOf = ({ definition }: Entry): Map<string, string> => {
    const [, list = ''] = / with (.*)$/.exec(definition) ?? []
    const pairs = list.split(', ').filter((pair) => pair !== '')
    return new Map(pairs.map((pair) => pair.split(' = ') as [string, string]))
  }
  const [is, should] = [optionsOf(found), optionsOf(wanted)]
  const set = [...should].filter(([option, value]) => is.get(option) !== value)
  const surplus = [...is.keys()].filter((option) => !should.has(option))
  const table = placeOf(wanted.name, schema)
  if (set.length > 0)
    return `alter table ${table} set (${set.map(([option, value]) => `${option} = ${value}`).join(', ')})`
  return surplus.length === 0 ? null : `alter table ${table} reset (${surplus.join(', ')})`
}
