-- celeriac.complete_attempt(uuid, uuid, bigint, text) → xid text, listened_to boolean
-- Settles an attempt as succeeded inside the transaction of whoever calls: both are committed, or neither. When the
-- attempt is not held any more that transaction is made unusable, so that nothing of it can be committed.
-- Args:    p_value  JSON text, null for no value
-- Returns: xid = the transaction, to ask for its fate later; listened_to = whether any process waits for results
-- Raises:  ZC001 LEASE_LOST when this worker does not hold the job by this token
-- Writes:  jobs, results      Locks: the job, and what it opens when it is a node
-- Calls:   lock_settling, settle_jobs, leave_lanes
-- Called by: src/db/calls/complete-attempt.ts
create or replace function celeriac.complete_attempt(
  p_worker_id uuid, p_id uuid, p_token bigint, p_value text, out xid text, out listened_to boolean
)
language plpgsql
as $$
declare
  v_node boolean;
  v_freed bigint[];
begin
  -- order: a node and what it opens in one go; what waits for it may stand before it.
  v_node := (select job.options ? 'n' from celeriac.jobs as job where job.id = p_id);
  if v_node then
    perform celeriac.lock_settling(p_worker_id, '{}', jsonb_build_array(
      jsonb_build_object('id', p_id, 'kind', 'succeeded', 'node', true)));
  end if;
  -- settle_jobs forgives what this token has settled before; here that would let a second set of effects in.
  perform from celeriac.jobs as job
  where job.id = p_id and job.token = p_token and job.worker_id = p_worker_id
  for update;
  if not found then
    raise exception 'job % is no longer held by this attempt', p_id
      using errcode = 'ZC001', hint = 'Roll back: another attempt runs the job, or it is settled.';
  end if;
  if v_node then
    select settled.freed into v_freed from celeriac.settle_jobs(p_worker_id, '{}', '{}', '{}', jsonb_build_array(jsonb_build_object(
      'id', p_id, 'token', p_token, 'kind', 'succeeded', 'node', true, 'value', p_value::jsonb,
      'nothing', case when p_value is null then true end))) as settled;
  else
    select settled.freed into v_freed from celeriac.settle_jobs(p_worker_id, array[p_id], array[p_token], array[p_value], null) as settled;
  end if;
  -- The transaction may last: no lane is to be locked by it.
  perform celeriac.leave_lanes(v_freed);
  xid := pg_current_xact_id();
  listened_to := exists (select from celeriac.listeners as listener where listener.expires_at > celeriac.clock());
end
$$;
comment on function celeriac.complete_attempt(uuid, uuid, bigint, text) is 'Settles an attempt as succeeded inside the transaction of whoever calls: both are committed, or neither.';
