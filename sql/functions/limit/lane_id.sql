-- celeriac.lane_id(text, text, jsonb) → bigint
-- Names the lane of jobs that pass a door. Jobs of a task in a queue share it when their limits and keys are the same,
-- whatever units they take or weight they have. Tasks do not: one that is paused would stand in the way of another.
-- Args:    p_door  {"limits": [[name, key, units?], …] in order, "fair": [key, weight]}; either may be missing
-- Writes:  nothing      Called by: enqueue_jobs, settle_jobs
create or replace function celeriac.lane_id(p_queue text, p_task text, p_door jsonb)
returns bigint
language sql immutable parallel safe
as $$
  select hashtextextended(
    p_queue || chr(1) || p_task || chr(1) || coalesce(p_door -> 'fair' ->> 0, '') || chr(1) || coalesce(case
      when not p_door @? '$.limits[*][2]' then (p_door -> 'limits')::text
      else (
        select jsonb_agg(jsonb_build_array(one.value -> 0, one.value -> 1) order by one.place)::text
        from jsonb_array_elements(p_door -> 'limits') with ordinality as one (value, place)
      )
    end, ''),
    11
  )
$$;
comment on function celeriac.lane_id(text, text, jsonb) is 'Names the lane of jobs that pass a door.';
