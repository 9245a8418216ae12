-- celeriac.enqueue_errbacks(uuid[], uuid[], boolean[], jsonb) → void
-- Enqueues the error callbacks of nodes that failed themselves, and of joins of which a member did: jobs like any other, so
-- that a crash loses none. Those that only waited for a failure call nobody; neither does what was cancelled.
-- Args:    p_ids  nodes that ended themselves      p_fallen, p_own  what fell with them, and whether each is a join of which a
--          member failed      p_errors  errors by id
-- Writes:  jobs      Calls: wake_workers      Called by: fail_below
create or replace function celeriac.enqueue_errbacks(p_ids uuid[], p_fallen uuid[], p_own boolean[], p_errors jsonb)
returns void
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_queues text[];
begin
  with failed as (
    select result.*, node.own
    from (
      select id, true as own from unnest(p_ids) as id
      union all
      select id, own from unnest(p_fallen, p_own) as fallen (id, own) where own
    ) as node
    cross join lateral (
      select * from celeriac.results as result where result.id = node.id and result.settled_at = v_now offset 0
    ) as result
    where result.state = 'failed' and result.options ? 'onError'
  ), called as (
    select
      failed.id as node_id, failed.root_id, failed.workflow_id, failed.options ->> 'join' as kind,
      workflow.errbacks -> place.number::integer as errback,
      jsonb_build_object(
        'jobId', failed.id, 'task', failed.task, 'args', failed.args, 'attempt', failed.attempt, 'state', failed.state,
        'error', failed.error, 'workflow', failed.workflow_id
      ) as failure
    from failed
    join celeriac.workflows as workflow on workflow.id = failed.workflow_id
    cross join lateral jsonb_array_elements_text(failed.options -> 'onError') as place (number)
  ), distinct_calls as (
    -- A job that was replaced fails with its replacement; an errback that both have is called once.
    select called.* from called
    where called.kind is distinct from 'value' or not exists (
      select from called as other
      join celeriac.dependencies as edge on edge.parent_id = other.node_id and edge.child_id = called.node_id
      where other.errback = called.errback
    )
  ), inserted as (
    insert into celeriac.jobs (
      id, run_at, enqueued_at, expires_at, root_id, parent_id, workflow_id, max_attempts, priority, queue, task, args,
      options, labels
    )
    select
      celeriac.new_id(),
      coalesce(
        (shape ->> 'runAt')::timestamptz,
        v_now + coalesce((shape ->> 'delayMs')::double precision, 0) * interval '1 millisecond'
      ),
      v_now,
      coalesce(
        (shape ->> 'expiresAt')::timestamptz, v_now + (shape ->> 'expiresMs')::double precision * interval '1 millisecond'
      ),
      root_id, node_id, workflow_id, coalesce((shape ->> 'maxAttempts')::integer, 5),
      coalesce((shape ->> 'priority')::smallint, 0::smallint), shape ->> 'queue', shape ->> 'task',
      case when errback -> 2 = 'true' then errback -> 1 else jsonb_build_array(failure) || (errback -> 1) end,
      shape -> 'options', shape -> 'labels'
    from distinct_calls
    cross join lateral (select errback -> 0 as shape) as given
    returning queue
  )
  select array_agg(distinct inserted.queue) into v_queues from inserted;
  perform celeriac.wake_workers(queue, v_now) from unnest(v_queues) as queue;
end
$$;
comment on function celeriac.enqueue_errbacks(uuid[], uuid[], boolean[], jsonb) is 'Enqueues the error callbacks of nodes that failed themselves, and of joins of which a member did: jobs like any other, so that a crash loses none.';
