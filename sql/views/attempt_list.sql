-- celeriac.attempt_list: attempts that did not succeed, with the error in columns.
-- Read by: src/inspect/jobs.ts, you
create or replace view celeriac.attempt_list as
select
  attempt.job_id, attempt.attempt, attempt.outcome,
  attempt.error ->> 'name' as error_name, attempt.error ->> 'message' as error_message, attempt.error,
  attempt.worker_id, attempt.claimed_at, attempt.ended_at, attempt.retry_at, attempt.token
from celeriac.attempts as attempt;
comment on view celeriac.attempt_list is 'Attempts that did not succeed, with the error in columns.';
comment on column celeriac.attempt_list.job_id is 'Id of the job.';
comment on column celeriac.attempt_list.attempt is 'Number of the attempt, counted from 1.';
comment on column celeriac.attempt_list.outcome is 'retry, failed or lost.';
comment on column celeriac.attempt_list.error_name is 'Name of the error.';
comment on column celeriac.attempt_list.error_message is 'Message of the error.';
comment on column celeriac.attempt_list.error is 'The error: name, message, stack, code, cause.';
comment on column celeriac.attempt_list.worker_id is 'Worker that ran it.';
comment on column celeriac.attempt_list.claimed_at is 'When it was claimed.';
comment on column celeriac.attempt_list.ended_at is 'When it ended.';
comment on column celeriac.attempt_list.retry_at is 'When the next attempt may start.';
comment on column celeriac.attempt_list.token is 'Fencing token of the attempt.';
