-- Why:   jobs may depend on others: a canvas is nodes (jobs) and edges (dependencies), inserted together.
-- Locks: jobs and results against writers, while the empty indexes are built: a scan of what is there. Nothing in them
--        matches, so it writes nothing.
-- Old workers: run on, and what they settle counts. But they do not know what a node takes from its parents: start no canvas
--        before the last of them is gone.
alter table celeriac.jobs
  add column workflow_id uuid,
  add column blockers integer;
comment on column celeriac.jobs.workflow_id is 'The canvas this job is a node of; null for none.';
comment on column celeriac.jobs.blockers is 'Jobs a node waits for that are not settled yet; the last of them opens it. Null for a job that never waited.';
comment on column celeriac.jobs.options is 'Rare options of this one job (timeLimitMs, softTimeLimitMs, backoff, resultTtlMs, ignoreResult, atMostOnce, forget), and of a node: n, in, join, first, onError, map, delayMs, runAt, workflow, needed, drops, chord. Null for none.';
create index jobs_for_workflow on celeriac.jobs (workflow_id) where workflow_id is not null;
comment on index celeriac.jobs_for_workflow is 'Unsettled nodes of a canvas.';

alter table celeriac.results add column workflow_id uuid;
comment on column celeriac.results.workflow_id is 'The canvas this job was a node of; null for none.';
create index results_for_workflow on celeriac.results (workflow_id) where workflow_id is not null;
comment on index celeriac.results_for_workflow is 'Settled nodes of a canvas.';

create table celeriac.workflows (
  id uuid primary key,
  root_id uuid not null,
  output_id uuid not null,
  name text not null,
  nodes integer not null,
  errbacks jsonb,
  started_at timestamptz not null
);
comment on table celeriac.workflows is 'Canvases that were started; kept for as long as anything of their nodes is.';
comment on column celeriac.workflows.id is 'Id of its first node.';
comment on column celeriac.workflows.root_id is 'The job at the top of the family: the first node, or the root of the job whose handler started it.';
comment on column celeriac.workflows.output_id is 'The node whose end is the end of the canvas.';
comment on column celeriac.workflows.name is 'Readable form, such as add(2, 2) | sum([...]).';
comment on column celeriac.workflows.nodes is 'Nodes it was started with.';
comment on column celeriac.workflows.errbacks is 'Jobs to enqueue when a node fails: [[shape, args, immutable], ...]; nodes refer to them by place.';
comment on column celeriac.workflows.started_at is 'When it was inserted.';
comment on index celeriac.workflows_pkey is 'One row per canvas.';

-- Nothing is deleted while the canvas is kept: an edge that is counted is marked, which happens once however often its
-- parent is settled, and the values a node takes are found by its edges for as long as it may run again.
create table celeriac.dependencies (
  parent_id uuid not null,
  child_id uuid not null,
  workflow_id uuid not null,
  position integer,
  name text,
  passes boolean not null,
  from_join boolean not null,
  into_join boolean not null,
  either boolean not null,
  drops boolean not null,
  counted boolean not null default false,
  fallback jsonb,
  constraint dependencies_are_counted_once primary key (parent_id, child_id)
) with (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 20000,
  autovacuum_analyze_scale_factor = 0.2
);
create index dependencies_for_child on celeriac.dependencies (child_id);
create index dependencies_for_prune on celeriac.dependencies using brin (workflow_id) with (pages_per_range = 16, autosummarize = on);
comment on index celeriac.dependencies_for_prune is 'Edges of a canvas, when it is removed: ids ascend with time, and so do pages.';
comment on table celeriac.dependencies is 'Edges between nodes: the child waits for the parent.';
comment on column celeriac.dependencies.parent_id is 'The job that has to be settled first.';
comment on column celeriac.dependencies.child_id is 'The job that waits for it.';
comment on column celeriac.dependencies.workflow_id is 'The canvas both are nodes of.';
comment on column celeriac.dependencies.position is 'Place among the members of a group, from 0; null when the parent is not one of many.';
comment on column celeriac.dependencies.name is 'Name among the members of a group that is an object; null in a list.';
comment on column celeriac.dependencies.passes is 'Whether the child is given the value of the parent.';
comment on column celeriac.dependencies.from_join is 'Whether the parent is a join: its value is what its own parents make.';
comment on column celeriac.dependencies.into_join is 'Whether the child is a join: it is settled as soon as its last parent is.';
comment on column celeriac.dependencies.either is 'Whether a parent that failed counts like one that succeeded.';
comment on column celeriac.dependencies.drops is 'Whether the value of the parent is not to be kept once nobody needs it any more.';
comment on column celeriac.dependencies.counted is 'Whether the end of the parent has been counted; turns true once.';
comment on column celeriac.dependencies.fallback is 'What stands for the value of a parent that failed, alone in an array; null for its error.';
comment on constraint dependencies_are_counted_once on celeriac.dependencies is 'A job waits for another one once.';
comment on index celeriac.dependencies_for_child is 'What a node waits for, and takes its input from.';
