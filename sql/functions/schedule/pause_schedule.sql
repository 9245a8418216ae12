-- celeriac.pause_schedule(text, text) → boolean
-- Pauses a schedule: it does not fire until it is resumed, and does not make up for what falls in between.
-- Returns: whether there is such a schedule
-- Writes:  schedules (update)      Locks: the row      Called by: src/db/calls/schedule.ts, you
create or replace function celeriac.pause_schedule(p_name text, p_reason text default null)
returns boolean
language sql volatile
as $$
  with paused as (
    update celeriac.schedules as schedule
    set paused_at = coalesce(schedule.paused_at, celeriac.clock()), pause_reason = p_reason
    where schedule.name = p_name
    returning 1
  )
  select exists (select from paused)
$$;
comment on function celeriac.pause_schedule(text, text) is 'Pauses a schedule: it does not fire until it is resumed, and does not make up for what falls in between.';
