-- celeriac.prune_lanes(integer) → integer
-- Removes lanes and buckets that nobody has used for an hour and that say nothing any more, and looks again at some of
-- those that wait for a slot. A job whose row was removed by hand leaves its slot without saying so.
-- Args:    p_most  rows to remove at most, of each; call again while it returns that many
-- Returns: rows removed
-- Writes:  lanes, buckets (delete), arrivals (insert)      Locks: rows without waiting
-- Calls:   bucket_rule      Called by: src/db/calls/maintain.ts
create or replace function celeriac.prune_lanes(p_most integer)
returns integer
language plpgsql
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_count integer;
  v_all integer;
begin
  delete from celeriac.lanes as lane
  where lane.id = any (array (
    select old.id from celeriac.lanes as old
    where old.state = 'idle' and old.used_at < v_now - interval '1 hour'
      and not exists (select from celeriac.jobs as job where job.lane_id = old.id and job.run_at is null)
    limit p_most for update skip locked
  ));
  get diagnostics v_all = row_count;

  -- Lanes that are left find a new one when they need it.
  delete from celeriac.buckets as bucket
  where bucket.id = any (array (
    select old.id
    from celeriac.buckets as old
    cross join lateral celeriac.bucket_rule(old.limit_name, old.chosen) as rule
    where old.used_at < v_now - interval '1 hour' - coalesce(rule.rate_per_ms, 0) * interval '1 millisecond'
      and old.chosen is null and (old.held_until is null or old.held_until < v_now)
      and not exists (
        select from unnest(old.holders) as holder
        where exists (select from celeriac.jobs as job where job.id = holder and job.worker_id is not null and job.lane_id is not null)
      )
    limit p_most for update of old skip locked
  ));
  get diagnostics v_count = row_count;

  insert into celeriac.arrivals (lane_id)
  select lane.id
  from (select lane.id, lane.full_bucket from celeriac.lanes as lane where lane.state = 'full' order by random() limit 500) as lane
  where not exists (
    select from celeriac.buckets as bucket
    cross join lateral celeriac.bucket_rule(bucket.limit_name, bucket.chosen) as rule
    where bucket.id = lane.full_bucket and rule.concurrency <= (
      select count(*) from unnest(bucket.holders) as holder
      where exists (select from celeriac.jobs as job where job.id = holder and job.worker_id is not null and job.lane_id is not null)
    )
  );
  return greatest(v_all, v_count);
end
$$;
comment on function celeriac.prune_lanes(integer) is 'Removes lanes and buckets that nobody has used for an hour and that say nothing any more, and looks again at some of those that wait for a slot.';
