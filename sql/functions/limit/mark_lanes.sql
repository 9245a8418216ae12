-- celeriac.mark_lanes(jsonb, timestamptz) → void
-- Puts lanes where they belong that surely hold more jobs, and wait for slots alone.
-- Args:    p_placed  [[lane, bucket that is full or null, turn or null], …]
-- Writes:  lanes, whose locks the caller holds      Called by: take_from_lanes
create or replace function celeriac.mark_lanes(p_placed jsonb, p_now timestamptz)
returns void
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
  update celeriac.lanes as lane
  set state = case when placed.full_bucket is null then 'ready' else 'full' end, full_bucket = placed.full_bucket, due_at = null,
      -- One that had its turn and could not use it goes behind.
      turn = coalesce(placed.turn, lane.turn + 1e-6), used_at = p_now
  from (
    select (one ->> 0)::bigint as id, (one ->> 1)::bigint as full_bucket, (one ->> 2)::double precision as turn
    from jsonb_array_elements(p_placed) as one
    order by 1
  ) as placed
  where lane.id = placed.id;
end
$$;
comment on function celeriac.mark_lanes(jsonb, timestamptz) is 'Puts lanes where they belong that surely hold more jobs, and wait for slots alone.';
