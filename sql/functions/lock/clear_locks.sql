-- celeriac.clear_locks() → integer
-- Removes rows of locks whose holders are gone; nothing depends on it, since whoever takes such a key replaces its row.
-- Returns: how many there were
-- Writes:  locks (delete)      Locks: their rows, without waiting
-- Calls:   lock_id      Called by: src/db/calls/lock.ts, when a session for locks begins
create or replace function celeriac.clear_locks()
returns integer
language sql volatile
as $$
  with advisory as materialized (
    -- The two halves of a lock on a bigint, in this database.
    select (held.classid::bigint << 32) | held.objid::bigint as id
    from pg_locks as held
    where held.locktype = 'advisory' and held.objsubid = 1
      and held.database = (select oid from pg_database where datname = current_database())
  ), gone as materialized (
    select lock.key
    from celeriac.locks as lock
    where case
      when lock.expires_at is not null then lock.expires_at < celeriac.clock() - interval '1 hour'
      -- A minute: it may have been taken since the sessions were looked at.
      else lock.since < celeriac.clock() - interval '1 minute'
        and celeriac.lock_id(lock.key) not in (select advisory.id from advisory)
    end
    order by lock.key
    for update skip locked
  ), cleared as (
    delete from celeriac.locks as lock using gone where lock.key = gone.key returning lock.key
  )
  select count(*)::integer from cleared
$$;
comment on function celeriac.clear_locks() is 'Removes rows of locks whose holders are gone; nothing depends on it, since whoever takes such a key replaces its row.';
