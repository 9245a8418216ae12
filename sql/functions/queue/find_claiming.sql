-- celeriac.find_claiming() → text[]
-- Lists the transactions in which workers are claiming jobs at this moment: what is paused now may not be paused for them.
-- Each holds the gate of its worker until it ends, and takes it before it reads what is paused (work_cycle).
-- Writes:  nothing      Called by: src/db/calls/queue.ts
create or replace function celeriac.find_claiming()
returns text[]
language sql volatile
as $$
  select array (
    select gate.virtualtransaction from pg_locks as gate
    where gate.locktype = 'advisory' and gate.mode = 'ShareLock' and gate.granted and gate.objsubid = 1
      and gate.database = (select oid from pg_database where datname = current_database())
      and exists (
        select from celeriac.workers as worker
        where uuid_hash_extended(worker.id, 0) = (gate.classid::bigint << 32) | gate.objid::bigint
      )
  )
$$;
comment on function celeriac.find_claiming() is 'Lists the transactions in which workers are claiming jobs at this moment: what is paused now may not be paused for them.';
