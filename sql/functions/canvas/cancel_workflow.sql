-- celeriac.cancel_workflow(uuid, text) → setof (job_id uuid, outcome text)
-- Cancels whatever of a canvas is not settled: each node itself, so that no error callback is called for one.
-- Error callbacks that are enqueued already are jobs of their own, and stay.
-- Args:    p_id  of the canvas, or of any of its jobs
-- Returns: as cancel_jobs; a single row of nulls when nobody knows it
-- Writes:  nothing itself      Calls: find_workflow_id, cancel_jobs      Called by: src/db/calls/workflow-verbs.ts
create or replace function celeriac.cancel_workflow(p_id uuid, p_reason text)
returns table (job_id uuid, outcome text)
language plpgsql
-- planner: as in cancel_jobs.
set enable_seqscan = off
as $$
declare
  v_id uuid := celeriac.find_workflow_id(p_id);
begin
  if v_id is null then
    return query select null::uuid, null::text;
    return;
  end if;
  return query
  select cancelled.job_id, cancelled.outcome
  from celeriac.cancel_jobs(
    array (select job.id from celeriac.jobs as job where job.workflow_id = v_id and job.options ? 'n'), p_reason
  ) as cancelled;
end
$$;
comment on function celeriac.cancel_workflow(uuid, text) is 'Cancels whatever of a canvas is not settled: each node itself, so that no error callback is called for one.';
