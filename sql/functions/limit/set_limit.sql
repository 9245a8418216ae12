-- celeriac.set_limit(text, jsonb, text) → jsonb
-- Changes what a limit grants, for all or for one key, until it is reset. It wins over what code declares, outlives
-- restarts, and workers act on it within a second.
-- Args:    p_name      task:<task>/rate, task:<task>/concurrency, queue:<queue>/…, or a name of its own; one that is new
--                      is made
--          p_settings  {"rateLimit": "10/s", "concurrency": 5}: what it names is changed; null or 0 switches off
--          p_key       whose share; null for what counts for all keys that have none of their own
-- Returns: what counts from now on: {"concurrency", "rateLimit", "ratePerMs", "rateBurst"}
-- Raises:  22023 as read_grant; ZC010 LIMIT_NAME, ZC011 LIMIT_KEY, ZC012 LIMIT_UNKNOWN for a key of an unknown limit
-- Writes:  limits or buckets, settings, arrivals      Locks: its row, then settings
-- Calls:   read_grant, assert_limit, touch_settings, respace_limit      Called by: src/db/calls/limit.ts, you
create or replace function celeriac.set_limit(p_name text, p_settings jsonb, p_key text default null)
returns jsonb
language plpgsql
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_chosen jsonb := celeriac.read_grant(p_settings);
  v_key_chosen jsonb;
begin
  perform celeriac.assert_limit(p_name, p_key);
  if p_key is null then
    insert into celeriac.limits as one (name, chosen, chosen_at) values (p_name, v_chosen, v_now)
    on conflict (name) do update
    set chosen = coalesce(one.chosen, '{}') || excluded.chosen, chosen_at = excluded.chosen_at;
  else
    perform pg_advisory_xact_lock(celeriac.bucket_gate(celeriac.bucket_id(p_name, p_key)));
    insert into celeriac.buckets as bucket (id, limit_name, key, chosen, used_at)
    values (celeriac.bucket_id(p_name, p_key), p_name, p_key, v_chosen, v_now)
    on conflict (id) do update set chosen = coalesce(bucket.chosen, '{}') || excluded.chosen
    returning bucket.chosen into v_key_chosen;
  end if;
  perform celeriac.respace_limit(p_name, p_key);
  perform celeriac.touch_settings();
  return (
    select jsonb_build_object(
      'concurrency', rule.concurrency, 'rateLimit', rule.rate_limit, 'ratePerMs', rule.rate_per_ms, 'rateBurst', rule.rate_burst
    )
    from celeriac.bucket_rule(p_name, v_key_chosen) as rule
  );
end
$$;
comment on function celeriac.set_limit(text, jsonb, text) is 'Changes what a limit grants, for all or for one key, until it is reset.';
