-- celeriac.insert_nodes(jsonb, uuid, uuid, uuid) → opened text[], earliest timestamptz
-- Inserts the nodes and edges of a plan in one go, and settles the joins that have nothing to wait for.
-- Args:    p_plan  {"ids": [uuid, …], "shapes": [shape, …], "nodes": [[shape, args, parent or null, options or null], …],
--                  "edges": [[parent, child, position or null, name or null, flags, fallback?], …], "errbacks": [...]};
--                  a parent or child is a place in ids, -1 stands for p_outer. Shapes as in enqueue_jobs. Flags: 1 passes,
--                  2 into_join, 4 either, 8 drops, 16 from_join
--          p_outer  job outside of the plan that it is joined to: the node that is replaced, or the join that grows
-- Returns: opened = queues of the jobs that may run already, and the earliest run_at among them; null for none
-- Writes:  jobs, dependencies, workflows (errbacks), results (empty joins)
-- Locks:   the workflow, when errbacks are added to it      Calls: advance_dependencies
-- Called by: start_workflow, settle_jobs
create or replace function celeriac.insert_nodes(
  p_plan jsonb, p_workflow_id uuid, p_root_id uuid, p_outer uuid,
  out opened text[], out earliest timestamptz
)
language plpgsql
set jit = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_ids uuid[] := array (select jsonb_array_elements_text(p_plan -> 'ids')::uuid);
  v_edges jsonb := p_plan -> 'edges';
  v_errbacks_before integer := 0;
  v_last_position integer;
  v_first integer;
  v_empty uuid[];
begin
  if p_outer is not null then
    if jsonb_array_length(coalesce(p_plan -> 'errbacks', '[]')) > 0 then
      update celeriac.workflows as workflow
      set errbacks = coalesce(workflow.errbacks, '[]') || (p_plan -> 'errbacks')
      where workflow.id = p_workflow_id
      returning jsonb_array_length(workflow.errbacks) - jsonb_array_length(p_plan -> 'errbacks') into v_errbacks_before;
    end if;
    -- Numbers of members that are added to a join go on behind its own: they are inside it.
    select (job.options ->> 'n')::integer + 1 into v_first
    from celeriac.jobs as job where job.id = p_outer and job.options ->> 'join' <> 'value';
    -- So do their places.
    select max(edge.position) into v_last_position from celeriac.dependencies as edge where edge.child_id = p_outer;
  end if;

  insert into celeriac.dependencies (
    parent_id, child_id, workflow_id, position, name, passes, from_join, into_join, either, drops, fallback
  )
  select
    coalesce(v_ids[(edge ->> 0)::integer + 1], p_outer), coalesce(v_ids[(edge ->> 1)::integer + 1], p_outer), p_workflow_id,
    case when (edge ->> 1)::integer = -1 then (edge ->> 2)::integer + coalesce(v_last_position + 1, 0) else (edge ->> 2)::integer end,
    edge ->> 3, flags & 1 > 0, flags & 16 > 0, flags & 2 > 0, flags & 4 > 0, flags & 8 > 0, edge -> 5
  from jsonb_array_elements(v_edges) as edge
  cross join lateral (select (edge ->> 4)::integer as flags) as flag;

  with shape as materialized (
    select
      number - 1 as number,
      shape ->> 'queue' as queue,
      shape ->> 'task' as task,
      coalesce((shape ->> 'priority')::smallint, 0::smallint) as priority,
      coalesce(
        (shape ->> 'runAt')::timestamptz,
        v_now + coalesce((shape ->> 'delayMs')::double precision, 0) * interval '1 millisecond'
      ) as run_at,
      coalesce(
        (shape ->> 'expiresAt')::timestamptz,
        v_now + (shape ->> 'expiresMs')::double precision * interval '1 millisecond'
      ) as expires_at,
      coalesce((shape ->> 'maxAttempts')::integer, 5) as max_attempts,
      coalesce(shape -> 'options', '{}') as options,
      shape -> 'labels' as labels
    from jsonb_array_elements(p_plan -> 'shapes') with ordinality as given (shape, number)
  ), waiting as (
    select (edge ->> 1)::integer as number, count(*)::integer as blockers
    from jsonb_array_elements(v_edges) as edge
    group by 1
  ), inserted as (
    insert into celeriac.jobs (
      id, run_at, enqueued_at, expires_at, root_id, parent_id, workflow_id, blockers, max_attempts, priority, queue, task,
      args, options, labels
    )
    select
      v_ids[node.number], case when waiting.number is null and not node.node -> 3 ? 'join' then shape.run_at end, v_now,
      shape.expires_at, p_root_id,
      case when node.node -> 2 = 'null' then (p_plan ->> 'parentId')::uuid
        else coalesce(v_ids[(node.node ->> 2)::integer + 1], p_outer) end,
      p_workflow_id, waiting.blockers, shape.max_attempts, shape.priority, shape.queue, shape.task,
      node.node -> 1,
      shape.options || jsonb_build_object('n', node.number - 1 + coalesce(v_first, 0)) || case jsonb_typeof(node.node -> 3)
        when 'object' then case when v_errbacks_before > 0 and node.node -> 3 ? 'onError' then
            node.node -> 3 || jsonb_build_object('onError', (
              select jsonb_agg(place::integer + v_errbacks_before)
              from jsonb_array_elements(node.node -> 3 -> 'onError') as place))
          else node.node -> 3 end
        else '{}' end || case when v_first > 0 and node.node -> 3 ? 'first'
          then jsonb_build_object('first', (node.node -> 3 ->> 'first')::integer + v_first) else '{}' end,
      shape.labels
    from jsonb_array_elements(p_plan -> 'nodes') with ordinality as node (node, number)
    join shape on shape.number = (node.node ->> 0)::integer
    left join waiting on waiting.number = node.number - 1
    returning id, queue, run_at, blockers
  )
  select
    array_agg(distinct inserted.queue) filter (where inserted.run_at is not null), min(inserted.run_at),
    array_agg(inserted.id) filter (where inserted.run_at is null and inserted.blockers is null)
  into opened, earliest, v_empty
  from inserted;

  if v_empty is not null then
    perform celeriac.advance_dependencies(null, v_empty);
  end if;
end
$$;
comment on function celeriac.insert_nodes(jsonb, uuid, uuid, uuid) is 'Inserts the nodes and edges of a plan in one go, and settles the joins that have nothing to wait for.';
