-- celeriac.take_from_lanes(…) → claimed text, taken integer, busy boolean, looked bigint[]
-- Gives a worker jobs that stand in lanes of one queue and one priority: as many as it wants and the limits allow, from
-- the lanes whose turn it is. What a limit allows is counted here, under the lock of its bucket, and what is taken counts
-- from here on: a rate is spent by the start, and a slot is held for as long as the job's row has a worker.
-- Args:    p_wanted  jobs to take at most      p_lanes  lanes to look at before those that are ready
-- Returns: claimed = JSON array as of claim_jobs, each with true as a fifth rare field; null for none;
--          busy = a bucket was in somebody's hands, or other lanes are ready: look again soon; looked = lanes it has judged
-- Writes:  jobs, buckets, lanes      Locks: lanes, buckets and jobs, none of them waiting
-- Calls:   choose_from_lanes, spend_units, mark_lanes, place_lanes      Called by: work_cycle
create or replace function celeriac.take_from_lanes(
  p_worker_id uuid, p_queue text, p_priority smallint, p_tasks text[], p_wanted integer,
  p_lanes bigint[],
  out claimed text, out taken integer, out busy boolean, out looked bigint[]
)
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
-- planner: one plan, by primary key and in the order of lanes, whatever the statistics say.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  -- As of now, not of when the call began: it may have waited before it came here, and what starts is spread from here on.
  v_now timestamptz := celeriac.clock() + (clock_timestamp() - statement_timestamp());
  v_lanes bigint[];
  v_locked bigint[];
  v_moved boolean;
  v_choice record;
begin
  select 0, false into taken, busy;
  if p_lanes is not null then
    v_lanes := array (
      select lane.id from celeriac.lanes as lane
      where lane.id = any (p_lanes) and lane.queue = p_queue and lane.priority = p_priority and lane.state <> 'idle'
      for update skip locked
    );
  end if;
  v_lanes := v_lanes || array (
    select lane.id from celeriac.lanes as lane
    where lane.queue = p_queue and lane.priority = p_priority and lane.state = 'ready'
    order by lane.turn, lane.id limit least(p_wanted, 200) for update skip locked
  );
  if cardinality(v_lanes) = 0 then
    return;
  end if;
  v_locked := array (
    select bucket.id from celeriac.buckets as bucket
    where bucket.id = any (array (
      select unnest(lane.bucket_ids) from celeriac.lanes as lane where lane.id = any (v_lanes)
    ))
    order by bucket.id for update skip locked
  );
  looked := array (select lane.id from celeriac.lanes as lane where lane.id = any (v_lanes) and lane.bucket_ids <@ v_locked);
  busy := cardinality(looked) < cardinality(v_lanes);
  if busy then
    -- Somebody holds a bucket; or it is gone, since nobody had used it for long.
    insert into celeriac.buckets (id, limit_name, key, used_at)
    select distinct on (celeriac.bucket_id(one ->> 0, one ->> 1))
      celeriac.bucket_id(one ->> 0, one ->> 1), one ->> 0, one ->> 1, v_now
    from celeriac.lanes as lane, jsonb_array_elements(coalesce(lane.door -> 'limits', '[]')) as one
    where lane.id = any (v_lanes) and lane.id <> all (looked)
      and not exists (select from celeriac.buckets as bucket where bucket.id = celeriac.bucket_id(one ->> 0, one ->> 1))
      and pg_try_advisory_xact_lock(celeriac.bucket_gate(celeriac.bucket_id(one ->> 0, one ->> 1)))
    order by celeriac.bucket_id(one ->> 0, one ->> 1)
    on conflict do nothing;
  end if;

  -- order: counted by a statement that began after the locks were taken; a snapshot from before would not see what was
  -- taken meanwhile.
  v_choice := celeriac.choose_from_lanes(looked, p_priority, p_tasks, p_wanted, v_now);
  if v_choice.taken is not null then
    with given as (
      update celeriac.jobs as job
      set token = job.token + 1, attempt = job.attempt + 1, worker_id = p_worker_id, claimed_at = v_now, run_at = celeriac.clock()
      where job.id = any (v_choice.ids)
      returning job.*
    )
    select
      json_agg(json_build_array(
        given.id, given.token, given.attempt, given.task, given.args,
        given.max_attempts, given.snoozes + given.losses, extract(epoch from given.enqueued_at)::double precision,
        json_build_array(given.options, given.labels, given.root_id, given.parent_id, true)
      ) order by array_position(v_choice.ids, given.id))::text,
      count(*)
    into claimed, taken
    from given;
    perform celeriac.spend_units(v_choice.taken, v_now);
  end if;
  -- What is sure needs no second look, and most lanes stay as they are.
  if v_choice.placed is not null then
    perform celeriac.mark_lanes(v_choice.placed, v_now);
  end if;
  if v_choice.unsure is not null then
    perform celeriac.place_lanes(v_choice.unsure, v_choice.served, v_choice.turns, v_now);
  end if;

  -- Those whose turn it was may have had nothing for this worker, and it has looked at no more than it wants: it must not
  -- sleep beside others that have. One that was looked at counts only where something has changed, so this comes to an end.
  if taken < p_wanted and not busy then
    v_moved := exists (select from celeriac.lanes as lane where lane.id = any (looked) and lane.state <> 'ready');
    busy := exists (
      select from (
        select lane.id, lane.head_at from celeriac.lanes as lane
        where lane.queue = p_queue and lane.priority = p_priority and lane.state = 'ready' order by lane.turn, lane.id limit 200
      ) as lane
      where (v_moved or lane.id <> all (looked)) and (
        select job.task = any (p_tasks) and (job.expires_at is null or job.expires_at > v_now) from celeriac.jobs as job
        where job.lane_id = lane.id and job.run_at is null and job.priority = p_priority and job.enqueued_at >= lane.head_at
        order by job.enqueued_at, job.id limit 1
      )
    );
  end if;
end
$$;
comment on function celeriac.take_from_lanes(uuid, text, smallint, text[], integer, bigint[]) is 'Gives a worker jobs that stand in lanes of one queue and one priority: as many as it wants and the limits allow, from the lanes whose turn it is.';
