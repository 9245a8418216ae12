-- celeriac.leave_queue(jsonb, text) → jsonb
-- Options of a job that leaves a queue: the limits of that queue are none of its own any more.
-- Writes:  nothing      Called by: edit_jobs
create or replace function celeriac.leave_queue(p_options jsonb, p_queue text)
returns jsonb
language sql immutable parallel safe
as $$
  select case
    when p_options #> '{door,limits}' is null then p_options
    when kept.limits is null and p_options #> '{door,fair}' is null then nullif(p_options - 'door', '{}')
    else jsonb_set(p_options, '{door,limits}', coalesce(kept.limits, '[]'))
  end
  from (
    select jsonb_agg(one) as limits
    from jsonb_array_elements(p_options #> '{door,limits}') as one
    where not starts_with(one ->> 0, 'queue:' || p_queue || '/')
  ) as kept
$$;
comment on function celeriac.leave_queue(jsonb, text) is 'Options of a job that leaves a queue: the limits of that queue are none of its own any more.';
