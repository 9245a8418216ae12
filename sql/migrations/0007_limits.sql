-- Why:   how many jobs may start, or run at once, for all workers together and for each key. Jobs that are limited stand in
--        lanes of their own, where the claim does not see them; workers take from lanes what the limits allow.
-- Locks: jobs against writers, while an empty index is built: a scan of what is there. Nothing in it matches.
-- Old workers: run on. What is in a lane they do not see; what they claim from the plain line they do not limit: set no
--        limits before the last of them is gone.
alter table celeriac.jobs add column lane_id bigint;
comment on column celeriac.jobs.lane_id is 'The lane it stands in, or was taken from; null for a job that nothing limits.';
comment on column celeriac.jobs.options is 'Rare options of this one job (timeLimitMs, softTimeLimitMs, backoff, resultTtlMs, ignoreResult, atMostOnce, forget), what limits it ({"door": {"limits": [[name, key, units], …], "fair": [key, weight]}}), and of a node: n, in, join, first, onError, map, delayMs, runAt, workflow, needed, drops, chord. Null for none.';
create index jobs_in_lane on celeriac.jobs (lane_id, priority desc, enqueued_at, id) where lane_id is not null and run_at is null;
comment on index celeriac.jobs_in_lane is 'The order of a lane: what waits in it, and nothing that runs.';

create table celeriac.limits (
  name text primary key,
  declared jsonb,
  chosen jsonb,
  concurrency integer generated always as (((coalesce(declared, '{}') || coalesce(chosen, '{}')) ->> 'concurrency')::integer) stored,
  rate_limit integer generated always as (((coalesce(declared, '{}') || coalesce(chosen, '{}')) ->> 'rateLimit')::integer) stored,
  rate_per_ms double precision generated always as (((coalesce(declared, '{}') || coalesce(chosen, '{}')) ->> 'ratePerMs')::double precision) stored,
  rate_burst integer generated always as (((coalesce(declared, '{}') || coalesce(chosen, '{}')) ->> 'rateBurst')::integer) stored,
  declared_at timestamptz,
  chosen_at timestamptz
);
comment on table celeriac.limits is 'What limits allow: as code declares it, and as somebody has chosen since.';
comment on column celeriac.limits.name is 'task:<task>/rate, task:<task>/concurrency, task:<task>/exclusive, queue:<queue>/…, label:<name>=<value>, or a name of its own.';
comment on column celeriac.limits.declared is 'As code says: {"concurrency": jobs, "rateLimit": starts, "ratePerMs": within, "rateBurst": of them at once}; null when only chosen at run time.';
comment on column celeriac.limits.chosen is 'What was chosen at run time, field by field; it wins, and a field that is null switches off. Null for nothing.';
comment on column celeriac.limits.concurrency is 'Units that may run at once, for each key; null for any number.';
comment on column celeriac.limits.rate_limit is 'Units that may start within each rate_per_ms, for each key; null for any number.';
comment on column celeriac.limits.rate_per_ms is 'Length of the sliding window, in ms.';
comment on column celeriac.limits.rate_burst is 'Units that may start at once; the rest of the window is spread evenly. Null counts as 1.';
comment on column celeriac.limits.declared_at is 'When the declaration last changed.';
comment on column celeriac.limits.chosen_at is 'When somebody last chose.';
comment on constraint limits_pkey on celeriac.limits is 'A limit has one name.';

