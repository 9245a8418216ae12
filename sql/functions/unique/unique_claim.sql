-- celeriac.unique_claim(jsonb) → states celeriac.job_state[], expires_at timestamptz
-- Says for how long a job that takes a key now will hold it.
-- Args:    p_rule  shape.unique, see enqueue_unique
-- Returns: states = those in which it holds it, null for any; expires_at = when the key is free whatever it does, or null
-- Writes:  nothing      Called by: take_keys, enqueue_unique
create or replace function celeriac.unique_claim(p_rule jsonb, out states celeriac.job_state[], out expires_at timestamptz)
language sql stable
as $$
  select
    case when p_rule ? 'states' then array (
      select state::celeriac.job_state from jsonb_array_elements_text(p_rule -> 'states') as state
      union
      -- Which of the two a job is in is decided by limits that its caller need not know of.
      select state from unnest('{waiting,pending}'::celeriac.job_state[]) as state
      where p_rule -> 'states' ?| array['waiting', 'pending']
    ) end,
    celeriac.clock() + (p_rule ->> 'ms')::double precision * interval '1 millisecond'
$$;
comment on function celeriac.unique_claim(jsonb) is 'Says for how long a job that takes a key now will hold it.';
