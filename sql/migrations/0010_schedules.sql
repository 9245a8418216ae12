-- Why:   schedules enqueue a task over time. Who fires needs no leader: the row says what is next, the ledger what was done.
-- Locks: none; the tables are new.
-- Old workers: know nothing of schedules and fire none.
--
-- The columns from task to description say what is to be done. In a schedule that code declares they are
-- declared || chosen: an update of theirs, from wherever, is noted in chosen and outlives the next start of the code.
create table celeriac.schedules (
  name text primary key,
  task text not null,
  args jsonb not null default '[]',
  lazy boolean not null default false,
  options jsonb not null default '{}',
  rule jsonb not null,
  overlap text not null default 'allow',
  catch_up text not null default 'last',
  catch_up_max integer not null default 100,
  deadline_ms bigint,
  jitter_ms bigint not null default 0,
  starts_at timestamptz,
  ends_at timestamptz,
  max_fires bigint,
  description text,
  declared jsonb,
  chosen jsonb,
  denied_by uuid[] not null default '{}',
  paused_at timestamptz,
  pause_reason text,
  retired_at timestamptz,
  finished_at timestamptz,
  broken_at timestamptz,
  last_error text,
  planned_from timestamptz not null,
  next_run_at timestamptz,
  last_run_at timestamptz,
  fires bigint not null default 0,
  open_jobs uuid[] not null default '{}',
  version bigint not null default 1,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  constraint schedules_have_names check (name ~ '^[^\u0001-\u001f\u007f]{1,200}$'),
  constraint schedules_have_one_rule check (
    jsonb_typeof(rule) = 'object'
    and (rule ? 'cron')::integer + (rule ? 'interval')::integer + (rule ? 'at')::integer = 1
  ),
  constraint schedules_have_args check (jsonb_typeof(args) = 'array'),
  constraint schedules_have_options check (jsonb_typeof(options) = 'object'),
  constraint schedules_know_overlap check (overlap in ('allow', 'skip', 'queue', 'cancel')),
  constraint schedules_know_catch_up check (catch_up in ('none', 'last', 'all')),
  constraint schedules_are_bounded check (
    catch_up_max between 1 and 1000 and deadline_ms >= 0 and jitter_ms >= 0 and max_fires >= 1
  )
) with (fillfactor = 50);
create index schedules_by_time on celeriac.schedules (next_run_at) where next_run_at is not null;

-- Its body is in sql/functions.
create function celeriac.notice_schedule() returns trigger language plpgsql as 'begin return new; end';
create trigger notice_new before insert on celeriac.schedules
for each row execute function celeriac.notice_schedule();
comment on trigger notice_new on celeriac.schedules is 'Tells workers of a new schedule.';
create trigger notice_change before update of
  task, args, lazy, options, rule, overlap, catch_up, catch_up_max, deadline_ms, jitter_ms, starts_at, ends_at, max_fires,
  description, declared, chosen, paused_at, pause_reason, retired_at, broken_at
on celeriac.schedules
for each row execute function celeriac.notice_schedule();
comment on trigger notice_change on celeriac.schedules is 'Tells workers of a change.';

