-- celeriac.kill(uuid, text) → text
-- Ends one job from SQL at once, also while it runs, and says what came of it.
-- Returns: killed (it ran), cancelled (it had not begun), settled (too late) or unknown
-- Writes:  jobs, results, attempts      Calls: kill_jobs      Called by: you
create or replace function celeriac.kill(p_id uuid, p_reason text default null)
returns text
language sql volatile
as $$
  select killed.outcome from celeriac.kill_jobs(array[p_id], p_reason) as killed
$$;
comment on function celeriac.kill(uuid, text) is 'Ends one job from SQL at once, also while it runs, and says what came of it.';
