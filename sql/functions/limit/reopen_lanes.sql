-- celeriac.reopen_lanes(bigint[]) → queues text[], busy boolean
-- Jobs of these lanes have left slots: makes lanes ready that wait for one in any of the same buckets.
-- Args:    p_lanes  lanes of jobs that run no more
-- Returns: queues = those of the lanes that are ready now, null for none; busy = somebody else is at work on a bucket, so
--          a note was left for a later turn
-- Writes:  lanes, arrivals (insert)
-- Locks:   buckets without waiting; then lanes that are full. Who judged a bucket full has committed by then, so its lane
--          is seen; who judges it later sees the slot. Nobody waits for anything else while it holds a lane.
-- Calls:   lane_turn      Called by: drain_arrivals, work_cycle
create or replace function celeriac.reopen_lanes(p_lanes bigint[], out queues text[], out busy boolean)
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
-- planner: by primary key, and lanes of a bucket by lanes_full, whatever the statistics say.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_buckets bigint[];
  v_locked bigint[];
begin
  busy := false;
  select array_agg(distinct bucket) into v_buckets
  from unnest(p_lanes) as left_in (id)
  cross join lateral (select lane.bucket_ids from celeriac.lanes as lane where lane.id = left_in.id offset 0) as lane
  cross join lateral unnest(lane.bucket_ids) as bucket
  where exists (select from celeriac.lanes as full_one where full_one.full_bucket = bucket and full_one.state = 'full');
  if v_buckets is null then
    return;
  end if;

  v_locked := array (
    select bucket.id from celeriac.buckets as bucket
    where bucket.id = any (v_buckets) order by bucket.id for update skip locked
  );
  if cardinality(v_locked) < cardinality(v_buckets) then
    busy := true;
    insert into celeriac.arrivals (lane_id)
    select distinct lane.id
    from unnest(p_lanes) as left_in (id)
    cross join lateral (select lane.id, lane.bucket_ids from celeriac.lanes as lane where lane.id = left_in.id offset 0) as lane
    where exists (select from unnest(lane.bucket_ids) as bucket where bucket = any (v_buckets) and bucket <> all (v_locked));
  end if;

  with waiting as materialized (
    select lane.id
    from unnest(v_locked) as bucket
    cross join lateral (
      select lane.id from celeriac.lanes as lane
      where lane.full_bucket = bucket and lane.state = 'full'
      order by lane.turn limit 20 + cardinality(p_lanes)
    ) as lane
    order by lane.id
  ), ready as (
    update celeriac.lanes as lane
    set state = 'ready', full_bucket = null, turn = greatest(lane.turn, celeriac.lane_turn(lane.queue, lane.priority))
    where lane.id = any (array (select waiting.id from waiting)) and lane.state = 'full'
    returning lane.queue
  )
  select array_agg(distinct ready.queue) into queues from ready;
end
$$;
comment on function celeriac.reopen_lanes(bigint[]) is 'Jobs of these lanes have left slots: makes lanes ready that wait for one in any of the same buckets.';
