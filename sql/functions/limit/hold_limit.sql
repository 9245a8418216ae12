-- celeriac.hold_limit(text, text, timestamptz, text) → void
-- Lets nothing start under a key of a limit before an instant; what runs goes on.
-- Args:    p_key     null for a limit without keys
--          p_until   null for until it is released
--          p_reason  for people; null for none
-- Raises:  ZC010 LIMIT_NAME, ZC011 LIMIT_KEY also for none where the limit has keys
-- Writes:  buckets, limits (insert), settings, arrivals      Locks: its rows, then settings
-- Calls:   assert_limit, touch_settings, reopen_limit      Called by: src/db/calls/limit.ts, you
create or replace function celeriac.hold_limit(
  p_name text, p_key text default null, p_until timestamptz default null, p_reason text default null
)
returns void
language plpgsql
as $$
declare
  v_problem text := 'is missing: it has keys, and each is held for itself';
begin
  perform celeriac.assert_limit(p_name, p_key);
  if p_key is null
    and exists (select from celeriac.buckets as bucket where bucket.limit_name = p_name and bucket.key <> '')
    and not exists (select from celeriac.buckets as bucket where bucket.limit_name = p_name and bucket.key = '')
  then
    raise exception using errcode = 'ZC011', message = format('the key of limit "%s" %s', p_name, v_problem),
      detail = json_build_object('code', 'LIMIT_KEY', 'limit', p_name, 'problem', v_problem);
  end if;
  insert into celeriac.limits (name) values (p_name) on conflict do nothing;
  perform pg_advisory_xact_lock(celeriac.bucket_gate(celeriac.bucket_id(p_name, coalesce(p_key, ''))));
  insert into celeriac.buckets as bucket (id, limit_name, key, held_until, hold_reason, used_at)
  values (
    celeriac.bucket_id(p_name, coalesce(p_key, '')), p_name, coalesce(p_key, ''), coalesce(p_until, 'infinity'), p_reason, celeriac.clock()
  )
  on conflict (id) do update set held_until = excluded.held_until, hold_reason = excluded.hold_reason;
  perform celeriac.reopen_limit(p_name, coalesce(p_key, ''));
  perform celeriac.touch_settings();
end
$$;
comment on function celeriac.hold_limit(text, text, timestamptz, text) is 'Lets nothing start under a key of a limit before an instant; what runs goes on.';
