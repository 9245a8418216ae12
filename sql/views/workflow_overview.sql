-- celeriac.workflow_overview: one row per canvas, with counts of its jobs by state; groups and error callbacks do not count.
-- Counts walk the nodes of each canvas that is asked for: ask for one, or for the newest.
-- Read by: find_workflow_counts, you
create or replace view celeriac.workflow_overview as
select
  workflow.id, workflow.name, workflow.root_id, workflow.output_id, counted.total, counted.waiting, counted.pending,
  counted.running, counted.succeeded, counted.failed, counted.cancelled, counted.done, workflow.started_at,
  case when counted.done then counted.last_settled_at end as finished_at
from celeriac.workflows as workflow
cross join lateral (
  select
    count(*) filter (where node.is_job)::integer as total,
    count(*) filter (where node.is_job and node.state = 'waiting')::integer as waiting,
    count(*) filter (where node.is_job and node.state = 'pending')::integer as pending,
    count(*) filter (where node.is_job and node.state = 'running')::integer as running,
    count(*) filter (where node.is_job and node.state = 'succeeded')::integer as succeeded,
    count(*) filter (where node.is_job and node.state = 'failed')::integer as failed,
    count(*) filter (where node.is_job and node.state = 'cancelled')::integer as cancelled,
    coalesce(bool_and(node.settled_at is not null), true) as done,
    max(node.settled_at) as last_settled_at
  from (
    select job.state, job.settled_at, coalesce(job.options ->> 'join', 'value') = 'value' as is_job
    from celeriac.job_detail as job
    where job.workflow_id = workflow.id and job.options ? 'n'
  ) as node
) as counted;
comment on view celeriac.workflow_overview is 'One row per canvas, with counts of its jobs by state; groups and error callbacks do not count.';
comment on column celeriac.workflow_overview.id is 'Id of the canvas: that of its first node.';
comment on column celeriac.workflow_overview.name is 'Readable form, such as add(2, 2) | sum([...]).';
comment on column celeriac.workflow_overview.root_id is 'The job at the top of the family.';
comment on column celeriac.workflow_overview.output_id is 'The node whose end is the end of the canvas.';
comment on column celeriac.workflow_overview.total is 'Its jobs, as far as they are still kept.';
comment on column celeriac.workflow_overview.waiting is 'Jobs that wait for others.';
comment on column celeriac.workflow_overview.pending is 'Jobs that may be claimed, now or later.';
comment on column celeriac.workflow_overview.running is 'Jobs that run now.';
comment on column celeriac.workflow_overview.succeeded is 'Jobs that succeeded.';
comment on column celeriac.workflow_overview.failed is 'Jobs that failed, or never began since another one had.';
comment on column celeriac.workflow_overview.cancelled is 'Jobs that were cancelled, or never began since another one was.';
comment on column celeriac.workflow_overview.done is 'Whether nothing of it is left to settle.';
comment on column celeriac.workflow_overview.started_at is 'When it was inserted.';
comment on column celeriac.workflow_overview.finished_at is 'When the last of it was settled; null while it goes on.';
