-- celeriac.fire_schedules(jsonb) → text
-- Fires instants of schedules, each at most once whoever wants to: the jobs, the ledger and the next instant in one transaction.
-- Who has read an older version of a schedule, or finds it in somebody else's hands, does nothing to it.
-- Args:    p_fires  [{"name", "version", "next": ms or null for never again,
--                     "ticks": [{"at": ms, "job"?: [shape, args] as in enqueue_jobs}, …]}, …]; without job it is missed
-- Returns: JSON {"taken": [name, …], "ticks": [[name, at, outcome, job id or null], …], "asleep": […], "earliest": µs}
-- Writes:  schedules, fires, jobs, results      Locks: schedules without waiting, by name; then jobs, without waiting
-- Calls:   fire_id, cancel_jobs, enqueue_jobs      Called by: src/db/calls/schedule.ts
create or replace function celeriac.fire_schedules(p_fires jsonb)
returns text
language plpgsql
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_fire jsonb;
  v_row celeriac.schedules;
  v_tick jsonb;
  v_at timestamptz;
  v_open uuid[];
  v_outcome text;
  v_id uuid;
  v_fires integer;
  v_last timestamptz;
  v_next timestamptz;
  v_taken text[] := '{}';
  v_ticks jsonb := '[]';
  v_batch jsonb := '[]';
  v_answer record;
begin
  for v_fire in select value from jsonb_array_elements(p_fires) order by value ->> 'name' loop
    select schedule.* into v_row from celeriac.schedules as schedule
    where schedule.name = v_fire ->> 'name' and schedule.version = (v_fire ->> 'version')::bigint
    for update skip locked;
    continue when not found;
    v_taken := v_taken || v_row.name;
    v_open := array (
      select job.id from unnest(v_row.open_jobs) as open (id)
      cross join lateral (select job.id from celeriac.jobs as job where job.id = open.id) as job
    );
    v_fires := 0;
    v_last := null;
    for v_tick in select value from jsonb_array_elements(v_fire -> 'ticks') order by (value ->> 'at')::double precision loop
      v_at := timestamptz 'epoch' + (v_tick ->> 'at')::double precision * interval '1 millisecond';
      v_outcome := case
        when v_tick -> 'job' is null then 'missed'
        when v_row.overlap = 'allow' or v_open = '{}' then 'fired'
        when v_row.overlap = 'cancel' then 'cancelled_previous'
        when v_row.overlap = 'queue' and cardinality(v_open) = 1 then 'queued'
        else 'skipped'
      end;
      v_id := case when v_outcome not in ('missed', 'skipped') then celeriac.fire_id(v_row.name, v_at) end;
      insert into celeriac.fires (schedule, instant, job_id, fired_at, outcome)
      values (v_row.name, v_at, v_id, v_now, v_outcome)
      on conflict do nothing;
      continue when not found;
      v_ticks := v_ticks || jsonb_build_array(jsonb_build_array(v_row.name, v_tick -> 'at', v_outcome, v_id));
      continue when v_id is null;
      if v_outcome = 'cancelled_previous' then
        -- One that somebody holds is being settled, or will be by a transaction that we do not wait for.
        v_open := array (
          select job.id from celeriac.jobs as job where job.id = any (v_open) order by job.id for update skip locked
        );
        perform celeriac.cancel_jobs(v_open, format('schedule "%s" fired again', v_row.name));
        v_open := '{}';
      end if;
      v_batch := v_batch || jsonb_build_array(
        jsonb_build_array(v_tick -> 'job' -> 0, jsonb_build_array(
          jsonb_build_array(v_id, v_tick -> 'job' -> 1)
          -- One runs at a time: the next one stands in a lane until then.
          || case when v_row.overlap = 'queue'
            then jsonb_build_array(jsonb_build_object('limits', jsonb_build_array(jsonb_build_array('schedule:' || v_row.name, '', 1))))
            else '[]'
          end
        ))
      );
      v_open := v_open || v_id;
      v_fires := v_fires + 1;
      v_last := v_at;
    end loop;

    v_next := case
      when v_row.fires + v_fires >= v_row.max_fires then null
      else timestamptz 'epoch' + (v_fire ->> 'next')::double precision * interval '1 millisecond'
    end;
    update celeriac.schedules as schedule set
      version = v_row.version + 1,
      next_run_at = v_next,
      finished_at = case when v_next is null then v_now end,
      last_run_at = coalesce(v_last, v_row.last_run_at),
      last_error = null,
      fires = v_row.fires + v_fires,
      open_jobs = case when v_row.overlap = 'allow' then '{}' else v_open end
    where schedule.name = v_row.name;
  end loop;

  if v_batch <> '[]' then
    select * into v_answer from celeriac.enqueue_jobs(v_batch);
    return json_build_object('taken', v_taken, 'ticks', v_ticks, 'asleep', coalesce(v_answer.asleep, '{}'),
      'earliest', v_answer.earliest::text)::text;
  end if;
  return json_build_object('taken', v_taken, 'ticks', v_ticks, 'asleep', '{}'::text[], 'earliest', '0')::text;
end
$$;
comment on function celeriac.fire_schedules(jsonb) is 'Fires instants of schedules, each at most once whoever wants to: the jobs, the ledger and the next instant in one transaction.';
