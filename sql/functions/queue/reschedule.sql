-- celeriac.reschedule(uuid, timestamptz) → text
-- Gives one job that nobody runs another time to begin, and says what came of it.
-- Args:    p_run_at  earliest begin; a past instant or celeriac.clock() for as soon as possible
-- Returns: changed, same, running, waiting (for other jobs), settled, unknown or busy; see edit_jobs
-- Writes:  jobs      Calls: edit_jobs      Called by: you
create or replace function celeriac.reschedule(p_id uuid, p_run_at timestamptz)
returns text
language sql volatile
as $$
  select edit.outcome from celeriac.edit_jobs(array[p_id], jsonb_build_object('runAt', p_run_at)) as edit
$$;
comment on function celeriac.reschedule(uuid, timestamptz) is 'Gives one job that nobody runs another time to begin, and says what came of it.';
