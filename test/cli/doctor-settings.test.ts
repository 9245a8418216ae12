import { describe, expect, onTestFinished, test } from 'vitest'
import { until } from '../support/until.ts'
import { expectCured, MAJOR, type Patient, useDoctorServer } from './doctor-server.ts'

const server = useDoctorServer()

/** Sets something for the role of the app in its database, until the test ends. */
async function given(patient: Patient, setting: string): Promise<void> {
  await patient.query(`alter role app set ${setting}`)
  onTestFinished(async () => {
    const { default: pg } = await import('pg')
    const admin = new pg.Client(server.url)
    await admin.connect()
    await admin.query('alter role app reset all')
    await admin.end()
  })
}

/** Sets something for the whole server, until the test ends. */
async function forServer(patient: Patient, name: string, value: string): Promise<void> {
  await reloaded(patient, `alter system set ${name} = ${value}`)
  onTestFinished(async () => {
    const { default: pg } = await import('pg')
    const admin = new pg.Client(server.url)
    await admin.connect()
    await admin.query(`alter system reset ${name}`)
    await admin.query('select pg_reload_conf()')
    await admin.end()
  })
}

async function reloaded(patient: Patient, statement: string): Promise<void> {
  const loaded = async () => (await patient.query('select pg_conf_load_time() as at'))[0]?.at as Date
  const before = await loaded()
  await patient.query(statement)
  await patient.query('select pg_reload_conf()')
  await until(async () => (await loaded()) > before, { what: 'the new settings' })
}

describe('settings', () => {
  test.each([
    ['default_transaction_isolation', "'serializable'", 'serializable'],
    ['default_transaction_read_only', 'on', 'on'],
    ['statement_timeout', "'50ms'", '50ms'],
    ['lock_timeout', "'10ms'", '10ms'],
    ['idle_in_transaction_session_timeout', "'1s'", '1s'],
    ['idle_session_timeout', "'2s'", '2s'],
  ])('%s for the role is noted: our own connections set it aside', async (name, value, shown) => {
    const patient = await server.patient()
    await given(patient, `${name} = ${value}`)
    const [complaint, ...others] = await patient.complaints()
    expect(others).toEqual([])
    expect(complaint).toEqual({
      check: 'settings',
      status: 'note',
      message: expect.stringMatching(
        new RegExp(
          `^${name} is ${shown} for the role: .*; not on connections of celeriac's own, yet in a pool of yours$`,
        ),
      ),
      fix: `alter role app reset ${name}`,
    })
    await expectCured(patient, complaint?.fix ?? null)
  })

  test.runIf(MAJOR >= 17)('transaction_timeout for the role is noted', async () => {
    const patient = await server.patient()
    await given(patient, "transaction_timeout = '1s'")
    expect(await patient.complaints()).toMatchObject([
      { check: 'settings', status: 'note', fix: 'alter role app reset transaction_timeout' },
    ])
  })

  test('what the URL itself asks for holds for our connections: that is wrong', async () => {
    const patient = await server.patient()
    const url = `${patient.url}?options=${encodeURIComponent('-c statement_timeout=50')}`
    expect(await patient.complaints({ url })).toMatchObject([
      {
        check: 'settings',
        status: 'wrong',
        message: 'statement_timeout is 50ms for this connection: maintenance and large batches are cut off',
        fix: 'take statement_timeout out of the URL or PGOPTIONS',
      },
    ])
  })

  test('what was set for the database is taken back there', async () => {
    const patient = await server.patient()
    await patient.query(`alter database ${patient.name} set synchronous_commit = off`)
    const [complaint] = await patient.complaints()
    expect(complaint).toMatchObject({
      status: 'note',
      message: expect.stringMatching(/^synchronous_commit is off for the database: .*settled/),
      fix: `alter database ${patient.name} reset synchronous_commit`,
    })
    await expectCured(patient, complaint?.fix ?? null)
  })

  test('what was set for the role in the database, too', async () => {
    const patient = await server.patient()
    await patient.query(`alter role app in database ${patient.name} set enable_indexscan = off`)
    const [complaint] = await patient.complaints()
    expect(complaint).toMatchObject({
      status: 'note',
      message: 'enable_indexscan is off for the role in this database: reading may miss its index',
    })
    await expectCured(patient, complaint?.fix ?? null)
  })

  test('of the server get a value of their own for the role', async () => {
    const patient = await server.patient()
    await forServer(patient, 'lock_timeout', "'10ms'")
    const [complaint] = await patient.complaints()
    expect(complaint).toMatchObject({ status: 'note', fix: "alter role app set lock_timeout = '10s'" })
    await given(patient, "lock_timeout = '10s'")
    expect(await patient.complaints()).toEqual([])
  })

  test('what only a superuser may switch off is noted', async () => {
    const patient = await server.patient()
    await given(patient, 'track_activities = off')
    expect(await patient.complaints()).toMatchObject([
      { status: 'note', message: expect.stringMatching(/^track_activities is off for the role/) },
    ])
  })

  test('of the log that let payloads into it are noted', async () => {
    const patient = await server.patient()
    await given(patient, 'log_min_duration_statement = 100')
    const [complaint] = await patient.complaints()
    expect(complaint).toEqual({
      check: 'settings',
      status: 'note',
      message:
        'log_parameter_max_length is -1: as statements are logged, arguments and results of jobs go to the log of the server',
      fix: 'alter role app set log_parameter_max_length = 0',
    })
    await expectCured(patient, complaint?.fix ?? null)
    await patient.query('alter role app set log_parameter_max_length_on_error = -1')
    expect(await patient.complaints()).toMatchObject([
      {
        message: expect.stringMatching(/^log_parameter_max_length_on_error is -1: when a statement fails, /),
        fix: 'alter role app reset log_parameter_max_length_on_error',
      },
    ])
  })
})

