-- Why:   one schema holds everything celeriac keeps; the ledger says which migrations and functions it carries.
-- Locks: none that anybody could wait for; everything here is new.
-- Old workers: there are none yet.
--
-- Lock order, kept by every function: own job → workflow → sibling jobs by ascending id → limits → queues → workers.
-- Statements that touch many jobs lock them in id order, in SQL (sorting in the client does not prevent deadlocks);
-- the claim may run at any point because it never waits for a row (skip locked).
-- Not "if not exists": that asks for the right to create schemas even where this one was made for us.
do $$
begin
  if not exists (select from pg_namespace where nspname = 'celeriac') then
    create schema celeriac;
  end if;
end
$$;
comment on schema celeriac is 'celeriac, the job queue: write through the functions, read through the views.';

create table celeriac.migrations (
  name text primary key,
  kind text not null,
  checksum text not null,
  applied_at timestamptz not null default statement_timestamp()
);
comment on table celeriac.migrations is 'Ledger: one row per applied migration, and per function and view as it stands.';
comment on column celeriac.migrations.name is 'File name without its ending, such as 0002_jobs or claim_jobs.';
comment on column celeriac.migrations.kind is 'migration (applied once), function or view (re-applied when its text changes).';
comment on column celeriac.migrations.checksum is 'SHA-256 of the text that was applied.';
comment on column celeriac.migrations.applied_at is 'When this text was applied.';

create type celeriac.job_state as enum ('waiting', 'pending', 'running', 'succeeded', 'failed', 'cancelled');
comment on type celeriac.job_state is 'The six states of a job; the last three are settled and final.';
