-- celeriac.declare_schedules(uuid, text[], jsonb) → boolean
-- Says what schedules the code of a worker declares. What living workers declare is there; where they differ, as they do
-- during a deploy, the newest declaration holds, however often a worker with the old one starts.
-- Args:    p_tasks     tasks the worker has registered: it denies schedules of theirs that it does not declare, and no others
--          p_declared  {name: columns as JSON, …}, see schedule_fields
-- Returns: whether living workers disagree, so that it has to be judged again when some are gone
-- Writes:  declarations, schedules      Locks: declarations      Calls: judge_schedules      Called by: src/db/calls/schedule.ts
create or replace function celeriac.declare_schedules(p_worker uuid, p_tasks text[], p_declared jsonb)
returns boolean
language plpgsql
set lock_timeout = '2s'
as $$
declare
  v_now timestamptz := celeriac.clock();
begin
  perform pg_advisory_xact_lock(hashtextextended(celeriac.channel() || ' schedules', 0));
  insert into celeriac.declarations as known (schedule, digest, declared, worker_ids, first_seen_at, seen_at)
  select key, md5(value::text), value, array[p_worker], v_now, v_now
  from jsonb_each(p_declared)
  on conflict (schedule, digest) do update set
    seen_at = v_now,
    worker_ids = array (
      select other.id from unnest(known.worker_ids) as other (id)
      where other.id <> p_worker and exists (select from celeriac.workers as worker where worker.id = other.id)
    ) || p_worker;
  update celeriac.schedules as schedule
  set denied_by = array (
    select other.id from unnest(schedule.denied_by) as other (id)
    where other.id <> p_worker and exists (select from celeriac.workers as worker where worker.id = other.id)
  ) || case when p_declared ? schedule.name then '{}' else array[p_worker] end
  where schedule.name = any (array (
    select known.name from celeriac.schedules as known
    where known.declared is not null
      and case when p_declared ? known.name then known.denied_by <> '{}' else known.task = any (p_tasks) end
    order by known.name
    for update skip locked
  ));
  return celeriac.judge_schedules();
end
$$;
comment on function celeriac.declare_schedules(uuid, text[], jsonb) is 'Says what schedules the code of a worker declares.';
