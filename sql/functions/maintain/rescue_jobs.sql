-- celeriac.rescue_jobs(…) → setof (worker_id uuid, worker_name text, reason text, rescued integer, failed integer)
-- Takes the jobs of dead workers away and lets others run them; a job that outlived its bound of losses fails with
-- WORKER_LOST. What counts as dead: find_dead_workers. A job whose worker nobody knows (somebody deleted the row, or a
-- backup was restored) counts as well; it is found by a walk over all jobs, only when asked to.
-- Args:    p_accuser  worker that asks      p_beat_ms  interval of heartbeats      p_max_losses  losses a job survives
--          p_orphans  whether to look for jobs of unknown workers, too      p_most  jobs in one call
-- Returns: a row per dead worker that jobs were taken from or that is done with; name null for an unknown one.
--          As many jobs as p_most: there may be more
-- Writes:  workers (delete), jobs, results, attempts
-- Locks:   workers, gates of the dead, jobs in id order, what is below nodes that end: none of them waits
-- Calls:   find_dead_workers, lock_below, advance_dependencies, wake_workers      Called by: run_round, on a session that holds no presence lock
create or replace function celeriac.rescue_jobs(
  p_accuser uuid, p_grace_ms double precision, p_beat_ms double precision, p_lease_ms double precision,
  p_max_losses integer, p_orphans boolean, p_most integer
)
returns table (worker_id uuid, worker_name text, reason text, rescued integer, failed integer)
language plpgsql
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_taken uuid[];
  v_nodes uuid[];
  v_dead uuid[] := celeriac.find_dead_workers(p_accuser, p_grace_ms, p_beat_ms, p_lease_ms);
begin
  if p_orphans then
    v_dead := coalesce(v_dead, '{}') || array (
      select distinct job.worker_id from celeriac.jobs as job
      where job.worker_id is not null
        and not exists (select from celeriac.workers as worker where worker.id = job.worker_id)
    );
  end if;
  -- The gate: a claim of a dead worker that is still under way commits first, and is seen by what follows; one that
  -- comes later is refused (work_cycle). Who does not get it tries again in the next round.
  select array_agg(dead.id) into v_dead
  from unnest(v_dead) as dead (id)
  where pg_try_advisory_xact_lock(uuid_hash_extended(dead.id, 0));
  if v_dead is null then
    return;
  end if;

  with taken as materialized (
    select job.id,
      job.options ? 'n' and (job.cancel_requested_at is not null or job.losses >= p_max_losses
        or coalesce((job.options ->> 'atMostOnce')::boolean, false)) as ends
    from celeriac.jobs as job
    where job.worker_id = any (v_dead)
    order by job.id
    limit p_most
    for update skip locked
  )
  select array_agg(taken.id), array_agg(taken.id) filter (where taken.ends) into v_taken, v_nodes from taken;
  -- A node that ends takes what is below it along; while somebody is at work there, the next round does it.
  if v_nodes is not null and not celeriac.lock_below(v_nodes) then
    v_taken := array (select id from unnest(v_taken) as id where id <> all (v_nodes));
    v_nodes := null;
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
        'message', format('worker %s died while it ran attempt %s of this job: %s',
          coalesce(worker.name, job.worker_id::text), job.attempt, coalesce(worker.lost_reason, 'nobody knows it'))
      ) as error
    from celeriac.jobs as job
    left join celeriac.workers as worker on worker.id = job.worker_id
    where job.id = any (v_taken)
    order by job.id
  ), recorded as (
    insert into celeriac.attempts (job_id, attempt, token, outcome, worker_id, claimed_at, ended_at, retry_at, error)
    select mine.id, mine.attempt, mine.token, 'lost', mine.worker_id, mine.claimed_at, v_now,
      case mine.next_state when 'pending' then mine.run_at end, mine.error
    from mine
  ), returned as (
    update celeriac.jobs as job
    set worker_id = null, lane_id = null, token = job.token + 1, losses = job.losses + 1
    from mine
    where job.id = mine.id and mine.next_state = 'pending'
  ), removed as (
    delete from celeriac.jobs as job
    using mine
    where job.id = mine.id and mine.next_state <> 'pending'
  ), kept as (
    insert into celeriac.results (
      id, settled_at, run_at, enqueued_at, claimed_at, expires_at, token, worker_id, root_id, parent_id, attempt,
      max_attempts, snoozes, losses, state, priority, queue, task, args, error, options, labels, progress, workflow_id
    )
    select
      mine.id, v_now, mine.run_at, mine.enqueued_at, mine.claimed_at,
      celeriac.result_expiry(mine.options, v_now),
      mine.token + 1, mine.worker_id, mine.root_id, mine.parent_id, mine.attempt, mine.max_attempts, mine.snoozes,
      mine.losses + 1, mine.next_state::celeriac.job_state, mine.priority, mine.queue, mine.task, mine.args,
      case mine.next_state when 'failed' then mine.error else jsonb_build_object(
        'name', 'JobCancelledError', 'code', 'JOB_CANCELLED', 'message', coalesce(mine.cancel_reason, 'cancelled')) end,
      mine.options, mine.labels, mine.progress, mine.workflow_id
    from mine
    where mine.next_state <> 'pending' and (mine.options is null or not mine.options ? 'forget' or mine.options ? 'n')
  ), woken as (
    select celeriac.wake_workers(mine.queue, min(mine.run_at)) from mine where mine.next_state = 'pending' group by mine.queue
  ), left_lanes as (
    select celeriac.leave_lanes(array_agg(mine.lane_id)) from mine
  ), told as (
    select celeriac.hint('s ' || mine.id) from mine where mine.next_state <> 'pending'
  )
  select
    dead.id, worker.name, worker.lost_reason,
    (select count(*) from mine where mine.worker_id = dead.id and mine.next_state = 'pending')::integer,
    (select count(*) from mine where mine.worker_id = dead.id and mine.next_state = 'failed')::integer
  from unnest(v_dead) as dead (id)
  left join celeriac.workers as worker on worker.id = dead.id
  where (select count(*) from woken) >= 0 and (select count(*) from told) >= 0
    and (select count(*) from left_lanes) >= 0;

  if v_nodes is not null then
    perform celeriac.advance_dependencies(v_nodes);
  end if;

  -- One whose jobs are not all taken away (somebody else holds a row) stays, declared dead. So does one whose row is
  -- held: whoever leaves locks it first and then waits for the jobs that are locked here.
  delete from celeriac.workers as worker
  where worker.id = any (array (
      select dead.id from celeriac.workers as dead where dead.id = any (v_dead) order by dead.id for update skip locked
    ))
    and not exists (select from celeriac.jobs as job where job.worker_id = worker.id);
end
$$;
comment on function celeriac.rescue_jobs(uuid, double precision, double precision, double precision, integer, boolean, integer) is 'Takes the jobs of dead workers away and lets others run them; a job that outlived its bound of losses fails with WORKER_LOST.';
