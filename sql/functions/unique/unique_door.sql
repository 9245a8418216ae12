-- celeriac.unique_door(text, text, jsonb, jsonb) → jsonb
-- Adds to what limits a job that jobs of its key go one after the other, where a call may enqueue one more while one runs.
-- Args:    p_rule  shape.unique, see enqueue_unique      p_door  what limits it otherwise, null for nothing
-- Returns: the door, null for none
-- Writes:  nothing      Called by: insert_unique, replace_jobs
create or replace function celeriac.unique_door(p_task text, p_key text, p_rule jsonb, p_door jsonb)
returns jsonb
language sql immutable parallel safe
as $$
  select case
    when p_rule ->> 'onConflict' in ('replace', 'rerun') and (not p_rule ? 'states' or p_rule -> 'states' ? 'running')
      then coalesce(p_door, '{}') || jsonb_build_object(
        'limits', coalesce(p_door -> 'limits', '[]') || jsonb_build_array(jsonb_build_array('unique:' || p_task, p_key))
      )
    else nullif(p_door, 'null')
  end
$$;
comment on function celeriac.unique_door(text, text, jsonb, jsonb) is 'Adds to what limits a job that jobs of its key go one after the other, where a call may enqueue one more while one runs.';
