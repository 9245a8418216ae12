-- celeriac.lane_turn(text, smallint) → double precision
-- Says at which virtual time a lane enters the line of those that are ready: that of the one that is served next, so that
-- nobody gains by having been away. One start is a millionth of a second of it, so it never overtakes the clock: where
-- nobody is ready, now is later than everything that was served.
-- Writes:  nothing      Called by: drain_arrivals, reopen_lanes
create or replace function celeriac.lane_turn(p_queue text, p_priority smallint)
returns double precision
language sql stable
as $$
  select coalesce(
    (
      select lane.turn from celeriac.lanes as lane
      where lane.queue = p_queue and lane.priority = p_priority and lane.state = 'ready'
      order by lane.turn limit 1
    ),
    extract(epoch from celeriac.clock() - timestamptz '2026-01-01 00:00:00+00')
  )
$$;
comment on function celeriac.lane_turn(text, smallint) is 'Says at which virtual time a lane enters the line of those that are ready: that of the one that is served next, so that nobody gains by having been away.';
