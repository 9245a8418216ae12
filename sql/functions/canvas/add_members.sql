-- celeriac.add_members(uuid, jsonb) → void
-- Adds members to the group a node is in, behind those it has. Called while the node is being settled and not counted yet,
-- so that the group cannot be complete before.
-- Args:    p_id  a node that is a member      p_plan  what insert_nodes takes; each new member has an edge to -1
-- Writes:  jobs, dependencies      Locks: the join, which the caller has locked      Calls: insert_nodes, wake_workers
-- Called by: settle_jobs
create or replace function celeriac.add_members(p_id uuid, p_plan jsonb)
returns void
language plpgsql
set enable_seqscan = off
as $$
declare
  v_join celeriac.jobs;
  v_started record;
begin
  select job.* into v_join
  from celeriac.dependencies as edge
  join celeriac.jobs as job on job.id = edge.child_id
  where edge.parent_id = p_id and edge.into_join and edge.position is not null;
  -- A group that has failed meanwhile has no use for them.
  if v_join.id is null then
    return;
  end if;
  update celeriac.jobs as job
  set blockers = job.blockers + (
    select count(*) from jsonb_array_elements(p_plan -> 'edges') as edge where edge -> 1 = '-1'
  )
  where job.id = v_join.id and job.worker_id is null;
  v_started := celeriac.insert_nodes(p_plan, v_join.workflow_id, coalesce(v_join.root_id, v_join.workflow_id), v_join.id);
  perform celeriac.wake_workers(queue, v_started.earliest) from unnest(v_started.opened) as queue;
end
$$;
comment on function celeriac.add_members(uuid, jsonb) is 'Adds members to the group a node is in, behind those it has.';
