-- celeriac.hold_buckets(jsonb) → void
-- Lets nothing start under keys of limits before an instant, such as one that a service named with "too many requests".
-- Args:    p_holds  [[[[limit, key], …], until, reason], …]
-- Writes:  buckets, limits (insert, so that workers know of it)
-- Locks:   their rows, without waiting      Calls: bucket_id, touch_settings
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
  insert into celeriac.buckets (id, limit_name, key, used_at)
  select distinct on (celeriac.bucket_id(one ->> 0, coalesce(one ->> 1, ''))) celeriac.bucket_id(one ->> 0, coalesce(one ->> 1, '')),
    one ->> 0, coalesce(one ->> 1, ''), v_now
  from jsonb_array_elements(p_holds) as hold, jsonb_array_elements(hold -> 0) as one
  where pg_try_advisory_xact_lock(celeriac.bucket_gate(celeriac.bucket_id(one ->> 0, coalesce(one ->> 1, ''))))
  order by 1
  on conflict do nothing;
  with held as materialized (
    select celeriac.bucket_id(one ->> 0, coalesce(one ->> 1, '')) as id, max((hold ->> 1)::timestamptz) as until, min(hold ->> 2) as reason
    from jsonb_array_elements(p_holds) as hold, jsonb_array_elements(hold -> 0) as one
    group by 1
  ), mine as materialized (
    -- A bucket in somebody's hands is left: the job that met the refusal waits by itself.
    select bucket.id from celeriac.buckets as bucket
    where bucket.id = any (array (select held.id from held)) order by bucket.id for update skip locked
  )
  update celeriac.buckets as bucket
  set held_until = greatest(bucket.held_until, held.until),
      hold_reason = case when bucket.held_until >= held.until then bucket.hold_reason else held.reason end
  from held
  where bucket.id = held.id and bucket.id = any (array (select mine.id from mine));
  -- order: settings after buckets, as everybody else. Whoever changes them at this moment raises the version himself; nobody
  -- who settles waits for a person.
  if v_new and exists (select from celeriac.settings as settings where settings.id = 1 for update skip locked) then
    perform celeriac.touch_settings();
  end if;
end
$$;
comment on function celeriac.hold_buckets(jsonb) is 'Lets nothing start under keys of limits before an instant, such as one that a service named with "too many requests".';
