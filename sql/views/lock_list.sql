-- celeriac.lock_list: who holds which lock.
-- Read by: you
create or replace view celeriac.lock_list as
with advisory as (
  select (held.classid::bigint << 32) | held.objid::bigint as id, held.pid
  from pg_locks as held
  where held.locktype = 'advisory' and held.objsubid = 1 and held.granted
    and held.database = (select oid from pg_database where datname = current_database())
)
select
  lock.key,
  case when lock.expires_at is null then 'session' else 'lease' end as kind,
  case
    when lock.expires_at is not null then lock.expires_at > celeriac.clock()
    else advisory.pid is not null
  end as held,
  lock.holder, lock.holder_id, lock.job_id, lock.fence, lock.since, lock.expires_at, lock.wanted_at, advisory.pid
from celeriac.locks as lock
left join advisory on advisory.id = celeriac.lock_id(lock.key) and lock.expires_at is null;
comment on view celeriac.lock_list is 'Who holds which lock.';
comment on column celeriac.lock_list.key is 'What is locked, as the handler calls it.';
comment on column celeriac.lock_list.kind is 'session: held for as long as its session lives; lease: behind a transaction pooler, held until it expires.';
comment on column celeriac.lock_list.held is 'Whether it is; false when its holder died and nobody has taken it since.';
comment on column celeriac.lock_list.holder is 'Name of the worker, or host and process id of the app.';
comment on column celeriac.lock_list.holder_id is 'The app that holds it.';
comment on column celeriac.lock_list.job_id is 'The job whose handler holds it; null outside of jobs.';
comment on column celeriac.lock_list.fence is 'Number of this holding; any later one of the same key has a larger one.';
comment on column celeriac.lock_list.since is 'When it was taken.';
comment on column celeriac.lock_list.expires_at is 'Until when it is held unless it is renewed; null for a session.';
comment on column celeriac.lock_list.wanted_at is 'When another process first found it held.';
comment on column celeriac.lock_list.pid is 'The server process whose session holds it; pg_terminate_backend(pid) frees it.';
