-- celeriac.place_lanes(bigint[], jsonb, timestamptz) → void
-- Puts lanes where they belong after something was taken: idle when nothing waits, full when it waits for a holder, due
-- when a rate names a time, else ready at its next turn. One that had its turn and could not use it goes behind.
-- Args:    p_lanes  lanes that were looked at      p_taken  as of spend_units, or null
-- Writes:  lanes, whose locks and whose buckets' the caller holds      Called by: take_from_lanes
create or replace function celeriac.place_lanes(p_lanes bigint[], p_taken jsonb, p_now timestamptz)
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
  with served as materialized (
    select (one -> 1)::bigint as id, max((one -> 2)::double precision) as turn
    from jsonb_array_elements(p_taken) as one group by 1
  ), placed as materialized (
    select lane.id, head.priority, hold.full_bucket, hold.due_at,
      (select served.turn from served where served.id = lane.id) as turn
    from unnest(p_lanes) as mine (id)
    cross join lateral (select lane.* from celeriac.lanes as lane where lane.id = mine.id offset 0) as lane
    left join lateral (
      select job.priority, case when job.options -> 'door' @? '$.limits[*][2]' then job.options -> 'door' -> 'limits' end as units
      from celeriac.jobs as job
      where job.lane_id = lane.id and job.run_at is null
      order by job.priority desc, job.enqueued_at, job.id
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
        where exists (select from celeriac.jobs as job where job.id = holder and job.worker_id is not null)
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
      priority = coalesce(placed.priority, lane.priority),
      turn = coalesce(placed.turn, lane.turn + 1e-6),
      used_at = p_now
  from placed
  where lane.id = placed.id;
end
$$;
comment on function celeriac.place_lanes(bigint[], jsonb, timestamptz) is 'Puts lanes where they belong after something was taken: idle when nothing waits, full when it waits for a holder, due when a rate names a time, else ready at its next turn.';
