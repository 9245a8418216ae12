-- celeriac.write_schedule(text, jsonb, jsonb, boolean) → void
-- Writes what a schedule is to do: what code declares, and over it what was chosen at run time.
-- Args:    p_declared, p_chosen  columns as JSON, see schedule_fields; null for none
--          p_retired             whether it stays retired if it is
-- Writes:  schedules (insert or update)      Locks: the row
-- Called by: put_schedule, reset_schedule, judge_schedules
create or replace function celeriac.write_schedule(p_name text, p_declared jsonb, p_chosen jsonb, p_retired boolean)
returns void
language sql volatile
as $$
  insert into celeriac.schedules as schedule (
    name, task, args, lazy, options, rule, overlap, catch_up, catch_up_max, deadline_ms, jitter_ms, starts_at, ends_at,
    max_fires, description, declared, chosen
  )
  select
    p_name, given.task, given.args, given.lazy, given.options, given.rule, given.overlap, given.catch_up, given.catch_up_max,
    given.deadline_ms, given.jitter_ms, given.starts_at, given.ends_at, given.max_fires, given.description, p_declared, p_chosen
  from jsonb_populate_record(
    null::celeriac.schedules,
    '{"args": [], "lazy": false, "options": {}, "overlap": "allow", "catch_up": "last", "catch_up_max": 100, "jitter_ms": 0}'
      || coalesce(p_declared, '{}') || coalesce(p_chosen, '{}')
  ) as given
  on conflict (name) do update set
    task = excluded.task, args = excluded.args, lazy = excluded.lazy, options = excluded.options, rule = excluded.rule,
    overlap = excluded.overlap, catch_up = excluded.catch_up, catch_up_max = excluded.catch_up_max,
    deadline_ms = excluded.deadline_ms, jitter_ms = excluded.jitter_ms, starts_at = excluded.starts_at,
    ends_at = excluded.ends_at, max_fires = excluded.max_fires, description = excluded.description,
    declared = excluded.declared, chosen = excluded.chosen,
    retired_at = case when p_retired then schedule.retired_at end
$$;
comment on function celeriac.write_schedule(text, jsonb, jsonb, boolean) is 'Writes what a schedule is to do: what code declares, and over it what was chosen at run time.';
