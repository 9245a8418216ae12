-- celeriac.clock() → timestamptz
-- The only clock of celeriac: the start of the present statement by the database, or the instant a test has set.
-- Not now(): a job enqueued at the end of a long transaction must not be dated to its beginning.
-- Returns: celeriac.fake_now when the session has set it (tests), else statement_timestamp().
-- Writes:  nothing
-- Called by: everything that reads a time. stable and plain SQL, so that the planner sees through it to the index.
create or replace function celeriac.clock()
returns timestamptz
language sql stable parallel safe
as $$
  select coalesce(nullif(current_setting('celeriac.fake_now', true), '')::timestamptz, statement_timestamp())
$$;
comment on function celeriac.clock() is 'The only clock of celeriac: the start of the present statement by the database, or the instant a test has set.';
