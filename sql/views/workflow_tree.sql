-- celeriac.workflow_tree: every node of a canvas, in definition order, a group before what is inside.
-- Ask for one: select repeat('  ', depth) || task, state from celeriac.workflow_tree where workflow_id = '…' order by path.
-- What leads to a group, up to where the group begins (its parent), is inside; so is what takes the place of a job that was
-- replaced. A callback stands where the job does that it is linked to, an error callback under the job that failed.
-- Read by: src/db/calls/read-workflow.ts, you
create or replace view celeriac.workflow_tree as
select
  workflow.id as workflow_id, tree.id, tree.depth, tree.path, tree.kind, tree.task, tree.state, tree.inside_id, tree.position,
  tree.name, tree.parent_ids, tree.attempt, tree.progress, tree.error_name, tree.error_message, tree.upstream_id,
  tree.enqueued_at, tree.run_at, tree.claimed_at, tree.settled_at
from celeriac.workflows as workflow
cross join lateral (
  with recursive node as materialized (
    select
      job.*,
      case
        when job.options ->> 'join' = 'value' then 'replaced'
        when job.options ? 'join' then 'group'
        when job.options ? 'n' then 'job'
        else 'errback'
      end as kind,
      row_number() over (order by job.enqueued_at, (job.options ->> 'n')::integer nulls last, job.id)::integer as number
    from celeriac.job_detail as job
    where job.workflow_id = workflow.id
  ), inside (join_id, id, before_id) as (
    select node.id, edge.parent_id, node.parent_id
    from node
    join celeriac.dependencies as edge on edge.child_id = node.id and edge.into_join
    where node.kind in ('group', 'replaced') and edge.parent_id is distinct from node.parent_id
    union
    select inside.join_id, edge.parent_id, inside.before_id
    from inside
    join celeriac.dependencies as edge on edge.child_id = inside.id
    where edge.parent_id is distinct from inside.before_id
  ), deep as (
    select inside.id, count(*)::integer as depth from inside group by inside.id
  ), placed as (
    select
      inside.id, array_agg(node.number order by deep.depth nulls first) as path,
      (array_agg(inside.join_id order by deep.depth desc nulls last))[1] as inside_id
    from inside
    join node on node.id = inside.join_id
    left join deep on deep.id = inside.join_id
    group by inside.id
  ), linked (id, path, inside_id) as (
    select placed.id, placed.path, placed.inside_id from placed
    union
    select edge.child_id, linked.path, linked.inside_id
    from linked
    join celeriac.dependencies as edge on edge.parent_id = linked.id and not edge.into_join
    where not exists (select from placed where placed.id = edge.child_id)
  ), home as (
    select node.id, coalesce(linked.path, '{}') || node.number as path, linked.inside_id
    from node
    left join linked on linked.id = node.id
    where node.kind <> 'errback'
    union all
    select node.id, home_path.path || node.number, node.parent_id
    from node
    cross join lateral (
      select coalesce(linked.path, '{}') || failed.number as path
      from node as failed left join linked on linked.id = failed.id
      where failed.id = node.parent_id
    ) as home_path
    where node.kind = 'errback'
  )
  select
    node.id, cardinality(home.path) - 1 as depth, home.path, node.kind, node.task, node.state, home.inside_id, member.position,
    member.name,
    array (
      select edge.parent_id from celeriac.dependencies as edge
      where edge.child_id = node.id
      order by edge.position nulls first, edge.parent_id
    ) as parent_ids,
    node.attempt, node.progress, node.error ->> 'name' as error_name, node.error ->> 'message' as error_message,
    (node.error ->> 'upstream')::uuid as upstream_id, node.enqueued_at, node.run_at, node.claimed_at, node.settled_at
  from node
  join home on home.id = node.id
  left join lateral (
    select edge.position, edge.name from celeriac.dependencies as edge
    where edge.parent_id = node.id and edge.child_id = home.inside_id and edge.into_join
  ) as member on true
) as tree;
comment on view celeriac.workflow_tree is 'Every node of a canvas, in definition order, a group before what is inside.';
comment on column celeriac.workflow_tree.workflow_id is 'Id of the canvas; ask for one.';
comment on column celeriac.workflow_tree.id is 'Id of the job, or of the group.';
comment on column celeriac.workflow_tree.depth is 'How many groups it is inside of.';
comment on column celeriac.workflow_tree.path is 'Order by this: numbers of the groups it is inside of, outermost first, and its own.';
comment on column celeriac.workflow_tree.kind is 'job, group, replaced (a job whose place other nodes have taken, which are inside it) or errback (an error callback).';
comment on column celeriac.workflow_tree.task is 'Name of the task.';
comment on column celeriac.workflow_tree.state is 'waiting, pending, running, succeeded, failed or cancelled.';
comment on column celeriac.workflow_tree.inside_id is 'The group it is inside of, or the job it is the error callback of; null at the top.';
comment on column celeriac.workflow_tree.position is 'Place of its value in that of the group, from 0; null when it hands the group nothing.';
comment on column celeriac.workflow_tree.name is 'Name of its value in that of the group, when that is an object.';
comment on column celeriac.workflow_tree.parent_ids is 'What it waits for.';
comment on column celeriac.workflow_tree.attempt is 'Attempts started so far.';
comment on column celeriac.workflow_tree.progress is 'What its handler last reported.';
comment on column celeriac.workflow_tree.error_name is 'Name of the error it ended with.';
comment on column celeriac.workflow_tree.error_message is 'Message of the error it ended with.';
comment on column celeriac.workflow_tree.upstream_id is 'The node whose end was the reason, when it never began.';
comment on column celeriac.workflow_tree.enqueued_at is 'When it was inserted.';
comment on column celeriac.workflow_tree.run_at is 'Earliest claim; null while it waits for something else than time.';
comment on column celeriac.workflow_tree.claimed_at is 'When the present or last attempt was claimed.';
comment on column celeriac.workflow_tree.settled_at is 'When it reached its final state; null before.';
