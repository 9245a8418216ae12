-- celeriac.judge_schedules() → boolean
-- Makes schedules what the code of living workers says: new ones are there, changed ones change, and one that no living
-- worker declares any more, though one that runs its task could, is retired. When all are gone, nothing changes.
-- Returns: whether living workers disagree
-- Writes:  schedules, declarations      Locks: schedules without waiting      Calls: write_schedule
-- Called by: declare_schedules, src/db/calls/schedule.ts
create or replace function celeriac.judge_schedules()
returns boolean
language plpgsql
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_living uuid[] := array (select worker.id from celeriac.workers as worker where worker.lost_at is null);
  v_row record;
begin
  if not pg_try_advisory_xact_lock(hashtextextended(celeriac.channel() || ' schedules', 0)) then
    return true;
  end if;
  for v_row in
    select newest.schedule, newest.declared, known.chosen, known.name is not null as there
    from (
      select distinct on (said.schedule) said.schedule, said.declared
      from celeriac.declarations as said
      where said.worker_ids && v_living
      order by said.schedule, said.first_seen_at desc, said.digest
    ) as newest
    left join celeriac.schedules as known on known.name = newest.schedule
    where known.name is null or known.declared is distinct from newest.declared
      or (known.retired_at is not null and not coalesce(known.chosen ? 'removed', false))
    order by newest.schedule
  loop
    if v_row.there then
      perform from celeriac.schedules as schedule where schedule.name = v_row.schedule for update skip locked;
      continue when not found;
    end if;
    perform celeriac.write_schedule(
      v_row.schedule, v_row.declared, v_row.chosen, coalesce(v_row.chosen ? 'removed', false)
    );
  end loop;

  update celeriac.schedules as schedule set retired_at = v_now
  where schedule.name = any (array (
    select known.name from celeriac.schedules as known
    where known.declared is not null and known.retired_at is null and known.denied_by && v_living
      and not exists (
        select from celeriac.declarations as said where said.schedule = known.name and said.worker_ids && v_living
      )
    order by known.name
    for update skip locked
  ));
  -- A clock that was set back would silence an interval for as long as it was set back.
  update celeriac.schedules as schedule set next_run_at = '-infinity', planned_from = v_now, version = schedule.version + 1
  where schedule.name = any (array (
    select known.name from celeriac.schedules as known
    -- Rules can be written by hand: a case, so that one that is wrong hinders nobody.
    where case
      when jsonb_typeof(known.rule -> 'interval') = 'number' and isfinite(known.next_run_at)
        and isfinite(coalesce(known.starts_at, v_now))
      then extract(epoch from known.next_run_at - greatest(v_now, known.starts_at)) * 1000
        > 3 * (known.rule ->> 'interval')::numeric
      else false
    end
    order by known.name
    for update skip locked
  ));
  update celeriac.schedules as schedule
  set last_error = format('no living worker has registered the task "%s"', schedule.task)
  where schedule.name = any (array (
    select known.name from celeriac.schedules as known
    where known.next_run_at < v_now - interval '5 seconds' and known.last_error is null
      and not exists (
        select from celeriac.workers as worker where worker.lost_at is null and known.task = any (worker.tasks)
      )
    order by known.name
    for update skip locked
  ));
  delete from celeriac.declarations as said
  where said.seen_at < v_now - interval '2 days' and not said.worker_ids && v_living;
  return exists (
    select from celeriac.declarations as said where said.worker_ids && v_living
    group by said.schedule having count(*) > 1
  ) or exists (
    select from celeriac.schedules as known where known.denied_by && v_living and known.retired_at is null
  );
end
$$;
comment on function celeriac.judge_schedules() is 'Makes schedules what the code of living workers says: new ones are there, changed ones change, and one that no living worker declares any more, though one that runs its task could, is retired.';
