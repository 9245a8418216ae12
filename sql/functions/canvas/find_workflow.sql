-- celeriac.find_workflow(uuid) → text
-- Reads a canvas with all of its nodes.
-- A function, not a view: a producer asks for the ids it knows and cannot list those of others.
-- Args:    p_id  of the canvas, or of any of its jobs
-- Returns: JSON {id, rootId, outputId, name, startedAt, nodes: [row of workflow_tree, …]}, nodes in the order of their paths;
--          null when nobody knows it
-- Writes:  nothing      Calls: find_workflow_id      Called by: src/db/calls/read-workflow.ts
create or replace function celeriac.find_workflow(p_id uuid)
returns text
language plpgsql stable
set jit = off
-- planner: as in find_outcomes.
set enable_seqscan = off
as $$
declare
  v_id uuid := celeriac.find_workflow_id(p_id);
begin
  return (
    select json_build_object(
      'id', workflow.id, 'rootId', workflow.root_id, 'outputId', workflow.output_id, 'name', workflow.name,
      'startedAt', workflow.started_at, 'nodes', (
        select coalesce(json_agg(node order by node.path), '[]')
        from celeriac.workflow_tree as node
        where node.workflow_id = v_id
      )
    )::text
    from celeriac.workflows as workflow
    where workflow.id = v_id
  );
end
$$;
comment on function celeriac.find_workflow(uuid) is 'Reads a canvas with all of its nodes.';
