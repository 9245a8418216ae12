-- celeriac.schedule_fields() → text[]
-- Names the columns of a schedule that say what is to be done, which code declares and people change.
-- Writes:  nothing      Called by: notice_schedule, write_schedule
create or replace function celeriac.schedule_fields()
returns text[]
language sql immutable parallel safe
as $$
  select array['task', 'args', 'lazy', 'options', 'rule', 'overlap', 'catch_up', 'catch_up_max', 'deadline_ms', 'jitter_ms',
    'starts_at', 'ends_at', 'max_fires', 'description']
$$;
comment on function celeriac.schedule_fields() is 'Names the columns of a schedule that say what is to be done, which code declares and people change.';
