-- celeriac.run_schedule(text, jsonb) → uuid
-- Enqueues a job of a schedule now, beside its instants and whatever its overlap says; paused or not.
-- Args:    p_job  [shape, args] as in enqueue_jobs, from who knows the task; null: options of the schedule alone
-- Returns: the id of the job, or null when there is no such schedule
-- Writes:  jobs (insert), fires (insert), schedules (update)      Locks: the row
-- Calls:   new_id, enqueue, enqueue_jobs, wake_workers      Called by: src/db/calls/schedule.ts, you
create or replace function celeriac.run_schedule(p_name text, p_job jsonb default null)
returns uuid
language plpgsql
as $$
declare
  v_row celeriac.schedules;
  v_id uuid := celeriac.new_id();
  v_queue text;
begin
  update celeriac.schedules as schedule set
    version = schedule.version + 1,
    fires = schedule.fires + 1,
    last_run_at = celeriac.clock(),
    open_jobs = case when schedule.overlap = 'allow' then '{}' else schedule.open_jobs || v_id end
  where schedule.name = p_name
  returning schedule.* into v_row;
  if not found then
    return null;
  end if;
  if p_job is null then
    perform celeriac.enqueue(v_row.task, v_row.args, v_row.options || jsonb_build_object('id', v_id));
  else
    for v_queue in
      select unnest(asleep) from celeriac.enqueue_jobs(
        jsonb_build_array(jsonb_build_array(p_job -> 0, jsonb_build_array(jsonb_build_array(v_id, p_job -> 1))))
      )
    loop
      perform celeriac.wake_workers(v_queue, celeriac.clock());
    end loop;
  end if;
  -- Two in one millisecond are two.
  insert into celeriac.fires (schedule, instant, job_id, fired_at, outcome)
  values (p_name, clock_timestamp(), v_id, celeriac.clock(), 'manual')
  on conflict do nothing;
  return v_id;
end
$$;
comment on function celeriac.run_schedule(text, jsonb) is 'Enqueues a job of a schedule now, beside its instants and whatever its overlap says; paused or not.';
