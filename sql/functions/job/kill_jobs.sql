-- celeriac.kill_jobs(uuid[], text) → setof (job_id uuid, outcome text)
-- Ends jobs at once: a running one is taken away from its worker, whose handler is fenced from then on, and cancelled
-- like one that has not begun.
-- Returns: a row per distinct id; outcome = killed (it ran), cancelled (it had not begun), settled (too late),
--          unknown (never enqueued, or pruned)
-- Writes:  jobs, results, attempts      Locks: the jobs, and what is below nodes among them, in id order
-- Calls:   find_below, cancel_jobs
-- Called by: src/db/calls/kill-jobs.ts, kill
create or replace function celeriac.kill_jobs(p_ids uuid[], p_reason text)
returns table (job_id uuid, outcome text)
language plpgsql
set enable_seqscan = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_found uuid[];
  v_killed uuid[];
  v_lanes bigint[];
  v_ids uuid[] := p_ids;
  v_below uuid[] := celeriac.find_below(p_ids, true);
begin
  -- order: as in cancel_jobs.
  if v_below is not null then
    with locked as materialized (
      select job.id from celeriac.jobs as job where job.id = any (p_ids || v_below) order by job.id for update
    )
    select array_agg(locked.id) into v_ids from locked where locked.id = any (p_ids);
  end if;

  with mine as materialized (
    select job.* from celeriac.jobs as job where job.id = any (v_ids) order by job.id for update
  ), taken as (
    update celeriac.jobs as job
    set worker_id = null, token = job.token + 1
    from mine
    where job.id = mine.id and mine.worker_id is not null
  ), recorded as (
    insert into celeriac.attempts (job_id, attempt, token, outcome, worker_id, claimed_at, ended_at, error)
    select
      id, attempt, token, 'cancelled', worker_id, claimed_at, v_now,
      jsonb_build_object('name', 'JobCancelledError', 'code', 'JOB_CANCELLED', 'message',
        coalesce(cancel_reason, p_reason, 'killed'))
    from mine
    where worker_id is not null and (options is null or not options ? 'forget')
  )
  select array_agg(mine.id), array_agg(mine.id) filter (where mine.worker_id is not null), array_agg(mine.lane_id) filter (where mine.worker_id is not null)
  into v_found, v_killed, v_lanes from mine;
  perform celeriac.leave_lanes(v_lanes) where v_lanes is not null;

  perform celeriac.hint('k ' || id) from unnest(v_killed) as id;

  -- order: only what is locked already; one that came back meanwhile would be locked too late.
  perform celeriac.cancel_jobs(v_found, coalesce(p_reason, 'killed'));

  return query
  select
    given.id,
    case
      when given.id = any (v_killed) then 'killed'
      when given.id = any (v_found) then 'cancelled'
      when exists (select from celeriac.results as result where result.id = given.id)
        or exists (select from celeriac.jobs as job where job.id = given.id) then 'settled'
      else 'unknown'
    end
  from (select distinct id from unnest(p_ids) as id) as given;
end
$$;
comment on function celeriac.kill_jobs(uuid[], text) is 'Ends jobs at once: a running one is taken away from its worker, whose handler is fenced from then on, and cancelled like one that has not begun.';
