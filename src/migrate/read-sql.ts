import { createHash } from 'node:crypto'
import { assertSchemaName } from '../base/names.ts'
import { extraFiles, type SqlFile, sqlFiles } from './sql-source.ts'

/** A file of `sql/` for one schema name, with the checksum of its text. */
export interface SqlText extends SqlFile {
  /** SHA-256 of the text as it stands in the repository, whatever the schema is called. */
  readonly checksum: string
}

/**
 * Gives the files of `sql/` for a schema name, in the order they are applied.
 *
 * The files say `celeriac.` literally and run under `psql -f` as they are; under another name that one qualifier,
 * and the schema's own name where it is created, are replaced.
 */
export function readSql(schema: string): readonly SqlText[] {
  assertSchemaName(schema)
  return sqlFiles().map((file) => toText(file, schema))
}

/** Gives a file that is applied on demand, for a schema name and the beginning of its roles' names. */
export function readExtra(name: string, schema: string, prefix: string): SqlText {
  assertSchemaName(schema)
  assertSchemaName(prefix)
  const [file] = extraFiles().filter((extra) => extra.name === name) as [SqlFile]
  const { text, ...rest } = toText(file, schema)
  return { ...rest, text: text.replaceAll(ROLE, `${prefix}_$1`) }
}

const ROLE = /\bceleriac_(owner|worker|producer|operator|viewer|viewer_data)\b/g

function toText(file: SqlFile, schema: string): SqlText {
  return {
    ...file,
    checksum: createHash('sha256').update(file.text).digest('hex'),
    text: schema === 'celeriac' ? file.text : rename(file.text, schema),
  }
}

/** Quoted: a name may be a word of SQL. Settings have one name everywhere, and so have messages. */
function rename(text: string, schema: string): string {
  return text
    .replaceAll(/\bceleriac\.(?!fake_now\b|tenant\b|enqueue: )(?=[a-z_%'])/g, `"${schema}".`)
    .replaceAll(/\bschema celeriac\b/g, `schema "${schema}"`)
    .replaceAll("= 'celeriac'", `= '${schema}'`)
}
