-- celeriac.schedule_list: every schedule, what it does and when.
-- Read by: src/db/calls/schedule.ts, you
create or replace view celeriac.schedule_list as
select
  schedule.name, schedule.task,
  case
    when schedule.retired_at is not null then 'retired'
    when schedule.broken_at is not null then 'broken'
    when schedule.paused_at is not null then 'paused'
    when schedule.finished_at is not null then 'finished'
    else 'active'
  end as condition,
  schedule.rule,
  case when schedule.next_run_at > '-infinity' then schedule.next_run_at end as next_run_at,
  schedule.last_run_at, schedule.fires,
  schedule.args, schedule.lazy, schedule.options, schedule.overlap, schedule.catch_up, schedule.catch_up_max,
  schedule.deadline_ms, schedule.jitter_ms, schedule.starts_at, schedule.ends_at, schedule.max_fires,
  case when schedule.declared is null then 'runtime' else 'code' end as source,
  case when schedule.declared is not null then schedule.chosen - 'removed' end as changes,
  schedule.paused_at, schedule.pause_reason, schedule.last_error, schedule.description,
  schedule.created_at, schedule.changed_at, schedule.version
from celeriac.schedules as schedule;
comment on view celeriac.schedule_list is 'Every schedule, what it does and when.';
comment on column celeriac.schedule_list.name is 'Name of the schedule.';
comment on column celeriac.schedule_list.task is 'Task it enqueues.';
comment on column celeriac.schedule_list.condition is 'active, paused, broken (see last_error), finished (nothing left to fire) or retired (removed, or not declared any more).';
comment on column celeriac.schedule_list.rule is 'When it fires: cron, interval in ms, or at.';
comment on column celeriac.schedule_list.next_run_at is 'The next instant; null when there is none, or none is worked out yet.';
comment on column celeriac.schedule_list.last_run_at is 'The last instant that fired.';
comment on column celeriac.schedule_list.fires is 'Jobs enqueued so far.';
comment on column celeriac.schedule_list.args is 'Arguments of its jobs.';
comment on column celeriac.schedule_list.lazy is 'Whether a function in code makes the arguments.';
comment on column celeriac.schedule_list.options is 'Options of its jobs.';
comment on column celeriac.schedule_list.overlap is 'What happens while the job before is not settled.';
comment on column celeriac.schedule_list.catch_up is 'What happens with instants that were missed.';
comment on column celeriac.schedule_list.catch_up_max is 'Instants that are made up for at most.';
comment on column celeriac.schedule_list.deadline_ms is 'Age in ms from which on an instant is missed.';
comment on column celeriac.schedule_list.jitter_ms is 'Jobs are due later by up to so many ms.';
comment on column celeriac.schedule_list.starts_at is 'No earlier instant fires.';
comment on column celeriac.schedule_list.ends_at is 'No later instant fires.';
comment on column celeriac.schedule_list.max_fires is 'Fires in all.';
comment on column celeriac.schedule_list.source is 'code (a worker''s code declares it) or runtime.';
comment on column celeriac.schedule_list.changes is 'What was changed at run time of a schedule that code declares.';
comment on column celeriac.schedule_list.paused_at is 'Since when it is paused.';
comment on column celeriac.schedule_list.pause_reason is 'Why it is paused.';
comment on column celeriac.schedule_list.last_error is 'Why it did not fire last time.';
comment on column celeriac.schedule_list.description is 'What it is for.';
comment on column celeriac.schedule_list.created_at is 'When it was made.';
comment on column celeriac.schedule_list.changed_at is 'When it was last changed.';
comment on column celeriac.schedule_list.version is 'Grows with every change and every fire.';
