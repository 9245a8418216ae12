-- celeriac.hint(text) → void
-- Says something on the channel when the transaction commits, unless the queue of notifications is nearly full.
-- A full one would fail the commit; everything works without hints, and somebody's listener has stood still for long then.
-- Args:    p_payload  see src/db/hints.ts
-- Writes:  nothing      Called by: every function that notifies
create or replace function celeriac.hint(p_payload text)
returns void
language sql volatile
as $$
  select pg_notify(celeriac.channel(), p_payload) where pg_notification_queue_usage() < 0.9
$$;
comment on function celeriac.hint(text) is 'Says something on the channel when the transaction commits, unless the queue of notifications is nearly full.';
