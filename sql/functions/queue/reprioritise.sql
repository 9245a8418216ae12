-- celeriac.reprioritise(uuid, integer) → text
-- Gives one job that nobody runs another priority, and says what came of it.
-- Returns: changed, same, running, settled, unknown or busy; see edit_jobs
-- Writes:  jobs      Calls: edit_jobs      Called by: you
create or replace function celeriac.reprioritise(p_id uuid, p_priority integer)
returns text
language sql volatile
as $$
  select edit.outcome from celeriac.edit_jobs(array[p_id], jsonb_build_object('priority', p_priority)) as edit
$$;
comment on function celeriac.reprioritise(uuid, integer) is 'Gives one job that nobody runs another priority, and says what came of it.';
