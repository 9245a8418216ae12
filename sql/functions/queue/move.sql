-- celeriac.move(text, text, text, integer) → integer
-- Moves jobs that nobody runs to another queue, oldest ids first, and says how many; all in the caller's transaction.
-- What somebody else holds at that moment stays: call it again.
-- Args:    p_task  only jobs of this task, as a pattern of like; null for all      p_limit  null for all
-- Raises:  22023 for a name that cannot be
-- Writes:  jobs      Locks: the jobs, without waiting      Calls: find_matching, edit_jobs      Called by: you
create or replace function celeriac.move(p_from text, p_to text, p_task text default null, p_limit integer default null)
returns integer
language plpgsql
as $$
declare
  v_filter jsonb := jsonb_strip_nulls(jsonb_build_object('queue', p_from, 'task', p_task));
  v_after uuid;
  v_ids uuid[];
  v_moved integer := 0;
begin
  if p_from is null or p_to is null then
    raise exception 'celeriac.move: give the queue to move from and the one to move to' using errcode = '22023';
  end if;
  loop
    v_ids := array (select celeriac.find_matching(v_filter, v_after, least(1000, p_limit - v_moved)));
    exit when cardinality(v_ids) = 0;
    v_after := v_ids[cardinality(v_ids)];
    v_moved := v_moved + (
      select count(*) from celeriac.edit_jobs(v_ids, jsonb_build_object('queue', p_to), v_filter) as edit
      where edit.outcome = 'changed'
    );
  end loop;
  return v_moved;
end
$$;
comment on function celeriac.move(text, text, text, integer) is 'Moves jobs that nobody runs to another queue, oldest ids first, and says how many; all in the caller''s transaction.';
