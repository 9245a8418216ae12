-- celeriac.drain_arrivals() → ready text[], busy boolean
-- Takes note of what has happened to lanes: jobs that arrived, slots that were left, rates that are due.
-- Whoever has news for a lane writes them down and locks nothing; any worker may read them, and does so in each turn.
-- Returns: ready = queues of lanes that are ready now, null for none; busy = some lane was in somebody's hands: its news
--          stay for a later turn
-- Writes:  arrivals (delete), lanes, buckets (insert)
-- Locks:   arrivals and lanes without waiting; an insert of a new lane waits for another one of the same
-- Calls:   reopen_lanes, open_lanes, add_lanes, line_turn      Called by: work_cycle
create or replace function celeriac.drain_arrivals(out ready text[], out busy boolean)
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
  -- Of this session and this schema: until where it has read.
  v_place text := celeriac.channel() || '.arrivals_read';
  v_floor xid8;
  v_ahead xid8;
  v_news tid[];
  v_left bigint[];
  v_passed bigint[];
  v_lanes bigint[];
  v_locked bigint[];
  v_opened bigint[];
begin
  busy := false;
  v_floor := coalesce(nullif(current_setting(v_place, true), ''), '0')::xid8;
  v_ahead := pg_snapshot_xmin(pg_current_snapshot());
  select array_agg(news.place), array_agg(distinct news.lane_id) filter (where news.queue is not null),
    array_agg(distinct news.lane_id) filter (where news.queue is null),
    array_agg(distinct news.lane_id) filter (where news.queue is null and news.priority = 1)
  into v_news, v_lanes, v_left, v_passed
  from (
    select news.ctid as place, news.lane_id, news.queue, news.priority from celeriac.arrivals as news
    where news.xid >= v_floor order by news.xid, news.id limit 1000 for update skip locked
  ) as news;
  -- Slots that were left, or settings that have changed.
  if v_left is not null then
    delete from celeriac.arrivals as news where news.ctid = any (v_news) and news.queue is null;
    select reopened.opened, reopened.busy into v_opened, busy from celeriac.reopen_lanes(v_left) as reopened;
    -- A slot that those had no use for who were asked first: all others may.
    if v_passed is not null then
      v_opened := v_opened || array (
        select waiting.id
        from (
          select distinct bucket from celeriac.lanes as lane cross join lateral unnest(lane.bucket_ids) as bucket
          where lane.id = any (v_passed)
        ) as passed
        cross join lateral (
          select lane.id from celeriac.lanes as lane
          where lane.full_bucket = passed.bucket and lane.state = 'full' order by lane.turn limit 2000
        ) as waiting
      );
    end if;
    ready := celeriac.open_lanes(v_opened || v_left);
  end if;

  if v_lanes is not null then
    perform celeriac.add_lanes(v_news);
    v_locked := array (
      select lane.id from celeriac.lanes as lane where lane.id = any (v_lanes) order by lane.id for update skip locked
    );
    busy := busy or cardinality(v_locked) < cardinality(v_lanes);
    with news as (
      delete from celeriac.arrivals as news
      where news.ctid = any (v_news) and news.lane_id = any (v_locked) and news.queue is not null
      returning news.lane_id, news.priority, news.since, news.queue, (news.door -> 'fair' ->> 1)::double precision as weight
    ), latest as materialized (
      select news.lane_id, news.queue, max(news.priority) as priority, min(news.since) as since, max(news.weight) as weight
      from news group by news.lane_id, news.queue
    ), line as materialized (
      select line.queue, line.priority, celeriac.line_turn(line.queue, line.priority) as turn
      from (select distinct latest.queue, latest.priority from latest) as line
    ), changed as (
      -- One that is busy anyway, and stays as it is, costs nothing.
      update celeriac.lanes as lane
      set state = case lane.state when 'idle' then 'ready' else lane.state end,
          priority = case lane.state when 'idle' then latest.priority else greatest(lane.priority, latest.priority) end,
          turn = case lane.state when 'idle' then greatest(lane.turn, (
            select line.turn from line where line.queue = latest.queue and line.priority = latest.priority
          )) else lane.turn end,
          head_at = case lane.state when 'idle' then latest.since else least(lane.head_at, latest.since) end,
          weight = coalesce(latest.weight, lane.weight),
          used_at = v_now
      from latest
      where lane.id = latest.lane_id
        and (lane.state = 'idle' or lane.priority < latest.priority or lane.head_at > latest.since or latest.weight <> lane.weight)
    )
    select ready || array_agg(distinct latest.queue) into ready from latest;
  end if;

  -- News that were read leave entries in the index for as long as anybody holds an old snapshot open. Nothing can come any
  -- more from transactions that were over before this look; what is there still, in somebody's hands or for a lane that
  -- is, has to be read again.
  if random() < 0.01 then
    perform set_config(v_place, '0', false);
  elsif v_ahead > v_floor and coalesce(cardinality(v_news), 0) < 1000 and (v_news is not null or random() < 0.1) then
    perform set_config(v_place, least(v_ahead, (
      select news.xid from celeriac.arrivals as news where news.xid >= v_floor order by news.xid, news.id limit 1
    ))::text, false);
  end if;

  if exists (select from celeriac.lanes as lane where lane.state = 'due' and lane.due_at <= v_now) then
    ready := ready || celeriac.open_lanes(array (
      select due.id from celeriac.lanes as due
      where due.state = 'due' and due.due_at <= v_now order by due.due_at limit 500 for update skip locked
    ));
  end if;
end
$$;
comment on function celeriac.drain_arrivals() is 'Takes note of what has happened to lanes: jobs that arrived, slots that were left, rates that are due.';
