-- celeriac.spend_units(jsonb, timestamptz) → void
-- Writes into buckets what was taken from them at an instant.
-- Holders that have no running job any more are left out. Of starts the last window is kept; those within the same 64th of it
-- share the time of the last, which lets a few start later than they might, never one too early.
-- Args:    p_taken  [[job id, [bucket id, …], [units, …] or null], …]
-- Writes:  buckets, whose locks the caller holds      Called by: take_from_lanes
create or replace function celeriac.spend_units(p_taken jsonb, p_now timestamptz)
returns void
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
  with spent as materialized (
    select bucket.id::bigint as id, sum(unit.units)::integer as units,
      array_agg((one ->> 0)::uuid) as jobs, string_agg(repeat((one ->> 0) || ',', least(unit.units, 10001)), '') as holders
    from jsonb_array_elements(p_taken) as one
    cross join lateral jsonb_array_elements(one -> 1) with ordinality as bucket (id, place)
    -- As text: before version 18, element 0 of a JSON null is a JSON null, and none of those is a number.
    cross join lateral (select coalesce((one -> 2 ->> (bucket.place - 1)::integer)::integer, 1) as units) as unit
    group by bucket.id
    order by bucket.id::bigint
  )
  update celeriac.buckets as bucket
  set holders = case when rule.concurrency is null then '{}' else array (
        select holder from unnest(bucket.holders) as holder
        where exists (select from celeriac.jobs as job where job.id = holder and job.worker_id is not null and job.lane_id is not null)
          and holder <> all (spent.jobs)
      ) || ('{' || rtrim(spent.holders, ',') || '}')::uuid[] end,
      next_at = case when rule.rate_limit is null then null else
        greatest(bucket.next_at, p_now) + spent.units * rule.rate_per_ms / rule.rate_limit * interval '1 millisecond' end,
      spent_at = log.at, spent_units = log.units, used_at = p_now
  from spent
  cross join lateral (
    select bucket.limit_name, bucket.chosen, bucket.spent_at, bucket.spent_units
    from celeriac.buckets as bucket where bucket.id = spent.id offset 0
  ) as old
  cross join lateral celeriac.bucket_rule(old.limit_name, old.chosen) as rule
  cross join lateral (
    select coalesce(array_agg(one.at order by one.at), '{}') as at, coalesce(array_agg(one.units order by one.at), '{}') as units
    from (
      select max(piece.at) as at, sum(piece.units)::integer as units
      from (
        select old.spent_at[place] as at, old.spent_units[place] as units,
          -- By the face of the clock: were it by distance, starts that follow closely would all move along with the last.
          floor(extract(epoch from old.spent_at[place]) * 64000 / rule.rate_per_ms::numeric) as part
        from generate_subscripts(old.spent_at, 1) as place
        where old.spent_at[place] > p_now - rule.rate_per_ms * interval '1 millisecond'
        union all
        select p_now, spent.units, floor(extract(epoch from p_now) * 64000 / rule.rate_per_ms::numeric)
      ) as piece
      where rule.rate_limit is not null
      group by piece.part
    ) as one
  ) as log
  where bucket.id = spent.id;
end
$$;
comment on function celeriac.spend_units(jsonb, timestamptz) is 'Writes into buckets what was taken from them at an instant.';
