-- celeriac.is_match(jobs, jsonb) → boolean
-- Whether a job that nobody runs is one of those that an edit is about.
-- Args:    p_filter  {queue, task (like), labels, priority, conditions}; what is left out does not matter;
--                    conditions = a list of: due (it waits for nothing but a worker or a limit), scheduled (its time has
--                    not come), waiting (for other jobs)
-- Writes:  nothing      Called by: find_matching, edit_jobs, purge_jobs
create or replace function celeriac.is_match(p_job celeriac.jobs, p_filter jsonb)
returns boolean
language sql stable
as $$
  select p_job.worker_id is null
    and (p_filter ->> 'queue' is null or p_job.queue = p_filter ->> 'queue')
    and (p_filter ->> 'task' is null or p_job.task like p_filter ->> 'task')
    and (p_filter -> 'labels' is null or p_job.labels @> (p_filter -> 'labels'))
    and (p_filter -> 'priority' is null or p_job.priority = (p_filter ->> 'priority')::smallint)
    and (p_filter -> 'conditions' is null or (p_filter -> 'conditions') ? case
      when p_job.run_at > celeriac.clock() then 'scheduled'
      when p_job.run_at is null and p_job.lane_id is null then 'waiting'
      else 'due'
    end)
$$;
comment on function celeriac.is_match(celeriac.jobs, jsonb) is 'Whether a job that nobody runs is one of those that an edit is about.';
