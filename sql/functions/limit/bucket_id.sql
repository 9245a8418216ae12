-- celeriac.bucket_id(text, text) → bigint
-- Names the bucket of a limit's key. Anybody can compute it, so nobody has to look it up or make it first.
-- Writes:  nothing      Called by: drain_arrivals, take_units, hold_limit
create or replace function celeriac.bucket_id(p_limit text, p_key text)
returns bigint
language sql immutable parallel safe
as $$
  select hashtextextended(p_limit || chr(1) || p_key, 7)
$$;
comment on function celeriac.bucket_id(text, text) is 'Names the bucket of a limit''s key. Anybody can compute it, so nobody has to look it up or make it first.';
