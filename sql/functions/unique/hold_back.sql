-- celeriac.hold_back(uuid[]) → held uuid[], queues text[], earliest timestamptz
-- Keeps jobs that have not begun from beginning before the transaction ends. Who relies on a job that is still to begin
-- (it will see what I write) or changes it must not be overtaken by the claim; and who runs already is not touched: its
-- worker would have to wait for us in order to settle it.
-- Args:    p_ids  jobs; those that run, or are not there, are passed over
-- Returns: held = those that are held back now; any other was running, or not there, when this was called
--          queues = those of the jobs that are held back: a worker that looked meanwhile has passed them over, so wake one
--          when the transaction ends; earliest = earliest run_at among them
-- Writes:  nothing      Locks: the jobs, in id order; one that is being claimed is waited for
-- Called by: enqueue_unique
create or replace function celeriac.hold_back(
  p_ids uuid[], out held uuid[], out queues text[], out earliest timestamptz
)
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
-- planner: by primary key whatever the statistics say.
set enable_seqscan = off
as $$
declare
  v_waiting uuid[];
begin
  loop
    v_waiting := array (
      select job.id from celeriac.jobs as job
      where job.id = any (p_ids) and job.worker_id is null and (job.options is null or not job.options ? 'n')
    );
    exit when cardinality(v_waiting) = 0;
    -- A job that is claimed while we wait for its row is locked all the same once it is running; only by undoing this much
    -- is it let go.
    begin
      with locked as materialized (
        select job.id, job.queue, job.run_at from celeriac.jobs as job
        where job.id = any (v_waiting) and job.worker_id is null
        order by job.id for update
      )
      select array_agg(locked.id), array_agg(distinct locked.queue), min(locked.run_at)
      into held, queues, earliest
      from locked;
      exit when cardinality(held) = cardinality(v_waiting);
      raise no_data_found;
    exception when no_data_found then
      held := null;
      queues := null;
      earliest := null;
    end;
  end loop;
end
$$;
comment on function celeriac.hold_back(uuid[]) is 'Keeps jobs that have not begun from beginning before the transaction ends.';
