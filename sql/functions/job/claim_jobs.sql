-- celeriac.claim_jobs(…) → claimed text, taken integer, last_run_at timestamptz
-- Gives a worker up to p_wanted due jobs of one queue and one priority, oldest first, and marks them as running.
-- Features never touch this statement: what may not run yet is not due (run_at is null or ahead).
-- Args:    p_floor_at, p_floor_id  look at nothing before this place in the line; a hint (src/worker/floors.ts says why)
-- Returns: claimed = JSON array of jobs in claim order, shaped as src/db/calls/work-cycle.ts reads them; null for none;
--          last_run_at = run_at of the last one
-- Writes:  jobs (a HOT update: no index holds what it changes)      Locks: the claimed jobs, without ever waiting
-- Called by: work_cycle
create or replace function celeriac.claim_jobs(
  p_worker_id uuid, p_queue text, p_priority smallint, p_tasks text[], p_wanted integer,
  p_floor_at timestamptz, p_floor_id uuid,
  out claimed text, out taken integer, out last_run_at timestamptz
)
language plpgsql
-- planner: one plan, by jobs_for_claim in its order, whatever the statistics say; planning anew cost 0.2 ms a call.
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_now timestamptz := celeriac.clock();
begin
  with due as materialized (
    select job.ctid
    from celeriac.jobs as job
    where job.queue = p_queue
      and job.priority = p_priority
      and job.run_at <= v_now
      and (job.run_at, job.id) >= (p_floor_at, p_floor_id)
      and job.worker_id is null
      and job.task = any (p_tasks)
      and (job.expires_at is null or job.expires_at > v_now)
    order by job.run_at, job.id
    limit p_wanted
    for update skip locked
  ), given as (
    update celeriac.jobs as job
    set token = job.token + 1, attempt = job.attempt + 1, worker_id = p_worker_id, claimed_at = v_now
    where job.ctid = any (array (select due.ctid from due))
    returning job.*
  )
  select
    json_agg(json_build_array(
      given.id, given.token, given.attempt, given.task, given.args,
      given.max_attempts, given.snoozes + given.losses, extract(epoch from given.enqueued_at)::double precision,
      -- One array per job as text costs a third of reading rows one by one; what is rare shares one place.
      case when given.options is not null or given.labels is not null or given.root_id is not null
        then json_build_array(given.options, given.labels, given.root_id, given.parent_id) end
    ) order by given.run_at, given.id)::text,
    count(*),
    max(given.run_at)
  into claimed, taken, last_run_at
  from given;
end
$$;
comment on function celeriac.claim_jobs(uuid, text, smallint, text[], integer, timestamptz, uuid) is 'Gives a worker up to p_wanted due jobs of one queue and one priority, oldest first, and marks them as running.';
