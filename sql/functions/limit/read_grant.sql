-- celeriac.read_grant(jsonb) → jsonb
-- Reads what people say a limit grants, as limits.chosen and limits.declared have it.
-- Args:    p_grant  {"rateLimit": "10/s" or {"limit", "perMs", "burst"}, "concurrency": 5}; null, 0 and '' switch off;
--          what is not named is left as it is
-- Raises:  22023 for anything else
-- Writes:  nothing      Called by: set_limit
create or replace function celeriac.read_grant(p_grant jsonb)
returns jsonb
language plpgsql immutable
as $$
declare
  v_unknown text := (
    select string_agg(quote_literal(field), ', ') from jsonb_object_keys(p_grant) as field
    where field not in ('rateLimit', 'concurrency')
  );
  v_rate jsonb := p_grant -> 'rateLimit';
  v_running jsonb := p_grant -> 'concurrency';
  v_parts text[];
  v_scale numeric;
  v_divisor numeric;
  v_read jsonb := '{}';
begin
  if v_unknown is not null then
    raise exception using errcode = '22023', message = format('a limit has no %s; it has rateLimit and concurrency', v_unknown);
  end if;
  if v_running in ('null', '0') then
    v_read := v_read || '{"concurrency": null}';
  elsif v_running is not null then
    if jsonb_typeof(v_running) <> 'number' or v_running::numeric % 1 <> 0 or v_running::numeric not between 1 and 10000 then
      raise exception using errcode = '22023', message = format('concurrency must be an integer from 1 to 10000; got %s', v_running);
    end if;
    v_read := v_read || jsonb_build_object('concurrency', v_running);
  end if;

  if v_rate in ('null', '0', '""') then
    v_read := v_read || '{"rateLimit": null, "ratePerMs": null, "rateBurst": null}';
  elsif jsonb_typeof(v_rate) = 'string' then
    v_parts := regexp_match(v_rate #>> '{}', '^(\d{1,12}(?:\.\d{1,6})?)/([smhd])$');
    if v_parts is null or v_parts[1]::numeric = 0 then
      raise exception using errcode = '22023', message = format('rate %s is not like "10/s", "100/m", "5/h", "1/d"', v_rate);
    end if;
    -- A fraction is whole starts in a longer time.
    v_scale := 10 ^ scale(v_parts[1]::numeric);
    v_divisor := gcd(v_parts[1]::numeric * v_scale, v_scale);
    v_rate := jsonb_build_object(
      'limit', trunc(v_parts[1]::numeric * v_scale / v_divisor),
      'perMs', trunc(v_scale / v_divisor * (jsonb_build_object('s', 1000, 'm', 60000, 'h', 3600000, 'd', 86400000) ->> v_parts[2])::numeric)
    );
  end if;
  if jsonb_typeof(v_rate) = 'object' then
    if not coalesce(
      (v_rate ->> 'limit')::numeric between 1 and 1000000 and (v_rate ->> 'limit')::numeric % 1 = 0
      and (v_rate ->> 'perMs')::numeric between 1 and 31536000000
      and coalesce((v_rate ->> 'burst')::numeric, 1) between 1 and (v_rate ->> 'limit')::numeric, false
    ) then
      raise exception using errcode = '22023', message = format(
        'rate %s has no limit from 1 to 1000000, perMs from 1 to 31536000000 and burst from 1 to the limit', v_rate
      );
    end if;
    v_read := v_read || jsonb_build_object(
      'rateLimit', (v_rate ->> 'limit')::integer, 'ratePerMs', v_rate -> 'perMs', 'rateBurst', coalesce((v_rate ->> 'burst')::integer, 1)
    );
  elsif v_rate is not null and v_rate not in ('null', '0', '""') then
    raise exception using errcode = '22023', message = format('rate %s is not like "10/s", "100/m", "5/h", "1/d"', v_rate);
  end if;
  return v_read;
end
$$;
comment on function celeriac.read_grant(jsonb) is 'Reads what people say a limit grants, as limits.chosen and limits.declared have it.';
