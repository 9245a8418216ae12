-- celeriac.fail_below(uuid[]) → uuid[]
-- Ends every node below nodes that failed or were cancelled, at once: nothing waits for what cannot come.
--   a plain node, and a join whose members were never to run, end like the one they wait for, with "upstream": its id
--   a join of which a member failed fails with a ChordError that names its members, and what is below it refers to it
--   a node that was replaced ends like its replacement
-- Then enqueues the errbacks of those that failed themselves.
-- Args:    p_ids  nodes settled just now as failed or cancelled
-- Returns: the nodes it has ended
-- Writes:  jobs, results, dependencies      Locks: what find_below names; the caller has locked it
-- Calls:   enqueue_errbacks, announce_settled      Called by: advance_dependencies
create or replace function celeriac.fail_below(p_ids uuid[])
returns uuid[]
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
-- planner: edge by edge and job by job, whatever the statistics say; offset 0 keeps it from joining in another order.
set enable_seqscan = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_ids uuid[];
  v_origins uuid[];
  v_inside boolean[];
  v_ends jsonb;
  -- By id: errors of nodes that others refer to, which are those that failed themselves, and joins.
  v_errors jsonb;
  v_more jsonb;
begin
  select jsonb_object_agg(result.id, coalesce(result.error, '{}')) into v_errors
  from celeriac.results as result
  where result.id = any (p_ids) and result.settled_at = v_now;

  with recursive ended as (
    select result.id, result.state::text as state, (result.options ->> 'n')::integer as n
    from celeriac.results as result
    where result.id = any (p_ids) and result.settled_at = v_now
  ), fallen (id, origin, origin_n, state, own) as (
    select child.* from ended
    cross join lateral (
      select * from celeriac.dependencies as edge where edge.parent_id = ended.id and not edge.either offset 0
    ) as edge
    cross join lateral (select * from celeriac.jobs as job where job.id = edge.child_id offset 0) as job
    cross join lateral (
      select * from celeriac.fallen_child(job.id, job.options, ended.id, ended.n, ended.state)
    ) as child
    union
    select child.* from fallen
    cross join lateral (
      select * from celeriac.dependencies as edge where edge.parent_id = fallen.id and not edge.either offset 0
    ) as edge
    cross join lateral (select * from celeriac.jobs as job where job.id = edge.child_id offset 0) as job
    cross join lateral (
      select * from celeriac.fallen_child(job.id, job.options, fallen.origin, fallen.origin_n, fallen.state)
    ) as child
  )
  select
    array_agg(one.id), array_agg(one.origin), array_agg(one.own),
    jsonb_object_agg(one.id, jsonb_build_array(one.origin, one.state, one.own))
  into v_ids, v_origins, v_inside, v_ends
  from (select distinct on (fallen.id) fallen.* from fallen order by fallen.id, fallen.own desc) as one;

  -- Errors of joins, the inner ones first: that of an outer one is caused by them.
  loop
    select jsonb_object_agg(joined.id, case
      when joined.kind = 'value' then v_errors -> joined.cause
      else jsonb_build_object(
        'name', 'ChordError', 'code', 'CHORD_FAILED',
        'message', case v_errors -> joined.cause ->> 'code' when 'CHORD_FAILED' then '' else 'a member of the group failed: ' end
          || coalesce(v_errors -> joined.cause ->> 'message', 'for no reason given'),
        'failedIds', joined.members, 'cause', v_errors -> joined.cause
      )
    end)
    into v_more
    from (
      select fallen.id::text as id, job.options ->> 'join' as kind, failed.members, failed.cause
      from unnest(v_ids, v_inside) as fallen (id, own)
      cross join lateral (select * from celeriac.jobs as job where job.id = fallen.id offset 0) as job
      cross join lateral (
        select
          jsonb_agg(member.id order by member.position, member.name) as members,
          (array_agg(member.cause::text order by member.position, member.name))[1] as cause
        from (
          select edge.parent_id as id, edge.parent_id as cause, edge.position, edge.name
          from celeriac.dependencies as edge
          where edge.child_id = fallen.id and not edge.either and edge.parent_id = any (p_ids)
          union all
          select edge.parent_id, other.origin, edge.position, edge.name
          from celeriac.dependencies as edge
          join unnest(v_ids, v_origins) as other (id, origin) on other.id = edge.parent_id
          where edge.child_id = fallen.id and not edge.either
        ) as member
      ) as failed
      where fallen.own and not v_errors ? fallen.id::text and v_errors ? failed.cause
    ) as joined;
    exit when v_more is null;
    v_errors := v_errors || v_more;
  end loop;

  -- A join that has failed already gets to know of every further member.
  update celeriac.results as result
  set error = jsonb_set(result.error, '{failedIds}', (result.error -> 'failedIds') || late.members)
  from (
    select edge.child_id, jsonb_agg(edge.parent_id order by edge.position, edge.name) as members
    from celeriac.dependencies as edge
    where edge.parent_id = any (p_ids || v_ids) and edge.into_join and not edge.either and not edge.counted
      and (v_ids is null or edge.child_id <> all (v_ids))
    group by edge.child_id
  ) as late
  where result.id = any (array (
      select edge.child_id from celeriac.dependencies as edge where edge.parent_id = any (p_ids || v_ids) and edge.into_join
    ))
    and result.id = late.child_id and result.error ? 'failedIds';

  with removed as (
    -- planner: how each ends is looked up in a value; joining two long lists takes the square of their length.
    delete from celeriac.jobs as job where job.id = any (v_ids)
    returning job.*,
      v_ends -> job.id::text ->> 0 as origin, v_ends -> job.id::text ->> 1 as state,
      v_ends -> job.id::text -> 2 = 'true' as own
  )
  insert into celeriac.results (
    id, settled_at, run_at, enqueued_at, claimed_at, expires_at, token, worker_id, root_id, parent_id, workflow_id, attempt,
    max_attempts, snoozes, losses, state, priority, queue, task, args, error, options, labels, progress
  )
  select
    id, v_now, run_at, enqueued_at, claimed_at, celeriac.result_expiry(options, v_now),
    token + 1, null, root_id, parent_id, workflow_id, attempt, max_attempts, snoozes, losses, state::celeriac.job_state,
    priority, queue, task, args,
    case
      when own then coalesce(v_errors -> id::text, v_errors -> origin)
      else coalesce(v_errors -> origin, '{}') || jsonb_build_object('upstream', origin)
    end,
    options, labels, progress
  from removed;

  update celeriac.dependencies as edge
  set counted = true
  where edge.parent_id = any (p_ids || v_ids) and not edge.either and not edge.counted;

  perform celeriac.enqueue_errbacks(p_ids, v_ids, v_inside, v_errors);
  perform celeriac.announce_settled(v_ids);
  return v_ids;
end
$$;
comment on function celeriac.fail_below(uuid[]) is 'Ends every node below nodes that failed or were cancelled, at once: nothing waits for what cannot come.';
