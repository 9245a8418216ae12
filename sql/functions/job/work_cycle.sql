-- celeriac.work_cycle(…) → text
-- One turn of a worker: settles what it has finished and claims what it may run next, in one call and one transaction.
-- Args:    p_ids … p_others  see settle_jobs
--          p_tasks   tasks the worker has registered; it is given no others
--          p_wanted  jobs to claim at most, in all; 0 claims nothing
--          p_looks   [[queue, [[priority, floor run_at or null, floor id or null], …]], …] in the order to look
-- Returns: JSON [lost ids or null, whether anybody listens for results, ms until the next job is due or null, now in ms,
--          [[queue, priority, run_at of the last one, jobs], …], whether the worker may claim]; see
--          src/db/calls/work-cycle.ts; then the version of the settings. What a worker settles counts for as long as it holds the job; one that was
--          declared dead is given no more
-- Jobs that are limited stand in lanes, beside the line that claim_jobs takes from: of two with the same priority chance
-- says which is looked at first.
-- Writes:  jobs, results, attempts, lanes, arrivals      Locks: the worker's gate, shared and without waiting (rescue_jobs says why)
-- Calls:   settle_jobs, reopen_lanes, drain_arrivals, find_priorities, find_lane_priorities, claim_jobs, take_from_lanes,
--          open_lanes, wake_lanes, is_paused, next_resume_at
-- Called by: src/db/calls/work-cycle.ts
create or replace function celeriac.work_cycle(
  p_worker_id uuid, p_ids uuid[], p_tokens bigint[], p_values text[], p_others jsonb,
  p_tasks text[], p_wanted integer, p_looks jsonb
)
returns text
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
-- planner: as in find_priorities.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_lost uuid[];
  v_freed bigint[];
  v_open bigint[];
  v_opened bigint[];
  v_ready text[];
  v_busy boolean := false;
  v_left integer := p_wanted;
  v_look jsonb;
  v_queue text;
  v_priority smallint;
  v_laned smallint[];
  v_lanes boolean;
  v_floor jsonb;
  v_claim record;
  v_groups text := '';
  v_next timestamptz;
  v_due timestamptz;
  v_tasks text[] := p_tasks;
  v_paused boolean;
  v_alive boolean := true;
begin
  if cardinality(p_ids) > 0 or p_others is not null then
    select settled.lost, settled.freed into v_lost, v_freed
    from celeriac.settle_jobs(p_worker_id, p_ids, p_tokens, p_values, p_others) as settled;
    if v_freed is not null then
      select reopened.opened, reopened.busy into v_open, v_busy from celeriac.reopen_lanes(v_freed) as reopened;
      v_opened := v_open;
    end if;
  end if;

  if p_wanted > 0 then
    v_alive := pg_try_advisory_xact_lock_shared(uuid_hash_extended(p_worker_id, 0));
    if v_alive then
      v_alive := exists (select from celeriac.workers as worker where worker.id = p_worker_id and worker.lost_at is null);
    end if;
  end if;
  if p_wanted > 0 and v_alive then
    select v_ready || drained.ready, v_busy or drained.busy into v_ready, v_busy from celeriac.drain_arrivals() as drained;
    v_paused := exists (select from celeriac.pauses);
    if v_paused then
      v_tasks := array (select task from unnest(p_tasks) as task where not celeriac.is_paused('task', task));
      v_next := celeriac.next_resume_at();
    end if;
    for v_look in select look from jsonb_array_elements(p_looks) as look loop
      v_queue := v_look ->> 0;
      continue when v_paused and celeriac.is_paused('queue', v_queue);
      v_laned := celeriac.find_lane_priorities(v_queue, v_open);
      foreach v_priority in array coalesce(celeriac.find_priorities(
        v_queue,
        array (
          select (known -> 0)::smallint from jsonb_array_elements(v_look -> 1) as known
          union select unnest(v_laned) order by 1 desc
        )
      ), '{}') loop
        v_floor := (
          select known from jsonb_array_elements(v_look -> 1) as known where (known -> 0)::smallint = v_priority
        );
        foreach v_lanes in array case
          when v_laned is null or v_priority <> all (v_laned) then array[false]
          when random() < 0.5 then array[true, false]
          else array[false, true]
        end loop
          if v_lanes then
            select given.claimed, given.taken, null::timestamptz as last_run_at, given.busy, given.looked into v_claim
            from celeriac.take_from_lanes(p_worker_id, v_queue, v_priority, v_tasks, v_left, v_open) as given;
            v_busy := v_busy or v_claim.busy;
            v_open := array (select lane from unnest(v_open) as lane where lane <> all (coalesce(v_claim.looked, '{}')));
          else
            select given.claimed, given.taken, given.last_run_at into v_claim
            from celeriac.claim_jobs(
              p_worker_id, v_queue, v_priority, v_tasks, v_left,
              coalesce((v_floor ->> 1)::timestamptz, '-infinity'),
              coalesce((v_floor ->> 2)::uuid, '00000000-0000-0000-0000-000000000000')
            ) as given;
          end if;
          v_groups := v_groups || case v_groups when '' then '' else ',' end
            || '[' || to_json(v_queue) || ',' || v_priority || ',' || coalesce(to_json(v_claim.last_run_at)::text, 'null')
            || ',' || coalesce(v_claim.claimed, '[]') || ']';
          v_left := v_left - v_claim.taken;
          exit when v_left <= 0;
        end loop;
        exit when v_left <= 0;

        select job.run_at
        into v_due
        from celeriac.jobs as job
        where job.queue = v_queue and job.priority = v_priority and job.run_at > v_now
        order by job.run_at
        limit 1;
        v_next := least(v_next, v_due);
      end loop;
      exit when v_left <= 0;
    end loop;
    v_next := least(v_next, (
      select lane.due_at from celeriac.lanes as lane where lane.state = 'due' and lane.due_at < 'infinity' order by lane.due_at limit 1
    ), case when v_busy then v_now + interval '5 milliseconds' end);
  end if;
  if cardinality(v_open) > 0 then
    v_ready := v_ready || celeriac.open_lanes(v_open);
  end if;
  -- Only some of many that wait are looked at. Where none of those waits any longer, the slot may be free beside the rest.
  if cardinality(v_opened) > 20 then
    insert into celeriac.arrivals (lane_id, priority)
    select lane.id, 1 from celeriac.lanes as lane
    where lane.id = any (v_freed) and not exists (
      select from celeriac.lanes as waiting
      where waiting.id = any (v_opened) and waiting.state = 'full' and waiting.full_bucket = any (lane.bucket_ids)
    )
    order by lane.id;
    v_next := case when found then v_now else v_next end;
  end if;
  if v_ready is not null then
    perform celeriac.wake_lanes(v_ready);
  end if;

  return '[' || coalesce(to_json(v_lost)::text, 'null')
    || ',' || exists (select from celeriac.listeners as listener where listener.expires_at > v_now)
    || ',' || coalesce((extract(epoch from v_next - v_now) * 1000)::text, 'null')
    || ',' || extract(epoch from v_now) * 1000
    || ',[' || v_groups || '],' || v_alive || ',' || (select settings.version from celeriac.settings as settings) || ']';
end
$$;
comment on function celeriac.work_cycle(uuid, uuid[], bigint[], text[], jsonb, text[], integer, jsonb) is 'One turn of a worker: settles what it has finished and claims what it may run next, in one call and one transaction.';
