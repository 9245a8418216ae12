-- celeriac.explain_text(uuid) → setof text
-- Says why a job is not running, in lines to read: select * from celeriac.explain_text('…').
-- Writes:  nothing      Calls: explain, instant_text      Called by: you
create or replace function celeriac.explain_text(p_id uuid)
returns setof text
language plpgsql stable
as $$
declare
  v_all jsonb := celeriac.explain(p_id);
begin
  return next concat(v_all ->> 'state', case when v_all -> 'state' <> v_all -> 'reason' then ', ' || (v_all ->> 'reason') end);
  return next v_all ->> 'message';
  return query
    select said.name || celeriac.instant_text((v_all ->> said.field)::timestamptz)
    from (values ('since ', 'since'), ('until ', 'until'), ('starts about ', 'estimatedStart')) as said (name, field)
    where v_all ? said.field;
  return query select 'also: ' || (one ->> 'message') from jsonb_array_elements(v_all -> 'also') as one;
end
$$;
comment on function celeriac.explain_text(uuid) is 'Says why a job is not running, in lines to read: select * from celeriac.explain_text(''…'').';
