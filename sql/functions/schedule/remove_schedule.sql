-- celeriac.remove_schedule(text) → text
-- Removes a schedule. One that code declares is retired instead, and stays so although it is declared, until resumed.
-- Returns: removed, retired, or null when there is no such schedule
-- Writes:  schedules (update or delete), limits (delete)      Locks: the row      Called by: src/db/calls/schedule.ts, you
create or replace function celeriac.remove_schedule(p_name text)
returns text
language plpgsql
as $$
begin
  delete from celeriac.schedules as schedule where schedule.name = p_name and schedule.declared is null;
  if found then
    delete from celeriac.limits as known where known.name = 'schedule:' || p_name;
    return 'removed';
  end if;
  update celeriac.schedules as schedule
  set retired_at = coalesce(schedule.retired_at, celeriac.clock()), chosen = coalesce(schedule.chosen, '{}') || '{"removed": true}'
  where schedule.name = p_name;
  return case when found then 'retired' end;
end
$$;
comment on function celeriac.remove_schedule(text) is 'Removes a schedule.';
