-- celeriac.result_expiry(jsonb, timestamptz) → timestamptz
-- From when on a result may be removed before its day is; null for not before. A node's that is to be forgotten is kept for as
-- long as others may take it.
-- Args:    p_options  of the job
-- Writes:  nothing
-- Called by: whatever settles. stable and plain SQL, so that the planner puts it in place.
create or replace function celeriac.result_expiry(p_options jsonb, p_now timestamptz)
returns timestamptz
language sql stable parallel safe
as $$
  select case
    when p_options ? 'forget' then p_now
    else p_now + (p_options ->> 'resultTtlMs')::double precision * interval '1 millisecond'
  end
$$;
comment on function celeriac.result_expiry(jsonb, timestamptz) is 'From when on a result may be removed before its day is; null for not before.';
