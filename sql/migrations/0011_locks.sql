-- Why:   handlers may have a key to themselves (job.lock, app.lock); who holds it is to be seen, and who held it before is to
--        be refused.
-- Locks: none; everything here is new.
-- Old workers: run on; they know of no locks.
--
-- A key is held by a session-level advisory lock, which falls with its process, and the row says whose it is. Where
-- sessions do not last (transaction poolers), the row itself is the lock, for as long as its lease is renewed. Whoever takes
-- a key looks at both, so that the two forms exclude each other.
create table celeriac.locks (
  key text primary key,
  fence bigint not null generated always as identity,
  holder_id uuid not null,
  holder text not null,
  job_id uuid,
  since timestamptz not null,
  expires_at timestamptz,
  wanted_at timestamptz
) with (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 1000
);
comment on table celeriac.locks is 'Who holds which lock; a row is removed when its lock is released, and replaced when its holder died.';
comment on column celeriac.locks.key is 'What is locked, as the handler calls it.';
comment on column celeriac.locks.fence is 'Number of this holding; any later one of the same key has a larger one.';
comment on sequence celeriac.locks_fence_seq is 'Numbers of holdings, over all keys.';
comment on column celeriac.locks.holder_id is 'The app that holds it: new with every one that is made.';
comment on column celeriac.locks.holder is 'Who holds it, for people: name of the worker, or host and process id.';
comment on column celeriac.locks.job_id is 'The job whose handler holds it; null outside of jobs.';
comment on column celeriac.locks.since is 'When it was taken.';
comment on column celeriac.locks.expires_at is 'Until when it is held unless it is renewed; null when a session holds it for as long as it lives.';
comment on column celeriac.locks.wanted_at is 'When another process first found it held: whoever releases it says so then.';
comment on index celeriac.locks_pkey is 'A key has one holder.';
