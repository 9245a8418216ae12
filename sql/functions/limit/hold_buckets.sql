-- celeriac.hold_buckets(jsonb) → void
-- Lets nothing start under keys of limits before an instant, such as one that a service named with "too many requests".
-- Args:    p_holds  [[[[limit, key], …], until, reason], …]
-- Writes:  buckets, limits (insert, so that workers know of it)      Locks: their rows, then settings      Calls: bucket_id, touch_settings
-- Called by: settle_jobs
create or replace function celeriac.hold_buckets(p_holds jsonb)
returns void
language plpgsql
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_new boolean;
begin
  insert into celeriac.limits (name)
  select distinct one ->> 0 from jsonb_array_elements(p_holds) as hold, jsonb_array_elements(hold -> 0) as one
  order by 1
  on conflict do nothing;
  v_new := found;
  insert into celeriac.buckets (id, limit_name, key, held_until, hold_reason, used_at)
  select celeriac.bucket_id(held.name, held.key), held.name, held.key, held.until, held.reason, v_now
  from (
    select distinct on (1, 2) one ->> 0 as name, coalesce(one ->> 1, '') as key, (hold ->> 1)::timestamptz as until, hold ->> 2 as reason
    from jsonb_array_elements(p_holds) as hold, jsonb_array_elements(hold -> 0) as one
    order by 1, 2, 3 desc
  ) as held
  order by celeriac.bucket_id(held.name, held.key)
  on conflict (id) do update
  set held_until = greatest(buckets.held_until, excluded.held_until),
      hold_reason = case when buckets.held_until >= excluded.held_until then buckets.hold_reason else excluded.hold_reason end;
  -- order: settings after buckets, as everybody else.
  if v_new then
    perform celeriac.touch_settings();
  end if;
end
$$;
comment on function celeriac.hold_buckets(jsonb) is 'Lets nothing start under keys of limits before an instant, such as one that a service named with "too many requests".';
