-- celeriac.respace_limit(text, text) → void
-- Lets starts be spread anew after the rate of a limit has changed: what the old one spread far apart may come now. What
-- has started stays counted.
-- Args:    p_key  null for all keys
-- Writes:  buckets, arrivals      Locks: those that wait for their next start, in order of ids: commit soon
-- Calls:   reopen_limit      Called by: set_limit, reset_limit, declare_limits
create or replace function celeriac.respace_limit(p_name text, p_key text default null)
returns void
language plpgsql
as $$
begin
  update celeriac.buckets as bucket set next_at = null
  where bucket.id = any (array (
    select bucket.id from celeriac.buckets as bucket
    where bucket.limit_name = p_name and (p_key is null or bucket.key = p_key) and bucket.next_at > celeriac.clock()
    order by bucket.id for update
  ));
  perform celeriac.reopen_limit(p_name, p_key);
end
$$;
comment on function celeriac.respace_limit(text, text) is 'Lets starts be spread anew after the rate of a limit has changed: what the old one spread far apart may come now.';
