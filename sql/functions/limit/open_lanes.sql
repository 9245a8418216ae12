-- celeriac.open_lanes(bigint[]) → text[]
-- Makes lanes ready that wait for a holder, or for a time, for whoever looks next. A lane enters the line at the turn of
-- the one that is served next, so that none gains by having been away. One start is a millionth of a second of virtual
-- time, so it never overtakes the clock: where nobody is ready, now is later than everything that was served.
-- Returns: queues of those that are ready now; null for none
-- Writes:  lanes, arrivals (insert: of one in somebody's hands, for a later turn)      Locks: lanes without waiting: the
--          caller may hold others      Called by: drain_arrivals, work_cycle
create or replace function celeriac.open_lanes(p_lanes bigint[])
returns text[]
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_closed bigint[];
  v_queues text[];
begin
  v_closed := array (
    select lane.id from celeriac.lanes as lane
    where lane.id = any (p_lanes) and lane.state in ('full', 'due')
    order by lane.id for update skip locked
  );
  insert into celeriac.arrivals (lane_id)
  select lane.id from celeriac.lanes as lane
  where lane.id = any (p_lanes) and lane.id <> all (v_closed) and lane.state in ('full', 'due')
  order by lane.id;
  with closed as materialized (
    select lane.queue, lane.priority from celeriac.lanes as lane where lane.id = any (v_closed)
  ), line as materialized (
    select line.queue, line.priority, celeriac.line_turn(line.queue, line.priority) as turn
    from (select distinct closed.queue, closed.priority from closed) as line
  ), ready as (
    update celeriac.lanes as lane
    set state = 'ready', full_bucket = null, due_at = null,
        turn = greatest(lane.turn, (
          select line.turn from line where line.queue = lane.queue and line.priority = lane.priority
        ))
    where lane.id = any (v_closed)
    returning lane.queue
  )
  select array_agg(distinct ready.queue) into v_queues from ready;
  return v_queues;
end
$$;
comment on function celeriac.open_lanes(bigint[]) is 'Makes lanes ready that wait for a holder, or for a time, for whoever looks next.';
