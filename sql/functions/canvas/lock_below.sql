-- celeriac.lock_below(uuid[]) → boolean
-- Locks whatever the failure of nodes ends, for those who must not wait for anybody.
-- Returns: whether all of it is locked; when not, the caller leaves the nodes for another time
-- Writes:  nothing      Locks: jobs below, without waiting      Calls: find_below      Called by: expire_jobs, rescue_jobs
create or replace function celeriac.lock_below(p_ids uuid[])
returns boolean
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_below uuid[] := celeriac.find_below(p_ids, true);
  v_locked uuid[];
begin
  v_locked := array (
    select job.id from celeriac.jobs as job where job.id = any (v_below) order by job.id for update skip locked
  );
  return not exists (select from celeriac.jobs as job where job.id = any (v_below) and job.id <> all (v_locked));
end
$$;
comment on function celeriac.lock_below(uuid[]) is 'Locks whatever the failure of nodes ends, for those who must not wait for anybody.';
