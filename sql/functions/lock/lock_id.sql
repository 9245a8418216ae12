-- celeriac.lock_id(text) → bigint
-- The advisory lock that stands for a key; different for each schema of a database.
-- Two keys with the same one would only keep each other waiting.
-- Writes:  nothing      Called by: take_lock, release_lock, lock_list
create or replace function celeriac.lock_id(p_key text)
returns bigint
language sql immutable strict parallel safe
as $$
  select hashtextextended(celeriac.channel() || ' lock ' || p_key, 0)
$$;
comment on function celeriac.lock_id(text) is 'The advisory lock that stands for a key; different for each schema of a database.';
