-- celeriac.job_detail: everything known of a job; ask for one id or few.
-- Read by: src/job/results.ts, src/inspect/jobs.ts, you
create or replace view celeriac.job_detail as
select
  job.id,
  case
    when job.run_at is null then 'waiting'
    when job.worker_id is not null then 'running'
    else 'pending'
  end::celeriac.job_state as state,
  job.task, job.queue, job.priority, job.args, null::jsonb as value, null::jsonb as error, job.progress, job.labels,
  job.options, job.attempt, job.max_attempts, job.snoozes, job.losses, job.token, job.enqueued_at, job.run_at,
  job.claimed_at, null::timestamptz as settled_at, job.expires_at, job.cancel_requested_at, job.cancel_reason,
  job.worker_id, job.root_id, job.parent_id, job.workflow_id, coalesce(job.blockers, 0) as blockers
from celeriac.jobs as job
union all
select
  result.id, result.state, result.task, result.queue, result.priority, result.args, result.value, result.error,
  result.progress, result.labels, result.options, result.attempt, result.max_attempts, result.snoozes, result.losses,
  result.token, result.enqueued_at, result.run_at, result.claimed_at, result.settled_at, null, null, null,
  result.worker_id, result.root_id, result.parent_id, result.workflow_id, 0
from celeriac.results as result;
comment on view celeriac.job_detail is 'Everything known of a job; ask for one id or few.';
comment on column celeriac.job_detail.id is 'Id of the job.';
comment on column celeriac.job_detail.state is 'waiting, pending, running, succeeded, failed or cancelled.';
comment on column celeriac.job_detail.task is 'Name of the task.';
comment on column celeriac.job_detail.queue is 'Name of the queue.';
comment on column celeriac.job_detail.priority is 'Larger runs first.';
comment on column celeriac.job_detail.args is 'Positional arguments.';
comment on column celeriac.job_detail.value is 'What the handler returned.';
comment on column celeriac.job_detail.error is 'Why it failed or was cancelled: name, message, stack, code, cause.';
comment on column celeriac.job_detail.progress is 'What its handler last reported.';
comment on column celeriac.job_detail.labels is 'Labels it carries.';
comment on column celeriac.job_detail.options is 'Rare options of this one job.';
comment on column celeriac.job_detail.attempt is 'Attempts started so far.';
comment on column celeriac.job_detail.max_attempts is 'Executions allowed in all.';
comment on column celeriac.job_detail.snoozes is 'Attempts that were not charged.';
comment on column celeriac.job_detail.losses is 'Attempts whose worker died.';
comment on column celeriac.job_detail.token is 'Fencing token of the present or last attempt.';
comment on column celeriac.job_detail.enqueued_at is 'When it was inserted.';
comment on column celeriac.job_detail.run_at is 'Earliest claim.';
comment on column celeriac.job_detail.claimed_at is 'When the present or last attempt was claimed.';
comment on column celeriac.job_detail.settled_at is 'When it reached its final state; null before.';
comment on column celeriac.job_detail.expires_at is 'Too late to begin after this instant.';
comment on column celeriac.job_detail.cancel_requested_at is 'When a running job was asked to be cancelled.';
comment on column celeriac.job_detail.cancel_reason is 'Why the cancel was requested.';
comment on column celeriac.job_detail.worker_id is 'Worker of the present or last attempt.';
comment on column celeriac.job_detail.root_id is 'The job at the top of its family; null when it is its own root.';
comment on column celeriac.job_detail.parent_id is 'The job whose handler enqueued it.';
comment on column celeriac.job_detail.workflow_id is 'The canvas it is a node of.';
comment on column celeriac.job_detail.blockers is 'Jobs it waits for.';
