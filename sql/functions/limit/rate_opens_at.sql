-- celeriac.rate_opens_at(…) → timestamptz
-- Says when a rate lets so many units start, if nothing else does before.
-- Args:    as of rate_room; p_units  units to start; more than the limit never fit and are taken for the limit
-- Returns: an instant, which may be past; null for any
-- Writes:  nothing      Called by: take_from_lanes, take_units
create or replace function celeriac.rate_opens_at(
  p_spent_at timestamptz[], p_spent_units integer[], p_next_at timestamptz,
  p_limit integer, p_per_ms double precision, p_burst integer, p_units integer
)
returns timestamptz
language sql immutable
as $$
  select greatest(
    p_next_at - (greatest(coalesce(p_burst, 1), ceil(50 * p_limit / p_per_ms), 1) - 1) * p_per_ms / p_limit * interval '1 millisecond',
    (
      -- The first start whose leaving the window makes room: what started after it, and the new ones, fit in.
      select min(spent.at) + p_per_ms * interval '1 millisecond'
      from (
        select p_spent_at[place] as at, sum(p_spent_units[place]) over (order by place desc) - p_spent_units[place] as after
        from generate_subscripts(p_spent_at, 1) as place
      ) as spent
      where spent.after + least(p_units, p_limit) <= p_limit
        and (select sum(units) from unnest(p_spent_units) as units) + least(p_units, p_limit) > p_limit
    )
  )
$$;
comment on function celeriac.rate_opens_at(timestamptz[], integer[], timestamptz, integer, double precision, integer, integer) is 'Says when a rate lets so many units start, if nothing else does before.';
