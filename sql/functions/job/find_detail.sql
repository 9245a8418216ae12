-- celeriac.find_detail(uuid) → text
-- Reads everything known of one job.
-- Returns: JSON of its row in job_detail; null when nobody knows the id
-- Writes:  nothing      Called by: src/db/calls/read-jobs.ts
create or replace function celeriac.find_detail(p_id uuid)
returns text
language plpgsql stable
-- planner: as in find_outcomes.
set enable_seqscan = off
as $$
begin
  return (select row_to_json(job)::text from celeriac.job_detail as job where job.id = p_id);
end
$$;
comment on function celeriac.find_detail(uuid) is 'Reads everything known of one job.';
