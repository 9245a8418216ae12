-- celeriac.purge_jobs(uuid[], jsonb, text) → setof (job_id uuid, outcome text)
-- Cancels jobs that nobody runs; one that has begun meanwhile goes on. Whoever waits for them is told, and what follows
-- from nodes ends as with any cancel.
-- Args:    p_filter  see is_match; jobs that it does not fit any more are left alone
-- Returns: a row per distinct id; outcome = cancelled, running, settled, unknown, other (it does not fit any more), busy
--          (somebody holds its row, or one below it, at this moment)
-- Writes:  jobs (delete), results      Locks: the jobs, and what is below nodes among them, without waiting
-- Calls:   is_match, lock_below, cancel_jobs      Called by: src/db/calls/edit-jobs.ts, purge
create or replace function celeriac.purge_jobs(p_ids uuid[], p_filter jsonb, p_reason text)
returns table (job_id uuid, outcome text)
language plpgsql
-- planner: by primary key whatever the statistics say: a plan made while a day was empty may serve it when it is full.
set enable_seqscan = off
as $$
declare
  v_mine uuid[];
  v_nodes uuid[];
begin
  with mine as materialized (
    select job.id, job.options ? 'n' as node from celeriac.jobs as job
    where job.id = any (p_ids) and celeriac.is_match(job, p_filter)
    order by job.id
    for update skip locked
  )
  select array_agg(mine.id), array_agg(mine.id) filter (where mine.node) into v_mine, v_nodes from mine;
  if v_nodes is not null and not celeriac.lock_below(v_nodes) then
    v_mine := array (select id from unnest(v_mine) as id where id <> all (v_nodes));
  end if;
  perform celeriac.cancel_jobs(v_mine, p_reason);

  return query
  select
    given.id,
    case
      when given.id = any (v_mine) then 'cancelled'
      when job.id is null and exists (select from celeriac.results as result where result.id = given.id) then 'settled'
      when job.id is null then 'unknown'
      when job.worker_id is not null then 'running'
      when not celeriac.is_match(job, p_filter) then 'other'
      else 'busy'
    end
  from (select distinct id from unnest(p_ids) as id) as given
  left join lateral (select * from celeriac.jobs as job where job.id = given.id offset 0) as job on true
  order by given.id;
end
$$;
comment on function celeriac.purge_jobs(uuid[], jsonb, text) is 'Cancels jobs that nobody runs; one that has begun meanwhile goes on.';
