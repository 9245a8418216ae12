-- celeriac.find_workflow_id(uuid) → uuid
-- Finds the canvas of that id, or the one that a job of that id belongs to; null for none.
-- Writes:  nothing      Called by: find_workflow, find_workflow_counts, cancel_workflow
create or replace function celeriac.find_workflow_id(p_id uuid)
returns uuid
language plpgsql stable
-- planner: as in find_outcomes.
set enable_seqscan = off
as $$
begin
  return coalesce(
    (select workflow.id from celeriac.workflows as workflow where workflow.id = p_id),
    (select job.workflow_id from celeriac.jobs as job where job.id = p_id),
    (select result.workflow_id from celeriac.results as result where result.id = p_id)
  );
end
$$;
comment on function celeriac.find_workflow_id(uuid) is 'Finds the canvas of that id, or the one that a job of that id belongs to; null for none.';
