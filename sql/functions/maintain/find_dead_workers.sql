-- celeriac.find_dead_workers(…) → uuid[]
-- Declares workers dead (lost_at), and notes since when the lock of a suspect has been free.
-- Evidence, on the server process the lock was taken on: the presence lock is free, and it was p_grace_ms ago without a
--           heartbeat since. Anywhere: no heartbeat for p_lease_ms, of which the
--           server has been up for all. A job's age is never evidence.
-- A heartbeat of the future is of before the clock was set back: it says nothing, and a lease without another one does.
-- The accuser proves his own health first: his heartbeats are fresh, and have come without a gap for p_lease_ms; one that
-- has only just started may go by locks after p_grace_ms. Else an outage that everybody had would look like many deaths.
-- Args:    p_accuser  worker that asks      p_beat_ms  interval of heartbeats
-- Returns: ids of all that are declared dead, also by earlier calls; null for none
-- Writes:  workers (suspects, dead)      Locks: their rows, without waiting: whoever holds one is alive;
--          presence locks of suspects until the transaction ends: none can come back meanwhile
-- Called by: rescue_jobs
create or replace function celeriac.find_dead_workers(
  p_accuser uuid, p_grace_ms double precision, p_beat_ms double precision, p_lease_ms double precision
)
returns uuid[]
language plpgsql
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_grace interval := p_grace_ms * interval '1 millisecond';
  v_beat interval := p_beat_ms * interval '1 millisecond';
  v_lease interval := p_lease_ms * interval '1 millisecond';
  v_by_lock boolean;
  v_by_lease boolean;
begin
  select
    worker.steady_since <= v_now - v_lease or (worker.steady_since = worker.started_at and worker.started_at <= v_now - v_grace),
    worker.steady_since <= v_now - v_lease and pg_postmaster_start_time() <= v_now - v_lease
  into v_by_lock, v_by_lease
  from celeriac.workers as worker
  where worker.id = p_accuser and worker.lost_at is null and worker.heartbeat_at > v_now - 2 * v_beat;

  if v_by_lock or v_by_lease then
    with late as materialized (
      select worker.id, worker.heartbeat_at, worker.suspected_at, worker.presence_key,
        v_by_lock and worker.presence_key is not null
          and worker.postmaster_started_at = pg_postmaster_start_time() as tells_by_lock,
        worker.heartbeat_at > v_now + v_beat as ahead,
        v_by_lease and (
          worker.heartbeat_at <= v_now - v_lease
          or worker.heartbeat_at > v_now + v_beat and worker.suspected_at <= v_now - v_lease
        ) as expired
      from celeriac.workers as worker
      where worker.lost_at is null and worker.id <> p_accuser
    ), seen as materialized (
      -- Granted only when no session holds the key any more; let go again at the end of this transaction.
      select late.*,
        case when late.tells_by_lock then pg_try_advisory_xact_lock(late.presence_key) else false end as unlocked
      from late
    ), suspect as materialized (
      select seen.*,
        seen.expired or seen.unlocked and seen.suspected_at <= v_now - v_grace as dead
      from seen
      where seen.unlocked or seen.expired or seen.ahead
    ), free as materialized (
      -- A heartbeat that is being written, or was since we looked, shows that it lives.
      select worker.id, coalesce(suspect.dead, false) as dead, suspect.expired
      from celeriac.workers as worker
      join suspect on suspect.id = worker.id
      where worker.heartbeat_at = suspect.heartbeat_at
      order by worker.id
      for update of worker skip locked
    )
    update celeriac.workers as worker
    set suspected_at = least(worker.suspected_at, v_now),
        lost_at = case when free.dead then v_now end,
        lost_reason = case
          when free.dead and free.expired then format('no heartbeat since %s', to_char(worker.heartbeat_at at time zone 'UTC', 'HH24:MI:SS" UTC"'))
          when free.dead then 'its sessions ended'
        end
    from free
    where worker.id = free.id and (free.dead or worker.suspected_at is null or worker.suspected_at > v_now);
  end if;

  return (select array_agg(worker.id order by worker.id) from celeriac.workers as worker where worker.lost_at is not null);
end
$$;
comment on function celeriac.find_dead_workers(uuid, double precision, double precision, double precision) is 'Declares workers dead (lost_at), and notes since when the lock of a suspect has been free.';
