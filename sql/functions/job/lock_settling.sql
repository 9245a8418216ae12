-- celeriac.lock_settling(uuid, uuid[], jsonb) → uuid[]
-- Sees to it that everything a settling may touch is locked in id order: the worker's own jobs, and what nodes among them open or
-- end. Own jobs are locked by being settled, in their order; only what stands between them has to be locked beforehand.
-- Args:    as settle_jobs
-- Returns: what is below nodes and behind all own jobs: to be locked once those are settled; null for none
-- Writes:  nothing      Locks: jobs in id order      Calls: find_below      Called by: settle_jobs, complete_attempt
create or replace function celeriac.lock_settling(p_worker_id uuid, p_ids uuid[], p_others jsonb)
returns uuid[]
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_below uuid[];
  v_own uuid[] := p_ids || array (select (other ->> 'id')::uuid from jsonb_array_elements(p_others) as other);
begin
  if p_others @? '$[*].node' then
    -- A cancel may be asked for until the node is locked, so whatever does not succeed may be about to fail.
    select
      celeriac.find_below(array_agg(other.id) filter (where other.kind = 'succeeded'), false)
        || celeriac.find_below(array_agg(other.id) filter (where other.kind <> 'succeeded'), true)
    into v_below
    from jsonb_to_recordset(p_others) as other (id uuid, kind text, node boolean)
    where other.node;
  end if;
  -- Ids ascend, so what waits for a job mostly comes after it. Locking a row writes it: it is done only where it has to be.
  if (cardinality(p_ids) = 0 or cardinality(p_ids) = cardinality(v_own))
    and (select max(id::text) from unnest(v_own) as id) < (select min(id::text) from unnest(v_below) as id)
  then
    return v_below;
  end if;
  perform from celeriac.jobs as job
  where job.id = any (v_own || v_below) and (job.worker_id = p_worker_id or job.id = any (v_below))
  order by job.id
  for update;
  return null;
end
$$;
comment on function celeriac.lock_settling(uuid, uuid[], jsonb) is 'Sees to it that everything a settling may touch is locked in id order: the worker''s own jobs, and what nodes among them open or end.';
