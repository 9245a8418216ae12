-- celeriac.channel() → text
-- Name of the one notification channel of this installation; different for each schema of a database.
-- Payloads are hints, never commands or content: see src/db/listener.ts.
-- Writes:  nothing      Called by: hint, src/db/hints.ts, src/db/listening-session.ts
create or replace function celeriac.channel()
returns text
language sql immutable parallel safe
as $$
  -- The text below names the schema, so that an installation under another name gets another channel.
  select 'celeriac_' || left(md5('celeriac.channel'), 8)
$$;
comment on function celeriac.channel() is 'Name of the one notification channel of this installation; different for each schema of a database.';
