-- celeriac.find_limit_obstacles(uuid) → setof (rank, reason, message, since, until, estimated_at, details)
-- Lists which of the limits of a job in a lane do not let it start now: as take_from_lanes would judge them, without its locks.
--   label_paused  its label is paused              held    nothing of the key may start before an instant, or until released
--   concurrency   as many run as may: who they are  unique  the job that holds its key has to end first
--   rate          as many have started in the window as may
-- Args:    p_id  a job that waits in a lane; for any other there are none
-- Returns: estimated_at for a rate: when its own units fit in, after those before it in its lane
-- Writes:  nothing      Calls: bucket_id, bucket_rule, rate_opens_at, instant_text      Called by: find_obstacles
create or replace function celeriac.find_limit_obstacles(p_id uuid)
returns table (rank integer, reason text, message text, since timestamptz, until timestamptz, estimated_at timestamptz, details jsonb)
language sql stable
set jit = off
-- planner: by primary key, and in the order of the lane, whatever the statistics say.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
  with mine as materialized (
    select job.* from celeriac.jobs as job where job.id = p_id and job.lane_id is not null and job.worker_id is null
  ), before as materialized (
    select count(*) as jobs from mine cross join lateral (
      select from celeriac.jobs as other
      where other.lane_id = mine.lane_id and other.run_at is null
        and (other.priority > mine.priority
          or other.priority = mine.priority and (other.enqueued_at, other.id) < (mine.enqueued_at, mine.id))
      order by other.priority desc, other.enqueued_at, other.id
      limit 10000
    ) as other
  ), measured as materialized (
    select
      door.name, door.key, door.units, rule.concurrency, rule.rate_limit, rule.rate_per_ms, rule.rate_burst, bucket.held_until,
      bucket.hold_reason, coalesce(live.units, 0) as live, live.jobs as holders, before.jobs as before,
      format('limit "%s"%s', door.name, case door.key when '' then '' else format(' (key "%s")', door.key) end) as said,
      case before.jobs
        when 0 then 'it is the first that waits' when 1 then 'one job waits before it'
        when 10000 then '10,000 jobs or more wait before it' else before.jobs || ' jobs wait before it'
      end as line,
      celeriac.rate_opens_at(
        bucket.spent_at, bucket.spent_units, bucket.next_at, rule.rate_limit, rule.rate_per_ms, rule.rate_burst, door.units
      ) as opens_at
    from mine
    cross join before
    cross join lateral (
      select one ->> 0 as name, coalesce(one ->> 1, '') as key, coalesce((one -> 2)::integer, 1) as units
      from jsonb_array_elements(mine.options -> 'door' -> 'limits') as one
    ) as door
    left join lateral (
      select bucket.* from celeriac.buckets as bucket where bucket.id = celeriac.bucket_id(door.name, door.key) limit 1
    ) as bucket on true
    cross join lateral celeriac.bucket_rule(door.name, bucket.chosen) as rule
    left join lateral (
      select sum(held.units) as units,
        jsonb_agg(jsonb_build_object('id', held.id, 'task', held.task, 'since', held.claimed_at) order by held.claimed_at)
          filter (where held.place <= 20) as jobs
      from (
        select job.id, job.task, job.claimed_at, holder.units, row_number() over (order by job.claimed_at) as place
        from (select one as id, count(*) as units from unnest(bucket.holders) as one group by one) as holder
        cross join lateral (
          select job.* from celeriac.jobs as job where job.id = holder.id and job.worker_id is not null limit 1
        ) as job
      ) as held
    ) as live on true
  )
  select 60, 'held',
    format('%s is held%s%s', measured.said,
      case when isfinite(measured.held_until) then ' until ' || celeriac.instant_text(measured.held_until) else ' until somebody releases it' end,
      coalesce(': ' || measured.hold_reason, '')),
    null::timestamptz, nullif(measured.held_until, 'infinity'), nullif(measured.held_until, 'infinity'),
    jsonb_strip_nulls(jsonb_build_object('limit', measured.name, 'key', measured.key, 'holdReason', measured.hold_reason, 'before', measured.before))
  from measured where measured.held_until > celeriac.clock()
  union all
  select case when pause.name is null then 61 else 41 end,
    case when pause.name is not null then 'label_paused' when measured.name like 'unique:%' then 'unique' else 'concurrency' end,
    case
      when pause.name is not null then format('label "%s" is paused since %s%s%s', pause.name, celeriac.instant_text(pause.paused_at),
        coalesce(': ' || pause.reason, ''), coalesce(', until ' || celeriac.instant_text(pause.expires_at), ''))
      when measured.name like 'unique:%' then format('it follows job %s, which holds its key "%s" and runs', measured.holders -> 0 ->> 'id', measured.key)
      else format('%s lets %s run at once, and as many do%s; %s', measured.said, measured.concurrency,
        coalesce(': ' || (select string_agg(one ->> 'id', ', ') from (select one from jsonb_array_elements(measured.holders) as one limit 3) as few)
          || case when jsonb_array_length(measured.holders) > 3 then ', …' else '' end, ''), measured.line)
    end,
    pause.paused_at, pause.expires_at, null,
    jsonb_strip_nulls(jsonb_build_object(
      'limit', measured.name, 'key', measured.key, 'concurrency', measured.concurrency, 'running', measured.live, 'units', measured.units,
      'holders', measured.holders, 'before', measured.before, 'label', pause.name, 'reason', pause.reason
    ))
  from measured
  left join lateral (
    select pause.* from celeriac.pauses as pause
    where pause.kind = 'label' and 'label:' || pause.name = measured.name and measured.concurrency = 0 limit 1
  ) as pause on true
  where measured.live + measured.units > measured.concurrency and (measured.live > 0 or measured.concurrency = 0)
  union all
  select 62, 'rate',
    format('%s lets %s start per %s; the next may at %s, and %s', measured.said, measured.rate_limit,
      case when measured.rate_per_ms >= 1000 then measured.rate_per_ms / 1000 || ' s' else measured.rate_per_ms || ' ms' end,
      celeriac.instant_text(measured.opens_at), measured.line),
    null, measured.opens_at,
    measured.opens_at + measured.before * measured.units * measured.rate_per_ms / measured.rate_limit * interval '1 millisecond',
    jsonb_build_object(
      'limit', measured.name, 'key', measured.key, 'rateLimit', measured.rate_limit, 'perMs', measured.rate_per_ms,
      'units', measured.units, 'before', measured.before
    )
  from measured where measured.opens_at > celeriac.clock()
$$;
comment on function celeriac.find_limit_obstacles(uuid) is 'Lists which of the limits of a job in a lane do not let it start now: as take_from_lanes would judge them, without its locks.';
