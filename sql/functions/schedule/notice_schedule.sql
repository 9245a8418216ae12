-- celeriac.notice_schedule() → trigger
-- Notices every change of what a schedule does or whether it does it, also a plain update: notes it as chosen at run time,
-- has the next instant worked out anew, and tells the workers. Firing changes other columns and does not come here.
-- Writes:  the row at hand, limits (insert)      Calls: hint      Called by: the triggers of schedules
create or replace function celeriac.notice_schedule()
returns trigger
language plpgsql
as $$
declare
  v_timing boolean := true;
  v_changed jsonb;
  v_active boolean;
begin
  if tg_op = 'UPDATE' then
    new.version := old.version + 1;
    new.changed_at := celeriac.clock();
    v_timing := (new.rule, new.starts_at, new.ends_at, new.max_fires)
      is distinct from (old.rule, old.starts_at, old.ends_at, old.max_fires);
    select jsonb_object_agg(field.key, field.value) into v_changed
    from jsonb_each(to_jsonb(new)) as field
    where field.value is distinct from to_jsonb(old) -> field.key
      and field.key = any (celeriac.schedule_fields());
    if v_changed is not null then
      if new.declared is not distinct from old.declared and new.chosen is not distinct from old.chosen then
        new.chosen := coalesce(old.chosen, '{}') || v_changed;
      end if;
      new.broken_at := null;
      new.last_error := null;
      if v_timing then
        new.finished_at := null;
      end if;
    end if;
    if new.paused_at is null then
      new.pause_reason := null;
    end if;
  else
    new.created_at := celeriac.clock();
    new.changed_at := new.created_at;
  end if;

  v_active := new.paused_at is null and new.retired_at is null and new.broken_at is null and new.finished_at is null;
  if not v_active then
    new.next_run_at := null;
    new.planned_from := coalesce(new.planned_from, celeriac.clock());
  elsif v_timing or old.next_run_at is null then
    -- From now on: what would have been due before the change, or in a pause, is not made up for.
    -- But one moment that somebody gives, though it has passed, means now; in code it may stand there since long.
    new.planned_from := case
      when v_timing and new.declared is null and new.rule ? 'at' then 'epoch'
      else date_trunc('milliseconds', celeriac.clock())
    end;
    new.next_run_at := '-infinity';
  end if;
  if new.overlap = 'queue' then
    insert into celeriac.limits (name, declared, declared_at)
    values ('schedule:' || new.name, '{"concurrency": 1}', celeriac.clock())
    on conflict do nothing;
  end if;
  perform celeriac.hint('d ' || new.name);
  return new;
end
$$;
comment on function celeriac.notice_schedule() is 'Notices every change of what a schedule does or whether it does it, also a plain update: notes it as chosen at run time, has the next instant worked out anew, and tells the workers.';
