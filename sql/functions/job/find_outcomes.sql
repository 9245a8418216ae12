-- celeriac.find_outcomes(uuid[]) → text
-- Reads what became of jobs so far; ids nobody knows are left out.
-- A function, not a view: a producer asks for the ids it knows and cannot list those of others.
-- Returns: JSON [{id, state, task, attempt, value, empty, error, progress, cancelReason}, …] in the order of ids;
--          empty = nothing was returned, which is not null
-- Writes:  nothing      Called by: src/db/calls/read-jobs.ts
create or replace function celeriac.find_outcomes(p_ids uuid[])
returns text
language plpgsql stable
-- planner: by primary key whatever the statistics say: a plan made while a day was empty may serve it when it is full.
set enable_seqscan = off
as $$
begin
  return (
    select coalesce(json_agg(json_build_object(
      'id', job.id, 'state', job.state, 'task', job.task, 'attempt', job.attempt, 'value', job.value,
      'empty', job.value is null, 'error', job.error, 'progress', job.progress, 'cancelReason', job.cancel_reason
    ) order by job.id), '[]')::text
    from celeriac.job_detail as job
    where job.id = any (p_ids)
  );
end
$$;
comment on function celeriac.find_outcomes(uuid[]) is 'Reads what became of jobs so far; ids nobody knows are left out.';
