-- celeriac.run_round(…) → text
-- One round of urgent maintenance, done twice a second by whoever leads: rescues, cancels what expired, shows that
-- somebody leads. Leading is no right: two that do it at once are only too many, so one of them finds the lock taken.
-- Args:    p_accuser … p_most  see rescue_jobs and expire_jobs
-- Returns: JSON [[[worker id, name, reason, rescued, failed], …], expired, ms until a suspect is due or null]; null when
--          somebody else is doing a round
-- Locks:   the round, until it ends; held by no session, since that of a frozen process would hold it for ever
-- Writes:  jobs, results, attempts, workers, unique_keys      Calls: rescue_jobs, expire_jobs, expire_pauses, sweep_unique_keys
-- Called by: src/db/calls/maintain.ts
create or replace function celeriac.run_round(
  p_accuser uuid, p_grace_ms double precision, p_beat_ms double precision, p_lease_ms double precision,
  p_max_losses integer, p_orphans boolean, p_most integer
)
returns text
language plpgsql
as $$
declare
  v_rescues json;
  v_expired integer;
  v_suspected_at timestamptz;
begin
  if not pg_try_advisory_xact_lock(hashtextextended(celeriac.channel() || ' round', 0)) then
    return null;
  end if;
  select json_agg(json_build_array(worker_id, worker_name, reason, rescued, failed)) into v_rescues
  from celeriac.rescue_jobs(p_accuser, p_grace_ms, p_beat_ms, p_lease_ms, p_max_losses, p_orphans, p_most);
  v_expired := celeriac.expire_jobs(p_most);
  perform celeriac.expire_pauses();
  perform celeriac.sweep_unique_keys();
  select min(worker.suspected_at) into v_suspected_at from celeriac.workers as worker where worker.lost_at is null;
  -- Others notice by its absence that nobody leads any more, without asking.
  perform celeriac.hint('l ' || p_accuser)
  where exists (select from celeriac.workers as worker where worker.id <> p_accuser);
  return json_build_array(
    coalesce(v_rescues, '[]'), v_expired,
    extract(epoch from v_suspected_at - celeriac.clock()) * 1000 + p_grace_ms
  );
end
$$;
comment on function celeriac.run_round(uuid, double precision, double precision, double precision, integer, boolean, integer) is 'One round of urgent maintenance, done twice a second by whoever leads: rescues, cancels what expired, shows that somebody leads.';
