-- celeriac.replace_node(uuid, jsonb) → void
-- Lets a job end as another canvas does, in its place. Its row stays, with its id, its edges and its errbacks, and becomes a
-- join over the canvas. A job that was no node becomes the first one of a workflow.
-- Args:    p_plan  what insert_nodes takes, and "name"; its output has an edge to -1
-- Writes:  jobs, dependencies, workflows      Locks: the job, which the caller has locked      Calls: insert_nodes, wake_workers
-- Called by: settle_jobs
create or replace function celeriac.replace_node(p_id uuid, p_plan jsonb)
returns void
language plpgsql
set enable_seqscan = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_job celeriac.jobs;
  v_started record;
begin
  update celeriac.jobs as job
  set worker_id = null, run_at = null, lane_id = null, blockers = 1, workflow_id = coalesce(job.workflow_id, job.id),
      options = '{"n": 0}' || coalesce(job.options, '{}') || '{"join": "value"}'
  where job.id = p_id
  returning * into v_job;
  insert into celeriac.workflows (id, root_id, output_id, name, nodes, started_at)
  values (v_job.workflow_id, coalesce(v_job.root_id, p_id), p_id, left(v_job.task || ' -> ' || (p_plan ->> 'name'), 1000), 1, v_now)
  on conflict do nothing;
  -- From now on its value is what the replacement makes, and no longer what it was given.
  update celeriac.dependencies as edge set passes = false where edge.child_id = p_id and edge.passes;
  update celeriac.dependencies as edge set from_join = true where edge.parent_id = p_id and not edge.from_join;

  v_started := celeriac.insert_nodes(p_plan, v_job.workflow_id, coalesce(v_job.root_id, p_id), p_id);
  perform celeriac.wake_workers(queue, v_started.earliest) from unnest(v_started.opened) as queue;
end
$$;
comment on function celeriac.replace_node(uuid, jsonb) is 'Lets a job end as another canvas does, in its place.';
