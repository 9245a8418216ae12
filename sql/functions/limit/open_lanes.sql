-- celeriac.open_lanes(bigint[]) → text[]
-- Makes lanes ready that wait for a holder, or for a time, for whoever looks next. A lane enters the line at the turn of
-- the one that is served next, so that none gains by having been away. One start is a millionth of a second of virtual
-- time, so it never overtakes the clock: where nobody is ready, now is later than everything that was served.
-- Returns: queues of those that are ready now; null for none
-- Writes:  lanes      Locks: their rows, in order of id: nobody who holds one waits for anything      Called by: drain_arrivals, work_cycle
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
  v_queues text[];
begin
  with closed as materialized (
    select lane.id, lane.queue, lane.priority from celeriac.lanes as lane
    where lane.id = any (p_lanes) and lane.state in ('full', 'due')
    order by lane.id for update
  ), line as materialized (
    select line.queue, line.priority, celeriac.line_turn(line.queue, line.priority) as turn
    from (select distinct closed.queue, closed.priority from closed) as line
  ), ready as (
    update celeriac.lanes as lane
    set state = 'ready', full_bucket = null, due_at = null,
        turn = greatest(lane.turn, (
          select line.turn from line where line.queue = lane.queue and line.priority = lane.priority
        ))
    where lane.id = any (array (select closed.id from closed))
    returning lane.queue
  )
  select array_agg(distinct ready.queue) into v_queues from ready;
  return v_queues;
end
$$;
comment on function celeriac.open_lanes(bigint[]) is 'Makes lanes ready that wait for a holder, or for a time, for whoever looks next.';
