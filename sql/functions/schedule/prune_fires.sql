-- celeriac.prune_fires(double precision, integer) → integer
-- Forgets instants that were dealt with: when results of the time are gone, and two days at least.
-- Args:    p_retention_ms  how long results are kept; null for ever: then 30 days
--          p_most          rows at most; call again while it returns that many
-- Writes:  fires (delete)      Locks: rows without waiting      Called by: src/db/calls/schedule.ts
create or replace function celeriac.prune_fires(p_retention_ms double precision, p_most integer)
returns integer
language plpgsql
as $$
declare
  v_count integer;
begin
  delete from celeriac.fires as fire
  where fire.ctid = any (array (
    select old.ctid from celeriac.fires as old
    where old.fired_at < celeriac.clock() - greatest(
      interval '2 days',
      coalesce(p_retention_ms * interval '1 millisecond' + interval '1 day', interval '30 days')
    )
    order by old.fired_at
    limit p_most
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
comment on function celeriac.prune_fires(double precision, integer) is 'Forgets instants that were dealt with: when results of the time are gone, and two days at least.';
