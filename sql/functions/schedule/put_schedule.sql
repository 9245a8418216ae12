-- celeriac.put_schedule(text, jsonb) → void
-- Makes a schedule at run time, or changes one; over what code declares, this wins. One that was retired is there again.
-- Args:    p_definition  columns as JSON: {"task", "rule", "args"?, "options"?, …}, see schedule_fields; those that are left
--                        out are as declared, or as usual
-- Raises:  23502 without task or rule, 23514 for a value that is not allowed
-- Writes:  schedules (insert or update)      Locks: the row
-- Calls:   write_schedule      Called by: src/db/calls/schedule.ts, you
create or replace function celeriac.put_schedule(p_name text, p_definition jsonb)
returns void
language sql volatile
as $$
  select celeriac.write_schedule(
    p_name, (select schedule.declared from celeriac.schedules as schedule where schedule.name = p_name), p_definition, false
  )
$$;
comment on function celeriac.put_schedule(text, jsonb) is 'Makes a schedule at run time, or changes one; over what code declares, this wins.';
