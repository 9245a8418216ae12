-- celeriac.line_turn(text, smallint) → double precision
-- Says at which virtual time a lane enters the line of those that are ready (open_lanes says why).
-- Writes:  nothing      Called by: open_lanes, drain_arrivals
create or replace function celeriac.line_turn(p_queue text, p_priority smallint)
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
comment on function celeriac.line_turn(text, smallint) is 'Says at which virtual time a lane enters the line of those that are ready (open_lanes says why).';
