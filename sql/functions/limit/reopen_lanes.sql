-- celeriac.reopen_lanes(bigint[]) → opened bigint[], busy boolean
-- Jobs of these lanes run no more: finds lanes that wait for a holder of any of the same buckets. They stay as they are,
-- for the caller to look at, or to make ready (open_lanes).
-- Args:    p_lanes  lanes of jobs that run no more
-- Returns: opened = those that may go on, null for none; busy = somebody else is at work on a bucket, so a note was left
-- Writes:  arrivals (insert)
-- Locks:   buckets without waiting. Who judged one full has committed by then, so its lane is seen; who judges it later sees
--          the slot.
-- Called by: drain_arrivals, work_cycle
create or replace function celeriac.reopen_lanes(p_lanes bigint[], out opened bigint[], out busy boolean)
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
  v_buckets := array (
    select distinct bucket
    from celeriac.lanes as lane cross join lateral unnest(lane.bucket_ids) as bucket
    where lane.id = any (p_lanes)
  );
  v_locked := array (
    select bucket.id from celeriac.buckets as bucket
    where bucket.id = any (v_buckets) order by bucket.id for update skip locked
  );
  busy := cardinality(v_locked) < cardinality(v_buckets);
  if busy then
    insert into celeriac.arrivals (lane_id)
    select lane.id from celeriac.lanes as lane
    where lane.id = any (p_lanes) and not lane.bucket_ids <@ v_locked
    order by lane.id;
  end if;
  select array_agg(distinct waiting.id) into opened
  from unnest(v_locked) as bucket
  cross join lateral (
    select lane.id from celeriac.lanes as lane
    where lane.full_bucket = bucket and lane.state = 'full'
    order by lane.turn limit 20 + cardinality(p_lanes)
  ) as waiting;
end
$$;
comment on function celeriac.reopen_lanes(bigint[]) is 'Jobs of these lanes run no more: finds lanes that wait for a holder of any of the same buckets.';