create table celeriac.buckets (
  id bigint primary key,
  limit_name text not null,
  key text not null,
  chosen jsonb,
  held_until timestamptz,
  hold_reason text,
  holders uuid[] not null default '{}',
  next_at timestamptz,
  spent_at timestamptz[] not null default '{}',
  spent_units integer[] not null default '{}',
  used_at timestamptz not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
create index buckets_of_limit on celeriac.buckets (limit_name, key);
comment on table celeriac.buckets is 'What is used of a limit, for each key.';
comment on column celeriac.buckets.id is 'bucket_id(limit_name, key).';
comment on column celeriac.buckets.limit_name is 'The limit it belongs to; one that is not in limits limits nothing.';
comment on column celeriac.buckets.key is 'Key it counts for; empty for a limit without keys.';
comment on column celeriac.buckets.chosen is 'Settings of this key alone, as limits.chosen; null for none.';
comment on column celeriac.buckets.held_until is 'Nothing starts before this instant, such as after "too many requests"; null for now.';
comment on column celeriac.buckets.hold_reason is 'Why it is held.';
comment on column celeriac.buckets.holders is 'Jobs that were taken and run, each as often as it has units. One counts only while its row has a worker, so none can leak.';
comment on column celeriac.buckets.next_at is 'When the next start is due for starts to be spread evenly.';
comment on column celeriac.buckets.spent_at is 'Recent starts, oldest first; those close to each other share the time of the last.';
comment on column celeriac.buckets.spent_units is 'Units of each of them.';
comment on column celeriac.buckets.used_at is 'When anything was last taken; those long unused are removed.';
comment on constraint buckets_pkey on celeriac.buckets is 'A key of a limit has one bucket.';
comment on index celeriac.buckets_of_limit is 'Buckets of a limit.';

create table celeriac.lanes (
  id bigint primary key,
  queue text not null,
  door jsonb not null,
  bucket_ids bigint[] not null,
  weight double precision not null default 1,
  turn double precision not null default 0,
  priority smallint not null default 0,
  head_at timestamptz not null default '-infinity',
  state text not null default 'idle',
  due_at timestamptz,
  full_bucket bigint,
  used_at timestamptz not null,
  constraint lanes_have_a_state check (state in ('idle', 'ready', 'due', 'full'))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
create index lanes_ready on celeriac.lanes (queue, priority desc, turn, id) where state = 'ready';
create index lanes_due on celeriac.lanes (due_at) where state = 'due';
create index lanes_full on celeriac.lanes (full_bucket, turn) where state = 'full';
comment on table celeriac.lanes is 'Lines of jobs of one task in one queue that share their limits.';
comment on column celeriac.lanes.id is 'lane_id(queue, task, door).';
comment on column celeriac.lanes.queue is 'Queue of its jobs.';
comment on column celeriac.lanes.door is 'What its jobs have to pass: {"limits": [[name, key], …], "fair": [key, weight]}.';
comment on column celeriac.lanes.bucket_ids is 'Buckets of its limits.';
comment on column celeriac.lanes.weight is 'Its share, where lanes compete.';
comment on column celeriac.lanes.turn is 'Virtual time: of the lanes that are ready the one with the least is next. Each start adds its units by weight.';
comment on column celeriac.lanes.priority is 'Priority of the job at its head.';
comment on column celeriac.lanes.head_at is 'Nothing of that priority that waits in it was enqueued before: where to look, since entries of jobs that are gone may stay in the index for long.';
comment on column celeriac.lanes.state is 'idle (nothing waits), ready (something may start), due (not before due_at), full (not before a holder of full_bucket ends).';
comment on column celeriac.lanes.due_at is 'When a rate lets the next one start.';
comment on column celeriac.lanes.full_bucket is 'The bucket whose holders it waits for.';
comment on column celeriac.lanes.used_at is 'When anything last arrived or started; those long idle are removed.';
comment on constraint lanes_pkey on celeriac.lanes is 'Jobs of a task in a queue with the same limits share a lane.';
comment on constraint lanes_have_a_state on celeriac.lanes is 'A lane is in one of four states.';
comment on index celeriac.lanes_ready is 'The order in which lanes of a queue are served.';
comment on index celeriac.lanes_due is 'Lanes that wait for time.';
comment on index celeriac.lanes_full is 'Lanes that wait for holders of a bucket, in order.';

create table celeriac.arrivals (
  xid xid8 not null default pg_current_xact_id(),
  id bigint generated always as identity,
  lane_id bigint not null,
  queue text,
  door jsonb,
  priority smallint not null default 0,
  since timestamptz not null default '-infinity',
  primary key (xid, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
comment on sequence celeriac.arrivals_id_seq is 'Ids of arrivals.';
comment on table celeriac.arrivals is 'News for lanes: something arrived in one, or may have left a slot. Whoever writes it locks nothing; workers drain it.';
comment on column celeriac.arrivals.xid is 'The transaction that wrote it: whoever has read all of those that were over need not look there again.';
comment on column celeriac.arrivals.id is 'Order of writing, with gaps.';
comment on column celeriac.arrivals.lane_id is 'The lane.';
comment on column celeriac.arrivals.queue is 'Queue of the lane, for one that is not there yet; null when only a slot was left.';
comment on column celeriac.arrivals.door is 'Door of the lane, for one that is not there yet.';
comment on column celeriac.arrivals.priority is 'Highest priority of what arrived; of a slot that was left, 1 where the first that were asked had no use for it.';
comment on column celeriac.arrivals.since is 'When the earliest of what arrived was enqueued.';
comment on constraint arrivals_pkey on celeriac.arrivals is 'News have an order.';

create table celeriac.settings (
  id smallint primary key default 1,
  version bigint not null default 0,
  constraint settings_are_one_row check (id = 1)
);
insert into celeriac.settings default values;
comment on table celeriac.settings is 'How often anything was changed at run time that workers act upon; one row.';
comment on column celeriac.settings.id is 'Always 1.';
comment on column celeriac.settings.version is 'Grows with every change; each turn of a worker reads it.';
comment on constraint settings_pkey on celeriac.settings is 'There is one row.';
comment on constraint settings_are_one_row on celeriac.settings is 'There is one row.';

-- What it returns has grown.
do $$
begin
  if to_regprocedure('celeriac.settle_jobs(uuid, uuid[], bigint[], text[], jsonb)') is not null then
    drop function celeriac.settle_jobs(uuid, uuid[], bigint[], text[], jsonb);
  end if;
end
$$;
