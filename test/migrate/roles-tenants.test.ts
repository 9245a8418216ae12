import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Celeriac } from '../../src/index.ts'
import { printTenants } from '../../src/migrate/roles.ts'
import { eventsOf, rejection, useApps } from '../support/apps.ts'
import { openSession } from '../support/session.ts'
import { useGuarded } from './roles-support.ts'

const guarded = useGuarded('roles_tenants')
const apps = useApps(guarded.database)
const { login } = guarded
const query = <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) =>
  guarded.database.query<Row>(guarded.sql(text), values)
const appOf = (url: string): Celeriac => apps.app({ database: url, schema: guarded.schema })
const as = (name: string): Celeriac => appOf(guarded.url(name))
/** A login that says whose it is by the setting alone. */
const saying = (tenant: string): string => `${guarded.url('shared')}?options=-c%20celeriac.tenant%3D${tenant}`

beforeAll(async () => {
  // Twice: a recipe that is changed is applied again.
  for (let time = 0; time < 2; time += 1)
    await guarded.database.query(printTenants(guarded.schema, guarded.schema))
  for (const [name, tenant] of [
    ['acme', 'acme'],
    ['bolt', 'bolt'],
    ['support', '*'],
  ] as const) {
    const full = await login(name, 'producer', 'operator', 'viewer_data')
    await query('insert into celeriac.tenants (login, tenant) values ($1, $2)', [full, tenant])
  }
  await login('shared', 'producer', 'viewer')
})

/** A job of each tenant. */
async function enqueueBoth(delay = '1h' as const): Promise<{ acme: string; bolt: string }> {
  const ids = { acme: randomUUID(), bolt: randomUUID() }
  for (const tenant of ['acme', 'bolt'] as const)
    await as(tenant).enqueue('work', [tenant], { delay, id: ids[tenant], labels: { tenant } })
  return ids
}

describe('a tenant', () => {
  test('lists its own jobs alone', async () => {
    const ids = await enqueueBoth()
    await using acme = await openSession(guarded.url('acme'))
    for (const view of ['job_list', 'job_detail']) {
      const rows = await acme.query<{ id: string; tenant: string }>(
        guarded.sql(`select id, labels ->> 'tenant' as tenant from celeriac.${view}`),
      )
      expect(new Set(rows.map((row) => row.tenant)), view).toEqual(new Set(['acme']))
      expect(rows.map((row) => row.id)).toContain(ids.acme)
    }
    const [queue] = await acme.query<{ scheduled: string }>(
      guarded.sql('select scheduled from celeriac.queue_overview'),
    )
    const [all] = await query<{ scheduled: string }>(
      `select count(*) as scheduled from celeriac.jobs where labels ->> 'tenant' = 'acme'`,
    )
    expect(queue).toEqual(all)
  })

  test('gets the same answer for an id of somebody else as for one that nobody has', async () => {
    const { acme, bolt } = await enqueueBoth()
    const app = as('acme')
    const answers = async (id: string): Promise<unknown[]> => {
      const handle = app.job(id)
      const told = []
      for (const ask of [
        () => handle.result({ timeout: '5s' }),
        () => handle.state(),
        () => handle.info(),
        () => handle.cancel(),
        () => handle.retry(),
      ])
        told.push((await rejection(ask())).message.replace(id, 'ID'))
      return told
    }
    const foreign = await answers(bolt)
    expect(foreign).toEqual(await answers(randomUUID()))
    expect(foreign[0]).toContain('not visible to you')
    await app.job(bolt).forget()
    expect(await as('bolt').job(bolt).state()).toBe('pending')
    expect(await app.job(acme).cancel()).toBe('cancelled')
  })

  test('cannot enqueue in the name of another, nor in nobody’s', async () => {
    for (const labels of [{ tenant: 'bolt' }, { tenant: '*' }, {}]) {
      expect(await rejection(as('acme').enqueue('work', [], { labels }))).toMatchObject({
        code: 'PERMISSION_DENIED',
        message: expect.stringContaining('label "tenant"'),
      })
    }
  })

  test('cannot say that it is another: its login decides', async () => {
    await using acme = await openSession(guarded.url('acme'))
    await acme.query(`set celeriac.tenant = 'bolt'`)
    const rows = await acme.query(
      guarded.sql(`select from celeriac.job_list where labels ->> 'tenant' <> 'acme'`),
    )
    expect(rows).toEqual([])
    await expect(acme.query(guarded.sql('select * from celeriac.tenants'))).rejects.toMatchObject({
      code: '42501',
    })
  })

  test('sees what became of its attempts, and not of those of others', async () => {
    const worker = as('worker')
    worker.task('broken', { maxAttempts: 1 }, () => {
      throw new Error('no')
    })
    await apps.worker(worker)
    const handles = []
    for (const tenant of ['acme', 'bolt'] as const) {
      const handle = await as(tenant).enqueue('broken', [], { maxAttempts: 1, labels: { tenant } })
      expect(await rejection(handle.result({ timeout: '10s' }))).toMatchObject({ code: 'JOB_FAILED' })
      handles.push(handle.id)
    }
    await using acme = await openSession(guarded.url('acme'))
    const rows = await acme.query<{ job_id: string }>(guarded.sql('select job_id from celeriac.attempt_list'))
    expect(rows.map((row) => row.job_id)).toEqual([handles[0]])
  })
})

