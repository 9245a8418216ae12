-- celeriac.skip_schedule(text, bigint, double precision) → boolean
-- Leaves the next instant of a schedule out.
-- Args:    p_version  what was read of it
--          p_next     the instant after, in ms since 1970; null when there is none
-- Returns: whether it still was what was read, and in nobody's hands
-- Writes:  schedules (update), fires (insert)      Locks: the row without waiting      Calls: hint      Called by: src/db/calls/schedule.ts
create or replace function celeriac.skip_schedule(p_name text, p_version bigint, p_next double precision)
returns boolean
language plpgsql
as $$
declare
  v_row celeriac.schedules;
begin
  select schedule.* into v_row from celeriac.schedules as schedule
  where schedule.name = p_name and schedule.version = p_version and schedule.next_run_at > '-infinity'
  for update skip locked;
  if not found then
    return false;
  end if;
  insert into celeriac.fires (schedule, instant, fired_at, outcome)
  values (p_name, v_row.next_run_at, celeriac.clock(), 'skipped')
  on conflict do nothing;
  update celeriac.schedules as schedule set
    version = v_row.version + 1,
    next_run_at = timestamptz 'epoch' + p_next * interval '1 millisecond',
    finished_at = case when p_next is null then celeriac.clock() end
  where schedule.name = p_name;
  perform celeriac.hint('d ' || p_name);
  return true;
end
$$;
comment on function celeriac.skip_schedule(text, bigint, double precision) is 'Leaves the next instant of a schedule out.';
