-- celeriac.fire_id(text, timestamptz) → uuid
-- Gives the id of the job for an instant of a schedule: the same whoever asks, and in the order of time as all ids.
-- Writes:  nothing      Called by: fire_schedules
create or replace function celeriac.fire_id(p_schedule text, p_instant timestamptz)
returns uuid
language sql immutable parallel safe
as $$
  -- UUID v7 (RFC 9562) whose random bits are a hash.
  select encode(
    set_byte(set_byte(
      overlay(hash placing substring(int8send(floor(extract(epoch from p_instant) * 1000)::bigint) from 3) from 1 for 6),
      6, 112 | (get_byte(hash, 6) & 15)), 8, 128 | (get_byte(hash, 8) & 63)),
    'hex')::uuid
  from decode(md5(p_schedule || E'\n' || extract(epoch from p_instant)::text), 'hex') as hash
$$;
comment on function celeriac.fire_id(text, timestamptz) is 'Gives the id of the job for an instant of a schedule: the same whoever asks, and in the order of time as all ids.';
