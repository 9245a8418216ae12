-- celeriac.leave_lanes(bigint[]) → void
-- Notes that jobs of these lanes run no more, for a worker to see who may start instead; for rare verbs, and for
-- transactions that may last.
-- Args:    p_lanes  null, or nulls in it, for jobs that were in none
-- Writes:  arrivals (insert)      Locks: none      Calls: hint
-- Called by: complete_attempt, kill_jobs, release_worker_jobs, replace_node, rescue_jobs
create or replace function celeriac.leave_lanes(p_lanes bigint[])
returns void
language plpgsql
as $$
begin
  insert into celeriac.arrivals (lane_id)
  select distinct lane_id from unnest(p_lanes) as lane_id where lane_id is not null order by lane_id;
  if found and exists (select from celeriac.workers as worker where worker.idle) then
    perform celeriac.hint('v');
  end if;
end
$$;
comment on function celeriac.leave_lanes(bigint[]) is 'Notes that jobs of these lanes run no more, for a worker to see who may start instead; for rare verbs, and for transactions that may last.';
