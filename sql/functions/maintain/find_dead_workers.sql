-- celeriac.find_dead_workers(…) → uuid[]
-- Names the workers that are dead, and notes since when the lock of a suspect has been free.
-- Evidence: the presence lock is free, and it was p_grace_ms ago without a heartbeat since, or the heartbeat is p_grace_ms
--           overdue; all on the server process the lock was taken on. After a restart of the server, where every lock is
--           free, no heartbeat for p_lease_ms. A job's age is never evidence.
-- Args:    p_beat_ms  interval of heartbeats
-- Returns: their ids; null for none
-- Writes:  workers (suspects)      Locks: presence locks of the dead until the transaction ends: none can come back
-- Called by: rescue_jobs
create or replace function celeriac.find_dead_workers(
  p_grace_ms double precision, p_beat_ms double precision, p_lease_ms double precision
)
returns uuid[]
language plpgsql
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_dead uuid[];
begin
  with late as materialized (
    select worker.id, worker.presence_key, worker.suspected_at,
      case
        when worker.postmaster_started_at = pg_postmaster_start_time()
          then coalesce(worker.suspected_at <= v_now - p_grace_ms * interval '1 millisecond', false)
            or worker.heartbeat_at <= v_now - (p_beat_ms + p_grace_ms) * interval '1 millisecond'
        else worker.heartbeat_at < v_now - p_lease_ms * interval '1 millisecond'
      end as dead
    from celeriac.workers as worker
    where worker.heartbeat_at < v_now - p_grace_ms / 2 * interval '1 millisecond'
  ), suspect as materialized (
    -- Granted only when no session holds the key any more; let go again at the end of this transaction.
    select late.* from late where pg_try_advisory_xact_lock(late.presence_key)
  ), noted as (
    -- order: the row of a dead worker comes after its jobs, which a worker that is leaving may hold.
    update celeriac.workers as worker
    set suspected_at = v_now
    from suspect
    where worker.id = suspect.id and suspect.suspected_at is null and not suspect.dead
  )
  select array_agg(suspect.id) into v_dead from suspect where suspect.dead;
  return v_dead;
end
$$;
comment on function celeriac.find_dead_workers(double precision, double precision, double precision) is 'Names the workers that are dead, and notes since when the lock of a suspect has been free.';
