-- celeriac.announce_settled(uuid[]) → void
-- Tells processes that wait for results that nodes are settled which no worker has settled itself.
-- Writes:  nothing      Calls: hint      Called by: advance_dependencies, fail_below
create or replace function celeriac.announce_settled(p_ids uuid[])
returns void
language sql volatile
as $$
  select celeriac.hint('s ' || string_agg(id::text, ' '))
  from (
    -- A payload holds 200 ids; of more than 2000 whoever waits reads by himself before long.
    select id, (row_number() over () - 1) / 200 as part from unnest(p_ids[:2000]) as id
  ) as parted
  where exists (select from celeriac.listeners as listener where listener.expires_at > celeriac.clock())
  group by part
$$;
comment on function celeriac.announce_settled(uuid[]) is 'Tells processes that wait for results that nodes are settled which no worker has settled itself.';