describe('settings of a server that is careless with data', () => {
  const careless = useDoctorServer({ fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' })

  test('are wrong where they can destroy the database, and noted where they lose its last moments', async () => {
    const patient = await careless.patient()
    const destroys = 'a crash of the machine can destroy the database'
    expect(await patient.complaints()).toEqual([
      {
        check: 'settings',
        status: 'wrong',
        message: `fsync is off: ${destroys}`,
        fix: 'take fsync out of the command line of the server',
      },
      {
        check: 'settings',
        status: 'wrong',
        message: `full_page_writes is off: ${destroys}`,
        fix: 'take full_page_writes out of the command line of the server',
      },
      {
        check: 'settings',
        status: 'note',
        message:
          'synchronous_commit is off: a crash of the server loses what was enqueued and settled in the last moments',
        fix: 'alter role app set synchronous_commit = on',
      },
    ])
  })
})

describe('autovacuum', () => {
  test('off is wrong, for the server and for a table', async () => {
    const patient = await server.patient()
    await forServer(patient, 'autovacuum', 'off')
    await patient.query('alter table celeriac.jobs set (autovacuum_enabled = false)')
    const complaints = await patient.complaints()
    expect(complaints).toMatchObject([
      {
        check: 'autovacuum',
        status: 'wrong',
        message: 'autovacuum is off: nobody removes dead rows, and claims get slower without end',
        fix: 'alter system set autovacuum = on; select pg_reload_conf()',
      },
      {
        check: 'autovacuum',
        status: 'wrong',
        message: 'autovacuum is off for jobs',
        fix: 'alter table celeriac.jobs reset (autovacuum_enabled)',
      },
    ])
    await reloaded(patient, 'alter system set autovacuum = on')
    await expectCured(patient, complaints[1]?.fix ?? null)
  })

  test('that has not frozen a table for long is wrong', async () => {
    const patient = await server.patient()
    const [complaint] = await patient.complaints({ limits: { frozenXids: -1 } })
    expect(complaint).toMatchObject({
      check: 'autovacuum',
      status: 'wrong',
      message: expect.stringMatching(/has not been frozen for [\d,]+ transactions/),
      fix: expect.stringMatching(/^vacuum \(freeze\) celeriac\./),
    })
  })
})

describe('connections', () => {
  test('a role that may hold too few sessions is told so', async () => {
    const patient = await server.patient()
    await patient.query('alter role app connection limit 3')
    const sessions = [await patient.session(), await patient.session()]
    expect(sessions).toHaveLength(2)
    const findings = await patient.diagnose()
    await patient.query('alter role app connection limit -1')
    expect(findings.find(({ check }) => check === 'connections')).toMatchObject({
      status: 'wrong',
      message: '3 of 3 in use by role app',
      fix: 'alter role app connection limit 100',
    })
  })
})
