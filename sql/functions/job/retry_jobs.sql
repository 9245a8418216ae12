-- celeriac.retry_jobs(uuid[]) → setof (job_id uuid, outcome text)
-- Runs jobs again: a settled one returns to its queue with one more attempt allowed, one that waits for its backoff is due now.
-- A node of a canvas takes with it what has therefore never begun, and brings back what failed above it (rerun_jobs).
-- Returns: a row per distinct id; outcome = retried, running (nothing changed), unknown
-- Raises:  ZC003 WORKFLOW_BUSY when what follows from a node is under way; nothing has changed then
-- Writes:  jobs, results      Locks: the jobs in id order      Calls: rerun_jobs, wake_workers
-- Called by: src/db/calls/job.ts
create or replace function celeriac.retry_jobs(p_ids uuid[])
returns table (job_id uuid, outcome text)
language plpgsql
-- planner: by primary key whatever the statistics say: a plan made while a day was empty may serve it when it is full.
set enable_seqscan = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_returned uuid[];
  v_settled_at timestamptz[];
  v_hurried uuid[];
  v_queues text[];
begin
  if exists (select from celeriac.results as result where result.id = any (p_ids) and result.options ? 'n') then
    return query
    select again.job_id, again.outcome from celeriac.rerun_jobs(p_ids) as again where again.job_id = any (p_ids);
    return;
  end if;

  -- order: new ids first, while no row is held that others can see: an insert waits for whoever inserts that id, who may
  -- wait for a job that is locked below. Then jobs, then results, like everybody.
  with latest as materialized (
    select result.* from celeriac.results as result where result.id = any (p_ids) order by result.id
  ), returned as (
    insert into celeriac.jobs (
      id, run_at, enqueued_at, claimed_at, token, root_id, parent_id, attempt, max_attempts, snoozes, losses, priority,
      queue, task, args, options, labels, progress
    )
    select
      id, v_now, enqueued_at, claimed_at, token + 1, root_id, parent_id, attempt,
      greatest(max_attempts, attempt - snoozes - losses + 1), snoozes, losses, priority, queue, task, args, options, labels,
      progress
    from latest
    order by id
    on conflict do nothing
    returning id, queue
  )
  select array_agg(returned.id), array_agg(latest.settled_at), array_agg(distinct returned.queue)
  into v_returned, v_settled_at, v_queues
  from returned
  join latest on latest.id = returned.id;

  with mine as materialized (
    select job.id from celeriac.jobs as job
    where job.id = any (p_ids) and job.worker_id is null and job.run_at is not null
      and (v_returned is null or job.id <> all (v_returned))
    order by job.id for update
  ), hurried as (
    update celeriac.jobs as job
    set run_at = least(job.run_at, v_now)
    from mine
    where job.id = mine.id
    returning job.id, job.queue
  )
  select array_agg(hurried.id), v_queues || array_agg(distinct hurried.queue) into v_hurried, v_queues from hurried;

  -- A result that somebody else took or removed meanwhile was not ours to bring back.
  with latest as materialized (
    select result.id, result.settled_at from celeriac.results as result
    join unnest(v_returned, v_settled_at) as seen (id, settled_at)
      on seen.id = result.id and seen.settled_at = result.settled_at
    order by result.id for update of result
  ), removed as (
    delete from celeriac.results as result
    using latest
    where result.id = latest.id and result.settled_at = latest.settled_at
    returning result.id
  ), late as (
    delete from celeriac.jobs as job
    where job.id = any (v_returned) and job.worker_id is null and job.id not in (select removed.id from removed)
  )
  select array_agg(removed.id) into v_returned from removed;

  perform celeriac.wake_workers(queue, v_now) from (select distinct queue from unnest(v_queues) as queue) as woken
  where queue is not null;

  return query
  select
    given.id,
    case
      when given.id = any (v_hurried) or given.id = any (v_returned) then 'retried'
      when exists (select from celeriac.jobs as job where job.id = given.id) then 'running'
      else 'unknown'
    end
  from (select distinct id from unnest(p_ids) as id) as given;
end
$$;
comment on function celeriac.retry_jobs(uuid[]) is 'Runs jobs again: a settled one returns to its queue with one more attempt allowed, one that waits for its backoff is due now.';
