-- celeriac.make_partitions(integer) → integer
-- Makes the partitions of results and attempts for today and the days ahead.
-- A day that the default partition already holds rows of is left to it: moving them would lock out settling.
-- Args:    p_days  days ahead of today
-- Returns: how many were made; fewer when somebody who reads history is in the way: the next call goes on
-- Writes:  results, attempts (new partitions)      Locks: the parents, against everybody; waits a quarter of a second
-- Called by: src/db/calls/maintain.ts, migrate
create or replace function celeriac.make_partitions(p_days integer)
returns integer
language plpgsql
-- A day begins and ends in UTC, and is written so that it cannot be read otherwise.
set timezone = 'UTC'
set datestyle = 'ISO'
-- Whoever waits for this lock holds up every settling behind it, for as long as a reader of history takes.
set lock_timeout = '250ms'
as $$
declare
  v_today date := (celeriac.clock() at time zone 'UTC')::date;
  v_parent text;
  v_day date;
  v_name text;
  v_busy boolean;
  v_made integer := 0;
begin
  -- Somebody else is at it.
  if not pg_try_advisory_xact_lock(hashtextextended(celeriac.channel() || ' partitions', 0)) then
    return 0;
  end if;
  foreach v_parent in array array['results', 'attempts'] loop
    for v_day in select generate_series(v_today, v_today + p_days, interval '1 day')::date loop
      v_name := v_parent || '_' || to_char(v_day, 'YYYYMMDD');
      continue when to_regclass('celeriac.' || v_name) is not null;
      if v_parent = 'results' then
        v_busy := exists (
          select from celeriac.results_default as result
          where result.settled_at >= v_day::timestamp at time zone 'UTC'
            and result.settled_at < (v_day + 1)::timestamp at time zone 'UTC'
        );
      else
        v_busy := exists (
          select from celeriac.attempts_default as attempt
          where attempt.ended_at >= v_day::timestamp at time zone 'UTC'
            and attempt.ended_at < (v_day + 1)::timestamp at time zone 'UTC'
        );
      end if;
      continue when v_busy;
      begin
        execute format(
          'create table celeriac.%I partition of celeriac.%I for values from (%L) to (%L)',
          v_name, v_parent, v_day::timestamp at time zone 'UTC', (v_day + 1)::timestamp at time zone 'UTC'
        );
      exception when lock_not_available then
        return v_made;
      end;
      execute format('comment on table celeriac.%I is %L', v_name, format('%s of %s (UTC).', initcap(v_parent), v_day));
      v_made := v_made + 1;
    end loop;
  end loop;
  return v_made;
end
$$;
comment on function celeriac.make_partitions(integer) is 'Makes the partitions of results and attempts for today and the days ahead.';
