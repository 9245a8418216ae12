-- celeriac.must_hold_back(jsonb, celeriac.job_state[]) → boolean
-- Says whether a call relies on a job that has not begun, so that this must not begin before the call is committed: where
-- it says replace or rerun, or where the key is free once the job runs.
-- Args:    p_rule  shape.unique of the call      p_states  states in which the job that is there holds the key
-- Writes:  nothing      Called by: enqueue_unique, judge_keys
create or replace function celeriac.must_hold_back(p_rule jsonb, p_states celeriac.job_state[])
returns boolean
language sql immutable parallel safe
as $$
  select p_rule ->> 'onConflict' in ('replace', 'rerun') or coalesce('running' <> all (p_states), false)
$$;
comment on function celeriac.must_hold_back(jsonb, celeriac.job_state[]) is 'Says whether a call relies on a job that has not begun, so that this must not begin before the call is committed: where it says replace or rerun, or where the key is free once the job runs.';
