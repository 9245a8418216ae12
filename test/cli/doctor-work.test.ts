import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { applyRoles } from '../../src/migrate/roles.ts'
import { aJob, aWorker, fromNow, jobsLike } from '../support/factory.ts'
import { useDoctorServer } from './doctor-server.ts'

const server = useDoctorServer()

describe('workers', () => {
  test('one that has not been heard of for long is dead', async () => {
    const patient = await server.patient()
    await aWorker(patient, { name: 'bert' })
    await aWorker(patient, { name: 'anna', heartbeat_at: fromNow(-60_000) })
    expect(await patient.complaints()).toEqual([
      {
        check: 'workers',
        status: 'wrong',
        message: expect.stringMatching(/^1 of 2 dead: anna \(last seen \S+Z\)$/),
        fix: 'start a worker: it takes over the jobs of the dead',
      },
    ])
  })
})

describe('jobs served', () => {
  test('a queue without a worker is named, and one that has some is not', async () => {
    const patient = await server.patient()
    await aWorker(patient, { queues: ['mail'], tasks: ['send'] })
    await aJob(patient, { queue: 'forgotten' })
    await aJob(patient, { queue: 'later', run_at: fromNow(60_000) })
    await aJob(patient, { queue: 'mail', task: 'send', run_at: fromNow(0) })
    expect(await patient.complaints()).toEqual([
      {
        check: 'jobs served',
        status: 'wrong',
        message: 'queue forgotten: 1 due, no worker',
        fix: 'start a worker with --queues and --app that serve them',
      },
    ])
  })

  test('W-88 what is paused is left alone, and told', async () => {
    const patient = await server.patient()
    await aWorker(patient, { queues: ['mail', 'pdf'], tasks: ['send', 'print'] })
    await aJob(patient, { queue: 'mail', task: 'send', run_at: fromNow(-3_600_000) })
    await aJob(patient, { queue: 'pdf', task: 'print', run_at: fromNow(-3_600_000) })
    expect(await patient.complaints()).toMatchObject([{ check: 'jobs claimed' }])
    await patient.query(`select celeriac.pause('queue', 'mail')`)
    await patient.query(`select celeriac.pause('task', 'print')`)
    expect(await patient.complaints()).toEqual([])
  })

  test('a worker that is dead or stopping serves nobody', async () => {
    const patient = await server.patient()
    await aWorker(patient, { stopping: true })
    await aJob(patient)
    expect(await patient.complaints()).toMatchObject([{ message: 'queue default: 1 due, no worker' }])
  })

  test('a task that no worker of its queue knows is named, behind any number of others', async () => {
    const patient = await server.patient()
    await aWorker(patient, { concurrency: 1, running: 1 } as object)
    await jobsLike(patient, 3, { priority: 5 })
    await jobsLike(patient, 2, { task: 'unheard', priority: -5 })
    expect(await patient.complaints()).toEqual([
      {
        check: 'jobs served',
        status: 'wrong',
        message: 'task unheard: 2 due, no worker of queue default has registered it',
        fix: 'start a worker with --queues and --app that serve them',
      },
    ])
  })

  test('of a long queue only the head is counted', async () => {
    const patient = await server.patient()
    await jobsLike(patient, 1_500, {})
    expect(await patient.complaints()).toMatchObject([
      { message: 'queue default: 1,000 or more due, no worker' },
    ])
  })
})

describe('jobs claimed', () => {
  test('a job that is left although a worker is idle is named', async () => {
    const patient = await server.patient()
    await aWorker(patient, { name: 'anna' })
    await aJob(patient, { run_at: fromNow(-30_000) })
    expect(await patient.complaints()).toEqual([
      {
        check: 'jobs claimed',
        status: 'wrong',
        message: expect.stringMatching(
          /^task work in queue default: 1 due, for 3\d\S*s, while anna has free slots$/,
        ),
        fix: 'read the log of anna, and start it anew',
      },
    ])
  })
})

