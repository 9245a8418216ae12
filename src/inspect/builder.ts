import {
  DummyDriver,
  type Expression,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type SqlBool,
  sql,
} from 'kysely'
import type { Views } from '../db/tables.ts'

/** A kysely that only compiles: statements go through the app's own connections. */
export function buildViews(schema: string): Kysely<Views> {
  return new Kysely<Views>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  }).withSchema(schema)
}

/** Whether a column is among the values of a query: an array, so that an index finds each. */
export function isAmong(column: string, values: Expression<unknown>): Expression<SqlBool> {
  return sql<SqlBool>`${sql.ref(column)} = any (array(${values}))`
}
