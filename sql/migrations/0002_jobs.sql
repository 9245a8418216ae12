-- Why:   one row is one job that is not settled yet. Settling deletes it here and inserts it into results.
-- Locks: none; the table is new.
-- Old workers: there are none yet.
--
-- The state is not a column but two facts, so that it cannot disagree with itself:
--   run_at is null -> waiting; worker_id is not null -> running; else pending.
-- No column that a claim changes (worker_id, token, attempt, claimed_at) stands in an index, neither as key nor in a
-- predicate, and half of each page is left free: then a claim is a HOT update that writes no index entry. Measured on two
-- cores: 82-90 k jobs/s against 65-75 k with a state column in partial indexes.
create table celeriac.jobs (
  id uuid not null,
  run_at timestamptz,
  enqueued_at timestamptz not null,
  claimed_at timestamptz,
  expires_at timestamptz,
  cancel_requested_at timestamptz,
  token bigint not null default 0,
  worker_id uuid,
  root_id uuid,
  parent_id uuid,
  attempt integer not null default 0,
  max_attempts integer not null default 5,
  snoozes integer not null default 0,
  losses integer not null default 0,
  priority smallint not null default 0,
  queue text not null,
  task text not null,
  args jsonb not null,
  options jsonb,
  labels jsonb,
  progress jsonb,
  cancel_reason text,
  constraint jobs_have_one_id primary key (id)
) with (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_threshold = -1,
  autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0.2,
  autovacuum_analyze_threshold = 5000,
  vacuum_truncate = off
);
create index jobs_for_claim on celeriac.jobs (queue, priority desc, run_at, id) where run_at is not null;
create index jobs_for_expiry on celeriac.jobs (expires_at) where expires_at is not null;
create index jobs_for_family on celeriac.jobs (parent_id) where parent_id is not null;

comment on table celeriac.jobs is 'Jobs that are not settled: waiting (run_at is null), running (worker_id is not null), else pending.';
comment on column celeriac.jobs.id is 'UUID v7 made by the client, so that a caller knows it before the insert.';
comment on column celeriac.jobs.run_at is 'Earliest claim; null while the job waits for something else than time.';
comment on column celeriac.jobs.enqueued_at is 'When the job was inserted, by the database clock.';
comment on column celeriac.jobs.claimed_at is 'When the present or last attempt was claimed.';
comment on column celeriac.jobs.expires_at is 'Too late to begin after this instant; null means never.';
comment on column celeriac.jobs.cancel_requested_at is 'Set while the job ran: its worker aborts the handler and settles it as cancelled.';
comment on column celeriac.jobs.token is 'Fence: grows with every claim and every forced take-away, never shrinks; each write of an attempt must match it.';
comment on column celeriac.jobs.worker_id is 'The worker that runs the job now; null unless it is running.';
comment on column celeriac.jobs.root_id is 'The job at the top of the family this one belongs to; null when it is its own root.';
comment on column celeriac.jobs.parent_id is 'The job whose handler enqueued this one; null for none.';
comment on column celeriac.jobs.attempt is 'Number of the present or last attempt that began, counted from 1; 0 before the first. It counts; the token fences.';
comment on column celeriac.jobs.max_attempts is 'Executions allowed in all; attempt - snoozes - losses is held against it.';
comment on column celeriac.jobs.snoozes is 'Attempts that are not charged: snoozed, or given up by a worker that had to stop.';
comment on column celeriac.jobs.losses is 'Attempts whose worker died; more than 3 of them fail the job.';
comment on column celeriac.jobs.priority is 'Larger runs first; default 0.';
comment on column celeriac.jobs.queue is 'Name of the line the job stands in.';
comment on column celeriac.jobs.task is 'Name of the registered function to run.';
comment on column celeriac.jobs.args is 'Positional arguments, a JSON array; values that JSON lacks are tagged, such as {"$date": "..."}.';
comment on column celeriac.jobs.options is 'Rare options of this one job (timeLimitMs, softTimeLimitMs, backoff, resultTtlMs, ignoreResult, atMostOnce, forget); null for none.';
comment on column celeriac.jobs.labels is 'Small string map that travels with the job, such as a tenant or a trace id.';
comment on column celeriac.jobs.progress is 'What the handler last reported.';
comment on column celeriac.jobs.cancel_reason is 'Why the cancel was requested.';
comment on constraint jobs_have_one_id on celeriac.jobs is 'A job id is taken once.';
comment on index celeriac.jobs_for_claim is 'The order of claims within a queue; holds nothing that a claim changes.';
comment on index celeriac.jobs_for_expiry is 'Jobs that may become too late to begin.';
comment on index celeriac.jobs_for_family is 'Unsettled children of a job.';
