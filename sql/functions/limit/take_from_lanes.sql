-- celeriac.take_from_lanes(…) → claimed text, taken integer, busy boolean
-- Gives a worker jobs that stand in lanes of one queue and one priority: as many as it wants and the limits allow, from
-- the lanes whose turn it is. What a limit allows is counted here, under the lock of its bucket, and what is taken counts
-- from here on: a rate is spent by the start, and a slot is held for as long as the job's row has a worker.
-- Args:    p_wanted  jobs to take at most
-- Returns: claimed = JSON array as of claim_jobs, each with true as a fifth rare field; null for none;
--          busy = a bucket was in somebody's hands: look again soon
-- Writes:  jobs, buckets, lanes      Locks: lanes, buckets and jobs, none of them waiting
-- Calls:   rate_room, rate_opens_at      Called by: work_cycle
create or replace function celeriac.take_from_lanes(
  p_worker_id uuid, p_queue text, p_priority smallint, p_tasks text[], p_wanted integer,
  out claimed text, out taken integer, out busy boolean
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
  v_free bigint[];
  v_locked bigint[];
  v_rooms jsonb;
  v_taken jsonb;
  v_ids uuid[];
begin
  taken := 0;
  busy := false;
  v_lanes := array (
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
  v_free := array (select lane.id from celeriac.lanes as lane where lane.id = any (v_lanes) and lane.bucket_ids <@ v_locked);
  busy := cardinality(v_free) < cardinality(v_lanes);

  -- order: counted by a statement that began after the locks were taken; a snapshot from before would not see what was
  -- taken meanwhile.
  select jsonb_object_agg(room.id, jsonb_build_array(room.slots, room.window_room, room.spread_room, room.concurrency, room.rate_limit))
  into v_rooms
  from (
    select bucket.id,
      case when rule.concurrency is not null then rule.concurrency - (
        select count(*) from unnest(bucket.holders) as holder
        where exists (select from celeriac.jobs as job where job.id = holder and job.worker_id is not null)
      ) end as slots,
      case when bucket.held_until > v_now then 0 else rate.window_room end as window_room,
      rate.spread_room, rule.concurrency, rule.rate_limit
    from celeriac.buckets as bucket
    cross join lateral celeriac.bucket_rule(bucket.limit_name, bucket.chosen) as rule
    left join lateral celeriac.rate_room(
      bucket.spent_at, bucket.spent_units, bucket.next_at, rule.rate_limit, rule.rate_per_ms, rule.rate_burst, v_now
    ) as rate on rule.rate_limit is not null
    where bucket.id = any (v_locked)
  ) as room;

  with open as materialized (
    select lane.id, lane.turn, lane.weight, lane.bucket_ids,
      (
        select least(p_wanted, min(least((v_rooms -> bucket::text ->> 0)::integer, (v_rooms -> bucket::text ->> 1)::integer)))
        from unnest(lane.bucket_ids) as bucket
      ) as most
    from celeriac.lanes as lane
    where lane.id = any (v_free)
  ), candidate as materialized (
    select job.id, job.units, open.id as lane_id, open.bucket_ids,
      open.turn + job.place / open.weight * 1e-6 as turn
    from open
    cross join lateral (
      select job.id, job.units, row_number() over () as place
      from (
        select job.id,
          case when job.options -> 'door' @? '$.limits[*][2]' then array (
            select coalesce((one -> 2)::integer, 1) from jsonb_array_elements(job.options -> 'door' -> 'limits') as one
          ) end as units,
          1 as units_in_all
        from celeriac.jobs as job
        where job.lane_id = open.id and job.run_at is null and job.priority >= p_priority
          and job.task = any (p_tasks) and (job.expires_at is null or job.expires_at > v_now)
        order by job.priority desc, job.enqueued_at, job.id
        limit greatest(open.most, 0)
        for update skip locked
      ) as job
    ) as job
  ), passing as (
    select candidate.id, bucket.place,
      v_rooms -> bucket.id::text as room,
      coalesce(candidate.units[bucket.place], 1) as units,
      sum(coalesce(candidate.units[bucket.place], 1)) over (
        partition by bucket.id order by candidate.turn, candidate.id
      ) as so_far
    from candidate
    cross join lateral unnest(candidate.bucket_ids) with ordinality as bucket (id, place)
  ), refused as (
    select passing.id from passing
    -- Who takes more than there ever is goes alone.
    where passing.so_far > (passing.room ->> 0)::integer and (passing.so_far > passing.units or passing.room -> 0 <> passing.room -> 3)
      or passing.so_far > (passing.room ->> 1)::integer and (passing.so_far > passing.units or passing.room -> 1 <> passing.room -> 4)
      or passing.so_far - passing.units >= (passing.room ->> 2)::integer
  ), chosen as (
    select candidate.* from candidate
    where candidate.id <> all (array (select refused.id from refused))
    order by candidate.turn, candidate.id
    limit p_wanted
  )
  select
    jsonb_agg(jsonb_build_array(chosen.id, chosen.lane_id, chosen.turn, chosen.bucket_ids, chosen.units)),
    array_agg(chosen.id order by chosen.turn, chosen.id)
  into v_taken, v_ids from chosen;

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
  perform celeriac.place_lanes(v_free, v_taken, v_now);
end
$$;
comment on function celeriac.take_from_lanes(uuid, text, smallint, text[], integer) is 'Gives a worker jobs that stand in lanes of one queue and one priority: as many as it wants and the limits allow, from the lanes whose turn it is.';
