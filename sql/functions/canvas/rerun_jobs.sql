-- celeriac.rerun_jobs(uuid[]) → setof (job_id uuid, outcome text, is_job boolean)
-- Runs jobs again, with everything that follows from them in a canvas: all of it goes back and waits, and what waits for
-- nothing is due now. Values from before are taken as they are. Jobs that are no nodes are retried.
-- Returns: a row per distinct id and per job that goes back; outcome = retried, running (nothing changed), unknown;
--          is_job = a worker runs it, which none does with a group
-- Raises:  ZC003 WORKFLOW_BUSY when something that follows runs, may run, or has just been settled; nothing has changed then
-- Writes:  jobs, results, dependencies
-- Locks:   the jobs, what follows, and what that waits for, in id order; then results likewise
-- Calls:   find_rerun, undo_additions, advance_dependencies, wake_workers      Called by: retry_jobs, src/db/calls/workflow-verbs.ts
create or replace function celeriac.rerun_jobs(p_ids uuid[])
returns table (job_id uuid, outcome text, is_job boolean)
language plpgsql
set jit = off
-- planner: by primary key, and edge by edge, whatever the statistics say.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_again record;
  v_returned uuid[];
  v_busy record;
  v_joins uuid[];
  v_hurried uuid[];
  v_queues text[];
begin
  select * into v_again from celeriac.find_rerun(p_ids);

  -- order: as in retry_jobs, new ids first, then jobs, then results.
  with returned as (
    insert into celeriac.jobs (
      id, run_at, enqueued_at, claimed_at, token, root_id, parent_id, workflow_id, attempt, max_attempts, snoozes, losses,
      priority, queue, task, args, options, labels, progress
    )
    select distinct on (id)
      id, null::timestamptz, enqueued_at, claimed_at, token + 1, root_id, parent_id, workflow_id, attempt,
      greatest(max_attempts, attempt - snoozes - losses + 1), snoozes, losses, priority, queue, task, args, options, labels,
      progress
    from celeriac.results as result
    where result.id = any (v_again.settled)
    order by id, settled_at desc
    on conflict do nothing
    returning id
  )
  select array_agg(returned.id) into v_returned from returned;
  perform from celeriac.jobs as job
  where job.id = any (
    p_ids || v_again.affected || array (
      select edge.parent_id from celeriac.dependencies as edge where edge.child_id = any (v_again.settled)
    )
  )
  order by job.id
  for update;
  perform from celeriac.results as result where result.id = any (v_again.settled) order by result.id for update;

  -- What was settled, or came back, before it was locked may change what runs again.
  select
    job.id, case when job.worker_id is null and job.run_at is not null then 'may run already' else 'runs already' end as problem
  into v_busy
  from celeriac.jobs as job
  where job.id = any (v_again.affected)
    and (job.run_at is not null or job.options ->> 'join' = 'value' and job.id not in (select unnest(v_again.settled)))
  order by job.worker_id is null, job.id
  limit 1;
  if v_busy.id is null and (
    coalesce(cardinality(v_returned), 0) <> coalesce(cardinality(v_again.settled), 0)
    or (select again.settled from celeriac.find_rerun(p_ids) as again) is distinct from v_again.settled
  ) then
    select v_again.settled[1] as id, 'has just changed' as problem into v_busy;
  end if;
  if v_busy.id is not null then
    raise exception 'job % cannot run again: job %, which needs it, %', p_ids[1], v_busy.id, v_busy.problem
      using errcode = 'ZC003', hint = 'Wait until that has settled, or cancel it, and ask again.',
        detail = json_build_object('jobId', p_ids[1], 'busyId', v_busy.id, 'problem', v_busy.problem)::text;
  end if;

  perform celeriac.undo_additions(v_again.settled, coalesce(v_again.replaced, '{}'));
  delete from celeriac.results as result where result.id = any (v_again.settled);
  update celeriac.dependencies as edge
  set counted = false
  where edge.parent_id = any (v_again.settled) and edge.counted;
  with held as (
    update celeriac.jobs as job
    set blockers = waiting.parents,
        run_at = case when waiting.parents = 0 and (job.options is null or not job.options ? 'join') then v_now end
    from (
      select node.id, (
          select count(*) from celeriac.dependencies as edge where edge.child_id = node.id and not edge.counted
        )::integer as parents
      from (select distinct id from unnest(v_again.settled || v_again.affected) as id) as node
    ) as waiting
    where job.id = waiting.id and job.worker_id is null
    returning job.id, job.queue, job.run_at, job.blockers
  )
  select
    array_agg(distinct held.queue) filter (where held.run_at is not null),
    array_agg(held.id) filter (where held.run_at is null and held.blockers = 0)
  into v_queues, v_joins
  from held;

  with hurried as (
    update celeriac.jobs as job
    set run_at = least(job.run_at, v_now)
    where job.id = any (p_ids) and job.worker_id is null and job.run_at is not null
      and job.id not in (select unnest(v_returned))
    returning job.id, job.queue
  )
  select array_agg(hurried.id), v_queues || array_agg(distinct hurried.queue) into v_hurried, v_queues from hurried;

  if v_joins is not null then
    perform celeriac.advance_dependencies(null, v_joins);
  end if;
  perform celeriac.wake_workers(queue, v_now) from (select distinct queue from unnest(v_queues) as queue) as woken
  where queue is not null;

  return query
  select
    given.id,
    case
      when given.id in (select unnest(v_hurried || v_returned)) then 'retried'
      when job.id is not null then 'running'
      else 'unknown'
    end,
    job.id is null or job.options is null or not job.options ? 'join'
  from (select distinct id from unnest(p_ids || v_returned) as id) as given
  left join lateral (
    select node.id, node.options from celeriac.jobs as node where node.id = given.id
    union all
    select node.id, node.options from celeriac.results as node where node.id = given.id and node.id = any (v_joins)
  ) as job on true;
end
$$;
comment on function celeriac.rerun_jobs(uuid[]) is 'Runs jobs again, with everything that follows from them in a canvas: all of it goes back and waits, and what waits for nothing is due now.';
