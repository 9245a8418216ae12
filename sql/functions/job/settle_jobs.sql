-- celeriac.settle_jobs(…) → lost uuid[], freed bigint[]
-- Ends attempts of one worker: the succeeded of a batch in one statement, every other outcome in a second one.
-- What happens after is this visible list, in order:
--   succeeded jobs become results · failed attempts are recorded · jobs that run again go back · the rest become results
--   · nodes of a canvas are replaced, or get company · what waited for nodes is opened, or ended
-- Args:    p_ids, p_tokens, p_values  succeeded attempts; a value is JSON text or null
--          p_others  [{id, token, kind, node?, error?, delayMs?, reason?, value?, nothing?, plan?}, …] where node says that it is one of
--                    a canvas, and kind is
--                    succeeded (a node, with value or nothing; plan = members it adds to its group)
--                    replaced  (it ends as what plan comes to; see insert_nodes)
--                    errored   (a thrown error; delayMs null = never again; attempts left are counted here)
--                    snoozed   (again after delayMs, not charged)
--                    limited   (as snoozed; hold = [[name, key], …]: nothing starts under these limits until then)
--                    held      (never begun: the claim is undone, and it goes into the lane of its door)
--                    released  (never begun: the claim is undone, the job back in its place)
--                    returned  (begun and given up: back in its place, not charged)
--                    discarded (failed for good, not an error of the handler)   cancelled
-- Returns: lost = attempts this worker no longer holds and that are not settled by it either; null for none
--          freed = lanes of jobs that run no more; null for none
-- Writes:  jobs, results, attempts, dependencies, workflows, arrivals, buckets (holds)
-- Locks:   own jobs, and what nodes open or end, in id order
-- Calls:   lock_settling, hold_buckets, replace_node, add_members, advance_dependencies, find_refused      Called by: work_cycle, complete_attempt
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
  v_holds jsonb;
  v_plan text[];
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
    with mine as materialized (
      select
        job.*, other.error, other.reason, other.kind, other.plan, other.door, other.hold,
        -- A value that is null is not the same as none.
        case when other.nothing is null then coalesce(other.value, 'null') end as value,
        coalesce(other."delayMs", 0) * interval '1 millisecond' as delay,
        case
          when other.kind = 'succeeded' then 'succeeded'
          when other.kind = 'replaced' and job.cancel_requested_at is null then 'waiting'
          when other.kind = 'errored'
            and (other."delayMs" is null or job.attempt - job.snoozes - job.losses >= job.max_attempts) then 'failed'
          when other.kind = 'discarded' then 'failed'
          when other.kind = 'cancelled' or job.cancel_requested_at is not null then 'cancelled'
          else 'pending'
        end::celeriac.job_state as next_state
      from (
        select * from jsonb_to_recordset(p_others) as other (
          id uuid, token bigint, kind text, error jsonb, "delayMs" double precision, reason text, value jsonb, nothing boolean, plan jsonb,
          door jsonb, hold jsonb
        )
        order by other.id
      ) as other
      -- planner: each is looked up; with statistics of an empty table it would rather walk all jobs once for each.
      cross join lateral (
        select job.* from celeriac.jobs as job
        where job.id = other.id and job.token = other.token and job.worker_id = p_worker_id
        order by job.id for update
      ) as job
      where job.token = other.token and job.worker_id = p_worker_id
    ), recorded as (
      insert into celeriac.attempts (job_id, attempt, token, outcome, worker_id, claimed_at, ended_at, retry_at, error)
      select
        id, attempt, token, case next_state when 'pending' then 'retry' else next_state::text end, worker_id, claimed_at,
        v_now, case next_state when 'pending' then v_now + delay end, error
      from mine
      where kind in ('errored', 'discarded') and (options is null or not options ? 'forget')
    ), returned as (
      -- Whatever goes back stands in the plain line until a worker that gets it puts it into its lane (held).
      update celeriac.jobs as job
      set worker_id = null,
          run_at = case mine.kind when 'held' then null when 'released' then mine.run_at when 'returned' then mine.run_at
            else v_now + mine.delay end,
          lane_id = case mine.kind when 'held' then celeriac.lane_id(job.queue, mine.door) end,
          options = case mine.kind when 'held' then coalesce(job.options, '{}') || jsonb_build_object('door', mine.door) else job.options end,
          token = job.token + case when mine.kind in ('held', 'released', 'returned') then 1 else 0 end,
          attempt = job.attempt - case when mine.kind in ('held', 'released') then 1 else 0 end,
          snoozes = job.snoozes + case when mine.kind in ('snoozed', 'limited', 'returned') then 1 else 0 end
      from mine
      where job.id = mine.id and mine.next_state = 'pending'
    ), arrived as (
      insert into celeriac.arrivals (lane_id, queue, door, priority)
      select celeriac.lane_id(mine.queue, mine.door), mine.queue, min(mine.door::text)::jsonb, max(mine.priority)
      from mine
      where mine.kind = 'held' and mine.next_state = 'pending'
      group by 1, mine.queue
    ), removed as (
      delete from celeriac.jobs as job
      using mine
      where job.id = mine.id and mine.next_state not in ('pending', 'waiting')
    ), kept as (
      insert into celeriac.results (
        id, settled_at, run_at, enqueued_at, claimed_at, expires_at, token, worker_id, root_id, parent_id, attempt,
        max_attempts, snoozes, losses, state, priority, queue, task, args, value, error, options, labels, progress, workflow_id
      )
      select
        id, v_now, run_at, enqueued_at, claimed_at,
        celeriac.result_expiry(options, v_now),
        token, worker_id, root_id, parent_id, attempt, max_attempts, snoozes, losses, next_state, priority, queue, task,
        args, case next_state when 'succeeded' then value end,
        case next_state
          when 'succeeded' then null
          when 'cancelled' then jsonb_build_object(
            'name', 'JobCancelledError', 'code', 'JOB_CANCELLED', 'message', coalesce(cancel_reason, reason, 'cancelled'))
          else error
        end,
        options, labels, progress, workflow_id
      from mine
      where next_state not in ('pending', 'waiting') and (options is null or not options ? 'forget' or options ? 'n')
    )
    select
      count(*), array_agg(mine.id) filter (where mine.options ? 'n' and mine.next_state not in ('pending', 'waiting')),
      array_agg(array[mine.id::text, mine.next_state::text, mine.plan::text] order by mine.workflow_id) filter (where mine.plan is not null),
      freed || array_agg(mine.lane_id) filter (where mine.lane_id is not null),
      jsonb_agg(jsonb_build_array(mine.hold, v_now + mine.delay, mine.reason)) filter (where mine.hold is not null)
    into v_count, v_ended, v_plans, freed, v_holds
    from mine;
    if v_holds is not null then
      perform celeriac.hold_buckets(v_holds);
    end if;
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
