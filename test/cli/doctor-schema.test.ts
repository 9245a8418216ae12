import { describe, expect, test } from 'vitest'
import { expectCured, useDoctorServer } from './doctor-server.ts'

const server = useDoctorServer()

describe('drift', () => {
  test('names an index that somebody has dropped, and builds it again', async () => {
    const patient = await server.patient()
    await patient.query('drop index celeriac.jobs_for_expiry')
    const [complaint, ...others] = await patient.complaints()
    expect([complaint, others]).toEqual([
      {
        check: 'drift',
        status: 'wrong',
        message: 'index jobs_for_expiry is missing',
        fix: 'CREATE INDEX CONCURRENTLY jobs_for_expiry ON celeriac.jobs USING btree (expires_at) WHERE (expires_at IS NOT NULL)',
      },
      [],
    ])
    await expectCured(patient, complaint?.fix ?? null)
  })

  test('names one that has other columns', async () => {
    const patient = await server.patient()
    await patient.query('drop index celeriac.jobs_for_claim')
    await patient.query('create index jobs_for_claim on celeriac.jobs (queue, run_at)')
    const [complaint] = await patient.complaints()
    expect(complaint).toMatchObject({ message: 'index jobs_for_claim is not what this version installs' })
    await expectCured(patient, complaint?.fix ?? null)
  })

  test('names one of a table in partitions', async () => {
    const patient = await server.patient()
    await patient.query('drop index celeriac.results_by_id')
    const [complaint] = await patient.complaints()
    expect(complaint).toMatchObject({
      message: 'index results_by_id is missing',
      fix: 'CREATE INDEX results_by_id ON celeriac.results USING btree (id)',
    })
    await expectCured(patient, complaint?.fix ?? null)
  })

  test('names a function that was replaced by hand, and a view that was dropped', async () => {
    const patient = await server.patient()
    await patient.query(
      "create or replace function celeriac.new_id() returns uuid language sql as 'select gen_random_uuid()'",
    )
    await patient.query('drop view celeriac.attempt_list')
    const found = await patient.complaints()
    expect(found).toMatchObject([
      {
        check: 'drift',
        status: 'wrong',
        message: expect.stringMatching(
          /function new_id is not what this version installs.*view attempt_list is missing/,
        ),
        fix: "delete from celeriac.migrations where name in ('new_id', 'attempt_list'); and then: celeriac migrate",
      },
    ])
    const { migrate } = await import('../../src/migrate/migrate.ts')
    await patient.query("delete from celeriac.migrations where name in ('new_id', 'attempt_list')")
    await migrate({ database: patient.url })
    expect(await patient.complaints()).toEqual([])
  })

  test('takes the whole definition of a function into account', async () => {
    const patient = await server.patient()
    await patient.query('alter function celeriac.clock() immutable')
    expect(await patient.complaints()).toMatchObject([
      { message: 'function clock is not what this version installs' },
    ])
  })

  test('names a column that is missing, and says that it is', async () => {
    const patient = await server.patient()
    await patient.query('alter table celeriac.jobs drop column cancel_reason cascade')
    const [views, column] = await patient.complaints()
    expect([views, column]).toMatchObject([
      { check: 'drift', message: expect.stringContaining('view job_detail is missing') },
      {
        check: 'drift',
        message: 'column jobs.cancel_reason is missing',
        fix: 'alter table celeriac.jobs add column cancel_reason text',
      },
    ])
  })

  test('names a column of another type, with another default, or free to be null', async () => {
    const patient = await server.patient()
    await patient.query(
      'alter table celeriac.listeners alter column expires_at type timestamp, alter column expires_at drop not null',
    )
    await patient.query('alter table celeriac.jobs alter column token set default 1')
    const complaints = await patient.complaints()
    expect(complaints).toMatchObject([
      {
        message: 'column jobs.token is bigint not null default 1, not bigint not null default 0',
        fix: 'alter table celeriac.jobs alter column token set default 0',
      },
      {
        message: expect.stringContaining('column listeners.expires_at is timestamp without time zone'),
        fix: expect.stringMatching(
          /type timestamp with time zone using .*, alter column expires_at set not null$/,
        ),
      },
    ])
    await expectCured(patient, complaints.map(({ fix }) => fix).join('; '))
  })

  test('names a constraint that is gone', async () => {
    const patient = await server.patient()
    await patient.query('alter table celeriac.results drop constraint results_are_settled')
    const [complaint] = await patient.complaints()
    expect(complaint).toMatchObject({ message: 'constraint results_are_settled on results is missing' })
    await expectCured(patient, complaint?.fix ?? null)
  })

  test('says of a table that is gone nothing of what went with it', async () => {
    const patient = await server.patient()
    await patient.query('drop table celeriac.listeners')
    expect(await patient.complaints()).toEqual([
      {
        check: 'drift',
        status: 'wrong',
        message: 'table listeners is missing',
        fix: 'restore table celeriac.listeners from a backup',
      },
    ])
  })

  test('notes what is not of celeriac, without calling it wrong', async () => {
    const patient = await server.patient()
    await patient.query('create index mine on celeriac.jobs (worker_id)')
    await patient.query("alter table celeriac.jobs add column tenant text default 'me'")
    await patient.query("create function celeriac.mine(integer) returns integer language sql as 'select 1'")
    await patient.query(
      "create function celeriac.touched() returns trigger language plpgsql as 'begin return new; end'",
    )
    await patient.query(
      'create trigger touched before insert on celeriac.jobs for each row execute function celeriac.touched()',
    )
    const complaints = await patient.complaints()
    expect(complaints.map(({ status, message, fix }) => [status, message, fix]).toSorted()).toEqual([
      ['note', "column jobs.tenant is not celeriac's", 'alter table celeriac.jobs drop column tenant'],
      ['note', "function mine is not celeriac's", 'drop function celeriac.mine(integer)'],
      ['note', "function touched is not celeriac's", 'drop function celeriac.touched()'],
      ['note', "index mine is not celeriac's", 'drop index concurrently celeriac.mine'],
      ['note', "trigger touched on jobs is not celeriac's", 'drop trigger touched on celeriac.jobs'],
    ])
  })

  test('notes storage settings that somebody has changed', async () => {
    const patient = await server.patient()
    await patient.query('alter table celeriac.jobs set (fillfactor = 90)')
    const [complaint] = await patient.complaints()
    expect(complaint).toMatchObject({
      status: 'note',
      fix: 'alter table celeriac.jobs set (fillfactor = 50)',
    })
    await expectCured(patient, complaint?.fix ?? null)
  })

  test('keeps an older overload of a function to older workers', async () => {
    const patient = await server.patient()
    await patient.query("create function celeriac.cancel(integer) returns void language sql as ''")
    expect(await patient.complaints()).toEqual([])
  })

  test('leaves nothing behind', async () => {
    const patient = await server.patient()
    const count = async () => {
      const [row] = await patient.query(
        `select (select count(*) from pg_class) as relations, (select count(*) from pg_proc) as functions,
          (select count(*) from pg_namespace) as schemas`,
      )
      return row
    }
    const before = await count()
    await patient.diagnose()
    expect(await count()).toEqual(before)
  })

  test('says why it cannot look without temporary tables', async () => {
    const patient = await server.patient()
    await patient.query(`alter database ${patient.name} owner to postgres`)
    await patient.query(`revoke temporary on database ${patient.name} from public`)
    expect(await patient.complaints()).toEqual([
      {
        check: 'drift',
        status: 'skipped',
        message: 'comparing needs the right to make temporary tables',
        fix: `grant temporary on database ${patient.name} to app`,
      },
    ])
  })

  test('compares a schema of any name', async () => {
    const patient = await server.patient()
    const { migrate } = await import('../../src/migrate/migrate.ts')
    await migrate({ database: patient.url, schema: 'order' })
    expect(await patient.complaints({ schema: 'order' })).toEqual([])
    await patient.query('drop index "order".jobs_for_family')
    expect(await patient.complaints({ schema: 'order' })).toMatchObject([
      { check: 'drift', fix: expect.stringContaining('ON "order".jobs USING') },
    ])
  })
})

