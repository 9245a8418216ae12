-- celeriac.assert_limit(text, text) → void
-- Refuses what cannot be the name of a limit that people change, or a key of it.
-- Args:    p_key  null for none; with one, the limit has to be known
-- Raises:  ZC010 LIMIT_NAME, ZC011 LIMIT_KEY, ZC012 LIMIT_UNKNOWN
-- Writes:  nothing      Called by: set_limit, hold_limit
create or replace function celeriac.assert_limit(p_name text, p_key text)
returns void
language plpgsql stable
as $$
declare
  v_problem text := case
    when p_name is null or p_name = '' then 'is empty'
    when length(p_name) > 230 then 'is too long'
    when p_name ~ '^label:' then 'is that of a label, which can only be paused'
    when p_name ~ '^(task|queue):.+/(rate|concurrency|exclusive)(/[1-9][0-9]*)?$' then null
    when p_name ~ '^(task|queue):' then 'has no ending /rate, /concurrency or /exclusive'
    when p_name !~ '^[[:alnum:]._/-]{1,100}$' then 'may have up to 100 letters, digits and . _ - /'
  end;
begin
  if v_problem is not null then
    raise exception using errcode = 'ZC010', message = format('limit name %s %s', to_json(p_name), v_problem),
      detail = json_build_object('code', 'LIMIT_NAME', 'name', to_json(p_name)::text, 'problem', v_problem);
  end if;
  v_problem := case
    when p_key = '' then 'is empty'
    when octet_length(p_key) > 255 then format('takes %s bytes; the limit is 255', octet_length(p_key))
  end;
  if v_problem is not null then
    raise exception using errcode = 'ZC011', message = format('the key of limit "%s" %s', p_name, v_problem),
      detail = json_build_object('code', 'LIMIT_KEY', 'limit', p_name, 'problem', v_problem);
  end if;
  if p_key is not null and not exists (select from celeriac.limits as one where one.name = p_name) then
    raise exception using errcode = 'ZC012', message = format('no limit "%s"; a key needs a limit that is declared or set', p_name),
      detail = json_build_object('code', 'LIMIT_UNKNOWN', 'limit', p_name, 'hint', 'a key needs a limit that is declared or set');
  end if;
end
$$;
comment on function celeriac.assert_limit(text, text) is 'Refuses what cannot be the name of a limit that people change, or a key of it.';