comment on table celeriac.schedules is 'Rules that enqueue a task over time. A plain update is noticed at once, as one through the functions is.';
comment on column celeriac.schedules.name is 'Name of the schedule.';
comment on column celeriac.schedules.task is 'Task to enqueue.';
comment on column celeriac.schedules.args is 'Positional arguments of its jobs, a JSON array.';
comment on column celeriac.schedules.lazy is 'Whether a function in code makes the arguments when it fires; only workers that have it fire.';
comment on column celeriac.schedules.options is 'Options of its jobs, as task.with and celeriac.enqueue take them; they go over those of the task.';
comment on column celeriac.schedules.rule is 'When: {"cron", "timezone"?, "dayMatch"?}, {"interval" in ms, "aligned"?} or {"at"}.';
comment on column celeriac.schedules.overlap is 'While the job before is not settled: allow another one, skip, queue one behind it, or cancel it.';
comment on column celeriac.schedules.catch_up is 'Of instants that were missed fire none, the last, or all.';
comment on column celeriac.schedules.catch_up_max is 'Instants that all means at most, the latest ones; the others are missed.';
comment on column celeriac.schedules.deadline_ms is 'An instant older than this is missed; null for however old, and for 10 s where catch_up is none.';
comment on column celeriac.schedules.jitter_ms is 'Jobs are due later than the instant by up to this, drawn anew each time.';
comment on column celeriac.schedules.starts_at is 'No earlier instant fires; an interval counts from it.';
comment on column celeriac.schedules.ends_at is 'No later instant fires.';
comment on column celeriac.schedules.max_fires is 'Fires in all; then it is finished.';
comment on column celeriac.schedules.description is 'What it is for.';
comment on column celeriac.schedules.declared is 'What code says of the columns above; null for a schedule that no code has declared.';
comment on column celeriac.schedules.chosen is 'What was changed at run time of the columns above; it wins over declared.';
comment on column celeriac.schedules.denied_by is 'Workers that run its task and whose code does not declare it.';
comment on column celeriac.schedules.paused_at is 'Since when it is paused; what falls into a pause does not fire.';
comment on column celeriac.schedules.pause_reason is 'Why it is paused.';
comment on column celeriac.schedules.retired_at is 'Since when no code declares it any more, or it was removed.';
comment on column celeriac.schedules.finished_at is 'Since when nothing is left to fire.';
comment on column celeriac.schedules.broken_at is 'Since when it is disabled, since it cannot fire: see last_error. A change of what it does tries again.';
comment on column celeriac.schedules.last_error is 'Why it did not fire last time.';
comment on column celeriac.schedules.planned_from is 'The first instant is looked for after this one; set when the rule changes and when a pause ends.';
comment on column celeriac.schedules.next_run_at is 'The next instant; -infinity when a worker has yet to work it out; null when nothing is to fire.';
comment on column celeriac.schedules.last_run_at is 'The last instant that fired.';
comment on column celeriac.schedules.fires is 'Jobs enqueued so far.';
comment on column celeriac.schedules.open_jobs is 'Jobs of it that may not be settled yet, unless overlap is allow.';
comment on column celeriac.schedules.version is 'Grows with every change and every fire: who fires says which one he has read.';
comment on column celeriac.schedules.created_at is 'When it was made.';
comment on column celeriac.schedules.changed_at is 'When it was last changed; firing is no change.';
comment on constraint schedules_have_names on celeriac.schedules is 'Names have 1 to 200 characters, and no control characters.';
comment on constraint schedules_have_one_rule on celeriac.schedules is 'The rule has exactly one of cron, interval and at.';
comment on constraint schedules_have_args on celeriac.schedules is 'Arguments are an array.';
comment on constraint schedules_have_options on celeriac.schedules is 'Options are an object.';
comment on constraint schedules_know_overlap on celeriac.schedules is 'One of four words.';
comment on constraint schedules_know_catch_up on celeriac.schedules is 'One of three words.';
comment on constraint schedules_are_bounded on celeriac.schedules is 'Numbers within their bounds.';
comment on index celeriac.schedules_pkey is 'One row per schedule.';
comment on index celeriac.schedules_by_time is 'What is due, and what comes next.';

create table celeriac.declarations (
  schedule text not null,
  digest text not null,
  declared jsonb not null,
  worker_ids uuid[] not null,
  first_seen_at timestamptz not null,
  seen_at timestamptz not null,
  constraint declarations_are_kept_once primary key (schedule, digest)
);
comment on table celeriac.declarations is 'What the code of workers says of schedules: during a deploy old and new code may say different things.';
comment on column celeriac.declarations.schedule is 'Name of the schedule.';
comment on column celeriac.declarations.digest is 'Tells declarations apart.';
comment on column celeriac.declarations.declared is 'Columns of the schedule as this code wants them.';
comment on column celeriac.declarations.worker_ids is 'Workers whose code says so; of what living workers say, the newest holds.';
comment on column celeriac.declarations.first_seen_at is 'When it was first declared; a worker that starts again with old code does not make it newer.';
comment on column celeriac.declarations.seen_at is 'When it was last declared.';
comment on constraint declarations_are_kept_once on celeriac.declarations is 'One row for what any number of workers say alike.';

create table celeriac.fires (
  schedule text not null,
  instant timestamptz not null,
  job_id uuid,
  fired_at timestamptz not null,
  outcome text not null,
  constraint fires_happen_once primary key (schedule, instant),
  constraint fires_know_outcomes check (
    outcome in ('fired', 'queued', 'cancelled_previous', 'skipped', 'missed', 'manual')
  )
) with (
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_threshold = 5000
);
create index fires_for_prune on celeriac.fires (fired_at);
comment on table celeriac.fires is 'Ledger: what became of each instant of each schedule. It outlives the job, so that no instant fires twice.';
comment on column celeriac.fires.schedule is 'Name of the schedule.';
comment on column celeriac.fires.instant is 'The instant as the rule says it.';
comment on column celeriac.fires.job_id is 'The job that was enqueued; null for none.';
comment on column celeriac.fires.fired_at is 'When it was dealt with.';
comment on column celeriac.fires.outcome is 'fired, queued (behind the job before), cancelled_previous (and fired), skipped (the job before was not settled, or somebody said so), missed (too late), manual (run now).';
comment on constraint fires_happen_once on celeriac.fires is 'An instant of a schedule is dealt with once, whoever wants to.';
comment on constraint fires_know_outcomes on celeriac.fires is 'One of six words.';
comment on index celeriac.fires_for_prune is 'What is old enough to be forgotten.';