describe('schema', () => {
  test('says how much is to be applied, and compares nothing before', async () => {
    const patient = await server.patient()
    await patient.query("delete from celeriac.migrations where name = 'claim_jobs'")
    const findings = await patient.diagnose()
    expect(findings.filter(({ status }) => status !== 'ok')).toMatchObject([
      { check: 'schema', status: 'wrong', fix: 'celeriac migrate', exitCode: 4 },
      { check: 'drift', status: 'skipped' },
    ])
  })

  test('of a later version says so', async () => {
    const patient = await server.patient()
    await patient.query("insert into celeriac.migrations values ('9999_later', 'migration', '')")
    expect(await patient.complaints()).toMatchObject([{ check: 'schema', status: 'wrong' }])
  })
})

describe('indexes', () => {
  test('an invalid one is named, and built anew', async () => {
    const patient = await server.patient()
    const invalid =
      "update pg_index set indisvalid = false where indexrelid = 'celeriac.jobs_for_expiry'::regclass"
    await patient.query(invalid)
    const [complaint] = await patient.complaints()
    expect(complaint).toMatchObject({
      check: 'indexes',
      status: 'wrong',
      fix: 'reindex index concurrently celeriac.jobs_for_expiry',
    })
    await expectCured(patient, complaint?.fix ?? null)
  })

  test('what a rebuild has left when it failed is to be dropped', async () => {
    const patient = await server.patient()
    const reader = await patient.session()
    await reader.query('begin')
    await reader.query('select from celeriac.jobs')
    const builder = await patient.session(patient.adminUrl)
    await builder.query("set lock_timeout = '100ms'")
    await expect(builder.query('reindex index concurrently celeriac.jobs_for_expiry')).rejects.toThrow(/lock/)
    await reader.query('rollback')
    const complaints = await patient.complaints()
    expect(complaints).toEqual([
      {
        check: 'indexes',
        status: 'wrong',
        message: expect.stringMatching(
          /^celeriac\.jobs_for_expiry_cc(new|old) is left from a rebuild that failed$/,
        ),
        fix: expect.stringMatching(/^drop index concurrently celeriac\.jobs_for_expiry_cc(new|old)$/),
      },
    ])
    await expectCured(patient, complaints[0]?.fix ?? null)
  })
})

describe('partitions', () => {
  test('that are not made ahead are missed, and made', async () => {
    const patient = await server.patient()
    await patient.query(
      `do $$ declare v_name text; begin
        for v_name in select relname from pg_class where relname ~ '^results_\\d{8}$' order by relname desc limit 7 loop
          execute format('drop table celeriac.%I', v_name);
        end loop; end $$`,
    )
    const [complaint] = await patient.complaints()
    expect(complaint).toMatchObject({
      check: 'partitions',
      status: 'wrong',
      message: expect.stringContaining('results: 0 days'),
    })
    await expectCured(patient, complaint?.fix ?? null)
  })

  test('rows of a day that had none are noted', async () => {
    const patient = await server.patient()
    await patient.query(
      "insert into celeriac.attempts (job_id, attempt, token, outcome, ended_at, error) values (gen_random_uuid(), 1, 1, 'lost', '2020-01-01', '{}')",
    )
    expect(await patient.complaints()).toMatchObject([
      { check: 'partitions', status: 'note', message: expect.stringContaining('attempts_default') },
    ])
  })
})
