-- celeriac.rate_room(…) → window_room integer, spread_room integer
-- Says what a rate leaves at an instant: units that the sliding window has room for, and units that may have started
-- before the next one for starts to be spread evenly (0: none may start now). Spread is never finer than 50 ms: a fleet
-- cannot be asked more often, and the window holds anyway.
-- Args:    p_spent_at, p_spent_units  starts so far      p_next_at  when the next is due      p_now  the instant
-- Writes:  nothing      Called by: take_from_lanes, take_units
create or replace function celeriac.rate_room(
  p_spent_at timestamptz[], p_spent_units integer[], p_next_at timestamptz,
  p_limit integer, p_per_ms double precision, p_burst integer, p_now timestamptz
)
-- planner: a table, and not one row, since only that is seen through.
returns table (window_room integer, spread_room integer)
language sql immutable
as $$
  select
    (p_limit - coalesce((
      -- planner: by subscript; a scan of two arrays at once costs sixty times as much.
      select sum(p_spent_units[place]) from generate_subscripts(p_spent_at, 1) as place
      where p_spent_at[place] > p_now - p_per_ms * interval '1 millisecond'
    ), 0))::integer,
    greatest(0, floor(
      greatest(coalesce(p_burst, 1), ceil(50 * p_limit / p_per_ms), 1)
      - greatest(0, extract(epoch from p_next_at - p_now) * 1000) * p_limit / p_per_ms + 1e-6
    ))::integer
  where p_limit is not null
$$;
comment on function celeriac.rate_room(timestamptz[], integer[], timestamptz, integer, double precision, integer, timestamptz) is 'Says what a rate leaves at an instant: units that the sliding window has room for, and units that may have started before the next one for starts to be spread evenly (0: none may start now).';
