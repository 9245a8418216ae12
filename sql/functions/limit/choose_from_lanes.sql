-- celeriac.choose_from_lanes(…) → ids uuid[], taken jsonb, placed jsonb, unsure bigint[], served bigint[], turns double precision[]
-- Chooses which jobs of some lanes may begin now: those whose turn it is, as far as each bucket has room.
-- Args:    p_lanes  lanes whose locks, and whose buckets', the caller holds      p_wanted  jobs to choose at most
--          p_priority  of the lanes
-- Returns: ids, in the order of their turns; taken = the same, as spend_units takes them;
--          placed = lanes whose place is sure and changes, as mark_lanes takes them; unsure = lanes that are to be
--          placed by what they hold afterwards; served, turns = those of them that were served, and their turns now
-- Writes:  nothing      Locks: the jobs, without waiting; at most one more than fits in each lane
-- Calls:   bucket_rule, rate_room      Called by: take_from_lanes
create or replace function celeriac.choose_from_lanes(
  p_lanes bigint[], p_priority smallint, p_tasks text[], p_wanted integer, p_now timestamptz,
  out ids uuid[], out taken jsonb, out placed jsonb, out unsure bigint[], out served bigint[], out turns double precision[]
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
begin
  -- Rooms go along with each lane as arrays: what is joined by key costs more than all the rest.
  with open as materialized (
    select lane.id, lane.turn, lane.weight, lane.bucket_ids, lane.head_at, room.*,
      case when lane.state = 'full' and not lane.door ? 'fair' then lane.full_bucket end as stays
    from celeriac.lanes as lane
    cross join lateral (
      select
        array_agg(of_one.slots) as slots, array_agg(of_one.window_room) as windows, array_agg(of_one.spread_room) as spreads,
        array_agg(of_one.concurrency) as slots_in_all, array_agg(of_one.rate_limit) as window_in_all,
        greatest(0, least(p_wanted, min(of_one.slots), min(of_one.window_room))) as most,
        coalesce(bool_or(of_one.by_time), false) as by_time
      from (
        select rule.concurrency, rule.rate_limit,
          case when rule.concurrency is not null then rule.concurrency - (
            select count(*)::integer from unnest(bucket.holders) as holder
            where exists (select from celeriac.jobs as job where job.id = holder and job.worker_id is not null and job.lane_id is not null)
          ) end as slots,
          case when bucket.held_until > p_now then 0 else rate.window_room end as window_room, rate.spread_room,
          rule.rate_limit is not null or bucket.held_until > p_now as by_time
        from unnest(lane.bucket_ids) with ordinality as of_lane (id, place)
        cross join lateral (select bucket.* from celeriac.buckets as bucket where bucket.id = of_lane.id offset 0) as bucket
        cross join lateral celeriac.bucket_rule(bucket.limit_name, bucket.chosen) as rule
        left join lateral celeriac.rate_room(
          bucket.spent_at, bucket.spent_units, bucket.next_at, rule.rate_limit, rule.rate_per_ms, rule.rate_burst, p_now
        ) as rate on true
        order by of_lane.place
      ) as of_one
    ) as room
    where lane.id = any (p_lanes)
  ), candidate as materialized (
    select job.id, job.units, job.place <= open.most as fits, open.id as lane_id, open.bucket_ids, open.slots,
      open.windows, open.spreads, open.slots_in_all, open.window_in_all, open.by_time, open.stays,
      open.turn + job.place / open.weight * 1e-6 as turn
    from open
    cross join lateral (
      select job.*, row_number() over () as place
      from (
        select job.id,
          case when job.options -> 'door' @? '$.limits[*][2]' then array (
            select coalesce((one -> 2)::integer, 1) from jsonb_array_elements(job.options -> 'door' -> 'limits') as one
          ) end as units
        from celeriac.jobs as job
        where job.lane_id = open.id and job.run_at is null and job.priority = p_priority and job.enqueued_at >= open.head_at
          and job.task = any (p_tasks) and (job.expires_at is null or job.expires_at > p_now)
        order by job.enqueued_at, job.id
        limit open.most + 1
        for update skip locked
      ) as job
    ) as job
  ), passing as (
    select candidate.id, candidate.slots[bucket.place] as slots, candidate.windows[bucket.place] as window_room,
      candidate.spreads[bucket.place] as spread_room, candidate.slots_in_all[bucket.place] as slots_in_all,
      candidate.window_in_all[bucket.place] as window_in_all, coalesce(candidate.units[bucket.place], 1) as units,
      sum(coalesce(candidate.units[bucket.place], 1)) over (
        partition by bucket.id order by candidate.turn, candidate.id
      ) as so_far
    from candidate
    cross join lateral unnest(candidate.bucket_ids) with ordinality as bucket (id, place)
    where candidate.fits
  ), refused as (
    select passing.id from passing
    -- Who takes more than there ever is goes alone.
    where passing.so_far > passing.slots and (passing.so_far > passing.units or passing.slots <> passing.slots_in_all)
      or passing.so_far > passing.window_room and (passing.so_far > passing.units or passing.window_room <> passing.window_in_all)
      or passing.so_far - passing.units >= passing.spread_room
  ), ranked as materialized (
    select fitting.*, fitting.passes and row_number() over (order by fitting.passes desc, fitting.turn, fitting.id) <= p_wanted as chosen
    from (
      select candidate.*, candidate.fits and candidate.id <> all (array (select refused.id from refused)) as passes
      from candidate
    ) as fitting
  ), lane as materialized (
    select ranked.lane_id as id, count(*) filter (where ranked.chosen) as taken, max(ranked.turn) filter (where ranked.chosen) as turn,
      bool_or(not ranked.chosen) as more, min(ranked.stays) as stays,
      bool_or(ranked.by_time or ranked.units is not null) as by_time, min(ranked.slots) as slots, min(ranked.bucket_ids) as bucket_ids
    from ranked group by ranked.lane_id
  ), judged as materialized (
    -- Sure: something waits there still, and it is slots alone that it may wait for.
    -- Now and then one is looked at closely anyway, so that its head is known.
    select lane.*, lane.more and not lane.by_time and random() < 0.94 as sure, (
      select lane.bucket_ids[place] from generate_subscripts(lane.slots, 1) as place
      where lane.slots[place] <= lane.taken order by lane.bucket_ids[place] limit 1
    ) as fills
    from lane
  )
  select
    (select array_agg(ranked.id order by ranked.turn, ranked.id) from ranked where ranked.chosen),
    (select jsonb_agg(jsonb_build_array(ranked.id, ranked.bucket_ids, ranked.units)) from ranked where ranked.chosen),
    (
      select jsonb_agg(jsonb_build_array(judged.id, judged.fills, judged.turn))
      from judged
      where judged.sure and (judged.stays is null or judged.fills is distinct from judged.stays)
    ),
    (
      select array_agg(open.id) from open
      where open.id <> all (array (select judged.id from judged where judged.sure))
    ),
    (select array_agg(judged.id order by judged.id) from judged where not judged.sure and judged.turn is not null),
    (select array_agg(judged.turn order by judged.id) from judged where not judged.sure and judged.turn is not null)
  into ids, taken, placed, unsure, served, turns;
end
$$;
comment on function celeriac.choose_from_lanes(bigint[], smallint, text[], integer, timestamptz) is 'Chooses which jobs of some lanes may begin now: those whose turn it is, as far as each bucket has room.';
