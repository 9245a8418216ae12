-- celeriac.queue_overview: one row per queue that holds jobs, has been served or is paused, with exact counts of what is not settled.
-- Counts walk every unsettled job; for a dashboard that refreshes, read it seldom.
-- Read by: src/inspect/queues.ts, you
create or replace view celeriac.queue_overview as
with unsettled as (
  select
    job.queue as name,
    count(*) filter (where job.run_at is null) as waiting,
    count(*) filter (where job.run_at is null and job.lane_id is not null) as held,
    count(*) filter (where job.worker_id is null and job.run_at > celeriac.clock()) as scheduled,
    count(*) filter (where job.worker_id is null and job.run_at <= celeriac.clock()) as ready,
    count(*) filter (where job.worker_id is not null) as running,
    min(job.run_at) filter (where job.worker_id is null and job.run_at <= celeriac.clock()) as oldest_ready_at
  from celeriac.jobs as job
  group by job.queue
), served as (
  select queue.name, count(worker.id) as workers, coalesce(sum(worker.concurrency), 0) as slots
  from celeriac.queues as queue
  left join celeriac.workers as worker on queue.name = any (worker.queues) and not worker.stopping
  group by queue.name
), paused as (
  select pause.name, pause.reason, pause.paused_at, pause.expires_at
  from celeriac.pause_list as pause
  where pause.kind = 'queue'
)
select
  coalesce(unsettled.name, served.name, paused.name) as name,
  coalesce(unsettled.waiting, 0) as waiting,
  coalesce(unsettled.scheduled, 0) as scheduled,
  coalesce(unsettled.ready, 0) as ready,
  coalesce(unsettled.running, 0) as running,
  unsettled.oldest_ready_at,
  coalesce(served.workers, 0) as workers,
  coalesce(served.slots, 0) as slots,
  coalesce(unsettled.held, 0) as held,
  coalesce(served.workers, 0) = 0 and unsettled.name is not null as unserved,
  paused.paused_at,
  paused.expires_at as paused_until,
  paused.reason as pause_reason
from unsettled
full join served on served.name = unsettled.name
full join paused on paused.name = coalesce(unsettled.name, served.name);
comment on view celeriac.queue_overview is 'One row per queue that holds jobs, has been served or is paused, with exact counts of what is not settled.';
comment on column celeriac.queue_overview.name is 'Name of the queue.';
comment on column celeriac.queue_overview.waiting is 'Jobs held by something else than time.';
comment on column celeriac.queue_overview.scheduled is 'Jobs whose time has not come.';
comment on column celeriac.queue_overview.ready is 'Jobs that a worker may claim now.';
comment on column celeriac.queue_overview.running is 'Jobs that run now.';
comment on column celeriac.queue_overview.oldest_ready_at is 'Since when the oldest ready job has been due.';
comment on column celeriac.queue_overview.workers is 'Living workers that claim from it.';
comment on column celeriac.queue_overview.slots is 'Jobs those workers run at once, in all.';
comment on column celeriac.queue_overview.held is 'Of those that wait, how many a limit holds.';
comment on column celeriac.queue_overview.unserved is 'True when it holds jobs and no living worker claims from it.';
comment on column celeriac.queue_overview.paused_at is 'Since when it is paused; null when it is not.';
comment on column celeriac.queue_overview.paused_until is 'When the pause ends by itself; null for never.';
comment on column celeriac.queue_overview.pause_reason is 'Why it is paused, for people.';
