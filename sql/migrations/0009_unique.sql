-- Why:   of jobs with the same key only one is wanted at a time: as long as it has not begun, is not settled, or for a period.
-- Locks: none; the table is new.
-- Old workers: run on, and do not have to know: whether a key is held is seen from the rows of jobs, not released by anybody.
create table celeriac.unique_keys (
  task text collate "C" not null,
  key text collate "C" not null,
  job_id uuid not null,
  asked_id uuid not null,
  outcome text not null,
  states celeriac.job_state[],
  since timestamptz not null,
  expires_at timestamptz,
  constraint keys_are_unique primary key (task, key)
) with (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0.2
);
comment on table celeriac.unique_keys is 'Keys of unique jobs. A row says who took the key last; whether it still holds it is seen from its job, so nothing can leak.';
comment on column celeriac.unique_keys.task is 'Task of the job; keys of different tasks have nothing to do with each other.';
comment on column celeriac.unique_keys.key is 'The key, as the caller gave it.';
comment on column celeriac.unique_keys.job_id is 'The job that has the key.';
comment on column celeriac.unique_keys.asked_id is 'Id that the call which last changed this row had made for its job: by it a call that is sent twice is recognised.';
comment on column celeriac.unique_keys.outcome is 'What that call came to: inserted, replaced or rerun.';
comment on column celeriac.unique_keys.states is 'States of the job in which it holds the key; null for any, also when nothing is left of it.';
comment on column celeriac.unique_keys.since is 'When the job was enqueued, or first of all those that it replaces: maxWait counts from here.';
comment on column celeriac.unique_keys.expires_at is 'The key is free from this instant on; null when only the job decides.';
comment on constraint keys_are_unique on celeriac.unique_keys is 'A key of a task is held once; whoever takes it at the same moment waits for the other one to commit.';
