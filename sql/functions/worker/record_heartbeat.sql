-- celeriac.record_heartbeat(…) → known boolean, lost uuid[], lost_tokens bigint[], cancelled uuid[], reasons text[]
-- Renews a worker's sign of life and answers what it must know about the jobs it runs.
-- Args:    p_running, p_idle, p_stopping, p_tasks, p_stats  what may have changed about it
--          p_attempts  the attempts it asks about: [[id, token], …]
--          p_beat_ms  interval of heartbeats: one that comes much later, or earlier by the clock, breaks its steadiness
-- Returns: known = false when it was declared dead or its row is gone (abort everything, start anew);
--          lost, lost_tokens = attempts it no longer holds; cancelled, reasons = those asked to be cancelled
-- Writes:  workers (HOT update)      Locks: its row
-- Called by: src/db/calls/worker.ts
create or replace function celeriac.record_heartbeat(
  p_id uuid, p_running integer, p_idle boolean, p_stopping boolean, p_tasks text[], p_stats jsonb,
  p_attempts jsonb, p_beat_ms double precision,
  out known boolean, out lost uuid[], out lost_tokens bigint[], out cancelled uuid[], out reasons text[]
)
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := celeriac.clock();
begin
  update celeriac.workers as worker
  set heartbeat_at = v_now, suspected_at = null, postmaster_started_at = pg_postmaster_start_time(),
      steady_since = case
        when worker.heartbeat_at between v_now - 2 * p_beat_ms * interval '1 millisecond' and v_now
          then coalesce(worker.steady_since, v_now)
        else v_now
      end,
      running = p_running, idle = p_idle, stopping = p_stopping, tasks = p_tasks, stats = p_stats
  where worker.id = p_id and worker.lost_at is null;
  known := found;

  select
    array_agg(held.id order by held.id) filter (where job.id is null),
    array_agg(held.token order by held.id) filter (where job.id is null),
    array_agg(job.id order by job.id) filter (where job.cancel_requested_at is not null),
    array_agg(coalesce(job.cancel_reason, '') order by job.id) filter (where job.cancel_requested_at is not null)
  into lost, lost_tokens, cancelled, reasons
  from (
    select (asked ->> 0)::uuid as id, (asked ->> 1)::bigint as token from jsonb_array_elements(p_attempts) as asked
  ) as held
  left join celeriac.jobs as job on job.id = held.id and job.token = held.token and job.worker_id = p_id;
end
$$;
comment on function celeriac.record_heartbeat(uuid, integer, boolean, boolean, text[], jsonb, jsonb, double precision) is 'Renews a worker''s sign of life and answers what it must know about the jobs it runs.';
