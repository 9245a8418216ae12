-- celeriac.take_lock(text, uuid, text, uuid, double precision, integer) → table
-- Takes the lock of a key if it is free, and never waits for it.
-- A session's lock is not undone with the transaction: a caller that gets an error lets go of it (drop_lock).
-- Args:    p_holder_id  the app that asks; a lease that it has itself is no obstacle
--          p_lease_ms   null: for as long as the session lives; else until it expires
--          p_pid        server process of the caller's session; null for a lease
-- Returns: fence of the new holder; null when the key is held, and then by whom as far as is known. No row when this is
--          another server process: the session does not last, and a lock of it would be somebody else's
-- Writes:  locks (insert, or update of what nobody holds; wanted_at)
-- Locks:   the advisory lock of the key, and its row, both without waiting
-- Calls:   lock_id      Called by: src/db/calls/lock.ts
create or replace function celeriac.take_lock(
  p_key text, p_holder_id uuid, p_holder text, p_job_id uuid, p_lease_ms double precision, p_pid integer
)
returns table (id bigint, fence bigint, holder text, job_id uuid, since timestamptz)
language plpgsql
as $$
#variable_conflict use_column
declare
  v_id bigint := celeriac.lock_id(p_key);
  v_now timestamptz := celeriac.clock();
  v_expires_at timestamptz := v_now + p_lease_ms * interval '1 millisecond';
  v_fence bigint;
begin
  if p_pid <> pg_backend_pid() then
    return;
  end if;
  -- Cheapest first: while others hold the key, asking again and again writes nothing.
  if (case when p_lease_ms is null then pg_try_advisory_lock(v_id) else pg_try_advisory_xact_lock(v_id) end) then
    -- What a session held that has ended, or a lease that has. Not a row that a transaction keeps (assert_lock).
    update celeriac.locks as lock
    set fence = default, holder_id = p_holder_id, holder = p_holder, job_id = p_job_id,
        since = v_now, expires_at = v_expires_at, wanted_at = null
    where lock.key = (
      select mine.key from celeriac.locks as mine
      where mine.key = p_key
        and (mine.expires_at is null or mine.expires_at <= v_now or mine.holder_id = p_holder_id)
      for update skip locked
    )
    returning lock.fence into v_fence;
    if v_fence is null then
      insert into celeriac.locks as lock (key, holder_id, holder, job_id, since, expires_at)
      values (p_key, p_holder_id, p_holder, p_job_id, v_now, v_expires_at)
      on conflict (key) do nothing
      returning lock.fence into v_fence;
    end if;
    if v_fence is not null then
      return query select v_id, v_fence, p_holder, p_job_id, v_now;
      return;
    end if;
    if p_lease_ms is null then
      perform pg_advisory_unlock(v_id);
    end if;
  end if;

  update celeriac.locks as lock set wanted_at = v_now
  where lock.key = (
    select mine.key from celeriac.locks as mine
    where mine.key = p_key and mine.wanted_at is null
    for update skip locked
  );
  return query
    select v_id, null::bigint, lock.holder, lock.job_id, lock.since
    from (select) as always
    left join celeriac.locks as lock on lock.key = p_key;
end
$$;
comment on function celeriac.take_lock(text, uuid, text, uuid, double precision, integer) is 'Takes the lock of a key if it is free, and never waits for it.';
