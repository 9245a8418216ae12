-- celeriac.read_schedules(text[], text[], integer) → text
-- Reads what is due to fire or has yet to be planned, and when to look again.
-- Args:    p_tasks  tasks the worker has registered: it fires those alone, since it knows their options
--          p_lazy   schedules whose arguments it can make
--          p_most   rows at most, the oldest first
-- Returns: JSON {"now", "next", "due": [{…}]}: the database's clock in ms since 1970, when the next one is due (null: none),
--          and the rows; instants of theirs are in ms, too, and next_run_at is null in one that has to be planned
-- Writes:  nothing      Called by: src/db/calls/schedule.ts
create or replace function celeriac.read_schedules(p_tasks text[], p_lazy text[], p_most integer)
returns text
language sql stable
as $$
  select json_build_object(
    'now', floor(extract(epoch from celeriac.clock()) * 1000),
    'next', (
      select ceil(extract(epoch from schedule.next_run_at) * 1000)
      from celeriac.schedules as schedule
      where schedule.next_run_at > celeriac.clock() and schedule.task = any (p_tasks)
        and (not schedule.lazy or schedule.name = any (p_lazy))
      order by schedule.next_run_at
      limit 1
    ),
    'due', coalesce((
      select json_agg(json_build_object(
        'name', due.name, 'version', due.version, 'task', due.task, 'args', due.args, 'lazy', due.lazy,
        'options', due.options, 'rule', due.rule, 'overlap', due.overlap, 'catchUp', due.catch_up,
        'catchUpMax', due.catch_up_max, 'deadlineMs', due.deadline_ms, 'jitterMs', due.jitter_ms,
        'startsAt', floor(extract(epoch from due.starts_at) * 1000), 'endsAt', floor(extract(epoch from due.ends_at) * 1000),
        'left', due.max_fires - due.fires, 'plannedFrom', floor(extract(epoch from due.planned_from) * 1000),
        'nextRunAt', case when due.next_run_at > '-infinity' then round(extract(epoch from due.next_run_at) * 1000) end
      ) order by due.next_run_at, due.name)
      from (
        select schedule.* from celeriac.schedules as schedule
        where schedule.next_run_at <= celeriac.clock() and schedule.task = any (p_tasks)
          and (not schedule.lazy or schedule.name = any (p_lazy))
        order by schedule.next_run_at
        limit p_most
      ) as due
    ), '[]')
  )::text
$$;
comment on function celeriac.read_schedules(text[], text[], integer) is 'Reads what is due to fire or has yet to be planned, and when to look again.';
