-- Why:   who runs jobs, who waits for results, and which queues are known.
-- Locks: none; the tables are new.
-- Old workers: there are none yet.
--
-- Rows of workers are updated every few seconds for as long as a process lives: fillfactor keeps that HOT, and no
-- index may hold what a heartbeat changes.
create table celeriac.workers (
  id uuid primary key,
  presence_key bigint not null,
  name text not null,
  host text not null,
  pid integer not null,
  version text not null,
  queues text[] not null,
  tasks text[] not null,
  concurrency integer not null,
  running integer not null default 0,
  idle boolean not null default false,
  stopping boolean not null default false,
  started_at timestamptz not null,
  heartbeat_at timestamptz not null,
  suspected_at timestamptz,
  postmaster_started_at timestamptz not null,
  stats jsonb
) with (fillfactor = 50);
comment on table celeriac.workers is 'Living worker processes; the row of one that died is removed by whoever rescues its jobs.';
comment on column celeriac.workers.id is 'New with every start of a worker, so that a restarted process never inherits anything.';
comment on column celeriac.workers.presence_key is 'Advisory lock key its control session holds for as long as it lives.';
comment on column celeriac.workers.name is 'Name for people; host and pid unless configured.';
comment on column celeriac.workers.host is 'Host name as the process sees it.';
comment on column celeriac.workers.pid is 'Process id on that host.';
comment on column celeriac.workers.version is 'Version of celeriac it runs.';
comment on column celeriac.workers.queues is 'Queues it claims from, in its order.';
comment on column celeriac.workers.tasks is 'Tasks it has registered; it claims no others.';
comment on column celeriac.workers.concurrency is 'Jobs it runs at once.';
comment on column celeriac.workers.running is 'Jobs it ran at its last heartbeat.';
comment on column celeriac.workers.idle is 'True while it may be asleep, so that enqueuing is worth a wake-up.';
comment on column celeriac.workers.stopping is 'True once it claims no more.';
comment on column celeriac.workers.started_at is 'When it registered.';
comment on column celeriac.workers.heartbeat_at is 'Its last sign of life.';
comment on column celeriac.workers.suspected_at is 'When its presence lock was first seen free; cleared by its next heartbeat.';
comment on column celeriac.workers.postmaster_started_at is 'Start of the server process its presence lock was taken on; after a restart every lock is free.';
comment on column celeriac.workers.stats is 'Counts it reports about itself.';
comment on index celeriac.workers_pkey is 'One row per worker.';

create table celeriac.listeners (
  id uuid primary key,
  expires_at timestamptz not null
) with (fillfactor = 50);
comment on table celeriac.listeners is 'Processes that wait for results; while one lives, settled jobs are announced.';
comment on column celeriac.listeners.id is 'New with every process.';
comment on column celeriac.listeners.expires_at is 'Believed until this instant; renewed while anybody waits.';
comment on index celeriac.listeners_pkey is 'One row per waiting process.';

create table celeriac.queues (
  name text primary key,
  created_at timestamptz not null
);
comment on table celeriac.queues is 'Queues that a worker has served; settings of a queue live here.';
comment on column celeriac.queues.name is 'Name of the queue.';
comment on column celeriac.queues.created_at is 'When a worker first served it.';
comment on index celeriac.queues_pkey is 'One row per queue.';
comment on index celeriac.migrations_pkey is 'One row per file.';
