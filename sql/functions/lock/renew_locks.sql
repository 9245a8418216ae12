-- celeriac.renew_locks(text[], bigint[], double precision) → table
-- Puts off the end of leases, and says which are gone.
-- Args:    p_fences  one for each key
-- Returns: keys with true when renewed, false when somebody else has the lock or had it; none for a row that is busy
-- Writes:  locks (update)      Locks: their rows in key order, without waiting
-- Called by: src/db/calls/lock.ts
create or replace function celeriac.renew_locks(p_keys text[], p_fences bigint[], p_lease_ms double precision)
returns table (key text, renewed boolean)
language sql volatile
as $$
  with mine as materialized (
    select lock.key
    from celeriac.locks as lock
    where lock.key = any (p_keys) and lock.fence = p_fences[array_position(p_keys, lock.key)]
    order by lock.key
    for no key update skip locked
  ), done as (
    update celeriac.locks as lock
    set expires_at = celeriac.clock() + p_lease_ms * interval '1 millisecond'
    from mine
    where lock.key = mine.key
    returning lock.key
  )
  select done.key, true from done
  union all
  select given.key, false
  from unnest(p_keys, p_fences) as given (key, fence)
  where not exists (select from celeriac.locks as lock where lock.key = given.key and lock.fence = given.fence)
$$;
comment on function celeriac.renew_locks(text[], bigint[], double precision) is 'Puts off the end of leases, and says which are gone.';
