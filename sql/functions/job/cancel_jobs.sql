-- celeriac.cancel_jobs(uuid[], text) → setof (job_id uuid, outcome text)
-- Cancels jobs: one that has not begun is settled at once, the worker of a running one is asked to abort it.
-- Returns: a row per distinct id; outcome = cancelled, requested (it runs; its worker settles it), settled (too late),
--          unknown (never enqueued, or pruned)
-- Writes:  jobs, results      Locks: the jobs, and what is below nodes among them, in id order
-- Calls:   find_below, advance_dependencies
-- Called by: src/db/calls/job.ts, cancel
create or replace function celeriac.cancel_jobs(p_ids uuid[], p_reason text)
returns table (job_id uuid, outcome text)
language plpgsql
-- planner: by primary key whatever the statistics say: a plan made while a day was empty may serve it when it is full.
set enable_seqscan = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_cancelled uuid[];
  v_requested uuid[];
  v_nodes uuid[];
  v_ids uuid[] := p_ids;
  v_below uuid[] := celeriac.find_below(p_ids, true);
begin
  -- order: with what they end, when they are nodes, all in one go; one that comes back afterwards would be locked too late.
  if v_below is not null then
    with locked as materialized (
      select job.id from celeriac.jobs as job where job.id = any (p_ids || v_below) order by job.id for update
    )
    select array_agg(locked.id) into v_ids from locked where locked.id = any (p_ids);
  end if;

  with mine as materialized (
    select job.* from celeriac.jobs as job where job.id = any (v_ids) order by job.id for update
  ), asked as (
    update celeriac.jobs as job
    set cancel_requested_at = coalesce(job.cancel_requested_at, v_now), cancel_reason = coalesce(job.cancel_reason, p_reason)
    from mine
    where job.id = mine.id and mine.worker_id is not null
    returning job.id
  ), removed as (
    delete from celeriac.jobs as job using mine where job.id = mine.id and mine.worker_id is null
  ), kept as (
    insert into celeriac.results (
      id, settled_at, run_at, enqueued_at, claimed_at, expires_at, token, worker_id, root_id, parent_id, attempt,
      max_attempts, snoozes, losses, state, priority, queue, task, args, error, options, labels, progress, workflow_id
    )
    select
      id, v_now, run_at, enqueued_at, claimed_at,
      celeriac.result_expiry(options, v_now),
      -- token + 1: whoever still believes in an earlier attempt must not take this for its own settling.
      token + 1, null, root_id, parent_id, attempt, max_attempts, snoozes, losses, 'cancelled', priority, queue, task, args,
      jsonb_build_object('name', 'JobCancelledError', 'code', 'JOB_CANCELLED', 'message',
        coalesce(cancel_reason, p_reason, 'cancelled')),
      options, labels, progress, workflow_id
    from mine
    where worker_id is null and (options is null or not options ? 'forget' or options ? 'n')
  )
  select
    array_agg(mine.id) filter (where mine.worker_id is null),
    array_agg(mine.id) filter (where mine.worker_id is not null),
    array_agg(mine.id) filter (where mine.worker_id is null and mine.options ? 'n')
  into v_cancelled, v_requested, v_nodes
  from mine;
  if v_nodes is not null then
    perform celeriac.advance_dependencies(v_nodes);
  end if;

  perform celeriac.hint('c ' || id || coalesce(' ' || left(p_reason, 500), ''))
  from unnest(v_requested) as id;
  perform celeriac.hint('s ' || id) from unnest(v_cancelled) as id
  where exists (select from celeriac.listeners as listener where listener.expires_at > v_now);

  return query
  select
    given.id,
    case
      when given.id = any (v_cancelled) then 'cancelled'
      when given.id = any (v_requested) then 'requested'
      when exists (select from celeriac.results as result where result.id = given.id)
        or exists (select from celeriac.jobs as job where job.id = given.id) then 'settled'
      else 'unknown'
    end
  from (select distinct id from unnest(p_ids) as id) as given;
end
$$;
comment on function celeriac.cancel_jobs(uuid[], text) is 'Cancels jobs: one that has not begun is settled at once, the worker of a running one is asked to abort it.';
