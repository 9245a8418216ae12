-- celeriac.lock_settling(uuid, uuid[], jsonb) → void
-- Locks whatever a settling may touch, in one go and in id order: the worker's own jobs, and what nodes among them open or end.
-- Args:    as settle_jobs
-- Writes:  nothing      Locks: jobs in id order      Calls: find_below      Called by: settle_jobs
create or replace function celeriac.lock_settling(p_worker_id uuid, p_ids uuid[], p_others jsonb)
returns void
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_below uuid[];
begin
  if p_others @? '$[*].node' then
    select
      celeriac.find_below(array_agg(node.id) filter (where not node.fails), false)
        || celeriac.find_below(array_agg(node.id) filter (where node.fails), true)
    into v_below
    from (
      select
        job.id,
        other.kind in ('discarded', 'cancelled') or other.kind <> 'succeeded' and job.cancel_requested_at is not null
          or other.kind = 'errored'
          and (other."delayMs" is null or job.attempt - job.snoozes - job.losses >= job.max_attempts) as fails
      from jsonb_to_recordset(p_others) as other (id uuid, kind text, node boolean, "delayMs" double precision)
      join celeriac.jobs as job on job.id = other.id
      where other.node
    ) as node;
  end if;
  perform from celeriac.jobs as job
  where job.id = any (
      p_ids || array (select (other ->> 'id')::uuid from jsonb_array_elements(p_others) as other) || v_below
    )
    and (job.worker_id = p_worker_id or job.id = any (v_below))
  order by job.id
  for update;
end
$$;
comment on function celeriac.lock_settling(uuid, uuid[], jsonb) is 'Locks whatever a settling may touch, in one go and in id order: the worker''s own jobs, and what nodes among them open or end.';
