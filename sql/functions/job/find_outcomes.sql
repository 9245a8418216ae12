-- celeriac.find_outcomes(uuid[]) → text
-- Reads what became of jobs so far; ids nobody knows are left out.
-- A function, not a view: a producer asks for the ids it knows and cannot list those of others.
-- Returns: JSON [{id, state, task, attempt, value, empty, error, progress, cancelReason, join}, …] in the order of ids;
--          empty = nothing was returned, which is not null; join = its value is what read_inputs says of it
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
      'empty', job.value is null,
      -- The join it comes from knows of members that failed later.
      'error', case when job.error ? 'failedIds' and job.error ? 'upstream' then coalesce((
          select origin.error || jsonb_build_object('upstream', origin.id) from celeriac.results as origin
          where origin.id = (job.error ->> 'upstream')::uuid
        ), job.error) else job.error end,
      'progress', job.progress, 'cancelReason', job.cancel_reason, 'join', job.options ->> 'join'
    ) order by job.id), '[]')::text
    from celeriac.job_detail as job
    where job.id = any (p_ids)
  );
end
$$;
comment on function celeriac.find_outcomes(uuid[]) is 'Reads what became of jobs so far; ids nobody knows are left out.';
