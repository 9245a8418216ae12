-- celeriac.worker_overview: one row per worker process that is alive, or was until somebody notices.
-- Read by: src/inspect/workers.ts, you
create or replace view celeriac.worker_overview as
select
  worker.id, worker.name,
  case
    when worker.lost_at is not null or worker.heartbeat_at < celeriac.clock() - interval '15 seconds' then 'lost'
    when worker.stopping then 'stopping'
    when worker.running > 0 then 'busy'
    else 'idle'
  end as condition,
  worker.host, worker.pid, worker.version, worker.queues, worker.tasks, worker.concurrency, worker.running,
  worker.started_at, worker.heartbeat_at, worker.stats
from celeriac.workers as worker;
comment on view celeriac.worker_overview is 'One row per worker process that is alive, or was until somebody notices.';
comment on column celeriac.worker_overview.id is 'Id of this start of the worker.';
comment on column celeriac.worker_overview.name is 'Name for people.';
comment on column celeriac.worker_overview.condition is 'idle, busy, stopping, or lost (declared dead, or no heartbeat for 15 s).';
comment on column celeriac.worker_overview.host is 'Host name.';
comment on column celeriac.worker_overview.pid is 'Process id.';
comment on column celeriac.worker_overview.version is 'Version of the package it runs.';
comment on column celeriac.worker_overview.queues is 'Queues it claims from.';
comment on column celeriac.worker_overview.tasks is 'Tasks it has registered.';
comment on column celeriac.worker_overview.concurrency is 'Jobs it runs at once.';
comment on column celeriac.worker_overview.running is 'Jobs it ran at its last heartbeat.';
comment on column celeriac.worker_overview.started_at is 'When it started.';
comment on column celeriac.worker_overview.heartbeat_at is 'Its last sign of life.';
comment on column celeriac.worker_overview.stats is 'Counts it reports about itself.';
