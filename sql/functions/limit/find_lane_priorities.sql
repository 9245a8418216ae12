-- celeriac.find_lane_priorities(text) → smallint[]
-- Lists the priorities of lanes of a queue that are ready, largest first; null for none.
-- Writes:  nothing      Called by: work_cycle
create or replace function celeriac.find_lane_priorities(p_queue text)
returns smallint[]
language plpgsql stable
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  v_all smallint[];
  v_next integer := 32768;
begin
  loop
    -- A step of lanes_ready for each.
    v_next := (
      select lane.priority from celeriac.lanes as lane
      where lane.queue = p_queue and lane.state = 'ready' and lane.priority < v_next
      order by lane.priority desc limit 1
    );
    exit when v_next is null;
    v_all := v_all || v_next::smallint;
  end loop;
  return v_all;
end
$$;
comment on function celeriac.find_lane_priorities(text) is 'Lists the priorities of lanes of a queue that are ready, largest first; null for none.';
