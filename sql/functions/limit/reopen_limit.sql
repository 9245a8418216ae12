-- celeriac.reopen_limit(text, text) → void
-- Has workers look anew at every lane that a limit, or one key of it, may hold: its settings have changed.
-- Args:    p_key  null for all keys
-- Writes:  arrivals (insert)      Locks: none      Called by: set_limit, hold_limit, resume
create or replace function celeriac.reopen_limit(p_name text, p_key text default null)
returns void
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  insert into celeriac.arrivals (lane_id)
  select distinct lane.id
  from celeriac.buckets as bucket
  join celeriac.lanes as lane on bucket.id = any (lane.bucket_ids)
  -- Whatever state it is in: until this is committed, others judge it by the settings that were.
  where bucket.limit_name = p_name and (p_key is null or bucket.key = p_key)
  order by lane.id;
end
$$;
comment on function celeriac.reopen_limit(text, text) is 'Has workers look anew at every lane that a limit, or one key of it, may hold: its settings have changed.';
