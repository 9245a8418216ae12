-- celeriac.take_from_lanes(…) → claimed text, taken integer, busy boolean, looked bigint[]
-- Gives a worker jobs that stand in lanes of one queue and one priority: as many as it wants and the limits allow, from
-- the lanes whose turn it is. What a limit allows is counted here, under the lock of its bucket, and what is taken counts
-- from here on: a rate is spent by the start, and a slot is held for as long as the job's row has a worker.
-- Args:    p_wanted  jobs to take at most      p_lanes  lanes to look at before those that are ready
-- Returns: claimed = JSON array as of claim_jobs, each with true as a fifth rare field; null for none;
--          busy = a bucket was in somebody's hands: look again soon; looked = lanes it has judged
-- Writes:  jobs, buckets, lanes      Locks: lanes, buckets and jobs, none of them waiting
-- Calls:   rate_room, rate_opens_at      Called by: work_cycle
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
  v_taken jsonb;
  v_ids uuid[];
  v_served bigint[];
  v_turns double precision[];
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
    order by celeriac.bucket_id(one ->> 0, one ->> 1)
    on conflict do nothing;
  end if;

  -- order: counted by a statement that began after the locks were taken; a snapshot from before would not see what was
  -- taken meanwhile. Rooms go along with each lane as arrays: what is looked up by key costs more than the rest.
  with open as materialized (
    select lane.id, lane.turn, lane.weight, lane.bucket_ids, room.*
    from celeriac.lanes as lane
    cross join lateral (
      select
        array_agg(of_one.slots order by of_one.place) as slots, array_agg(of_one.window_room order by of_one.place) as windows,
        array_agg(of_one.spread_room order by of_one.place) as spreads, array_agg(of_one.concurrency order by of_one.place) as slots_in_all,
        array_agg(of_one.rate_limit order by of_one.place) as window_in_all,
        greatest(0, least(p_wanted, min(of_one.slots), min(of_one.window_room))) as most
      from (
        select of_lane.place, rule.concurrency, rule.rate_limit,
          case when rule.concurrency is not null then rule.concurrency - (
            -- One that was lost, and claimed again from the plain line, is on its way back into a lane and holds nothing.
            select count(*)::integer from unnest(bucket.holders) as holder
            where exists (select from celeriac.jobs as job where job.id = holder and job.worker_id is not null and job.lane_id is not null)
          ) end as slots,
          case when bucket.held_until > v_now then 0 else rate.window_room end as window_room, rate.spread_room
        from unnest(lane.bucket_ids) with ordinality as of_lane (id, place)
        cross join lateral (select bucket.* from celeriac.buckets as bucket where bucket.id = of_lane.id offset 0) as bucket
        cross join lateral celeriac.bucket_rule(bucket.limit_name, bucket.chosen) as rule
        left join lateral celeriac.rate_room(
          bucket.spent_at, bucket.spent_units, bucket.next_at, rule.rate_limit, rule.rate_per_ms, rule.rate_burst, v_now
        ) as rate on rule.rate_limit is not null
      ) as of_one
    ) as room
    where lane.id = any (looked)
  ), candidate as materialized (
    select job.id, job.units, open.id as lane_id, open.bucket_ids, open.slots, open.windows, open.spreads, open.slots_in_all,
      open.window_in_all, open.turn + job.place / open.weight * 1e-6 as turn
    from open
    cross join lateral (
      select job.id, job.units, row_number() over () as place
      from (
        select job.id,
          case when job.options -> 'door' @? '$.limits[*][2]' then array (
            select coalesce((one -> 2)::integer, 1) from jsonb_array_elements(job.options -> 'door' -> 'limits') as one
          ) end as units
        from celeriac.jobs as job
        where job.lane_id = open.id and job.run_at is null and job.priority >= p_priority
          and job.task = any (p_tasks) and (job.expires_at is null or job.expires_at > v_now)
        order by job.priority desc, job.enqueued_at, job.id
        limit open.most
        for update skip locked
      ) as job
    ) as job
  ), passing as (
    select candidate.id, bucket.*, coalesce(candidate.units[bucket.place], 1) as units,
      sum(coalesce(candidate.units[bucket.place], 1)) over (
        partition by bucket.bucket_id order by candidate.turn, candidate.id
      ) as so_far
    from candidate
    cross join lateral rows from (
      unnest(candidate.bucket_ids), unnest(candidate.slots), unnest(candidate.windows), unnest(candidate.spreads),
      unnest(candidate.slots_in_all), unnest(candidate.window_in_all)
    ) with ordinality as bucket (bucket_id, slots, window_room, spread_room, slots_in_all, window_in_all, place)
  ), refused as (
    select passing.id from passing
    -- Who takes more than there ever is goes alone.
    where passing.so_far > passing.slots and (passing.so_far > passing.units or passing.slots <> passing.slots_in_all)
      or passing.so_far > passing.window_room and (passing.so_far > passing.units or passing.window_room <> passing.window_in_all)
      or passing.so_far - passing.units >= passing.spread_room
  ), chosen as materialized (
    select candidate.* from candidate
    where candidate.id <> all (array (select refused.id from refused))
    order by candidate.turn, candidate.id
    limit p_wanted
  ), served as (
    select chosen.lane_id, max(chosen.turn) as turn from chosen group by chosen.lane_id
  )
  select
    (select jsonb_agg(jsonb_build_array(chosen.id, chosen.bucket_ids, chosen.units)) from chosen),
    (select array_agg(chosen.id order by chosen.turn, chosen.id) from chosen),
    (select array_agg(served.lane_id order by served.lane_id) from served),
    (select array_agg(served.turn order by served.lane_id) from served)
  into v_taken, v_ids, v_served, v_turns;

  if v_taken is not null then
    with given as (
      update celeriac.jobs as job
      set token = job.token + 1, attempt = job.attempt + 1, worker_id = p_worker_id, claimed_at = v_now, run_at = celeriac.clock()
      where job.id = any (v_ids)
      returning job.*
    )
    select
      json_agg(json_build_array(
        given.id, given.token, given.attempt, given.task, given.args,
        given.max_attempts, given.snoozes + given.losses, extract(epoch from given.enqueued_at)::double precision,
        json_build_array(given.options, given.labels, given.root_id, given.parent_id, true)
      ) order by array_position(v_ids, given.id))::text,
      count(*)
    into claimed, taken
    from given;
    perform celeriac.spend_units(v_taken, v_now);
  end if;
  perform celeriac.place_lanes(looked, v_served, v_turns, v_now);
end
$$;
comment on function celeriac.take_from_lanes(uuid, text, smallint, text[], integer, bigint[]) is 'Gives a worker jobs that stand in lanes of one queue and one priority: as many as it wants and the limits allow, from the lanes whose turn it is.';
