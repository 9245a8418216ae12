-- celeriac.release_lock(text, bigint, boolean) → table
-- Gives a key back, and tells those who wait for it elsewhere.
-- A row that a transaction keeps (assert_lock) stays until the key is taken again.
-- Args:    p_session  whether the session holds it; else it is a lease
-- Returns: whether it was held until now; whether others want it
-- Writes:  locks (delete)      Locks: its row, without waiting
-- Calls:   lock_id, hint      Called by: src/db/calls/lock.ts
create or replace function celeriac.release_lock(p_key text, p_fence bigint, p_session boolean)
returns table (held boolean, wanted boolean)
language plpgsql
as $$
declare
  v_id bigint := celeriac.lock_id(p_key);
  v_held boolean;
  v_wanted boolean;
begin
  delete from celeriac.locks as lock
  where lock.key = (
    select mine.key from celeriac.locks as mine
    where mine.key = p_key and mine.fence = p_fence
    for update skip locked
  )
  returning lock.wanted_at is not null into v_wanted;
  v_held := found;
  if not found then
    -- Somebody looks at the row at this very moment, most likely to say that he wants it.
    v_held := exists (select from celeriac.locks as lock where lock.key = p_key and lock.fence = p_fence);
    v_wanted := v_held;
  end if;
  if p_session then
    v_held := pg_advisory_unlock(v_id) and v_held;
  end if;
  if v_wanted then
    perform celeriac.hint('u ' || v_id);
  end if;
  return query select v_held, coalesce(v_wanted, false);
end
$$;
comment on function celeriac.release_lock(text, bigint, boolean) is 'Gives a key back, and tells those who wait for it elsewhere.';
