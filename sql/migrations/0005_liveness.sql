-- Why:   a worker is declared dead before its jobs are taken away, by somebody who has proven to be well himself.
-- Locks: workers, for a moment; the table has a row per process.
-- Old workers: run on; their rows say nothing of steady_since, so they accuse by the rules they know.
alter table celeriac.workers
  add column steady_since timestamptz,
  add column lost_at timestamptz,
  add column lost_reason text,
  alter column presence_key drop not null;
comment on column celeriac.workers.presence_key is 'Advisory lock key its sessions hold for as long as it lives; null behind a transaction pooler, where only heartbeats count.';
comment on column celeriac.workers.steady_since is 'Since when its heartbeats have come without a gap; equal to started_at until the first gap. Who had a gap accuses nobody for a lease.';
comment on column celeriac.workers.lost_at is 'When it was declared dead: it claims nothing more, and its jobs are being taken away.';
comment on column celeriac.workers.lost_reason is 'Why it was declared dead.';
