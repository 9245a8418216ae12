-- celeriac.rescue_jobs(…) → setof (worker_id uuid, worker_name text, rescued integer, failed integer)
-- Finds workers that are dead and runs their jobs elsewhere; a job that outlived its bound of losses fails with WORKER_LOST.
-- Evidence: the presence lock is free, and it was p_grace_ms ago without a heartbeat since, or the heartbeat is p_grace_ms
--           overdue; all on the server process the lock was taken on. After a restart of the server, where every lock is
--           free, no heartbeat for p_lease_ms. A job's age is never evidence.
-- Args:    p_beat_ms  interval of heartbeats      p_max_losses  losses a job survives
-- Returns: a row per worker that was declared dead
-- Writes:  workers (delete), jobs, results, attempts      Locks: jobs in id order, then workers
-- Called by: src/db/calls/maintain.ts, by the leader, on a session that holds no presence lock
create or replace function celeriac.rescue_jobs(
  p_grace_ms double precision, p_beat_ms double precision, p_lease_ms double precision, p_max_losses integer
)
returns table (worker_id uuid, worker_name text, rescued integer, failed integer)
language plpgsql
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_dead uuid[];
begin
  with late as materialized (
    select worker.id, worker.presence_key, worker.suspected_at, worker.heartbeat_at,
      worker.postmaster_started_at = pg_postmaster_start_time() as same_server
    from celeriac.workers as worker
    where worker.heartbeat_at < v_now - p_grace_ms / 2 * interval '1 millisecond'
  ), suspect as materialized (
    -- Granted only when no session holds the key any more; let go again at the end of this transaction.
    select late.* from late where pg_try_advisory_xact_lock(late.presence_key)
  ), noted as (
    update celeriac.workers as worker
    set suspected_at = v_now
    from suspect
    where worker.id = suspect.id and suspect.suspected_at is null
  )
  select array_agg(suspect.id)
  into v_dead
  from suspect
  where case
    when suspect.same_server
      then suspect.suspected_at <= v_now - p_grace_ms * interval '1 millisecond'
        or suspect.heartbeat_at <= v_now - (p_beat_ms + p_grace_ms) * interval '1 millisecond'
    else suspect.heartbeat_at < v_now - p_lease_ms * interval '1 millisecond'
  end;

  if v_dead is null then
    return;
  end if;

  return query
  with mine as materialized (
    select job.*,
      job.losses + 1 > p_max_losses or coalesce((job.options ->> 'atMostOnce')::boolean, false) as final,
      jsonb_build_object(
        'name', 'CeleriacError', 'code', 'WORKER_LOST',
        'message', format('worker %s died while it ran attempt %s of this job', coalesce(worker.name, job.worker_id::text), job.attempt)
      ) as error
    from celeriac.jobs as job
    left join celeriac.workers as worker on worker.id = job.worker_id
    where job.worker_id = any (v_dead)
    order by job.id
    for update of job
  ), recorded as (
    insert into celeriac.attempts (job_id, attempt, token, outcome, worker_id, claimed_at, ended_at, retry_at, error)
    select mine.id, mine.attempt, mine.token, 'lost', mine.worker_id, mine.claimed_at, v_now,
      case when not mine.final then mine.run_at end, mine.error
    from mine
  ), returned as (
    update celeriac.jobs as job
    set worker_id = null, token = job.token + 1, losses = job.losses + 1
    from mine
    where job.id = mine.id and not mine.final and mine.cancel_requested_at is null
  ), removed as (
    delete from celeriac.jobs as job
    using mine
    where job.id = mine.id and (mine.final or mine.cancel_requested_at is not null)
  ), kept as (
    insert into celeriac.results (
      id, settled_at, run_at, enqueued_at, claimed_at, expires_at, token, worker_id, root_id, parent_id, attempt,
      max_attempts, snoozes, losses, state, priority, queue, task, args, error, options, labels, progress
    )
    select
      mine.id, v_now, mine.run_at, mine.enqueued_at, mine.claimed_at,
      v_now + (mine.options ->> 'resultTtlMs')::double precision * interval '1 millisecond',
      mine.token + 1, mine.worker_id, mine.root_id, mine.parent_id, mine.attempt, mine.max_attempts, mine.snoozes,
      mine.losses + 1,
      case when mine.cancel_requested_at is null then 'failed' else 'cancelled' end::celeriac.job_state,
      mine.priority, mine.queue, mine.task, mine.args,
      case when mine.cancel_requested_at is null then mine.error else jsonb_build_object(
        'name', 'JobCancelledError', 'code', 'JOB_CANCELLED', 'message', coalesce(mine.cancel_reason, 'cancelled')) end,
      mine.options, mine.labels, mine.progress
    from mine
    where (mine.final or mine.cancel_requested_at is not null) and (mine.options is null or not mine.options ? 'forget')
  ), woken as (
    select celeriac.wake_workers(mine.queue, min(mine.run_at)) from mine where not mine.final group by mine.queue
  ), told as (
    select pg_notify(celeriac.channel(), 's ' || mine.id) from mine where mine.final or mine.cancel_requested_at is not null
  )
  select
    worker.id, worker.name,
    (select count(*) from mine where mine.worker_id = worker.id and not mine.final)::integer,
    (select count(*) from mine where mine.worker_id = worker.id and mine.final)::integer
  from celeriac.workers as worker
  where worker.id = any (v_dead)
    and (select count(*) from woken) >= 0 and (select count(*) from told) >= 0;

  delete from celeriac.workers as worker where worker.id = any (v_dead);
end
$$;
comment on function celeriac.rescue_jobs(double precision, double precision, double precision, integer) is 'Finds workers that are dead and runs their jobs elsewhere; a job that outlived its bound of losses fails with WORKER_LOST.';
