-- celeriac.release_worker_jobs(uuid, uuid[], bigint[]) → integer
-- Gives back claims that the table says a worker holds and the worker does not: their answer got lost. By token: a call
-- that is carried out late must not take a job that the worker has claimed again since.
-- One that was asked to be cancelled is settled as such: it must not begin again.
-- Args:    p_ids, p_tokens  the claims
-- Returns: how many jobs went back
-- Writes:  jobs, results      Locks: its jobs, and what is below nodes among them, in id order
-- Calls:   find_below, cancel_jobs, wake_workers
-- Called by: deregister_worker, src/db/calls/worker.ts
create or replace function celeriac.release_worker_jobs(p_id uuid, p_ids uuid[], p_tokens bigint[])
returns integer
language plpgsql
as $$
declare
  v_count integer;
  v_queues text[];
  v_earliest timestamptz;
  v_cancelled uuid[];
  v_lanes bigint[];
  v_below uuid[] := celeriac.find_below(p_ids, true);
begin
  -- order: with what nodes end that were asked to be cancelled, all in one go.
  if v_below is not null then
    perform from celeriac.jobs as job where job.id = any (p_ids || v_below) order by job.id for update;
  end if;

  with mine as materialized (
    select job.id, job.lane_id
    from celeriac.jobs as job
    join unnest(p_ids, p_tokens) as claim (id, token) on claim.id = job.id
    where job.token = claim.token and job.worker_id = p_id
    order by job.id for update of job
  ), returned as (
    update celeriac.jobs as job
    set worker_id = null, lane_id = null, token = job.token + 1, snoozes = job.snoozes + 1
    from mine
    where job.id = mine.id
    returning job.id, job.queue, job.run_at, job.cancel_requested_at, mine.lane_id as left_lane
  )
  select
    count(*), array_agg(distinct returned.queue), min(returned.run_at),
    array_agg(returned.id) filter (where returned.cancel_requested_at is not null), array_agg(distinct returned.left_lane)
  into v_count, v_queues, v_earliest, v_cancelled, v_lanes
  from returned;
  perform celeriac.leave_lanes(v_lanes);
  perform celeriac.cancel_jobs(v_cancelled, null) where v_cancelled is not null;
  perform celeriac.wake_workers(queue, v_earliest) from unnest(v_queues) as queue;
  return v_count;
end
$$;
comment on function celeriac.release_worker_jobs(uuid, uuid[], bigint[]) is 'Gives back claims that the table says a worker holds and the worker does not: their answer got lost.';
