-- celeriac.settle_others(uuid, jsonb) → settled bigint, nodes uuid[], plans text[], freed bigint[]
-- Ends attempts that did not simply succeed: failed ones are recorded, jobs that run again go back, the rest become results.
-- Args:    p_others  [{id, token, kind, node?, error?, delayMs?, reason?, value?, nothing?, plan?, door?, hold?}, …] where node
--                    says that it is one of a canvas, and kind is
--                    succeeded (a node, with value or nothing; plan = members it adds to its group)
--                    replaced  (it ends as what plan comes to; see insert_nodes)
--                    errored   (a thrown error; delayMs null = never again; attempts left are counted here)
--                    snoozed   (again after delayMs, not charged)
--                    limited   (as snoozed; hold = [[name, key], …]: nothing starts under these limits until then)
--                    held      (never begun: the claim is undone, and it goes into the lane of its door)
--                    released  (never begun: the claim is undone, the job back in its place)
--                    returned  (begun and given up: back in its place, not charged)
--                    discarded (failed for good, not an error of the handler)   cancelled
-- Returns: settled = attempts that this worker held; nodes = those of canvases that have ended; plans = [id, state, plan] of
--          nodes that are replaced or add members; freed = lanes of jobs that run no more
-- Writes:  jobs, results, attempts, arrivals, buckets (holds)      Locks: the jobs, in id order
-- Calls:   lane_id, hold_buckets      Called by: settle_jobs
create or replace function celeriac.settle_others(
  p_worker_id uuid, p_others jsonb,
  out settled bigint, out nodes uuid[], out plans text[], out freed bigint[]
)
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
-- planner: as in settle_jobs.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_holds jsonb;
begin
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
        lane_id = case mine.kind when 'held' then celeriac.lane_id(job.queue, job.task, mine.door) end,
        options = case mine.kind when 'held' then coalesce(job.options, '{}') || jsonb_build_object('door', mine.door) else job.options end,
        token = job.token + case when mine.kind in ('held', 'released', 'returned') then 1 else 0 end,
        attempt = job.attempt - case when mine.kind in ('held', 'released') then 1 else 0 end,
        snoozes = job.snoozes + case when mine.kind in ('snoozed', 'limited', 'returned') then 1 else 0 end
    from mine
    where job.id = mine.id and mine.next_state = 'pending'
  ), arrived as (
    insert into celeriac.arrivals (lane_id, queue, door, priority, since)
    select celeriac.lane_id(mine.queue, mine.task, mine.door), mine.queue, min(mine.door::text)::jsonb, max(mine.priority), min(mine.enqueued_at)
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
    array_agg(mine.lane_id) filter (where mine.lane_id is not null),
    jsonb_agg(jsonb_build_array(mine.hold, v_now + mine.delay, mine.reason)) filter (where mine.hold is not null)
  into settled, nodes, plans, freed, v_holds
  from mine;
  if v_holds is not null then
    perform celeriac.hold_buckets(v_holds);
  end if;
end
$$;
comment on function celeriac.settle_others(uuid, jsonb) is 'Ends attempts that did not simply succeed: failed ones are recorded, jobs that run again go back, the rest become results.';
