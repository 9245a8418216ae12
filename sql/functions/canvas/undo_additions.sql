-- celeriac.undo_additions(uuid[], uuid[]) → void
-- Takes back what handlers have added to a canvas that run again: the nodes that replaced them, and the members they added to
-- their groups. Those stay as jobs of no canvas.
-- Args:    p_ids  nodes that run again      p_replaced  those of them that were replaced: their own handlers run again, on
--          what their parents hand on
-- Writes:  jobs, results, dependencies      Locks: none; the caller has locked the jobs      Called by: rerun_jobs
create or replace function celeriac.undo_additions(p_ids uuid[], p_replaced uuid[])
returns void
language plpgsql
set jit = off
-- planner: as in rerun_jobs.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_ids uuid[];
  v_joins uuid[];
begin
  -- Members whose first node was enqueued by another member that runs again.
  with recursive grown as (
    select distinct edge.child_id as id, job.parent_id
    from celeriac.dependencies as edge
    join celeriac.job_detail as job on job.id = edge.child_id
    where edge.parent_id = any (p_ids) and edge.into_join
  ), member as (
    select edge.parent_id as id, edge.child_id as join_id, job.parent_id as above_id, grown.parent_id as before_id
    from grown
    join celeriac.dependencies as edge on edge.child_id = grown.id and edge.into_join
    join celeriac.job_detail as job on job.id = edge.parent_id
    union
    select member.id, member.join_id, job.parent_id, member.before_id
    from member
    join celeriac.job_detail as job on job.id = member.above_id
    where member.above_id is distinct from member.before_id and member.above_id not in (select unnest(p_ids))
  )
  select array_agg(member.id), array_agg(member.join_id) into v_ids, v_joins
  from member
  join celeriac.dependencies as edge
    on edge.parent_id = member.above_id and edge.child_id = member.join_id and edge.into_join
  where member.above_id in (select unnest(p_ids)) and member.id <> member.above_id;

  with recursive loose as (
    select edge.parent_id as id from celeriac.dependencies as edge where edge.child_id = any (p_replaced) and edge.into_join
    union
    select id from unnest(v_ids) as id
    union
    select edge.parent_id from loose join celeriac.dependencies as edge on edge.child_id = loose.id
  )
  update celeriac.results as result set workflow_id = null from loose where result.id = loose.id;

  delete from celeriac.dependencies as edge
  using unnest(v_ids, v_joins) as added (id, join_id)
  where edge.parent_id = added.id and edge.child_id = added.join_id;
  delete from celeriac.dependencies as edge where edge.child_id = any (p_replaced) and edge.into_join;
  update celeriac.dependencies as edge
  set passes = true
  from celeriac.jobs as job
  where edge.child_id = any (p_replaced) and job.id = edge.child_id and job.options ? 'in';
  update celeriac.dependencies as edge set from_join = false where edge.parent_id = any (p_replaced);
  update celeriac.jobs as job set options = job.options - 'join' where job.id = any (p_replaced) and job.worker_id is null;
end
$$;
comment on function celeriac.undo_additions(uuid[], uuid[]) is 'Takes back what handlers have added to a canvas that run again: the nodes that replaced them, and the members they added to their groups.';
