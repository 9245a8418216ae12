-- celeriac.replace_jobs(jsonb) → queues text[], earliest timestamptz
-- Gives jobs that have not begun the args and options of later calls; their ids and their places in a family stay.
-- Args:    p_changes  as of judge_keys; jobs that are not new, which the caller holds back, take over what the item says,
--                     and maxWaitMs counts from since
-- Returns: queues = those the jobs are in now; earliest = earliest run_at that was written
-- Writes:  jobs      Locks: none that are not held      Calls: unique_door      Called by: enqueue_unique
create or replace function celeriac.replace_jobs(
  p_changes jsonb, out queues text[], out earliest timestamptz
)
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
-- planner: by primary key whatever the statistics say.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := celeriac.clock();
begin
  with later as materialized (
    select
      old.id, old.job -> 1 as args, old.shape,
      celeriac.unique_door(old.task, old.key, old.shape -> 'unique', old.job -> 2) as door,
      old.since + (old.shape -> 'unique' ->> 'maxWaitMs')::double precision * interval '1 millisecond' as latest
    from jsonb_to_recordset(p_changes) as old (
      shape jsonb, task text, key text, id uuid, job jsonb, inserted boolean, since timestamptz
    )
    where not old.inserted
  ), replaced as (
    update celeriac.jobs as job
    set args = later.args,
        queue = later.shape ->> 'queue',
        priority = coalesce((later.shape ->> 'priority')::smallint, 0::smallint),
        run_at = least(
          coalesce(
            (later.shape ->> 'runAt')::timestamptz,
            v_now + coalesce((later.shape ->> 'delayMs')::double precision, 0) * interval '1 millisecond'
          ),
          -- Too late already is now.
          case when later.latest is not null then greatest(later.latest, v_now) end
        ),
        expires_at = coalesce(
          (later.shape ->> 'expiresAt')::timestamptz,
          v_now + (later.shape ->> 'expiresMs')::double precision * interval '1 millisecond'
        ),
        -- Attempts that failed with other args are not charged.
        max_attempts = coalesce((later.shape ->> 'maxAttempts')::integer, 5) + job.attempt - job.snoozes - job.losses,
        options = nullif(
          coalesce(later.shape -> 'options', '{}')
            || case when later.door is null then '{}' else jsonb_build_object('door', later.door) end,
          '{}'
        ),
        labels = later.shape -> 'labels',
        -- Its limits may be others now: the worker that gets it says which lane it belongs to.
        lane_id = null
    from later
    where job.id = later.id and job.worker_id is null
    returning job.queue, job.run_at
  )
  select min(replaced.run_at), array_agg(distinct replaced.queue) into earliest, queues from replaced;
end
$$;
comment on function celeriac.replace_jobs(jsonb) is 'Gives jobs that have not begun the args and options of later calls; their ids and their places in a family stay.';
