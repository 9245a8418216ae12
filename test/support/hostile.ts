import { randomBytes } from 'node:crypto'
import type { TestDatabase } from './postgres.ts'

/** What an administrator may have set for a role, and what our statements must not depend on. */
const HOSTILE = {
  statement_timeout: '50ms',
  lock_timeout: '1ms',
  idle_in_transaction_session_timeout: '50ms',
  idle_session_timeout: '60ms',
  transaction_timeout: '70ms',
  default_transaction_isolation: 'serializable',
  default_transaction_read_only: 'on',
  default_transaction_deferrable: 'on',
  standard_conforming_strings: 'off',
  array_nulls: 'off',
  transform_null_equals: 'on',
  row_security: 'off',
  extra_float_digits: '-15',
  search_path: 'nowhere',
  DateStyle: 'German, DMY',
  IntervalStyle: 'sql_standard',
  TimeZone: 'Pacific/Chatham',
  bytea_output: 'escape',
  jit: 'on',
  jit_above_cost: '0',
  plan_cache_mode: 'force_generic_plan',
  enable_indexscan: 'off',
  enable_bitmapscan: 'off',
  client_min_messages: 'debug1',
} as const

/** The settings of {@link createHostileRole}. */
export const HOSTILE_SETTINGS = Object.keys(HOSTILE)

/** A superuser's role for which everything is set otherwise, in the whole of a database. */
export interface HostileRole extends AsyncDisposable {
  readonly url: string
}

/** Makes a role for which everything is set otherwise. */
export async function createHostileRole(database: TestDatabase): Promise<HostileRole> {
  const role = `hostile_${randomBytes(4).toString('hex')}`
  await database.query(`create role ${role} login superuser password 'secret'`)
  for (const [name, value] of Object.entries(HOSTILE)) {
    const [known] = await database.query(`select from pg_settings where name = $1`, [name])
    if (known !== undefined) await database.query(`alter role ${role} set ${name} = '${value}'`)
  }
  const url = new URL(database.url)
  url.username = role
  url.password = 'secret'
  return {
    url: url.href,
    [Symbol.asyncDispose]: async () => {
      await database.query(`reassign owned by ${role} to current_user`)
      await database.query(`drop owned by ${role}`)
      await database.query(`drop role ${role}`)
    },
  }
}
