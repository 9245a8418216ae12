-- celeriac.release_worker_jobs(uuid, uuid[]) → integer
-- Gives back the jobs that the table says a worker holds and the worker does not: their claim's answer got lost.
-- One that was asked to be cancelled is settled as such: it must not begin again.
-- Args:    p_kept  jobs the worker knows it holds
-- Returns: how many jobs went back
-- Writes:  jobs, results      Locks: its jobs in id order      Calls: cancel_jobs, wake_workers
-- Called by: deregister_worker, src/db/calls/worker.ts
create or replace function celeriac.release_worker_jobs(p_id uuid, p_kept uuid[])
returns integer
language plpgsql
as $$
declare
  v_count integer;
  v_queues text[];
  v_earliest timestamptz;
  v_cancelled uuid[];
begin
  with mine as materialized (
    select job.id from celeriac.jobs as job
    where job.worker_id = p_id and job.id <> all (p_kept)
    order by job.id for update
  ), returned as (
    update celeriac.jobs as job
    set worker_id = null, token = job.token + 1, snoozes = job.snoozes + 1
    from mine
    where job.id = mine.id
    returning job.id, job.queue, job.run_at, job.cancel_requested_at
  )
  select
    count(*), array_agg(distinct returned.queue), min(returned.run_at),
    array_agg(returned.id) filter (where returned.cancel_requested_at is not null)
  into v_count, v_queues, v_earliest, v_cancelled
  from returned;
  perform celeriac.cancel_jobs(v_cancelled, null) where v_cancelled is not null;
  perform celeriac.wake_workers(queue, v_earliest) from unnest(v_queues) as queue;
  return v_count;
end
$$;
comment on function celeriac.release_worker_jobs(uuid, uuid[]) is 'Gives back the jobs that the table says a worker holds and the worker does not: their claim''s answer got lost.';
