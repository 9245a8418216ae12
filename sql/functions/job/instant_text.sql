-- celeriac.instant_text(timestamptz) → text
-- Writes an instant for people, in UTC; the same in every session.
-- Writes:  nothing      Called by: explain, find_obstacles, find_limit_obstacles
create or replace function celeriac.instant_text(p_at timestamptz)
returns text
language sql immutable
as $$
  select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS" UTC"')
$$;
comment on function celeriac.instant_text(timestamptz) is 'Writes an instant for people, in UTC; the same in every session.';
