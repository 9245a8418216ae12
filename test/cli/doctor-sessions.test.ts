import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { jobsLike } from '../support/factory.ts'
import { until } from '../support/until.ts'
import { expectCured, MAJOR, type Patient, useDoctorServer } from './doctor-server.ts'

const server = useDoctorServer({
  max_prepared_transactions: '5',
  wal_level: 'replica',
  max_wal_senders: '5',
  max_replication_slots: '5',
  // The smallest queue there is takes half a megabyte; before 17 it always takes eight gigabytes.
  ...(MAJOR >= 17 && { max_notify_queue_pages: '1000' }),
})

/** A session that holds a snapshot, as a report does that somebody has left open. */
async function holding(patient: Patient, url = patient.url): Promise<number> {
  const session = await patient.session(url)
  await session.query('begin isolation level repeatable read')
  await session.query("select 'a report'")
  await patient.query('select pg_current_xact_id()')
  return session.pid
}

describe('oldest snapshot', () => {
  test('of a session is told, and is all right while it is young', async () => {
    const patient = await server.patient()
    const pid = await holding(patient)
    const findings = await patient.diagnose()
    expect(findings.filter(({ status }) => status !== 'ok')).toEqual([])
    expect(findings.find(({ check }) => check === 'oldest snapshot')?.message).toMatch(
      new RegExp(`^pid ${pid} for .*\\(app, idle in transaction, select 'a report'\\)$`),
    )
  })

  test('of a session that is old is wrong, and ends with it', async () => {
    const patient = await server.patient()
    const pid = await holding(patient)
    const [complaint, ...others] = await patient.complaints({ limits: { snapshotMs: 0 } })
    expect([complaint, others]).toEqual([
      {
        check: 'oldest snapshot',
        status: 'wrong',
        message: expect.stringMatching(/^pid \d+ for .* keeps dead rows from being removed$/),
        fix: `select pg_terminate_backend(${pid})`,
      },
      [],
    ])
    await patient.query(complaint?.fix ?? '')
    await until(async () => (await patient.complaints({ limits: { snapshotMs: 0 } })).length === 0)
  })

  test('of the oldest of several sessions is told', async () => {
    const patient = await server.patient()
    const pid = await holding(patient)
    await holding(patient)
    const [complaint] = await patient.complaints({ limits: { snapshotMs: 0 } })
    expect(complaint?.fix).toBe(`select pg_terminate_backend(${pid})`)
  })

  test('of a prepared transaction that everybody has forgotten is wrong', async () => {
    const patient = await server.patient()
    await patient.query("begin; select pg_current_xact_id(); prepare transaction 'it''s left'")
    const [complaint] = await patient.complaints({ limits: { snapshotMs: 0 } })
    await patient.query(complaint?.fix ?? '')
    expect(complaint).toMatchObject({
      check: 'oldest snapshot',
      message: expect.stringMatching(/^prepared transaction it's left for .* \(postgres, prepared\) keeps/),
      fix: "rollback prepared 'it''s left'",
    })
    expect(await patient.complaints({ limits: { snapshotMs: 0 } })).toEqual([])
  })

  test('of a standby that tells what it reads is named by the standby', async () => {
    const patient = await server.patient()
    const standby = await openStandby(patient, null)
    await patient.query('select pg_current_xact_id()')
    const asked = { limits: { snapshotXids: 0 } }
    const complaints = await until(async () => {
      const found = await patient.complaints(asked)
      return found.length > 0 && found
    })
    expect(complaints).toMatchObject([
      {
        check: 'oldest snapshot',
        status: 'wrong',
        message: expect.stringMatching(
          /^standby far away for [\d,]+ transactions \(postgres, hot_standby_feedback\) keeps/,
        ),
        fix: 'end the long queries of the standby, or there: alter system set hot_standby_feedback = off',
      },
    ])
    await standby.leave()
    await until(async () => (await patient.complaints(asked)).length === 0)
  })

  test('of a replication slot whose standby has left is wrong at once', async () => {
    const patient = await server.patient()
    await patient.query("select pg_create_physical_replication_slot('left', true)")
    const standby = await openStandby(patient, 'left')
    const slot = async () =>
      (await patient.query("select xmin from pg_replication_slots where slot_name = 'left'"))[0]
    await until(async () => (await slot())?.xmin !== null, { what: 'the snapshot of the slot' })
    await standby.leave()
    const complaints = await until(async () => {
      const found = await patient.complaints()
      return found.length > 0 && found
    })
    await patient.query("select pg_drop_replication_slot('left')")
    expect(complaints).toMatchObject([
      {
        check: 'oldest snapshot',
        message: expect.stringMatching(/^replication slot left for [\d,]+ transactions \(inactive\) keeps/),
        fix: "let its standby come back, or: select pg_drop_replication_slot('left')",
      },
    ])
    expect(await patient.complaints()).toEqual([])
  })

  test('of a role that is not ours to see is noted, and how to see it', async () => {
    const patient = await server.patient()
    await patient.query('revoke pg_monitor from app')
    await holding(patient, patient.adminUrl)
    const complaints = await patient.complaints()
    await patient.query('grant pg_monitor to app')
    expect(complaints).toMatchObject([
      {
        check: 'oldest snapshot',
        status: 'note',
        message: expect.stringMatching(/; sessions of other roles are not ours to see$/),
        fix: 'grant pg_read_all_stats to app',
      },
    ])
  })
})

describe('dead rows', () => {
  /** Jobs that were deleted: as many dead rows, and nobody has been there to remove them. */
  async function litter(patient: Patient, rows: number): Promise<void> {
    await jobsLike(patient, rows, { task: 'gone' })
    await patient.query('delete from celeriac.jobs')
    await patient.query('select pg_stat_force_next_flush()')
    const dead = async () =>
      Number(
        (await patient.query("select pg_stat_get_dead_tuples('celeriac.jobs'::regclass) as dead"))[0]?.dead,
      )
    await until(async () => (await dead()) >= rows, { what: 'the count of dead rows' })
  }
  const limits = { deadRows: 200 }

  test('that nobody keeps are noted until a vacuum has been there', async () => {
    const patient = await server.patient()
    await litter(patient, 200)
    const [complaint, ...others] = await patient.complaints({ limits })
    expect([complaint, others]).toEqual([
      {
        check: 'dead rows',
        status: 'note',
        message: '200 beside 0 live in jobs; no vacuum has been there yet',
        fix: 'vacuum (analyze) celeriac.jobs',
      },
      [],
    ])
    await expectCured(patient, complaint?.fix ?? null)
    expect(await patient.complaints({ limits })).toEqual([])
  })

  test('that somebody keeps are wrong, and that is named', async () => {
    const patient = await server.patient()
    const pid = await holding(patient)
    await litter(patient, 200)
    await patient.query('vacuum celeriac.jobs')
    const [complaint, ...others] = await patient.complaints({ limits: { ...limits, holderMs: 0 } })
    expect([complaint, others]).toEqual([
      {
        check: 'dead rows',
        status: 'wrong',
        message: expect.stringMatching(new RegExp(`^200 beside 0 live in jobs, kept by pid ${pid} for `)),
        fix: `select pg_terminate_backend(${pid})`,
      },
      [],
    ])
  })

  test('that are left although a vacuum was there long ago are wrong', async () => {
    const patient = await server.patient()
    await patient.query('vacuum celeriac.jobs')
    await litter(patient, 200)
    expect(await patient.complaints({ limits: { ...limits, unvacuumedMs: 0 } })).toMatchObject([
      {
        check: 'dead rows',
        status: 'wrong',
        message: expect.stringMatching(/; the last vacuum was .* ago$/),
        fix: 'vacuum (analyze) celeriac.jobs',
      },
    ])
  })
})

describe('notification queue', () => {
  const limits = MAJOR >= 17 ? {} : { notifyQueue: 0.000_02 }
  const usage = async (patient: Patient) =>
    Number((await patient.query('select pg_notification_queue_usage() as usage'))[0]?.usage)

  async function say(patient: Patient, times: number): Promise<void> {
    await patient.query(
      "select pg_notify('noise', n || repeat('x', 7000)) from generate_series(1, $1::int) as n",
      [times],
    )
  }

  test('that a listener fills because it does not read is wrong: it is named', async () => {
    const patient = await server.patient()
    const listener = await patient.session()
    await listener.query('listen noise')
    const { stream } = listener.client.connection
    stream.pause()
    onTestFinished(() => void stream.destroy())
    const deaf = async () =>
      (await patient.query('select wait_event from pg_stat_activity where pid = $1', [listener.pid]))[0]
        ?.wait_event === 'ClientWrite'
    // What is on the way between the two does not count; that is some megabytes.
    await until(
      async () => {
        await say(patient, 100)
        return (await deaf()) && (await usage(patient)) > (limits.notifyQueue ?? 0.02)
      },
      { what: 'the queue that fills', every: 1 },
    )
    const [complaint, ...others] = await patient.complaints({ limits })
    expect([complaint, others]).toEqual([
      {
        check: 'notification queue',
        status: 'wrong',
        message: expect.stringMatching(
          new RegExp(
            `^[\\d.]+ % full; at 100 % every transaction that notifies fails; pid ${listener.pid} \\(app, database ${patient.name}, celeriac test session\\) has not read what it listens to for `,
          ),
        ),
        fix: `select pg_terminate_backend(${listener.pid})`,
      },
      [],
    ])
    // Its snapshot keeps dead rows, also where the queue is large enough.
    const roomy = await until(async () => {
      // Buffers on the way may have grown meanwhile.
      await say(patient, 100)
      const found = await patient.complaints({ limits: { notifyQueue: 1, deafMs: 0 } })
      return found.length > 0 && found
    })
    expect(roomy).toMatchObject([
      {
        message: expect.stringMatching(/ % full, but pid \d+ .*: dead rows are kept for it$/),
        fix: complaint?.fix,
      },
    ])
    await patient.query(complaint?.fix ?? '')
    await until(async () => (await patient.complaints({ limits })).length === 0)
  })

  test('that a listener fills because it stays in a transaction is wrong: it is named', async () => {
    const patient = await server.patient()
    const listener = await patient.session()
    await listener.query('listen noise')
    await listener.query('begin')
    await listener.query('select 1')
    await say(patient, 200)
    const [complaint] = await patient.complaints({ limits: { notifyQueue: 0.000_02 } })
    expect(complaint).toMatchObject({
      check: 'notification queue',
      status: 'wrong',
      message: expect.stringContaining('has been in a transaction (idle in transaction) for'),
      fix: `select pg_terminate_backend(${listener.pid})`,
    })
    await listener.query('commit')
    await until(async () => {
      await say(patient, 1)
      return (await patient.complaints({ limits })).length === 0
    })
  })
})

/** A standby as far as the server can tell: it says that it still reads what is there now. */
async function openStandby(patient: Patient, slot: string | null): Promise<{ leave(): Promise<void> }> {
  const [row] = await patient.query<{ lsn: string; xmin: string }>(
    'select pg_current_wal_lsn()::text as lsn, pg_snapshot_xmin(pg_current_snapshot())::text as xmin',
  )
  const client = new pg.Client({
    connectionString: server.url,
    application_name: 'far away',
    replication: 'true',
  } as pg.ClientConfig)
  client.on('error', () => undefined)
  await client.connect()
  const { connection } = client as unknown as {
    readonly connection: {
      sendCopyFromChunk(chunk: Buffer): void
      once(event: 'replicationStart', listener: () => void): void
      readonly stream: { destroy(): void }
    }
  }
  const started = new Promise<void>((resolve) => connection.once('replicationStart', resolve))
  const place = slot === null ? '' : `SLOT ${slot} `
  // Its words are known in capitals only.
  const ended = client.query(`START_REPLICATION ${place}PHYSICAL ${row?.lsn}`).catch(() => undefined)
  await started
  const feedback = Buffer.alloc(25)
  feedback.write('h', 0, 'latin1')
  const xmin = BigInt(row?.xmin ?? 0)
  feedback.writeUInt32BE(Number(xmin & 0xffff_ffffn), 9)
  feedback.writeUInt32BE(Number(xmin >> 32n), 13)
  connection.sendCopyFromChunk(feedback)
  const leave = async () => {
    connection.stream.destroy()
    await ended
  }
  onTestFinished(leave)
  return { leave }
}
