-- celeriac.prune_results(double precision, integer) → dropped integer, deleted integer
-- Removes history: days older than the retention are dropped whole, results with a time to live of their own are deleted.
-- A day that holds results which may still be kept longer (their own time to live) loses the others and stays. Results of a
-- canvas are kept until all of it is settled, since what waits takes its input from them; so is the canvas itself.
-- Args:    p_retention_ms  age in ms from which on a day goes; null keeps every day
--          p_most          rows to delete at most; call again while it returns that many
-- Returns: partitions dropped and rows deleted; a day that somebody reads is dropped by a later call
-- Writes:  results, attempts, workflows, dependencies, listeners      Locks: rows without waiting; last, to drop a day, the whole table against
--          everybody: waits a quarter of a second
-- Called by: src/db/calls/maintain.ts
create or replace function celeriac.prune_results(
  p_retention_ms double precision, p_most integer, out dropped integer, out deleted integer
)
language plpgsql
-- Whoever waits for a lock on the table holds up every settling behind it, for as long as a reader of history takes.
set lock_timeout = '250ms'
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_horizon timestamptz := v_now - p_retention_ms * interval '1 millisecond';
  v_day record;
  v_kept boolean;
  v_count integer;
  v_old text[] := '{}';
  v_name text;
begin
  dropped := 0;
  deleted := 0;
  for v_day in
    select child.relname as name, parent.relname as parent
    from pg_inherits as inheritance
    join pg_class as child on child.oid = inheritance.inhrelid
    join pg_class as parent on parent.oid = inheritance.inhparent
    where inheritance.inhparent in ('celeriac.results'::regclass, 'celeriac.attempts'::regclass)
      and child.relname ~ '_\d{8}$'
      and (to_date(right(child.relname, 8), 'YYYYMMDD') + 1)::timestamp at time zone 'UTC' <= v_horizon
    order by child.relname
  loop
    v_kept := false;
    if v_day.parent = 'results' then
      execute format(
        'select exists (select from celeriac.%I where expires_at > $1) or exists ('
          'select from celeriac.%I as result join celeriac.jobs as job on job.workflow_id = result.workflow_id)',
        v_day.name, v_day.name
      ) into v_kept using v_now;
    end if;
    if not v_kept then
      v_old := v_old || v_day.name::text;
    else
      execute format(
        'delete from celeriac.%I where ctid = any (array('
          'select ctid from celeriac.%I as result where expires_at is null and not exists ('
            'select from celeriac.jobs as job where job.workflow_id = result.workflow_id) limit $1 for update skip locked))',
        v_day.name, v_day.name
      ) using p_most - deleted;
      get diagnostics v_count = row_count;
      deleted := deleted + v_count;
    end if;
  end loop;

  delete from celeriac.results as result
  using (
    select result.id, result.settled_at from celeriac.results as result
    where result.expires_at <= v_now
      and not exists (select from celeriac.jobs as job where job.workflow_id = result.workflow_id)
    limit greatest(p_most - deleted, 0)
    for update skip locked
  ) as late
  where result.id = late.id and result.settled_at = late.settled_at;
  get diagnostics v_count = row_count;
  deleted := deleted + v_count;

  delete from celeriac.results_default as result
  where result.ctid = any (array (
    select old.ctid from celeriac.results_default as old
    where old.settled_at < v_horizon and old.expires_at is null
      and not exists (select from celeriac.jobs as job where job.workflow_id = old.workflow_id)
    limit greatest(p_most - deleted, 0)
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  deleted := deleted + v_count;
  delete from celeriac.attempts_default as attempt
  where attempt.ctid = any (array (
    select old.ctid from celeriac.attempts_default as old where old.ended_at < v_horizon for update skip locked
  ));
  with gone as (
    delete from celeriac.workflows as workflow
    where workflow.id = any (array (
      select old.id from celeriac.workflows as old
      where old.started_at < v_horizon
        and not exists (select from celeriac.jobs as job where job.workflow_id = old.id)
        and not exists (select from celeriac.results as result where result.workflow_id = old.id)
      limit 100 for update skip locked
    ))
    returning workflow.id
  )
  delete from celeriac.dependencies as edge using gone where edge.workflow_id = gone.id;
  delete from celeriac.listeners as listener where listener.expires_at < v_now - interval '1 hour';

  -- Last: from here to the end of the transaction nobody else can settle.
  foreach v_name in array v_old loop
    begin
      execute format('drop table celeriac.%I', v_name);
      dropped := dropped + 1;
    exception when lock_not_available then
      exit;
    end;
  end loop;
end
$$;
comment on function celeriac.prune_results(double precision, integer) is 'Removes history: days older than the retention are dropped whole, results with a time to live of their own are deleted.';
