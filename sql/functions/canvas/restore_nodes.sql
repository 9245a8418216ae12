-- celeriac.restore_nodes(uuid[]) → void
-- Makes nodes that were replaced what they were before: jobs whose handler runs, on what their parents hand on.
-- What had taken their place is no part of them any more; its rows stay.
-- Args:    p_ids  of nodes that wait
-- Writes:  jobs, dependencies      Locks: none; the caller has locked the jobs      Called by: rerun_jobs
create or replace function celeriac.restore_nodes(p_ids uuid[])
returns void
language plpgsql
-- planner: as in rerun_jobs.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
  delete from celeriac.dependencies as edge where edge.child_id = any (p_ids) and edge.into_join;
  update celeriac.dependencies as edge
  set passes = true
  from celeriac.jobs as job
  where edge.child_id = any (p_ids) and job.id = edge.child_id and job.options ? 'in';
  update celeriac.dependencies as edge set from_join = false where edge.parent_id = any (p_ids);
  update celeriac.jobs as job set options = job.options - 'join' where job.id = any (p_ids) and job.worker_id is null;
end
$$;
comment on function celeriac.restore_nodes(uuid[]) is 'Makes nodes that were replaced what they were before: jobs whose handler runs, on what their parents hand on.';
