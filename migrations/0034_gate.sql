-- What proves the items of the gate: every run that somebody recorded, and the files it left behind.

-- The daemon adds and reads. It may neither change nor delete, so a failed run stays known.
create table if not exists rampart.gate_runs (
    id uuid primary key,
    item text not null check (length(item) between 1 and 100),
    passed boolean not null,
    build text not null check (length(build) between 1 and 200),  -- what was tested
    yacht_id uuid,                                                -- null where the whole database was looked at
    host text not null check (length(host) between 1 and 253),    -- where it ran
    started_at timestamptz not null,
    finished_at timestamptz not null,
    recorded_at timestamptz not null default now(),
    recorded_by text not null,
    summary jsonb not null check (pg_column_size(summary) <= 1048576),
    artifacts smallint not null check (artifacts between 0 and 40),  -- how many belong to it, so that a lost one shows
    check (started_at <= finished_at)
);
create index if not exists gate_runs_item on rampart.gate_runs (item, finished_at desc);

create table if not exists rampart.gate_artifacts (
    id uuid primary key,
    run_id uuid not null references rampart.gate_runs (id),
    place smallint not null check (place between 1 and 40),  -- at most 40 a run
    name text not null check (length(name) between 1 and 200),
    path text check (length(path) between 1 and 4096),  -- where the file lay, on the run's host
    media_type text not null check (length(media_type) between 1 and 100),
    sha256 text not null check (length(sha256) = 64),   -- compared at every look, not here: alteration has to show
    content bytea not null check (octet_length(content) <= 2097152),  -- 2 MiB
    unique (run_id, place),
    unique (run_id, name)
);

alter table rampart.gate_runs enable row level security;
alter table rampart.gate_artifacts enable row level security;
revoke all on rampart.gate_runs, rampart.gate_artifacts from public, anon, authenticated, service_role, rampart_app;
grant select, insert on rampart.gate_runs, rampart.gate_artifacts to rampart_app;

drop policy if exists gate_runs_read on rampart.gate_runs;
create policy gate_runs_read on rampart.gate_runs for select to rampart_app using (true);
drop policy if exists gate_runs_add on rampart.gate_runs;
create policy gate_runs_add on rampart.gate_runs for insert to rampart_app with check (true);
drop policy if exists gate_artifacts_read on rampart.gate_artifacts;
create policy gate_artifacts_read on rampart.gate_artifacts for select to rampart_app using (true);
drop policy if exists gate_artifacts_add on rampart.gate_artifacts;
create policy gate_artifacts_add on rampart.gate_artifacts for insert to rampart_app with check (true);
