-- celeriac.job_list: every job, settled or not, in the columns a list needs.
-- condition is the adjective people use for a pending or running job; it is computed here and stored nowhere.
-- Read by: src/inspect/jobs.ts, you
create or replace view celeriac.job_list as
select
  job.id,
  case
    when job.run_at is null then 'waiting'
    when job.worker_id is not null then 'running'
    else 'pending'
  end::celeriac.job_state as state,
  case
    when job.worker_id is not null and worker.id is null then 'stalled'
    when job.worker_id is not null and job.cancel_requested_at is not null then 'cancelling'
    when job.worker_id is not null or job.run_at is null then null
    when job.expires_at <= celeriac.clock() then 'expired'
    when job.attempt - job.snoozes - job.losses > 0 then 'retrying'
    when job.run_at > celeriac.clock() then 'scheduled'
    else 'ready'
  end as condition,
  job.task, job.queue, job.priority, job.attempt, job.max_attempts,
  job.enqueued_at, job.run_at, job.claimed_at, null::timestamptz as settled_at, job.expires_at,
  job.worker_id, job.root_id, job.parent_id, job.labels, job.progress,
  null::text as error_name, null::text as error_message, job.workflow_id,
  case
    when job.worker_id is not null then null
    when job.expires_at <= celeriac.clock() then 'expired'
    when job.run_at is null and job.lane_id is null then 'blocked'
    when job.run_at > celeriac.clock() then case when job.attempt - job.snoozes - job.losses > 0 then 'retrying' else 'scheduled' end
    when queue_pause.expires_at > celeriac.clock() or queue_pause.paused_at is not null and queue_pause.expires_at is null then 'queue_paused'
    when task_pause.expires_at > celeriac.clock() or task_pause.paused_at is not null and task_pause.expires_at is null then 'task_paused'
    when job.lane_id is null then 'ready'
    when lane.state = 'full' then 'concurrency'
    when lane.state = 'due' then case when isfinite(lane.due_at) then 'rate' else 'held' end
    when lane.state = 'ready' then 'turn'
    else 'arriving'
  end as reason
from celeriac.jobs as job
left join celeriac.workers as worker on worker.id = job.worker_id
-- planner: each by its primary key, so that none is read for who does not ask for the reason.
left join celeriac.lanes as lane on lane.id = job.lane_id
left join celeriac.pauses as queue_pause on queue_pause.kind = 'queue' and queue_pause.name = job.queue
left join celeriac.pauses as task_pause on task_pause.kind = 'task' and task_pause.name = job.task
union all
select
  result.id, result.state, null, result.task, result.queue, result.priority, result.attempt, result.max_attempts,
  result.enqueued_at, result.run_at, result.claimed_at, result.settled_at, null,
  result.worker_id, result.root_id, result.parent_id, result.labels, result.progress,
  result.error ->> 'name', result.error ->> 'message', result.workflow_id, null
from celeriac.results as result;
comment on view celeriac.job_list is 'Every job, settled or not, in the columns a list needs.';
comment on column celeriac.job_list.id is 'Id of the job.';
comment on column celeriac.job_list.state is 'waiting, pending, running, succeeded, failed or cancelled.';
comment on column celeriac.job_list.condition is 'scheduled, ready, retrying, expired, cancelling or stalled; null when the state says all.';
comment on column celeriac.job_list.task is 'Name of the task.';
comment on column celeriac.job_list.queue is 'Name of the queue.';
comment on column celeriac.job_list.priority is 'Larger runs first.';
comment on column celeriac.job_list.attempt is 'Attempts started so far.';
comment on column celeriac.job_list.max_attempts is 'Executions allowed in all.';
comment on column celeriac.job_list.enqueued_at is 'When it was inserted.';
comment on column celeriac.job_list.run_at is 'Earliest claim; null while it waits for something else than time.';
comment on column celeriac.job_list.claimed_at is 'When the present or last attempt was claimed.';
comment on column celeriac.job_list.settled_at is 'When it reached its final state; null before.';
comment on column celeriac.job_list.expires_at is 'Too late to begin after this instant.';
comment on column celeriac.job_list.worker_id is 'Worker of the present or last attempt.';
comment on column celeriac.job_list.root_id is 'The job at the top of its family; null when it is its own root.';
comment on column celeriac.job_list.parent_id is 'The job whose handler enqueued it.';
comment on column celeriac.job_list.labels is 'Labels it carries.';
comment on column celeriac.job_list.progress is 'What its handler last reported.';
comment on column celeriac.job_list.error_name is 'Name of the error it ended with.';
comment on column celeriac.job_list.error_message is 'Message of the error it ended with.';
comment on column celeriac.job_list.workflow_id is 'The canvas it is a node of.';
comment on column celeriac.job_list.reason is 'Why it does not run yet, in short: expired, blocked, scheduled, retrying, queue_paused, task_paused, concurrency, rate (or held for a while), held, turn, arriving, ready; celeriac.explain(id) says more. Null for one that runs or is settled.';
