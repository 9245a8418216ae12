-- celeriac.place_lanes(bigint[], bigint[], double precision[], timestamptz) → void
-- Puts lanes where they belong after something was taken: idle when nothing waits, full when it waits for a holder, due
-- when a rate names a time, else ready at its next turn. One that had its turn and could not use it goes behind.
-- Args:    p_lanes  lanes that were looked at      p_served, p_turns  those that something was taken from, and their turns now
-- Writes:  lanes, whose locks and whose buckets' the caller holds      Called by: take_from_lanes
create or replace function celeriac.place_lanes(p_lanes bigint[], p_served bigint[], p_turns double precision[], p_now timestamptz)
returns void
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
  with placed as materialized (
    select lane.id, head.priority, head.enqueued_at, hold.full_bucket, hold.due_at, mine.turn
    from (
      select served.id, served.turn from unnest(p_served, p_turns) as served (id, turn)
      union all
      select lane, null from unnest(p_lanes) as lane where lane <> all (coalesce(p_served, '{}'))
    ) as mine
    cross join lateral (select lane.* from celeriac.lanes as lane where lane.id = mine.id offset 0) as lane
    left join lateral (
      -- Above its priority, at it from its head on, below it: the entries of what is gone are walked but once.
      select job.priority, job.enqueued_at,
        case when job.options -> 'door' @? '$.limits[*][2]' then job.options -> 'door' -> 'limits' end as units
      from (values (32767, lane.priority + 1, timestamptz '-infinity'), (lane.priority, lane.priority, lane.head_at),
        (lane.priority - 1, -32768, timestamptz '-infinity')) as part (most, least, since)
      cross join lateral (
        select job.priority, job.enqueued_at, job.options from celeriac.jobs as job
        where job.lane_id = lane.id and job.run_at is null
          and job.priority <= part.most and job.priority >= part.least and job.enqueued_at >= part.since
        order by job.priority desc, job.enqueued_at, job.id
        limit 1
      ) as job
      order by job.priority desc
      limit 1
    ) as head on true
    left join lateral (
      select
        min(bucket.id) filter (
          where rule.concurrency < coalesce((head.units -> (bucket.place - 1)::integer -> 2)::integer, 1) + live.units
            and (live.units > 0 or rule.concurrency = 0)
        ) as full_bucket,
        greatest(
          max(bucket.held_until),
          max(celeriac.rate_opens_at(
            bucket.spent_at, bucket.spent_units, bucket.next_at, rule.rate_limit, rule.rate_per_ms, rule.rate_burst,
            coalesce((head.units -> (bucket.place - 1)::integer -> 2)::integer, 1)
          )) filter (where rule.rate_limit is not null)
        ) as due_at
      from unnest(lane.bucket_ids) with ordinality as of_lane (id, place)
      cross join lateral (
        select bucket.*, of_lane.place from celeriac.buckets as bucket where bucket.id = of_lane.id offset 0
      ) as bucket
      cross join lateral celeriac.bucket_rule(bucket.limit_name, bucket.chosen) as rule
      cross join lateral (
        select count(*) as units from unnest(bucket.holders) as holder
        where exists (select from celeriac.jobs as job where job.id = holder and job.worker_id is not null and job.lane_id is not null)
      ) as live
    ) as hold on head.priority is not null
  )
  update celeriac.lanes as lane
  set state = case
        when placed.priority is null then 'idle'
        when placed.full_bucket is not null then 'full'
        when placed.due_at > p_now then 'due'
        else 'ready'
      end,
      full_bucket = placed.full_bucket,
      due_at = case when placed.priority is not null and placed.full_bucket is null and placed.due_at > p_now then placed.due_at end,
      priority = coalesce(placed.priority, lane.priority), head_at = coalesce(placed.enqueued_at, lane.head_at),
      turn = coalesce(placed.turn, lane.turn + 1e-6),
      used_at = p_now
  from placed
  -- One that stays full is left as it is: it enters the line anew when a slot is left.
  where lane.id = placed.id
    and (placed.full_bucket is null or lane.state <> 'full' or lane.full_bucket <> placed.full_bucket
      or lane.priority <> placed.priority or lane.head_at <> placed.enqueued_at or lane.door ? 'fair');
end
$$;
comment on function celeriac.place_lanes(bigint[], bigint[], double precision[], timestamptz) is 'Puts lanes where they belong after something was taken: idle when nothing waits, full when it waits for a holder, due when a rate names a time, else ready at its next turn.';
