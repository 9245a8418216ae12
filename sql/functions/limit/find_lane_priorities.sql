-- celeriac.find_lane_priorities(text, bigint[]) → smallint[]
-- Lists the priorities of lanes of a queue that are ready, or that are given, largest first; null for none.
-- Writes:  nothing      Called by: work_cycle
create or replace function celeriac.find_lane_priorities(p_queue text, p_lanes bigint[])
returns smallint[]
language plpgsql stable
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_all smallint[];
  v_next integer := 32768;
begin
  if p_lanes is not null then
    select array_agg(distinct lane.priority) into v_all
    from celeriac.lanes as lane where lane.id = any (p_lanes) and lane.queue = p_queue;
  end if;
  loop
    -- A step of lanes_ready for each.
    v_next := (
      select lane.priority from celeriac.lanes as lane
      where lane.queue = p_queue and lane.state = 'ready' and lane.priority < v_next
      order by lane.priority desc limit 1
    );
    exit when v_next is null;
    if v_all is null or v_next <> all (v_all) then
      v_all := v_all || v_next::smallint;
    end if;
  end loop;
  return v_all;
end
$$;
comment on function celeriac.find_lane_priorities(text, bigint[]) is 'Lists the priorities of lanes of a queue that are ready, or that are given, largest first; null for none.';
