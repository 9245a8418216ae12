-- celeriac.next_resume_at() → timestamptz
-- When the next pause of a queue or a task ends by itself; null when none does.
-- Writes:  nothing      Called by: work_cycle
create or replace function celeriac.next_resume_at()
returns timestamptz
language sql stable
as $$
  select min(pause.expires_at) from celeriac.pauses as pause
  where pause.expires_at > celeriac.clock() and pause.kind <> 'label'
$$;
comment on function celeriac.next_resume_at() is 'When the next pause of a queue or a task ends by itself; null when none does.';
