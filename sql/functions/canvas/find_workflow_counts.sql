-- celeriac.find_workflow_counts(uuid) → text
-- Counts the jobs of a canvas by state.
-- Args:    p_id  of the canvas, or of any of its jobs
-- Returns: JSON {total, waiting, pending, running, succeeded, failed, cancelled, done}; null when nobody knows it
-- Writes:  nothing      Calls: find_workflow_id      Called by: src/db/calls/read-workflow.ts
create or replace function celeriac.find_workflow_counts(p_id uuid)
returns text
language plpgsql stable
-- planner: as in find_outcomes.
set enable_seqscan = off
as $$
begin
  return (
    select json_build_object(
      'total', workflow.total, 'waiting', workflow.waiting, 'pending', workflow.pending, 'running', workflow.running,
      'succeeded', workflow.succeeded, 'failed', workflow.failed, 'cancelled', workflow.cancelled, 'done', workflow.done
    )::text
    from celeriac.workflow_overview as workflow
    where workflow.id = celeriac.find_workflow_id(p_id)
  );
end
$$;
comment on function celeriac.find_workflow_counts(uuid) is 'Counts the jobs of a canvas by state.';
