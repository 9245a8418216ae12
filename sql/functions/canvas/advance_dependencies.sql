-- celeriac.advance_dependencies(uuid[], uuid[]) → void
-- Counts the end of nodes: opens what waited for nothing else, settles joins, and ends everything below a failure.
-- An edge is counted by marking it, which happens once; so a node that is settled twice counts once.
-- Args:    p_ids    nodes that have just been settled: their results say how
--          p_joins  joins that wait for nothing, to begin with; null for none
-- Writes:  dependencies, jobs, results      Locks: what find_below names; whoever settles has locked it in id order before
-- Calls:   fail_below, drop_values, announce_settled, wake_workers
-- Called by: settle_jobs, cancel_jobs, expire_jobs, rescue_jobs, insert_nodes
create or replace function celeriac.advance_dependencies(p_ids uuid[], p_joins uuid[] default null)
returns void
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
-- planner: edge by edge and job by job, whatever the statistics say.
set enable_seqscan = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_done uuid[];
  v_failed uuid[];
  v_joins uuid[] := p_joins;
  v_dropping uuid[];
  v_opened_queues text[];
  v_queues text[] := '{}';
begin
  if p_ids is not null then
    select
      array_agg(result.id) filter (where result.state = 'succeeded'),
      array_agg(result.id) filter (where result.state <> 'succeeded'),
      array_agg(result.id) filter (where result.options ? 'drops' and result.state = 'succeeded')
    into v_done, v_failed, v_dropping
    from celeriac.results as result
    where result.id = any (p_ids) and result.settled_at = v_now;
    if v_failed is not null then
      v_failed := v_failed || celeriac.fail_below(v_failed);
    end if;
  end if;

  loop
    if v_joins is not null then
      with settled as (
        delete from celeriac.jobs as job where job.id = any (v_joins) and job.worker_id is null returning job.*
      )
      insert into celeriac.results (
        id, settled_at, run_at, enqueued_at, claimed_at, expires_at, token, worker_id, root_id, parent_id, workflow_id,
        attempt, max_attempts, snoozes, losses, state, priority, queue, task, args, options, labels, progress
      )
      select
        id, v_now, run_at, enqueued_at, claimed_at,
        celeriac.result_expiry(options, v_now),
        token, null, root_id, parent_id, workflow_id, attempt, max_attempts, snoozes, losses, 'succeeded', priority, queue,
        task, args, options, labels, progress
      from settled;
      perform celeriac.announce_settled(v_joins);
      v_done := v_done || v_joins;
    end if;
    exit when v_done is null and v_failed is null;

    with counted as (
      update celeriac.dependencies as edge
      set counted = true
      where edge.parent_id = any (v_done || v_failed) and not edge.counted
        and (edge.either or v_failed is null or edge.parent_id <> all (v_failed))
      returning edge.child_id
    ), tally as (
      select counted.child_id, count(*)::integer as parents from counted group by counted.child_id order by counted.child_id
    ), opened as (
      update celeriac.jobs as job
      set blockers = job.blockers - tally.parents,
          run_at = case when job.blockers = tally.parents and not job.options ? 'join' then
            greatest(
              v_now + coalesce((job.options ->> 'delayMs')::double precision, 0) * interval '1 millisecond',
              (job.options ->> 'runAt')::timestamptz
            )
          end
      from tally
      -- planner: the jobs are looked up first, whatever the statistics say.
      where job.id = any (array (select tally.child_id from tally)) and job.id = tally.child_id and job.run_at is null and job.worker_id is null
      returning job.id, job.queue, job.run_at, job.blockers
    )
    select
      array_agg(opened.id) filter (where opened.blockers = 0 and opened.run_at is null),
      array_agg(distinct opened.queue) filter (where opened.run_at is not null)
    into v_joins, v_opened_queues
    from opened;
    v_queues := v_queues || v_opened_queues;
    v_done := null;
    v_failed := null;
    exit when v_joins is null;
  end loop;

  if v_dropping is not null then
    perform celeriac.drop_values(v_dropping);
  end if;
  perform celeriac.wake_workers(queue, v_now) from (select distinct unnest(v_queues) as queue) as opened
  where exists (select from celeriac.workers as worker where worker.idle and opened.queue = any (worker.queues));
end
$$;
comment on function celeriac.advance_dependencies(uuid[], uuid[]) is 'Counts the end of nodes: opens what waited for nothing else, settles joins, and ends everything below a failure.';
