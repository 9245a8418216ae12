-- celeriac.register_worker(…) → void
-- Enters a worker that has just started; its id is new with every start, so it inherits nothing.
-- Args:    p_presence_key  advisory lock key that its sessions hold already; null where sessions cannot hold locks
--          p_fresh  false for a worker that goes on under a new id: it may have slept through an outage, so it has to
--                   prove itself before it accuses others
-- Writes:  workers (insert), queues (insert)      Called by: src/db/calls/worker.ts
create or replace function celeriac.register_worker(
  p_id uuid, p_presence_key bigint, p_name text, p_host text, p_pid integer, p_version text,
  p_queues text[], p_tasks text[], p_concurrency integer, p_fresh boolean
)
returns void
language plpgsql
as $$
declare
  v_now timestamptz := celeriac.clock();
begin
  insert into celeriac.queues (name, created_at)
  select distinct name, v_now from unnest(p_queues) as name order by name
  on conflict do nothing;
  insert into celeriac.workers (
    id, presence_key, name, host, pid, version, queues, tasks, concurrency, started_at, heartbeat_at, steady_since,
    postmaster_started_at
  )
  values (
    p_id, p_presence_key, p_name, p_host, p_pid, p_version, p_queues, p_tasks, p_concurrency, v_now, v_now,
    case when p_fresh then v_now else v_now + interval '1 microsecond' end,
    pg_postmaster_start_time()
  );
end
$$;
comment on function celeriac.register_worker(uuid, bigint, text, text, integer, text, text[], text[], integer, boolean) is 'Enters a worker that has just started; its id is new with every start, so it inherits nothing.';