describe('a login that belongs to no tenant', () => {
  test('sees nothing and enqueues nothing until it says whose it is', async () => {
    const { acme } = await enqueueBoth()
    const nobody = as('shared')
    expect(await rejection(nobody.job(acme).result({ timeout: '5s' }))).toMatchObject({ code: 'JOB_UNKNOWN' })
    expect(await rejection(nobody.enqueue('work', [], { labels: { tenant: 'acme' } }))).toMatchObject({
      code: 'PERMISSION_DENIED',
    })
    await using session = await openSession(guarded.url('shared'))
    const list = guarded.sql('select id from celeriac.job_list')
    expect(await session.query(list)).toEqual([])
    await session.query(`begin; set local celeriac.tenant = 'acme'`)
    expect((await session.query<{ id: string }>(list)).map((row) => row.id)).toContain(acme)
    await session.query('commit')
    // What `set local` said is gone with its transaction; '*' is not for everybody to say.
    expect(await session.query(list)).toEqual([])
    await session.query(`set celeriac.tenant = '*'`)
    expect(await session.query(list)).toEqual([])
  })

  test('may say it for all connections of a pool', async () => {
    const app = appOf(saying('acme'))
    const handle = await app.enqueue('work', [], { delay: '1h', labels: { tenant: 'acme' } })
    expect(await handle.cancel()).toBe('cancelled')
    expect(await rejection(appOf(saying('bolt')).job(handle.id).state())).toMatchObject({
      code: 'JOB_UNKNOWN',
    })
  })
})

describe('everybody else', () => {
  test('support sees all tenants', async () => {
    const { acme, bolt } = await enqueueBoth()
    const support = as('support')
    expect(await support.job(acme).state()).toBe('pending')
    expect(await support.job(bolt).cancel()).toBe('cancelled')
  })

  test('workers run the jobs of all tenants, with all maintenance, and nothing fails', async () => {
    const worker = as('worker')
    const errors = eventsOf(worker, 'error')
    worker.task('whose', { bind: true }, (job) => job.labels.tenant)
    await apps.worker(worker)
    for (const tenant of ['acme', 'bolt'] as const) {
      const handle = await as(tenant).enqueue('whose', [], { labels: { tenant } })
      expect(await handle.result({ timeout: '10s' })).toBe(tenant)
    }
    await using session = await openSession(guarded.url('worker'))
    const old = randomUUID()
    await query(
      `insert into celeriac.results (id, settled_at, enqueued_at, expires_at, token, attempt, max_attempts, snoozes, losses,
        state, priority, queue, task, args, labels)
        values ($1, now(), now(), now() - interval '1 second', 1, 1, 1, 0, 0, 'succeeded', 0, 'default', 'add', '[]',
          '{"tenant": "acme"}')`,
      [old],
    )
    const [pruned] = await session.query(guarded.sql('select * from celeriac.prune_results(1e12, 100)'))
    expect(pruned).toMatchObject({ deleted: 1 })
    expect(errors).toEqual([])
  })

  test('the claim of a worker goes by its index as before', async () => {
    await query(
      `insert into celeriac.jobs (id, run_at, enqueued_at, queue, task, args, labels)
        select gen_random_uuid(), now() - i * interval '1 ms', now(), 'plans', 'work', '[]', '{"tenant": "acme"}'
        from generate_series(1, 20000) as i; analyze celeriac.jobs`,
    )
    await query(
      `create role celeriac_explainer superuser login password 'secret'; grant celeriac_worker to celeriac_explainer`,
    )
    const url = new URL(guarded.url('worker'))
    url.username = `${guarded.schema}_explainer`
    await using session = await openSession(url.href)
    const plans: string[] = []
    session.client.on('notice', ({ message }) => plans.push(message ?? ''))
    // Loading it is for superusers; the plans are those of a worker.
    await session.query(
      `load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;
        set auto_explain.log_level = 'notice'; set client_min_messages = 'notice';
        set role ${guarded.schema}_worker`,
    )
    for (let round = 0; round < 6; round += 1) {
      await session.query(
        guarded.sql(
          `select celeriac.claim_jobs($1, 'plans', 0::smallint, '{work}', 5, '-infinity', '00000000-0000-0000-0000-000000000000')`,
        ),
        [randomUUID()],
      )
    }
    const claims = plans.filter((plan) => /for update skip locked/.test(plan))
    expect(claims).toHaveLength(6)
    for (const plan of claims) {
      expect(plan).toMatch(/Index (Only )?Scan using jobs_for_claim/)
      expect(plan).not.toMatch(/Seq Scan on jobs|Bitmap|tenant/)
    }
  })

  test('a plain install has no policy at all', async () => {
    const rows = await guarded.database.query(`select from pg_policies where schemaname <> $1`, [
      guarded.schema,
    ])
    expect(rows).toEqual([])
  })
})
