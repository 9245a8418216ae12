-- celeriac.resume_schedule(text) → boolean
-- Lets a schedule fire again, whether it was paused, removed or broken: from its next instant on.
-- Returns: whether there is such a schedule
-- Writes:  schedules (update)      Locks: the row      Called by: src/db/calls/schedule.ts, you
create or replace function celeriac.resume_schedule(p_name text)
returns boolean
language sql volatile
as $$
  with resumed as (
    update celeriac.schedules as schedule
    set paused_at = null, retired_at = null, broken_at = null, last_error = null, chosen = nullif(schedule.chosen - 'removed', '{}')
    where schedule.name = p_name
    returning 1
  )
  select exists (select from resumed)
$$;
comment on function celeriac.resume_schedule(text) is 'Lets a schedule fire again, whether it was paused, removed or broken: from its next instant on.';
