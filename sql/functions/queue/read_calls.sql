-- celeriac.read_calls(uuid[]) → text
-- Reads what jobs that nobody runs are called with, for whoever decides anew where they go.
-- Returns: JSON [[id, task, queue, args, whether what a job before returns comes first], …]; joins are left out
-- Writes:  nothing      Called by: src/db/calls/edit-jobs.ts
create or replace function celeriac.read_calls(p_ids uuid[])
returns text
language sql stable
set enable_seqscan = off
as $$
  select coalesce(json_agg(json_build_array(
    job.id, job.task, job.queue, job.args, coalesce((job.options ->> 'in')::boolean, false)
  ) order by job.id), '[]')::text
  from celeriac.jobs as job
  where job.id = any (p_ids) and job.worker_id is null and (job.options is null or not job.options ? 'join')
$$;
comment on function celeriac.read_calls(uuid[]) is 'Reads what jobs that nobody runs are called with, for whoever decides anew where they go.';
