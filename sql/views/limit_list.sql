-- celeriac.limit_list: what limits grant and what is used of them: one row per limit, and one per key that was ever used.
-- Lanes are counted by walking those that are not idle, holders by their job's row.
-- Read by: src/inspect/limits.ts, you
create or replace view celeriac.limit_list as
with placed as (
  select one.name, null::text as key, one.chosen from celeriac.limits as one
  union all
  select bucket.limit_name, bucket.key, bucket.chosen
  from celeriac.buckets as bucket
  join celeriac.limits as one on one.name = bucket.limit_name
  where bucket.key <> ''
), waiting as (
  select bucket.id, count(*) as lanes
  from celeriac.lanes as lane
  cross join lateral unnest(lane.bucket_ids) as bucket (id)
  where lane.state <> 'idle'
  group by bucket.id
), used as (
  select
    placed.name, placed.key, placed.chosen, rule.concurrency, rule.rate_limit, rule.rate_per_ms, rule.rate_burst,
    one.declared, one.declared_at, one.chosen_at,
    case when bucket.held_until > celeriac.clock() then bucket.held_until end as held_until,
    case when bucket.held_until > celeriac.clock() then bucket.hold_reason end as hold_reason,
    coalesce(live.units, 0) as running, coalesce(live.holder_ids, '{}') as holder_ids,
    coalesce(rule.rate_limit - room.window_room, 0) as started,
    case when rule.rate_limit is not null then celeriac.rate_opens_at(
      bucket.spent_at, bucket.spent_units, bucket.next_at, rule.rate_limit, rule.rate_per_ms, rule.rate_burst, 1
    ) end as opens_at,
    coalesce(waiting.lanes, 0) as waiting_lanes
  from placed
  join celeriac.limits as one on one.name = placed.name
  left join celeriac.buckets as bucket on bucket.id = celeriac.bucket_id(placed.name, coalesce(placed.key, ''))
  -- As bucket_rule says; who reads the view may not read what that one reads.
  cross join lateral (
    select
      case when bucket.chosen ? 'concurrency' then (bucket.chosen ->> 'concurrency')::integer else one.concurrency end as concurrency,
      case when bucket.chosen ? 'rateLimit' then (bucket.chosen ->> 'rateLimit')::integer else one.rate_limit end as rate_limit,
      case when bucket.chosen ? 'rateLimit' then (bucket.chosen ->> 'ratePerMs')::double precision else one.rate_per_ms end as rate_per_ms,
      case when bucket.chosen ? 'rateLimit' then (bucket.chosen ->> 'rateBurst')::integer else one.rate_burst end as rate_burst
  ) as rule
  left join lateral (
    select count(*) as units, array_agg(distinct holder) as holder_ids
    from unnest(bucket.holders) as holder
    where exists (select from celeriac.jobs as job where job.id = holder and job.worker_id is not null and job.lane_id is not null)
  ) as live on true
  left join lateral celeriac.rate_room(
    bucket.spent_at, bucket.spent_units, bucket.next_at, rule.rate_limit, rule.rate_per_ms, rule.rate_burst, celeriac.clock()
  ) as room on rule.rate_limit is not null
  left join waiting on waiting.id = bucket.id
)
select
  used.name, used.key,
  case
    when used.held_until is not null then 'held'
    when used.running >= used.concurrency then 'full'
    when used.opens_at > celeriac.clock() then 'spent'
    else 'open'
  end as condition,
  used.concurrency, used.rate_limit, used.rate_per_ms, used.rate_burst,
  used.running, used.holder_ids, used.started, used.waiting_lanes,
  case
    when used.running >= used.concurrency then null
    when greatest(used.held_until, used.opens_at) > celeriac.clock() then greatest(used.held_until, used.opens_at)
  end as next_start_at,
  used.held_until, used.hold_reason, used.declared, used.chosen, used.declared_at,
  case when used.key is null then used.chosen_at end as chosen_at
from used;
comment on view celeriac.limit_list is 'What limits grant and what is used of them: one row per limit, and one per key that was ever used.';
comment on column celeriac.limit_list.name is 'task:<task>/rate, task:<task>/concurrency, task:<task>/exclusive, queue:<queue>/…, label:<name>=<value>, or a name of its own.';
comment on column celeriac.limit_list.key is 'Key that the row is about; null for what counts for all, and for a limit without keys.';
comment on column celeriac.limit_list.condition is 'open (a job may start), spent (its rate is, for now), full (as many run as may), held (somebody holds it).';
comment on column celeriac.limit_list.concurrency is 'Units that may run at once; null for any number.';
comment on column celeriac.limit_list.rate_limit is 'Units that may start within each rate_per_ms; null for any number.';
comment on column celeriac.limit_list.rate_per_ms is 'Length of the sliding window, in ms.';
comment on column celeriac.limit_list.rate_burst is 'Units that may start at once.';
comment on column celeriac.limit_list.running is 'Units that run now, where concurrency is limited.';
comment on column celeriac.limit_list.holder_ids is 'The jobs that run and hold these units.';
comment on column celeriac.limit_list.started is 'Units that started within the window, where a rate is limited.';
comment on column celeriac.limit_list.waiting_lanes is 'Lanes with jobs that have to pass it.';
comment on column celeriac.limit_list.next_start_at is 'When the next job may start; null for now, and where it waits for one that runs.';
comment on column celeriac.limit_list.held_until is 'Nothing starts before this instant, infinity until somebody releases it; null when it is not held.';
comment on column celeriac.limit_list.hold_reason is 'Why it is held.';
comment on column celeriac.limit_list.declared is 'What code says; null for a limit that was made at run time.';
comment on column celeriac.limit_list.chosen is 'What was chosen at run time, for this key or for all; null for nothing.';
comment on column celeriac.limit_list.declared_at is 'When the declaration last changed.';
comment on column celeriac.limit_list.chosen_at is 'When somebody last chose for all keys.';
