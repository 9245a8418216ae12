-- celeriac.new_id() → uuid
-- Makes a UUID v7 (RFC 9562) for a job that is enqueued from SQL.
-- Writes:  nothing      Called by: enqueue
create or replace function celeriac.new_id()
returns uuid
language sql volatile
as $$
  select encode(
    set_bit(set_bit(
      overlay(
        uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
        from 1 for 6
      ), 52, 1), 53, 1),
    'hex')::uuid
$$;
comment on function celeriac.new_id() is 'Makes a UUID v7 (RFC 9562) for a job that is enqueued from SQL.';
