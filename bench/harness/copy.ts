import type { Client } from 'pg'
import type { CopiedTable } from '../contenders/contender.ts'

const MOST_AT_ONCE = 500_000

/** A row that a contender has written: the columns that hold something, with their types and values. */
export interface SampleRow {
  readonly table: string
  readonly columns: readonly { readonly name: string; readonly type: string; readonly value: string }[]
}

/** Reads a row of `table`; throws when it has none. */
export async function readSample(
  client: Client,
  { table, sample }: Omit<CopiedTable, 'columns'>,
): Promise<SampleRow> {
  const { rows: columns } = await client.query<{ name: string; type: string }>(
    `select attname as name, format_type(atttypid, atttypmod) as type
       from pg_attribute
      where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''
      order by attnum`,
    [table],
  )
  const texts = columns.map(({ name }) => `${name}::text as ${name}`).join(', ')
  const { rows } = await client.query<Record<string, string | null>>(
    `select ${texts} from ${table} where ${sample} limit 1`,
  )
  const row = rows[0]
  if (!row) throw new Error(`${table} has no row to copy where ${sample}`)
  return {
    table,
    columns: columns.flatMap(({ name, type }) => {
      const value = row[name]
      return value === null || value === undefined ? [] : [{ name, type, value }]
    }),
  }
}

/** Fills `count` copies of a contender's own row into its table, by bare SQL, without the contender. */
export async function copyRows(client: Client, copied: CopiedTable, count: number): Promise<void> {
  const sample = await readSample(client, copied)
  const columns = sample.columns.filter(({ name }) => copied.columns[name] !== 'default')
  const values = columns.map(
    ({ name, type, value }) => copied.columns[name] ?? `${client.escapeLiteral(value)}::${type}`,
  )
  const text = `insert into ${sample.table} (${columns.map(({ name }) => name).join(', ')})
    select ${values.join(', ')} from generate_series(1, $1::int)`
  for (let left = count; left > 0; left -= MOST_AT_ONCE) {
    await client.query(text, [Math.min(left, MOST_AT_ONCE)])
  }
}
