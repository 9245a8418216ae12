-- celeriac.settle_jobs(…) → lost uuid[], freed bigint[]
-- Ends attempts of one worker: the succeeded of a batch in one statement, every other outcome in a second one.
-- What happens after is this visible list, in order:
--   succeeded jobs become results · failed attempts are recorded · jobs that run again go back · the rest become results
--   · nodes of a canvas are replaced, or get company · what waited for nodes is opened, or ended
-- Args:    p_ids, p_tokens, p_values  succeeded attempts; a value is JSON text or null
--          p_others  [{id, token, kind, node?, error?, delayMs?, reason?, value?, nothing?, plan?}, …] see settle_others
-- Returns: lost = attempts this worker no longer holds and that are not settled by it either; null for none
--          freed = lanes of jobs that run no more; null for none
-- Writes:  jobs, results, attempts, dependencies, workflows, arrivals, buckets (holds)
-- Locks:   own jobs, and what nodes open or end, in id order
-- Calls:   lock_settling, settle_others, replace_node, add_members, advance_dependencies, find_refused      Called by: work_cycle, complete_attempt
create or replace function celeriac.settle_jobs(
  p_worker_id uuid, p_ids uuid[], p_tokens bigint[], p_values text[], p_others jsonb,
  out lost uuid[], out freed bigint[]
)
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
-- planner: by primary key whatever the statistics say; those of an empty table once halved the throughput.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_missing bigint := 0;
  v_count bigint;
  v_nodes uuid[];
  v_ended uuid[];
  v_below uuid[];
  v_plans text[];
  v_plan text[];
  v_freed bigint[];
begin
  -- order: several statements follow; a cancel or rescue of the same jobs must not meet them half-way.
  if p_others is not null and (cardinality(p_ids) > 0 or p_others @? '$[*].node') then
    v_below := celeriac.lock_settling(p_worker_id, p_ids, p_others);
  end if;

  if cardinality(p_ids) > 0 then
    with settled as (
      delete from celeriac.jobs as job
      using (
        select * from unnest(p_ids, p_tokens, p_values) as done (id, token, value) order by done.id
      ) as done
      where job.id = done.id and job.token = done.token and job.worker_id = p_worker_id
      returning job.*, done.value
    ), kept as (
      insert into celeriac.results (
        id, settled_at, run_at, enqueued_at, claimed_at, expires_at, token, worker_id, root_id, parent_id, attempt,
        max_attempts, snoozes, losses, state, priority, queue, task, args, value, options, labels, progress, workflow_id
      )
      select
        id, v_now, run_at, enqueued_at, claimed_at,
        celeriac.result_expiry(options, v_now),
        token, worker_id, root_id, parent_id, attempt, max_attempts, snoozes, losses, 'succeeded', priority, queue, task,
        args, value::jsonb, options, labels, progress, workflow_id
      from settled
      where options is null or not options ? 'forget' or options ? 'n'
    )
    -- Workers send nodes among the others; those of an earlier version do not know what nodes are.
    select count(*), array_agg(settled.id) filter (where settled.options ? 'n'), array_agg(distinct settled.lane_id) filter (where settled.lane_id is not null)
    into v_count, v_nodes, freed
    from settled;
    v_missing := cardinality(p_ids) - v_count;
  end if;

  if p_others is not null then
    select ended.settled, ended.nodes, ended.plans, ended.freed
    into v_count, v_ended, v_plans, v_freed
    from celeriac.settle_others(p_worker_id, p_others) as ended;
    freed := freed || v_freed;
    v_missing := v_missing + jsonb_array_length(p_others) - v_count;

    perform from celeriac.jobs as job where job.id = any (v_below) and num_nonnulls(v_nodes, v_ended, v_plans) > 0 order by job.id for update;
    -- Rare, and each is a canvas of its own; in the order of workflows, whose rows are locked when error callbacks are added.
    if v_plans is not null then
      foreach v_plan slice 1 in array v_plans loop
        if v_plan[2] = 'waiting' then
          perform celeriac.replace_node(v_plan[1]::uuid, v_plan[3]::jsonb);
        elsif v_plan[2] = 'succeeded' then
          perform celeriac.add_members(v_plan[1]::uuid, v_plan[3]::jsonb);
        end if;
      end loop;
    end if;
  end if;

  if v_nodes is not null or v_ended is not null then
    perform celeriac.advance_dependencies(v_nodes || v_ended);
  end if;

  if v_missing > 0 then
    lost := celeriac.find_refused(p_worker_id, p_ids, p_tokens, p_others);
  end if;
end
$$;
comment on function celeriac.settle_jobs(uuid, uuid[], bigint[], text[], jsonb) is 'Ends attempts of one worker: the succeeded of a batch in one statement, every other outcome in a second one.';
