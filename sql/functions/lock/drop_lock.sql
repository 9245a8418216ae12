-- celeriac.drop_lock(text) → boolean
-- Lets go of the advisory lock of a key, whatever the row says: for a session whose take_lock failed.
-- Returns: whether the session held it
-- Writes:  nothing      Calls: lock_id      Called by: src/db/calls/lock.ts
create or replace function celeriac.drop_lock(p_key text)
returns boolean
language sql volatile
as $$
  select pg_advisory_unlock(celeriac.lock_id(p_key))
$$;
comment on function celeriac.drop_lock(text) is 'Lets go of the advisory lock of a key, whatever the row says: for a session whose take_lock failed.';
