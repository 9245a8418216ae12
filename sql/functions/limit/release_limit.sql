-- celeriac.release_limit(text, text) → boolean
-- Ends a hold at once.
-- Args:    p_key  null for all keys that are held
-- Returns: whether anything was held
-- Writes:  buckets, limits (delete), settings, arrivals      Locks: their rows, then settings
-- Calls:   touch_settings, reopen_limit      Called by: src/db/calls/limit.ts, you
create or replace function celeriac.release_limit(p_name text, p_key text default null)
returns boolean
language plpgsql
as $$
declare
  v_held boolean;
begin
  update celeriac.buckets as bucket set held_until = null, hold_reason = null
  where bucket.id = any (array (
    select bucket.id from celeriac.buckets as bucket
    where bucket.limit_name = p_name and (p_key is null or bucket.key = p_key) and bucket.held_until is not null
    order by bucket.id for update
  ));
  v_held := found;
  if v_held then
    -- One that was there only for the hold.
    delete from celeriac.limits as one
    where one.name = p_name and one.declared is null and one.chosen is null
      and not exists (
        select from celeriac.buckets as bucket where bucket.limit_name = p_name and bucket.held_until > celeriac.clock()
      );
    perform celeriac.reopen_limit(p_name, p_key);
    perform celeriac.touch_settings();
  end if;
  return v_held;
end
$$;
comment on function celeriac.release_limit(text, text) is 'Ends a hold at once.';
