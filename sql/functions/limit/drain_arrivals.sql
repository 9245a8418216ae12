-- celeriac.drain_arrivals() → queues text[], busy boolean
-- Takes note of what has happened to lanes: jobs that arrived, slots that were left, rates that are due.
-- Whoever has news for a lane writes them down and locks nothing; any worker may read them, and does so in each turn.
-- Returns: queues = those of lanes that are ready now, null for none; busy = some lane was in somebody's hands: its news
--          stay for a later turn
-- Writes:  arrivals (delete), lanes, buckets (insert)
-- Locks:   arrivals and lanes without waiting; an insert of a new lane waits for another one of the same
-- Calls:   reopen_lanes, lane_turn, bucket_id      Called by: work_cycle
create or replace function celeriac.drain_arrivals(out queues text[], out busy boolean)
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
-- planner: by primary key whatever the statistics say.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_news bigint[];
  v_left bigint[];
  v_lanes bigint[];
  v_locked bigint[];
  v_queues text[];
begin
  busy := false;
  if exists (select from celeriac.arrivals) then
    v_news := array (select news.id from celeriac.arrivals as news order by news.id limit 1000 for update skip locked);
    -- Slots that were left: before any lane is held, since this one waits.
    v_left := array (
      select distinct news.lane_id from celeriac.arrivals as news
      where news.id = any (v_news) and news.queue is null order by news.lane_id
    );
    if cardinality(v_left) > 0 then
      delete from celeriac.arrivals as news where news.id = any (v_news) and news.queue is null;
      select reopened.queues, reopened.busy into queues, busy from celeriac.reopen_lanes(v_left) as reopened;
      -- Their settings may have changed: a time that was worked out before counts no more.
      update celeriac.lanes as lane set due_at = v_now
      where lane.id = any (array (
        select lane.id from celeriac.lanes as lane where lane.id = any (v_left) and lane.state = 'due' for update skip locked
      ));
    end if;

    v_lanes := array (
      select distinct news.lane_id from celeriac.arrivals as news where news.id = any (v_news) order by news.lane_id
    );
  end if;

  if cardinality(v_lanes) > 0 then
    insert into celeriac.lanes (id, queue, door, bucket_ids, weight, used_at)
    select distinct on (news.lane_id)
      news.lane_id, news.queue, news.door,
      array (
        select celeriac.bucket_id(one ->> 0, one ->> 1) from jsonb_array_elements(coalesce(news.door -> 'limits', '[]')) as one
      ),
      coalesce((news.door -> 'fair' ->> 1)::double precision, 1), v_now
    from celeriac.arrivals as news
    where news.id = any (v_news)
      and not exists (select from celeriac.lanes as lane where lane.id = news.lane_id)
    order by news.lane_id
    on conflict do nothing;
    v_locked := array (
      select lane.id from celeriac.lanes as lane where lane.id = any (v_lanes) order by lane.id for update skip locked
    );
    busy := busy or cardinality(v_locked) < cardinality(v_lanes);
    insert into celeriac.buckets (id, limit_name, key, used_at)
    select distinct on (celeriac.bucket_id(one ->> 0, one ->> 1))
      celeriac.bucket_id(one ->> 0, one ->> 1), one ->> 0, one ->> 1, v_now
    from celeriac.arrivals as news, jsonb_array_elements(coalesce(news.door -> 'limits', '[]')) as one
    where news.id = any (v_news) and news.lane_id = any (v_locked)
      and not exists (select from celeriac.buckets as bucket where bucket.id = celeriac.bucket_id(one ->> 0, one ->> 1))
    order by celeriac.bucket_id(one ->> 0, one ->> 1)
    on conflict do nothing;

    with news as (
      delete from celeriac.arrivals as news
      where news.id = any (v_news) and news.lane_id = any (v_locked)
      returning news.lane_id, news.priority, news.door
    ), latest as materialized (
      select news.lane_id, max(news.priority) as priority, max((news.door -> 'fair' ->> 1)::double precision) as weight
      from news group by news.lane_id
    ), ready as (
      update celeriac.lanes as lane
      set state = case lane.state when 'idle' then 'ready' else lane.state end,
          priority = case lane.state when 'idle' then latest.priority else greatest(lane.priority, latest.priority) end,
          turn = case lane.state
            when 'idle' then greatest(lane.turn, celeriac.lane_turn(lane.queue, latest.priority)) else lane.turn end,
          weight = coalesce(latest.weight, lane.weight),
          used_at = v_now
      from latest
      where lane.id = latest.lane_id
      returning lane.queue, lane.state
    )
    select array_agg(distinct ready.queue) into v_queues from ready where ready.state = 'ready';
    queues := queues || v_queues;
  end if;

  if exists (select from celeriac.lanes as lane where lane.state = 'due' and lane.due_at <= v_now) then
    with ready as (
      update celeriac.lanes as lane
      set state = 'ready', due_at = null, turn = greatest(lane.turn, celeriac.lane_turn(lane.queue, lane.priority))
      where lane.id = any (array (
        select due.id from celeriac.lanes as due
        where due.state = 'due' and due.due_at <= v_now order by due.due_at limit 500 for update skip locked
      ))
      returning lane.queue
    )
    select array_agg(distinct ready.queue) into v_queues from ready;
    queues := queues || v_queues;
  end if;
end
$$;
comment on function celeriac.drain_arrivals() is 'Takes note of what has happened to lanes: jobs that arrived, slots that were left, rates that are due.';
