-- celeriac.break_schedule(text, bigint, text) → boolean
-- Disables a schedule that cannot fire, and says why. It is tried again once it is changed or resumed.
-- Args:    p_version  what was read of it; one that has changed since may be whole again
-- Returns: whether it was this one
-- Writes:  schedules (update)      Locks: the row without waiting      Called by: src/db/calls/schedule.ts
create or replace function celeriac.break_schedule(p_name text, p_version bigint, p_error text)
returns boolean
language sql volatile
as $$
  with broken as (
    update celeriac.schedules as schedule set broken_at = celeriac.clock(), last_error = left(p_error, 2000)
    where schedule.name = (
      select known.name from celeriac.schedules as known
      where known.name = p_name and known.version = p_version
      for update skip locked
    )
    returning 1
  )
  select exists (select from broken)
$$;
comment on function celeriac.break_schedule(text, bigint, text) is 'Disables a schedule that cannot fire, and says why.';
