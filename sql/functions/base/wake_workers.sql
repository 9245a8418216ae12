-- celeriac.wake_workers(text, timestamptz) → void
-- Tells workers that a queue holds a job due from p_run_at on, so that those that sleep or look further on see it.
-- A notification takes effect at commit, and commits that notify wait for each other: for rare verbs only.
-- Args:    p_run_at  earliest run_at that was written; workers lower their floor to it
-- Writes:  nothing      Calls: hint      Called by: enqueue, retry_jobs, rescue_jobs, release_worker_jobs
create or replace function celeriac.wake_workers(p_queue text, p_run_at timestamptz)
returns void
language sql volatile
as $$
  select celeriac.hint('w ' || (extract(epoch from p_run_at) * 1000000)::bigint || ' ' || p_queue)
$$;
comment on function celeriac.wake_workers(text, timestamptz) is 'Tells workers that a queue holds a job due from p_run_at on, so that those that sleep or look further on see it.';
