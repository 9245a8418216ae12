-- celeriac.forget_jobs(uuid[]) → integer
-- Removes what is kept of settled jobs; one that is not settled yet will leave nothing when it is.
-- Returns: how many jobs were found
-- Writes:  results (delete), attempts (delete), jobs (update)      Locks: the jobs in id order, then results likewise
-- Called by: src/db/calls/job.ts
create or replace function celeriac.forget_jobs(p_ids uuid[])
returns integer
language plpgsql
-- planner: by primary key whatever the statistics say: a plan made while a day was empty may serve it when it is full.
set enable_seqscan = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_marked integer;
  v_removed integer;
begin
  with mine as materialized (
    select job.id from celeriac.jobs as job where job.id = any (p_ids) order by job.id for update
  )
  update celeriac.jobs as job
  set options = coalesce(job.options, '{}') || '{"forget": true}'
  from mine
  where job.id = mine.id;
  get diagnostics v_marked = row_count;

  with mine as materialized (
    select result.id, result.settled_at,
      -- planner: a value, not a join, so that it is looked up.
      (select job.id from celeriac.jobs as job where job.workflow_id = result.workflow_id limit 1) is not null as needed
    from celeriac.results as result where result.id = any (p_ids) order by result.id for update
  ), kept as (
    -- What waits in the same canvas may take it yet: it goes when all of that is settled.
    update celeriac.results as result
    set expires_at = v_now
    from mine
    where result.id = mine.id and result.settled_at = mine.settled_at and mine.needed
    returning result.id
  ), removed as (
    delete from celeriac.results as result
    using mine
    where result.id = mine.id and result.settled_at = mine.settled_at and not mine.needed
    returning result.id
  )
  select (select count(*) from kept) + (select count(*) from removed) into v_removed;
  with mine as materialized (
    select attempt.job_id, attempt.token, attempt.ended_at from celeriac.attempts as attempt
    where attempt.job_id = any (p_ids)
    order by attempt.job_id, attempt.token for update
  )
  delete from celeriac.attempts as attempt
  using mine
  where attempt.job_id = mine.job_id and attempt.token = mine.token and attempt.ended_at = mine.ended_at;
  return v_marked + v_removed;
end
$$;
comment on function celeriac.forget_jobs(uuid[]) is 'Removes what is kept of settled jobs; one that is not settled yet will leave nothing when it is.';
