-- celeriac.touch_settings() → void
-- Says that something was changed that workers act upon: each turn of a worker reads the version, and those that sleep
-- are woken.
-- Writes:  settings      Locks: its row, until the transaction ends: whoever changes settings waits for others that do
-- Calls:   hint      Called by: every function that changes limits or pauses
create or replace function celeriac.touch_settings()
returns void
language plpgsql
as $$
begin
  update celeriac.settings set version = version + 1;
  perform celeriac.hint('v');
end
$$;
comment on function celeriac.touch_settings() is 'Says that something was changed that workers act upon: each turn of a worker reads the version, and those that sleep are woken.';
