-- celeriac.announce_idle(uuid) → void
-- Says that a worker is about to sleep, so that enqueuing sends a wake-up; it must look once more after this.
-- Taken back by the heartbeat of a worker that is no longer idle, not by each wake-up: a write per job would be too many.
-- Writes:  workers (HOT update)      Called by: src/db/calls/worker.ts
create or replace function celeriac.announce_idle(p_id uuid)
returns void
language sql volatile
as $$
  update celeriac.workers as worker set idle = true where worker.id = p_id and not worker.idle
$$;
comment on function celeriac.announce_idle(uuid) is 'Says that a worker is about to sleep, so that enqueuing sends a wake-up; it must look once more after this.';
