-- celeriac.deregister_worker(uuid, uuid[]) → integer
-- Removes a worker, and gives back every job the table says it still holds, uncharged.
-- Args:    p_kept  jobs that were claimed in an answer that got lost are found here; pass the ids that must not be given back
-- Returns: how many jobs went back
-- Writes:  jobs, workers      Locks: its row, then its jobs in id order      Called by: src/db/calls/worker.ts
create or replace function celeriac.deregister_worker(p_id uuid, p_kept uuid[] default '{}')
returns integer
language plpgsql
as $$
declare
  v_ids uuid[];
  v_tokens bigint[];
begin
  -- order: worker before jobs, and never again after them: a row that was not there may have come meanwhile, and whoever
  -- holds it waits for these jobs.
  delete from celeriac.workers as worker where worker.id = p_id;
  select array_agg(held.job_id), array_agg(held.token) into v_ids, v_tokens
  from celeriac.find_held(p_id) as held where held.job_id <> all (p_kept);
  return celeriac.release_worker_jobs(p_id, v_ids, v_tokens);
end
$$;
comment on function celeriac.deregister_worker(uuid, uuid[]) is 'Removes a worker, and gives back every job the table says it still holds, uncharged.';
