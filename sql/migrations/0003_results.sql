-- Why:   settled jobs and failed attempts are history: append-only, partitioned by day, dropped by day.
-- Locks: none; the tables are new.
-- Old workers: there are none yet.
--
-- The default partition catches rows when maintenance has not made the day's partition; nothing depends on its being empty.
create table celeriac.results (
  id uuid not null,
  settled_at timestamptz not null,
  run_at timestamptz,
  enqueued_at timestamptz not null,
  claimed_at timestamptz,
  expires_at timestamptz,
  token bigint not null,
  worker_id uuid,
  root_id uuid,
  parent_id uuid,
  attempt integer not null,
  max_attempts integer not null,
  snoozes integer not null,
  losses integer not null,
  state celeriac.job_state not null,
  priority smallint not null,
  queue text not null,
  task text not null,
  args jsonb not null,
  value jsonb,
  error jsonb,
  options jsonb,
  labels jsonb,
  progress jsonb,
  constraint results_are_settled check (state in ('succeeded', 'failed', 'cancelled'))
) partition by range (settled_at);
create index results_by_id on celeriac.results (id);
create index results_for_prune on celeriac.results (expires_at) where expires_at is not null;
create index results_for_family on celeriac.results (parent_id) where parent_id is not null;
create table celeriac.results_default partition of celeriac.results default;

comment on table celeriac.results is 'Settled jobs, partitioned by the day they settled; old days are dropped whole.';
comment on table celeriac.results_default is 'Results whose day has no partition of its own.';
comment on column celeriac.results.id is 'Id of the job.';
comment on column celeriac.results.settled_at is 'When the job reached its final state.';
comment on column celeriac.results.run_at is 'Earliest claim of the last attempt.';
comment on column celeriac.results.enqueued_at is 'When the job was inserted.';
comment on column celeriac.results.claimed_at is 'When the last attempt was claimed; null if it never ran.';
comment on column celeriac.results.expires_at is 'The row may be pruned after this instant; null means with its day.';
comment on column celeriac.results.token is 'Token of the attempt whose outcome this is.';
comment on column celeriac.results.worker_id is 'Worker of the last attempt; null if it never ran.';
comment on column celeriac.results.root_id is 'The job at the top of the family; null when it is its own root.';
comment on column celeriac.results.parent_id is 'The job whose handler enqueued this one; null for none.';
comment on column celeriac.results.attempt is 'Attempts that were started.';
comment on column celeriac.results.max_attempts is 'Executions that were allowed in all.';
comment on column celeriac.results.snoozes is 'Attempts that were not charged.';
comment on column celeriac.results.losses is 'Attempts whose worker died.';
comment on column celeriac.results.state is 'succeeded, failed or cancelled.';
comment on column celeriac.results.priority is 'Priority the job had.';
comment on column celeriac.results.queue is 'Queue the job stood in.';
comment on column celeriac.results.task is 'Task that was run.';
comment on column celeriac.results.args is 'Arguments it was run with.';
comment on column celeriac.results.value is 'What the handler returned; null for nothing, or when the result was ignored.';
comment on column celeriac.results.error is 'Why it failed or was cancelled: name, message, stack, code, cause.';
comment on column celeriac.results.options is 'Rare options of this one job.';
comment on column celeriac.results.labels is 'Labels the job carried.';
comment on column celeriac.results.progress is 'Last progress report.';
comment on constraint results_are_settled on celeriac.results is 'Only final states are kept here.';
comment on index celeriac.results_by_id is 'Reading the result of a job.';
comment on index celeriac.results_for_prune is 'Results with a time to live of their own.';
comment on index celeriac.results_for_family is 'Settled children of a job.';

create table celeriac.attempts (
  job_id uuid not null,
  attempt integer not null,
  token bigint not null,
  outcome text not null,
  worker_id uuid,
  claimed_at timestamptz,
  ended_at timestamptz not null,
  retry_at timestamptz,
  error jsonb not null
) partition by range (ended_at);
create index attempts_by_job on celeriac.attempts (job_id, token);
create table celeriac.attempts_default partition of celeriac.attempts default;

comment on table celeriac.attempts is 'Attempts that did not succeed, partitioned by day like results; a job that succeeds at once leaves none.';
comment on table celeriac.attempts_default is 'Attempts whose day has no partition of its own.';
comment on column celeriac.attempts.job_id is 'Id of the job.';
comment on column celeriac.attempts.attempt is 'Number of the attempt, counted from 1.';
comment on column celeriac.attempts.token is 'Token of the attempt.';
comment on column celeriac.attempts.outcome is 'retry (another attempt follows), failed (the last one), or lost (its worker died).';
comment on column celeriac.attempts.worker_id is 'Worker that ran it.';
comment on column celeriac.attempts.claimed_at is 'When it was claimed.';
comment on column celeriac.attempts.ended_at is 'When it ended.';
comment on column celeriac.attempts.retry_at is 'When the next attempt may start; null when there is none.';
comment on column celeriac.attempts.error is 'What went wrong: name, message, stack, code, cause.';
comment on index celeriac.attempts_by_job is 'The history of one job.';
