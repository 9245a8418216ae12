-- celeriac.assert_lock(text, bigint) → void
-- Makes sure that nobody has taken a lock since a fence was given out, and nobody will before this transaction ends.
-- Call it in a transaction that writes what the lock protects: a holder that was taken for dead, and is not, writes nothing.
-- Args:    p_fence  number that the function under the lock was given
-- Raises:  ZC030 LOCK_LOST when the lock was released, or somebody else has taken it
-- Writes:  nothing      Locks: its row, against whoever takes or releases it; those do not wait
-- Called by: src/db/calls/lock.ts, you
create or replace function celeriac.assert_lock(p_key text, p_fence bigint)
returns void
language plpgsql
as $$
begin
  perform from celeriac.locks as lock where lock.key = p_key and lock.fence = p_fence for key share;
  if not found then
    raise exception 'celeriac: lock "%" is no longer held with fence %', left(p_key, 200), p_fence
      using errcode = 'ZC030', hint = 'Roll back: somebody else may hold the lock by now.',
        detail = jsonb_build_object('key', p_key, 'fence', p_fence);
  end if;
end
$$;
comment on function celeriac.assert_lock(text, bigint) is 'Makes sure that nobody has taken a lock since a fence was given out, and nobody will before this transaction ends.';
