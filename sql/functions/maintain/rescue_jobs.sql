-- celeriac.rescue_jobs(…) → setof (worker_id uuid, worker_name text, rescued integer, failed integer)
-- Finds workers that are dead and runs their jobs elsewhere; a job that outlived its bound of losses fails with WORKER_LOST.
-- What counts as dead: find_dead_workers. A worker nobody knows (a claim that committed after its worker was declared
-- dead) is found by a walk over all jobs, only when asked to.
-- Args:    p_beat_ms  interval of heartbeats      p_max_losses  losses a job survives
--          p_orphans  whether to look for jobs of unknown workers, too
-- Returns: a row per worker that was declared dead; name null for an unknown one
-- Writes:  workers (delete), jobs, results, attempts      Locks: jobs in id order, then workers
-- Calls: find_dead_workers, wake_workers
-- Called by: src/db/calls/maintain.ts, by the leader, on a session that holds no presence lock
create or replace function celeriac.rescue_jobs(
  p_grace_ms double precision, p_beat_ms double precision, p_lease_ms double precision, p_max_losses integer,
  p_orphans boolean
)
returns table (worker_id uuid, worker_name text, rescued integer, failed integer)
language plpgsql
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_dead uuid[] := celeriac.find_dead_workers(p_grace_ms, p_beat_ms, p_lease_ms);
begin
  if p_orphans then
    v_dead := v_dead || (
      select array_agg(distinct job.worker_id) from celeriac.jobs as job
      where job.worker_id is not null
        and not exists (select from celeriac.workers as worker where worker.id = job.worker_id)
    );
  end if;
  if v_dead is null then
    return;
  end if;

  return query
  with mine as materialized (
    select job.*,
      case
        when job.cancel_requested_at is not null then 'cancelled'
        when job.losses >= p_max_losses or coalesce((job.options ->> 'atMostOnce')::boolean, false) then 'failed'
        else 'pending'
      end as next_state,
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
      case mine.next_state when 'pending' then mine.run_at end, mine.error
    from mine
  ), returned as (
    update celeriac.jobs as job
    set worker_id = null, token = job.token + 1, losses = job.losses + 1
    from mine
    where job.id = mine.id and mine.next_state = 'pending'
  ), removed as (
    delete from celeriac.jobs as job
    using mine
    where job.id = mine.id and mine.next_state <> 'pending'
  ), kept as (
    insert into celeriac.results (
      id, settled_at, run_at, enqueued_at, claimed_at, expires_at, token, worker_id, root_id, parent_id, attempt,
      max_attempts, snoozes, losses, state, priority, queue, task, args, error, options, labels, progress
    )
    select
      mine.id, v_now, mine.run_at, mine.enqueued_at, mine.claimed_at,
      v_now + (mine.options ->> 'resultTtlMs')::double precision * interval '1 millisecond',
      mine.token + 1, mine.worker_id, mine.root_id, mine.parent_id, mine.attempt, mine.max_attempts, mine.snoozes,
      mine.losses + 1, mine.next_state::celeriac.job_state, mine.priority, mine.queue, mine.task, mine.args,
      case mine.next_state when 'failed' then mine.error else jsonb_build_object(
        'name', 'JobCancelledError', 'code', 'JOB_CANCELLED', 'message', coalesce(mine.cancel_reason, 'cancelled')) end,
      mine.options, mine.labels, mine.progress
    from mine
    where mine.next_state <> 'pending' and (mine.options is null or not mine.options ? 'forget')
  ), woken as (
    select celeriac.wake_workers(mine.queue, min(mine.run_at)) from mine where mine.next_state = 'pending' group by mine.queue
  ), told as (
    select pg_notify(celeriac.channel(), 's ' || mine.id) from mine where mine.next_state <> 'pending'
  )
  select
    dead.id, worker.name,
    (select count(*) from mine where mine.worker_id = dead.id and mine.next_state = 'pending')::integer,
    (select count(*) from mine where mine.worker_id = dead.id and mine.next_state = 'failed')::integer
  from unnest(v_dead) as dead (id)
  left join celeriac.workers as worker on worker.id = dead.id
  where (select count(*) from woken) >= 0 and (select count(*) from told) >= 0;

  delete from celeriac.workers as worker where worker.id = any (v_dead);
end
$$;
comment on function celeriac.rescue_jobs(double precision, double precision, double precision, integer, boolean) is 'Finds workers that are dead and runs their jobs elsewhere; a job that outlived its bound of losses fails with WORKER_LOST.';
