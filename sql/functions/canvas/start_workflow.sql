-- celeriac.start_workflow(jsonb) → existed boolean, asleep text[], earliest bigint
-- Starts a canvas: all of its nodes and edges, or nothing.
-- Args:    p_plan  {"id", "rootId", "outputId", "name", "parentId"?, "givenId"?, and what insert_nodes takes}
-- Returns: existed = it was started before by the same id, and nothing was done; asleep = queues of its first jobs that an
--          idle worker serves; earliest = earliest run_at of those, in µs since 1970
-- Raises:  ZC002 JOB_EXISTS for the id of a node that is taken
-- Writes:  workflows, jobs, dependencies, results      Locks: none but its new rows      Calls: insert_nodes
-- Called by: src/db/calls/workflow.ts
create or replace function celeriac.start_workflow(
  p_plan jsonb, out existed boolean, out asleep text[], out earliest bigint
)
language plpgsql
as $$
declare
  v_id uuid := (p_plan ->> 'id')::uuid;
  v_root_id uuid := (p_plan ->> 'rootId')::uuid;
  v_output_id uuid := (p_plan ->> 'outputId')::uuid;
  v_started record;
begin
  insert into celeriac.workflows (id, root_id, output_id, name, nodes, errbacks, started_at)
  values (
    v_id, v_root_id, v_output_id, p_plan ->> 'name', jsonb_array_length(p_plan -> 'nodes'),
    nullif(p_plan -> 'errbacks', '[]'), celeriac.clock()
  )
  on conflict do nothing;
  existed := not found;
  if existed then
    return;
  end if;

  begin
    v_started := celeriac.insert_nodes(p_plan, v_id, v_root_id, null);
  exception when unique_violation then
    raise exception 'job % exists already', v_output_id
      using errcode = 'ZC002', hint = 'Leave the id out, or read the job that has it.',
        detail = json_build_object('jobId', v_output_id)::text;
  end;
  -- Only an id that a caller chose can be that of a settled job.
  if p_plan ? 'givenId' and (select count(*) from celeriac.results as result where result.id = v_output_id and result.settled_at <> celeriac.clock()) > 0 then
    raise exception 'job % exists already', v_output_id
      using errcode = 'ZC002', hint = 'Leave the id out, or read the job that has it.',
        detail = json_build_object('jobId', v_output_id)::text;
  end if;

  earliest := extract(epoch from coalesce(v_started.earliest, celeriac.clock())) * 1000000;
  select array_agg(queue) into asleep
  from unnest(v_started.opened) as queue
  where exists (select from celeriac.workers as worker where worker.idle and queue = any (worker.queues));
end
$$;
comment on function celeriac.start_workflow(jsonb) is 'Starts a canvas: all of its nodes and edges, or nothing.';
