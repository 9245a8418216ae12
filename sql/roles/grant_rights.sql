-- What each role may do, and nothing else: every function, table and view of the schema stands in one of the two lists,
-- also those that are for the owner alone. Does nothing while the schema has no roles (create_roles.sql makes them).
-- Run by:  the owner, whenever functions have been replaced: that makes them run with the caller's rights again.
-- Locks:   each table for a moment, when it changes its owner.
do $$
declare
  v_prefix text;
  v_all text;
  v_right record;
  v_last text := '';
begin
  -- Not installed yet: migrate comes here again.
  if to_regclass('celeriac.migrations') is null or to_regprocedure('celeriac.role_prefix()') is null then
    return;
  end if;
  v_prefix := celeriac.role_prefix();
  if v_prefix is null then
    return;
  end if;
  select string_agg(format('%I', v_prefix || '_' || suffix), ', ') into v_all
  from unnest(array['worker', 'producer', 'operator', 'viewer', 'viewer_data']) as suffix;

  -- Whoever made it, such as a superuser with a tool of his own: nothing may act with more rights than the owner has.
  for v_right in
    with space as (
      select oid, nspowner from pg_namespace where nspname = 'celeriac'
    ), object as (
      select 'table' as kind, format('celeriac.%I', class.relname) as name, class.relowner as owner
      from pg_class as class join space on class.relnamespace = space.oid and class.relkind in ('r', 'p', 'v')
      union all
      select 'type', format('celeriac.%I', type.typname), type.typowner
      from pg_type as type join space on type.typnamespace = space.oid and type.typtype in ('d', 'e')
      union all
      select 'function', routine.oid::regprocedure::text, routine.proowner
      from pg_proc as routine join space on routine.pronamespace = space.oid
    )
    select object.kind, object.name from object join space on object.owner <> space.nspowner
  loop
    execute format('alter %s %s owner to %I', v_right.kind, v_right.name, v_prefix || '_owner');
  end loop;

  revoke all on all tables in schema celeriac from public;
  revoke all on all functions in schema celeriac from public;

  -- definer: runs with the rights of the owner, so that its caller needs none on tables.
  -- pinned:  runs with its caller's rights. Both see names of the system alone, and so does what they call: nobody can
  --          put a function, an operator or a table of his own in the way.
  -- plain:   is called by those, or says the same to everybody.
  for v_right in
    select routine.oid::regprocedure as signature, listed.mode,
      case listed.mode when 'definer' then 'definer' else 'invoker' end as security, (
        select string_agg(format('%I', v_prefix || '_' || suffix), ', ')
        from unnest(string_to_array(listed.roles, ' ')) as suffix
      ) as grantees
    from (values
      -- what producers do; a handler may do it, too
      ('enqueue', 'definer', 'producer worker'),
      ('enqueue_jobs', 'definer', 'producer worker'),
      ('enqueue_unique', 'definer', 'producer worker'),
      ('start_workflow', 'definer', 'producer worker'),
      ('read_inputs', 'definer', 'producer worker viewer_data'),
      ('find_outcomes', 'definer', 'producer worker viewer_data'),
      ('find_detail', 'definer', 'producer worker viewer_data'),
      ('explain', 'definer', 'producer worker viewer_data'),
      ('explain_text', 'pinned', 'producer worker viewer_data'),
      ('find_obstacles', 'plain', ''),
      ('find_limit_obstacles', 'plain', ''),
      ('find_group', 'definer', 'producer worker viewer_data'),
      ('find_workflow', 'definer', 'producer worker viewer_data'),
      ('find_workflow_counts', 'definer', 'producer worker viewer_data'),
      ('register_listener', 'definer', 'producer worker viewer_data'),
      -- Who has placed an order may withdraw it: he knows its id. Tearing it from a handler, running it again and removing
      -- its traces is for those who answer for the whole.
      ('cancel', 'definer', 'producer operator worker'),
      ('cancel_jobs', 'definer', 'producer operator worker'),
      ('cancel_workflow', 'definer', 'producer operator worker'),
      ('kill', 'definer', 'operator worker'),
      ('kill_jobs', 'definer', 'operator worker'),
      ('retry_jobs', 'definer', 'operator worker'),
      ('rerun_jobs', 'definer', 'operator worker'),
      ('forget_jobs', 'definer', 'operator worker'),
      ('pause', 'definer', 'operator worker'),
      ('resume', 'definer', 'operator worker'),
      ('reopen', 'plain', ''),
      ('find_queues', 'plain', ''),
      ('find_claiming', 'definer', 'operator worker'),
      ('find_matching', 'definer', 'operator worker'),
      ('edit_jobs', 'definer', 'operator worker'),
      ('purge_jobs', 'definer', 'operator worker'),
      -- It shows args, which an operator has no right to see.
      ('read_calls', 'definer', 'worker viewer_data'),
      ('move', 'definer', 'operator worker'),
      ('purge', 'definer', 'operator worker'),
      ('reprioritise', 'definer', 'operator worker'),
      ('reschedule', 'definer', 'operator worker'),
      ('is_match', 'plain', ''),
      ('leave_queue', 'plain', ''),
      -- locks of handlers, and of whoever uses app.lock
      ('take_lock', 'definer', 'producer worker'),
      ('release_lock', 'definer', 'producer worker'),
      ('renew_locks', 'definer', 'producer worker'),
      ('drop_lock', 'definer', 'producer worker'),
      ('clear_locks', 'definer', 'producer worker'),
      ('assert_lock', 'definer', 'producer worker'),
      ('lock_id', 'plain', 'worker viewer'),
      ('set_limit', 'definer', 'operator worker'),
      ('reset_limit', 'definer', 'operator worker'),
      ('hold_limit', 'definer', 'operator worker'),
      ('release_limit', 'definer', 'operator worker'),
      ('take_units', 'definer', 'producer operator worker'),
      ('declare_limits', 'definer', 'worker'),
      ('read_grant', 'plain', ''),
      ('assert_limit', 'plain', ''),
      ('respace_limit', 'plain', ''),
      -- what everybody asks
      ('channel', 'plain', 'producer worker viewer'),
      ('clock', 'plain', 'producer worker viewer'),
      ('instant_text', 'plain', 'producer worker viewer'),
      ('schema_version', 'plain', 'producer worker viewer'),
      ('role_prefix', 'plain', 'producer worker viewer'),
      ('result_expiry', 'plain', 'worker'),
      -- schedules: whoever answers for the whole makes and changes them, workers fire them
      ('put_schedule', 'definer', 'operator worker'),
      ('pause_schedule', 'definer', 'operator worker'),
      ('resume_schedule', 'definer', 'operator worker'),
      ('remove_schedule', 'definer', 'operator worker'),
      ('skip_schedule', 'definer', 'operator worker'),
      ('reset_schedule', 'definer', 'operator worker'),
      ('run_schedule', 'definer', 'operator worker'),
      ('declare_schedules', 'definer', 'worker'),
      ('judge_schedules', 'definer', 'worker'),
      ('read_schedules', 'definer', 'worker'),
      ('fire_schedules', 'definer', 'worker'),
      ('break_schedule', 'definer', 'worker'),
      ('prune_fires', 'definer', 'worker'),
      ('notice_schedule', 'plain', ''),
      ('schedule_fields', 'plain', ''),
      ('write_schedule', 'plain', ''),
      ('fire_id', 'plain', ''),
      -- parts of enqueue
      ('insert_nodes', 'plain', ''),
      ('assert_options', 'plain', ''),
      ('new_id', 'plain', ''),
      ('parse_duration', 'plain', ''),
      -- parts of enqueue_unique
      ('enqueue_keyed', 'plain', ''),
      ('unique_rule', 'plain', ''),
      ('unique_items', 'plain', ''),
      ('unique_claim', 'plain', ''),
      ('unique_door', 'plain', ''),
      ('take_keys', 'plain', ''),
      ('must_hold_back', 'plain', ''),
      ('hold_back', 'plain', ''),
      ('judge_keys', 'plain', ''),
      ('insert_unique', 'plain', ''),
      ('replace_jobs', 'plain', ''),
      -- The end of a node writes what no worker may write by itself: new jobs, and results of others.
      ('advance_dependencies', 'definer', 'worker'),
      ('replace_node', 'definer', 'worker'),
      ('add_members', 'definer', 'worker'),
      ('fail_below', 'plain', ''),
      ('fallen_child', 'plain', ''),
      ('enqueue_errbacks', 'plain', ''),
      ('drop_values', 'plain', ''),
      ('announce_settled', 'plain', ''),
      -- parts of those that read or change a whole canvas
      ('find_workflow_id', 'plain', ''),
      ('find_rerun', 'plain', ''),
      ('undo_additions', 'plain', ''),
      -- what workers do
      ('find_below', 'plain', 'worker'),
      ('find_refused', 'plain', 'worker'),
      ('lock_settling', 'plain', 'worker'),
      ('lock_below', 'plain', 'worker'),
      ('announce_idle', 'pinned', 'worker'),
      ('claim_jobs', 'plain', 'worker'),
      ('complete_attempt', 'pinned', 'worker'),
      ('deregister_worker', 'pinned', 'worker'),
      ('expire_jobs', 'plain', 'worker'),
      ('find_dead_workers', 'plain', 'worker'),
      ('find_fate', 'pinned', 'worker'),
      ('find_held', 'pinned', 'worker'),
      ('find_lost', 'pinned', 'worker'),
      ('find_priorities', 'plain', 'worker'),
      ('hint', 'plain', 'worker'),
      ('record_heartbeat', 'pinned', 'worker'),
      ('register_worker', 'pinned', 'worker'),
      ('release_worker_jobs', 'pinned', 'worker'),
      ('report_progress', 'pinned', 'worker'),
      ('rescue_jobs', 'plain', 'worker'),
      ('run_round', 'pinned', 'worker'),
      ('settle_jobs', 'plain', 'worker'),
      ('settle_others', 'plain', 'worker'),
      ('wake_workers', 'plain', 'worker'),
      ('work_cycle', 'pinned', 'worker'),
      -- parts of a worker's turn that concern limits
      ('bucket_id', 'plain', 'worker viewer'),
      ('bucket_gate', 'plain', 'worker viewer'),
      ('lane_id', 'plain', 'worker'),
      ('line_turn', 'plain', 'worker'),
      ('open_lanes', 'plain', 'worker'),
      ('add_lanes', 'plain', 'worker'),
      ('rate_room', 'plain', 'worker viewer'),
      ('rate_opens_at', 'plain', 'worker viewer'),
      ('bucket_rule', 'plain', 'worker'),
      ('spend_units', 'plain', 'worker'),
      ('place_lanes', 'plain', 'worker'),
      ('take_from_lanes', 'plain', 'worker'),
      ('choose_from_lanes', 'plain', 'worker'),
      ('mark_lanes', 'plain', 'worker'),
      ('drain_arrivals', 'plain', 'worker'),
      ('reopen_lanes', 'plain', 'worker'),
      ('find_lane_priorities', 'plain', 'worker'),
      ('wake_lanes', 'plain', 'worker'),
      ('leave_lanes', 'plain', 'worker'),
      ('hold_buckets', 'definer', 'worker'),
      ('touch_settings', 'plain', ''),
      ('reopen_limit', 'plain', ''),
      ('read_settings', 'pinned', 'worker'),
      ('prune_lanes', 'pinned', 'worker'),
      ('is_paused', 'plain', 'worker'),
      -- Tables are made and dropped by their owner alone.
      ('make_partitions', 'definer', 'worker'),
      ('prune_results', 'definer', 'worker'),
      ('expire_pauses', 'definer', 'worker'),
      ('sweep_unique_keys', 'definer', 'worker'),
      ('next_resume_at', 'plain', 'worker'),
      ('find_known_queues', 'definer', 'operator worker'),
      ('serve_queues', 'definer', 'worker'),
      ('find_unknown_tasks', 'definer', 'worker viewer')
    ) as listed (name, mode, roles)
    join pg_namespace as space on space.nspname = 'celeriac'
    join pg_proc as routine on routine.pronamespace = space.oid and routine.proname = listed.name
    order by routine.oid
  loop
    execute format('revoke all on function %s from %s', v_right.signature, v_all);
    execute format('alter function %s security %s', v_right.signature, v_right.security);
    if v_right.mode = 'plain' then
      execute format('alter function %s reset search_path', v_right.signature);
    else
      execute format('alter function %s set search_path = pg_catalog, pg_temp', v_right.signature);
    end if;
    if v_right.grantees is not null then
      execute format('grant execute on function %s to %s', v_right.signature, v_right.grantees);
    end if;
  end loop;

  -- A viewer sees names, states, times and labels; what jobs carry, and texts that people or handlers wrote, are data.
  for v_right in
    select class.relname as name, listed.suffix, listed.rights
    from (values
      ('jobs', 'worker', 'select, update, delete'),
      ('results', 'worker', 'select, insert'),
      ('attempts', 'worker', 'select, insert'),
      ('dependencies', 'worker', 'select'),
      ('workflows', 'worker', 'select'),
      ('workers', 'worker', 'select, insert, update, delete'),
      ('queues', 'worker', 'select, insert'),
      ('limits', 'worker', 'select'),
      ('buckets', 'worker', 'select, insert, update, delete'),
      ('lanes', 'worker', 'select, insert, update, delete'),
      ('arrivals', 'worker', 'select, insert, update, delete'),
      ('settings', 'worker', 'select'),
      ('arrivals_id_seq', 'worker', ''),
      ('listeners', 'worker', 'select'),
      ('pauses', 'worker', 'select'),
      ('unique_keys', 'worker', ''),
      ('migrations', 'worker', 'select'),
      ('migrations', 'viewer', 'select'),
      ('job_list', 'worker', 'select'),
      ('job_list', 'viewer_data', 'select'),
      ('job_list', 'viewer', 'select (id, state, condition, task, queue, priority, attempt, max_attempts, enqueued_at, run_at,
        claimed_at, settled_at, expires_at, worker_id, root_id, parent_id, labels, error_name, workflow_id, reason)'),
      ('job_detail', 'worker', 'select'),
      ('job_detail', 'viewer_data', 'select'),
      ('job_detail', 'viewer', 'select (id, state, task, queue, priority, labels, options, attempt, max_attempts, snoozes,
        losses, token, enqueued_at, run_at, claimed_at, settled_at, expires_at, cancel_requested_at, worker_id, root_id,
        parent_id, workflow_id, blockers)'),
      ('attempt_list', 'worker', 'select'),
      ('attempt_list', 'viewer_data', 'select'),
      ('attempt_list', 'viewer', 'select (job_id, attempt, outcome, error_name, worker_id, claimed_at, ended_at, retry_at,
        token)'),
      ('workflow_tree', 'worker', 'select'),
      ('workflow_tree', 'viewer_data', 'select'),
      ('workflow_tree', 'viewer', 'select (workflow_id, id, depth, path, kind, task, state, inside_id, position, name, parent_ids,
        attempt, error_name, upstream_id, enqueued_at, run_at, claimed_at, settled_at)'),
      ('workflow_overview', 'worker', 'select'),
      ('workflow_overview', 'viewer_data', 'select'),
      ('workflow_overview', 'viewer', 'select (id, root_id, output_id, total, waiting, pending, running, succeeded, failed,
        cancelled, done, started_at, finished_at)'),
      ('locks', 'worker', ''),
      ('locks_fence_seq', 'worker', ''),
      ('lock_list', 'worker', 'select'),
      ('lock_list', 'viewer', 'select'),
      ('limit_list', 'worker', 'select'),
      ('limit_list', 'viewer_data', 'select'),
      ('limit_list', 'viewer', 'select (name, key, condition, concurrency, rate_limit, rate_per_ms, rate_burst, running,
        holder_ids, started, waiting_lanes, next_start_at, held_until, declared, chosen, declared_at, chosen_at)'),
      ('queue_overview', 'worker', 'select'),
      ('queue_overview', 'viewer_data', 'select'),
      ('queue_overview', 'viewer', 'select (name, waiting, scheduled, ready, running, oldest_ready_at, workers, slots, held,
        unserved, paused_at, paused_until)'),
      ('pause_list', 'worker', 'select'),
      ('pause_list', 'viewer_data', 'select'),
      ('pause_list', 'viewer', 'select (kind, name, paused_at, expires_at)'),
      ('worker_overview', 'worker', 'select'),
      ('worker_overview', 'viewer', 'select'),
      ('schedules', 'worker', ''),
      ('declarations', 'worker', ''),
      ('fires', 'worker', ''),
      ('schedule_list', 'worker', 'select'),
      ('schedule_list', 'viewer_data', 'select'),
      ('schedule_list', 'viewer', 'select (name, task, condition, rule, next_run_at, last_run_at, fires, lazy, overlap, catch_up,
        catch_up_max, deadline_ms, jitter_ms, starts_at, ends_at, max_fires, source, paused_at, created_at, changed_at,
        version)')
    ) as listed (name, suffix, rights)
    join pg_namespace as space on space.nspname = 'celeriac'
    join pg_class as class on class.relnamespace = space.oid and class.relname = listed.name
    order by class.relname
  loop
    if v_right.name <> v_last then
      execute format('revoke all on celeriac.%I from %s', v_right.name, v_all);
      v_last := v_right.name;
    end if;
    if v_right.rights <> '' then
      execute format('grant %s on celeriac.%I to %I', v_right.rights, v_right.name, v_prefix || '_' || v_right.suffix);
    end if;
  end loop;
end
$$;
