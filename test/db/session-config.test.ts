import { describe, expect, onTestFinished, test } from 'vitest'
import { Database, type DatabaseOptions } from '../../src/db/database.ts'
import { createHostileRole, HOSTILE_SETTINGS } from '../support/hostile.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase({ name: 'db_session_config' })

async function hostileUrl(): Promise<string> {
  const role = await createHostileRole(database)
  onTestFinished(() => role[Symbol.asyncDispose]())
  return role.url
}

async function settingsOf(options: Partial<DatabaseOptions>): Promise<Record<string, string>> {
  const one = new Database({ source: database.url, schema: 'celeriac', maxConnections: 2, ...options })
  onTestFinished(() => one.close())
  const rows = await one.query({
    text: `select name, current_setting(name) as value from pg_settings where name = any ($1) or name like 'app%name'`,
    values: [HOSTILE_SETTINGS],
  })
  return Object.fromEntries(rows.map(({ name, value }) => [name, value as string]))
}

describe('a connection of ours', () => {
  test('F-29, F-30: means what we say, whatever is set for its role', async () => {
    expect(await settingsOf({ source: await hostileUrl(), role: 'work' })).toMatchObject({
      application_name: 'celeriac:work',
      statement_timeout: '15s',
      lock_timeout: '500ms',
      idle_in_transaction_session_timeout: '10s',
      idle_session_timeout: '0',
      default_transaction_isolation: 'read committed',
      default_transaction_read_only: 'off',
      standard_conforming_strings: 'on',
      array_nulls: 'on',
      transform_null_equals: 'off',
      row_security: 'on',
      extra_float_digits: '1',
      DateStyle: 'ISO, MDY',
      IntervalStyle: 'postgres',
    })
  })

  test('F-29: has no limit for a whole transaction, on the first connection and on later ones', async () => {
    const one = new Database({ source: await hostileUrl(), schema: 'celeriac', maxConnections: 2 })
    onTestFinished(() => one.close())
    const show = {
      text: `select current_setting('transaction_timeout', true) as limit, pg_sleep(0.1)`,
      values: [],
    }
    const rows = [await one.query(show), ...(await Promise.all([one.query(show), one.query(show)]))]
    for (const [row] of rows) expect([null, '0']).toContain(row?.limit)
  })

  test('leaves the shared pool to the code of users: no limit on what it does between statements', async () => {
    const settings = await settingsOf({ source: await hostileUrl() })
    expect(settings).toMatchObject({
      statement_timeout: '30s',
      lock_timeout: '0',
      idle_in_transaction_session_timeout: '0',
      TimeZone: 'Pacific/Chatham',
    })
  })

  test('F-41b: is ended by the server within seconds when its host is gone, with the locks it holds', async () => {
    const names = [
      'tcp_keepalives_idle',
      'tcp_keepalives_interval',
      'tcp_keepalives_count',
      'tcp_user_timeout',
    ]
    const one = new Database({ source: database.url, schema: 'celeriac', maxConnections: 2 })
    onTestFinished(() => one.close())
    const rows = await one.query({
      text: 'select name, setting from pg_settings where name = any ($1)',
      values: [names],
    })
    expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
      tcp_keepalives_idle: '5',
      tcp_keepalives_interval: '2',
      tcp_keepalives_count: '3',
      tcp_user_timeout: '10000',
    })
  })

  test('has the settings that its URL gives it', async () => {
    const url = new URL(database.url)
    url.searchParams.set('options', '-c statement_timeout=1234 -c lock_timeout=56')
    url.searchParams.set('idle_in_transaction_session_timeout', '789')
    url.searchParams.set('application_name', 'mine')
    expect(await settingsOf({ source: url.href })).toMatchObject({
      application_name: 'celeriac:pool',
      statement_timeout: '1234ms',
      lock_timeout: '56ms',
      idle_in_transaction_session_timeout: '789ms',
      default_transaction_read_only: 'off',
    })
  })

  test('is one with limits of its own where they are given', async () => {
    const settings = await settingsOf({ limits: { statementMs: 4_000 } })
    expect(settings).toMatchObject({ statement_timeout: '4s', lock_timeout: '0' })
  })
})
