-- celeriac.purge(text, text, boolean, text) → integer
-- Cancels what waits in a queue for a worker, and says how many; all in the caller's transaction.
-- Jobs that run go on; what somebody else holds at that moment stays: call it again.
-- Args:    p_task       only jobs of this task, as a pattern of like; null for all
--          p_scheduled  also those whose time has not come
--          p_reason     what those who wait for the jobs are told
-- Writes:  jobs (delete), results      Locks: the jobs, without waiting      Calls: find_matching, purge_jobs
-- Called by: you
create or replace function celeriac.purge(
  p_queue text, p_task text default null, p_scheduled boolean default false, p_reason text default 'purged'
)
returns integer
language plpgsql
as $$
declare
  v_filter jsonb := jsonb_strip_nulls(jsonb_build_object(
    'queue', p_queue, 'task', p_task,
    'conditions', case when p_scheduled then array['due', 'scheduled'] else array['due'] end
  ));
  v_after uuid;
  v_ids uuid[];
  v_purged integer := 0;
begin
  if p_queue is null then
    raise exception 'celeriac.purge: give the queue' using errcode = '22023';
  end if;
  loop
    v_ids := array (select celeriac.find_matching(v_filter, v_after, 500));
    exit when cardinality(v_ids) = 0;
    v_after := v_ids[cardinality(v_ids)];
    v_purged := v_purged + (
      select count(*) from celeriac.purge_jobs(v_ids, v_filter, p_reason) as purged where purged.outcome = 'cancelled'
    );
  end loop;
  return v_purged;
end
$$;
comment on function celeriac.purge(text, text, boolean, text) is 'Cancels what waits in a queue for a worker, and says how many; all in the caller''s transaction.';
