-- celeriac.pause_list: one row per queue, task or label that is paused now.
-- Read by: src/inspect/inspect.ts, you
create or replace view celeriac.pause_list as
select pause.kind, pause.name, pause.reason, pause.paused_at, pause.expires_at
from celeriac.pauses as pause
where pause.expires_at is null or pause.expires_at > celeriac.clock();
comment on view celeriac.pause_list is 'One row per queue, task or label that is paused now.';
comment on column celeriac.pause_list.kind is 'queue, task or label.';
comment on column celeriac.pause_list.name is 'Name of the queue or task; of a label its name and value: tenant=acme.';
comment on column celeriac.pause_list.reason is 'Why, for people.';
comment on column celeriac.pause_list.paused_at is 'Since when.';
comment on column celeriac.pause_list.expires_at is 'When it ends by itself; null for never.';
