-- celeriac.add_lanes(tid[]) → void
-- Makes the lanes, and their buckets, that arrivals name and that are not there yet.
-- Args:    p_news  places of arrivals, which the caller has locked
-- Writes:  lanes (insert), buckets (insert), both in order of id
-- Locks:   gates of the buckets, without waiting; waits for another worker that inserts the same lane
-- Calls:   bucket_id, bucket_gate      Called by: drain_arrivals
create or replace function celeriac.add_lanes(p_news tid[])
returns void
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_news tid[];
begin
  -- What nobody else is inserting at this moment; the rest is left for a later turn.
  with new_one as materialized (
    select news.ctid as place, celeriac.bucket_gate(celeriac.bucket_id(one ->> 0, one ->> 1)) as gate
    from celeriac.arrivals as news
    left join lateral jsonb_array_elements(news.door -> 'limits') as one on true
    -- planner: a value, not a join, so that each is looked up.
    where news.ctid = any (p_news) and news.queue is not null
      and (select lane.id from celeriac.lanes as lane where lane.id = news.lane_id) is null
  ), shut as materialized (
    select gate.id from (select distinct new_one.gate as id from new_one where new_one.gate is not null order by 1) as gate
    where not pg_try_advisory_xact_lock(gate.id)
  )
  select array_agg(distinct new_one.place) into v_news from new_one
  where new_one.place <> all (array (
    select new_one.place from new_one where new_one.gate = any (array (select shut.id from shut))
  ));
  if v_news is null then
    return;
  end if;

  insert into celeriac.lanes (id, queue, door, bucket_ids, weight, used_at)
  select distinct on (news.lane_id)
    news.lane_id, news.queue, news.door,
    array (
      select celeriac.bucket_id(one ->> 0, one ->> 1) from jsonb_array_elements(coalesce(news.door -> 'limits', '[]')) as one
    ),
    coalesce((news.door -> 'fair' ->> 1)::double precision, 1), v_now
  from celeriac.arrivals as news
  where news.ctid = any (v_news)
  order by news.lane_id
  on conflict do nothing;
  insert into celeriac.buckets (id, limit_name, key, used_at)
  select distinct on (celeriac.bucket_id(one ->> 0, one ->> 1))
    celeriac.bucket_id(one ->> 0, one ->> 1), one ->> 0, one ->> 1, v_now
  from celeriac.arrivals as news, jsonb_array_elements(coalesce(news.door -> 'limits', '[]')) as one
  where news.ctid = any (v_news)
  order by celeriac.bucket_id(one ->> 0, one ->> 1)
  on conflict do nothing;
end
$$;
comment on function celeriac.add_lanes(tid[]) is 'Makes the lanes, and their buckets, that arrivals name and that are not there yet.';