describe('jobs running', () => {
  test('by a worker that nobody knows are named, by one that lives are not', async () => {
    const patient = await server.patient()
    const worker = await aWorker(patient)
    await aJob(patient, { worker_id: worker })
    const orphan = await aJob(patient, { worker_id: randomUUID() })
    expect(await patient.complaints()).toEqual([
      {
        check: 'jobs running',
        status: 'wrong',
        message: `queue default: 1 by workers nobody knows, such as ${orphan}`,
        fix: 'start a worker: it takes over the jobs of the dead',
      },
    ])
  })
})

describe('a large queue', () => {
  test('costs no more than a small one', async () => {
    const patient = await server.patient()
    await patient.query(
      `insert into celeriac.jobs (id, run_at, enqueued_at, queue, task, args, priority)
        select gen_random_uuid(), clock_timestamp() + (case when n % 2 = 0 then -n else n end) * interval '1 s', now(),
          'queue-' || n % 20, 'work', '[]', n % 3
        from generate_series(1, 100000) as n`,
    )
    await aWorker(patient, { queues: Array.from({ length: 20 }, (_, n) => `queue-${n}`) })
    const read = async () => {
      const [row] = await patient.query(
        "select pg_stat_get_tuples_returned('celeriac.jobs'::regclass)::int as walked, pg_stat_get_numscans('celeriac.jobs'::regclass)::int as scans",
      )
      return row as { walked: number; scans: number }
    }
    const before = await read()
    const found = await patient.diagnose()
    const after = await read()
    // Walks over the whole table; what the index of claims leads to is bounded by the query.
    expect(after).toEqual(before)
    expect(found.find(({ check }) => check === 'jobs claimed')).toMatchObject({ status: 'wrong' })
  })
})

describe('rights', () => {
  test('that a role without any lacks are named, and granted by the fix', async () => {
    const patient = await server.patient()
    await patient.query(`alter database ${patient.name} owner to postgres`)
    await patient.query('reassign owned by app to postgres')
    const [usage] = await patient.complaints()
    expect(usage).toEqual({
      check: 'schema',
      status: 'skipped',
      message: expect.stringContaining('not ours to see'),
      fix: null,
    })
    const rights = async () => (await patient.complaints()).find(({ check }) => check === 'rights')
    expect(await rights()).toMatchObject({ status: 'wrong', message: 'app lacks usage on schema celeriac' })
    await patient.query((await rights())?.fix ?? '')
    expect(await rights()).toMatchObject({
      status: 'wrong',
      message: 'app lacks select, insert, update, delete on all tables in schema celeriac',
    })
    await patient.query((await rights())?.fix ?? '')
    expect(await patient.complaints()).toEqual([])
  })

  test('of a schema with roles are those of the roles one is a member of', async () => {
    const patient = await server.patient()
    await patient.query(`alter database ${patient.name} owner to postgres`)
    await patient.query('reassign owned by app to postgres')
    await applyRoles({ database: patient.adminUrl, prefix: 'shop' })
    const rights = async () => (await patient.diagnose()).find(({ check }) => check === 'rights')
    await patient.query('grant usage on schema celeriac to app')
    expect(await rights()).toMatchObject({
      status: 'wrong',
      message: 'app is a member of none of the roles shop_worker, _producer, _operator and _viewer',
      fix: 'grant shop_worker to app',
    })
    await patient.query('grant shop_worker to app')
    expect(await rights()).toMatchObject({ status: 'ok', message: 'those of worker' })
    expect((await patient.diagnose()).filter(({ status }) => status !== 'ok')).toEqual([])

    await patient.query('revoke execute on function celeriac.enqueue_jobs from shop_worker')
    expect(await rights()).toMatchObject({
      status: 'wrong',
      message: expect.stringMatching(/^app lacks execute on function celeriac\.enqueue_jobs/),
      fix: 'celeriac migrate --roles',
    })
  })

  test('of a producer are no reason to complain: what it may not see is left out', async () => {
    const patient = await server.patient()
    await patient.query(`alter database ${patient.name} owner to postgres`)
    await patient.query('reassign owned by app to postgres')
    await applyRoles({ database: patient.adminUrl, prefix: 'till' })
    await patient.query('grant till_producer to app')
    const findings = await patient.diagnose()
    expect(findings.filter(({ status }) => status === 'wrong')).toEqual([])
    expect(findings.find(({ check }) => check === 'rights')).toMatchObject({
      status: 'ok',
      message: 'those of producer',
    })
  })
})
