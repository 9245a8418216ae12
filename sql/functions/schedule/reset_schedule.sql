-- celeriac.reset_schedule(text) → boolean
-- Takes back what was changed at run time of a schedule that code declares: it is as declared again, and not retired.
-- Returns: whether there is such a schedule that code declares
-- Writes:  schedules (update)      Locks: the row      Calls: write_schedule
-- Called by: src/db/calls/schedule.ts, you
create or replace function celeriac.reset_schedule(p_name text)
returns boolean
language plpgsql
as $$
declare
  v_declared jsonb := (select schedule.declared from celeriac.schedules as schedule where schedule.name = p_name);
begin
  if v_declared is null then
    return false;
  end if;
  perform celeriac.write_schedule(p_name, v_declared, null, false);
  return true;
end
$$;
comment on function celeriac.reset_schedule(text) is 'Takes back what was changed at run time of a schedule that code declares: it is as declared again, and not retired.';
