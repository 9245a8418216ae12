-- Why:   somebody stops a queue, a task or a customer for a while; that is a fact of the installation, not of a process.
-- Locks: none; the table is new.
-- Old workers: do not know of it, and claim what is paused. Let the last of them go before you rely on a pause.
create table celeriac.pauses (
  kind text not null,
  name text not null,
  reason text,
  paused_at timestamptz not null,
  expires_at timestamptz,
  constraint pauses_are_made_once primary key (kind, name),
  constraint pauses_have_a_kind check (kind in ('queue', 'task', 'label'))
);
comment on table celeriac.pauses is 'What is paused: nothing of it is claimed, while jobs may be enqueued. A row whose expires_at has come counts as not there.';
comment on column celeriac.pauses.kind is 'queue, task or label.';
comment on column celeriac.pauses.name is 'Name of the queue or task; of a label its name and value: tenant=acme.';
comment on column celeriac.pauses.reason is 'Why, for people.';
comment on column celeriac.pauses.paused_at is 'Since when; a second pause of the same changes only the reason and the end.';
comment on column celeriac.pauses.expires_at is 'When it ends by itself; null for never.';
comment on constraint pauses_are_made_once on celeriac.pauses is 'One pause for each thing.';
comment on constraint pauses_have_a_kind on celeriac.pauses is 'Nothing else can be paused by a row here.';
