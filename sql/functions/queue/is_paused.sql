-- celeriac.is_paused(text, text) → boolean
-- Whether a queue or a task is paused at this moment.
-- Args:    p_kind  queue or task
-- Writes:  nothing      Called by: work_cycle
create or replace function celeriac.is_paused(p_kind text, p_name text)
returns boolean
language sql stable
as $$
  select exists (
    select from celeriac.pauses as pause
    where pause.kind = p_kind and pause.name = p_name and (pause.expires_at is null or pause.expires_at > celeriac.clock())
  )
$$;
comment on function celeriac.is_paused(text, text) is 'Whether a queue or a task is paused at this moment.';
