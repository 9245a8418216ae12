-- celeriac.expire_jobs(integer) → integer
-- Cancels jobs that had not begun when it became too late to (expires_at); the claim only passes them over.
-- Args:    p_most  jobs to take at most; call again while it returns that many
-- Returns: how many were cancelled
-- Writes:  jobs (delete), results (insert)      Locks: the jobs, and what is below nodes among them, without waiting
-- Calls:   lock_below, advance_dependencies
-- Called by: src/db/calls/maintain.ts
create or replace function celeriac.expire_jobs(p_most integer)
returns integer
language plpgsql
-- planner: by jobs_for_expiry and primary key whatever the statistics say.
set enable_seqscan = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_late uuid[];
  v_nodes uuid[];
  v_expired uuid[];
begin
  with late as materialized (
    select job.id, job.options ? 'n' as node from celeriac.jobs as job
    where job.expires_at <= v_now and job.worker_id is null
    order by job.expires_at
    limit p_most
    for update skip locked
  )
  select array_agg(late.id), array_agg(late.id) filter (where late.node) into v_late, v_nodes from late;
  if v_nodes is not null and not celeriac.lock_below(v_nodes) then
    -- Somebody is at work below them: next time.
    v_late := array (select id from unnest(v_late) as id where id <> all (v_nodes));
    v_nodes := null;
  end if;

  with removed as (
    delete from celeriac.jobs as job where job.id = any (v_late) returning job.*
  ), kept as (
    insert into celeriac.results (
      id, settled_at, run_at, enqueued_at, claimed_at, expires_at, token, worker_id, root_id, parent_id, attempt,
      max_attempts, snoozes, losses, state, priority, queue, task, args, error, options, labels, progress, workflow_id
    )
    select
      id, v_now, run_at, enqueued_at, claimed_at,
      celeriac.result_expiry(options, v_now),
      token + 1, null, root_id, parent_id, attempt, max_attempts, snoozes, losses, 'cancelled', priority, queue, task, args,
      jsonb_build_object('name', 'JobCancelledError', 'code', 'JOB_EXPIRED',
        'message', 'expired: it had not begun by ' || to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
      options, labels, progress, workflow_id
    from removed
    where options is null or not options ? 'forget' or options ? 'n'
  )
  select array_agg(removed.id) into v_expired from removed;
  if v_nodes is not null then
    perform celeriac.advance_dependencies(v_nodes);
  end if;
  perform celeriac.hint('s ' || id) from unnest(v_expired) as id
  where exists (select from celeriac.listeners as listener where listener.expires_at > v_now);
  return coalesce(cardinality(v_expired), 0);
end
$$;
comment on function celeriac.expire_jobs(integer) is 'Cancels jobs that had not begun when it became too late to (expires_at); the claim only passes them over.';
