-- celeriac.bucket_gate(bigint) → bigint
-- Names the advisory lock that whoever inserts a bucket takes first. An insert waits for another one of the same until
-- that transaction ends, and people's may last: workers only try the gate, and come again. There are 64 of them, so that
-- no turn holds more.
-- Writes:  nothing      Called by: add_lanes, take_from_lanes, hold_buckets, set_limit, hold_limit, take_units
create or replace function celeriac.bucket_gate(p_bucket bigint)
returns bigint
language sql immutable parallel safe
as $$
  select hashtextextended(celeriac.channel() || ' bucket', p_bucket & 63)
$$;
comment on function celeriac.bucket_gate(bigint) is 'Names the advisory lock that whoever inserts a bucket takes first.';
