-- celeriac.reset_limit(text, text) → boolean
-- Takes back what was chosen for a limit, or for one key of it: what code declares counts again.
-- Args:    p_key  null for the limit and all of its keys
-- Returns: whether anything had been chosen
-- Writes:  limits, buckets, settings, arrivals      Locks: their rows, then settings
-- Calls:   touch_settings, respace_limit      Called by: src/db/calls/limit.ts, you
create or replace function celeriac.reset_limit(p_name text, p_key text default null)
returns boolean
language plpgsql
as $$
declare
  v_changed boolean := false;
begin
  if p_key is null then
    update celeriac.limits as one set chosen = null, chosen_at = null where one.name = p_name and one.chosen is not null;
    v_changed := found;
    -- A limit without a row limits nothing; a key that is held needs one, for workers to know of it.
    delete from celeriac.limits as one
    where one.name = p_name and one.declared is null and one.chosen is null
      and not exists (
        select from celeriac.buckets as bucket where bucket.limit_name = p_name and bucket.held_until > celeriac.clock()
      );
  end if;
  update celeriac.buckets as bucket set chosen = null
  where bucket.id = any (array (
    select bucket.id from celeriac.buckets as bucket
    where bucket.limit_name = p_name and (p_key is null or bucket.key = p_key) and bucket.chosen is not null
    order by bucket.id for update
  ));
  v_changed := v_changed or found;
  if v_changed then
    perform celeriac.respace_limit(p_name, p_key);
    perform celeriac.touch_settings();
  end if;
  return v_changed;
end
$$;
comment on function celeriac.reset_limit(text, text) is 'Takes back what was chosen for a limit, or for one key of it: what code declares counts again.';
