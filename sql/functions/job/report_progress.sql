-- celeriac.report_progress(uuid, uuid[], bigint[], text[]) → uuid[]
-- Stores what running handlers last reported, for many jobs at once, and announces it to processes that wait.
-- Args:    p_values  JSON texts, one per job
-- Returns: lost = attempts this worker no longer holds; null for none
-- Writes:  jobs (HOT update)      Locks: own jobs in id order
-- Called by: src/db/calls/job.ts
create or replace function celeriac.report_progress(
  p_worker_id uuid, p_ids uuid[], p_tokens bigint[], p_values text[], out lost uuid[]
)
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_held uuid[];
begin
  with mine as materialized (
    select job.id, report.value
    from (select * from unnest(p_ids, p_tokens, p_values) as report (id, token, value) order by report.id) as report
    join celeriac.jobs as job on job.id = report.id
    where job.token = report.token and job.worker_id = p_worker_id
    order by job.id for update of job
  ), reported as (
    update celeriac.jobs as job
    set progress = mine.value::jsonb
    from mine
    where job.id = mine.id
  )
  select array_agg(mine.id) into v_held from mine;

  perform celeriac.hint('p ' || id) from unnest(v_held) as id
  where exists (select from celeriac.listeners as listener where listener.expires_at > celeriac.clock());

  if coalesce(cardinality(v_held), 0) < cardinality(p_ids) then
    lost := array (select unnest(p_ids) except select unnest(v_held));
  end if;
end
$$;
comment on function celeriac.report_progress(uuid, uuid[], bigint[], text[]) is 'Stores what running handlers last reported, for many jobs at once, and announces it to processes that wait.';
