-- celeriac.find_fate(text, uuid, uuid, bigint, boolean) → text
-- What became of a transaction that called complete_attempt and whose end its caller did not see.
-- Args:    p_xid  what complete_attempt returned      p_abandoned  ends the session that still has it open, since
--          nobody can commit it any more
-- Returns: committed, aborted, in progress, or unknown (the server cannot tell: it is another one, or it was long ago)
-- Writes:  nothing
-- Called by: src/db/calls/complete-attempt.ts
create or replace function celeriac.find_fate(
  p_xid text, p_worker_id uuid, p_id uuid, p_token bigint, p_abandoned boolean
)
returns text
language plpgsql
-- planner: by primary key whatever the statistics say.
set enable_seqscan = off
as $$
declare
  v_status text;
begin
  begin
    v_status := pg_xact_status(p_xid::xid8);
  exception
    -- A transaction of the future: after a failover, that of a server that is gone.
    when invalid_parameter_value then v_status := null;
  end;
  if v_status = 'in progress' and p_abandoned then
    begin
      perform pg_terminate_backend(session.pid) from pg_stat_activity as session
      where session.backend_xid = p_xid::xid8::xid and session.datname = current_database();
    exception
      when insufficient_privilege then null;
    end;
  end if;

  -- The rows have the last word, read after the status: a server that lost commits gives their numbers away again.
  if exists (
    select from celeriac.results as result
    where result.id = p_id and result.token = p_token and result.worker_id = p_worker_id and result.state = 'succeeded'
  ) then
    return 'committed';
  end if;
  if v_status = 'in progress' then
    return v_status;
  end if;
  if exists (
    select from celeriac.jobs as job
    where job.id = p_id and job.token = p_token and job.worker_id = p_worker_id
  ) then
    -- Committed, and yet the job is held: another transaction of that number, or rows read too early. Ask again.
    return case v_status when 'committed' then 'in progress' else 'aborted' end;
  end if;
  return coalesce(v_status, 'unknown');
end
$$;
comment on function celeriac.find_fate(text, uuid, uuid, bigint, boolean) is 'What became of a transaction that called complete_attempt and whose end its caller did not see.';
