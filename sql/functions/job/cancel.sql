-- celeriac.cancel(uuid, text) → text
-- Cancels one job from SQL and says what came of it.
-- Returns: cancelled, requested (it runs; its worker is asked to abort it), settled (too late) or unknown
-- Writes:  jobs, results      Calls: cancel_jobs      Called by: you
create or replace function celeriac.cancel(p_id uuid, p_reason text default null)
returns text
language sql volatile
as $$
  select cancelled.outcome from celeriac.cancel_jobs(array[p_id], p_reason) as cancelled
$$;
comment on function celeriac.cancel(uuid, text) is 'Cancels one job from SQL and says what came of it.';
