-- celeriac.find_group(uuid) → text
-- Reads what a group is made of, down to the members of groups inside.
-- Returns: JSON {id, join, state, workflowId, members: [{id, joinId, position, name, join, state, endOrder}, …]}: join = how
--          the values of members become one, null for a job of its own; endOrder = its place among all members by the time
--          they ended, null before. Null when nobody knows the id, or when it is no group
-- Writes:  nothing      Called by: src/db/calls/read-workflow.ts
create or replace function celeriac.find_group(p_id uuid)
returns text
language plpgsql stable
set jit = off
-- planner: as in find_outcomes.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
  return (
    with recursive member as (
      select edge.child_id as join_id, edge.parent_id as id, coalesce(edge.position, 0) as position, edge.name
      from celeriac.dependencies as edge
      where edge.child_id = p_id and edge.into_join and edge.passes
      union all
      select edge.child_id, edge.parent_id, coalesce(edge.position, 0), edge.name
      from member
      join celeriac.dependencies as edge on edge.child_id = member.id
      where edge.into_join and edge.passes
    ), found as (
      select
        member.*, job.state, job.options ->> 'join' as kind,
        case when job.settled_at is not null then row_number() over (order by job.settled_at, member.position) end as end_order
      from member
      left join celeriac.job_detail as job on job.id = member.id
    )
    select json_build_object(
      'id', job.id, 'join', job.options ->> 'join', 'state', job.state, 'workflowId', job.workflow_id, 'members', (
        select coalesce(json_agg(json_build_object(
          'id', found.id, 'joinId', found.join_id, 'position', found.position, 'name', found.name, 'join', found.kind,
          'state', found.state, 'endOrder', found.end_order
        ) order by found.join_id, found.position), '[]')
        from found
      )
    )::text
    from celeriac.job_detail as job
    where job.id = p_id and job.options ? 'join'
  );
end
$$;
comment on function celeriac.find_group(uuid) is 'Reads what a group is made of, down to the members of groups inside.';
