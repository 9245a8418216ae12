-- celeriac.pause(text, text, text, timestamptz) → text
-- Pauses a queue, a task or all jobs with a label: from the commit on nothing of it is claimed, until somebody resumes it.
-- What runs goes on, and jobs may be enqueued. Claims that were under way at the commit may still come through; see
-- find_claiming for who wants to wait until they have.
-- Args:    p_kind        queue, task or label
--          p_name        of a label its name and value: tenant=acme
--          p_reason      for people; null for none
--          p_expires_at  when it resumes by itself; null for never
-- Returns: paused, or changed when it was paused already: then it has this reason and this end
-- Raises:  22023 for a kind or name that cannot be, and for an end that is past
-- Writes:  pauses, limits (label)      Locks: the pause
-- Called by: src/db/calls/queue.ts, you
create or replace function celeriac.pause(
  p_kind text, p_name text, p_reason text default null, p_expires_at timestamptz default null
)
returns text
language plpgsql
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_since timestamptz;
begin
  if p_kind is null or p_kind not in ('queue', 'task', 'label') then
    raise exception using errcode = '22023', message = format('cannot pause a %s: only a queue, a task or a label',
      coalesce(p_kind, 'null'));
  end if;
  if coalesce(p_name, '') = '' or p_kind = 'label' and strpos(p_name, '=') < 2 then
    raise exception using errcode = '22023', message = format('%s is no name of a %s%s', coalesce(quote_literal(p_name), 'null'),
      p_kind, case p_kind when 'label' then '; give name=value' else '' end);
  end if;
  if p_expires_at <= v_now then
    raise exception using errcode = '22023', message = format('the pause of %s %s would be over already', p_kind, p_name);
  end if;

  insert into celeriac.pauses as pause (kind, name, reason, paused_at, expires_at)
  values (p_kind, p_name, p_reason, v_now, nullif(p_expires_at, 'infinity'))
  on conflict on constraint pauses_are_made_once do update
  set reason = excluded.reason,
    expires_at = excluded.expires_at,
    -- One that is over and not yet removed is a new one.
    paused_at = case when pause.expires_at <= v_now then v_now else pause.paused_at end
  returning pause.paused_at into v_since;

  if p_kind = 'label' then
    insert into celeriac.limits as door (name, chosen, chosen_at)
    values ('label:' || p_name, '{"concurrency": 0}', v_now)
    on conflict (name) do update
    set chosen = coalesce(door.chosen, '{}') || excluded.chosen, chosen_at = excluded.chosen_at;
    perform celeriac.touch_settings();
  end if;
  return case when v_since = v_now then 'paused' else 'changed' end;
end
$$;
comment on function celeriac.pause(text, text, text, timestamptz) is 'Pauses a queue, a task or all jobs with a label: from the commit on nothing of it is claimed, until somebody resumes it.';
