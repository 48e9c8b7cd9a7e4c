-- What the controller remembers.

-- One row a running daemon: its heartbeat is what leases and exposure rest on.
create table if not exists rampart.replicas (
    id uuid primary key,
    build text not null,
    started_at timestamptz not null default now(),
    heartbeat_at timestamptz not null default now(),
    stopped_at timestamptz
);

-- The right to raise one flag. Valid while the holder's heartbeat is fresh; the fence only grows.
create table if not exists rampart.leases (
    flag text primary key,
    replica uuid not null,
    fence bigint not null
);

-- Every policy revision a rollout was ever pinned to.
create table if not exists rampart.policies (
    revision text primary key,
    flag text not null,
    policy jsonb not null,
    source text not null,
    stored_at timestamptz not null default now()
);

create table if not exists rampart.rollouts (
    id uuid primary key,
    flag text not null,
    attempt integer not null,
    revision bigint not null,
    phase text not null check (phase in ('ramping', 'paused', 'completed', 'rolled_back')),
    percent integer not null check (percent between 0 and 10000),  -- basis points
    policy_revision text not null references rampart.policies (revision),
    state jsonb not null,     -- the fold of the journal
    progress jsonb not null,  -- the sum of the ticks of this epoch
    audit_baseline text not null,
    committed_at timestamptz not null default clock_timestamp(),  -- of the newest step
    started_at timestamptz not null,
    ended_at timestamptz,
    unique (flag, attempt),
    check (phase <> 'rolled_back' or percent = 0)
);
-- I5: at most one rollout of a flag is live.
create unique index if not exists rollouts_one_live on rampart.rollouts (flag) where phase in ('ramping', 'paused');
create index if not exists rollouts_policy on rampart.rollouts (policy_revision);

-- What every tick saw and credited.
create table if not exists rampart.ticks (
    rollout_id uuid not null references rampart.rollouts (id),
    at timestamptz not null,
    epoch integer not null,
    credit_ms bigint not null check (credit_ms >= 0),
    checks jsonb not null,
    primary key (rollout_id, at)
);

-- Changes only, each with its evidence, chained by hash so that a missing or altered entry shows.
create table if not exists rampart.journal (
    seq bigint primary key,  -- given by the trigger below
    flag text not null,
    rollout_id uuid,
    at timestamptz not null,
    kind text not null,
    actor text not null,
    reason text,
    event jsonb not null,
    phase text not null,
    stage integer,
    percent integer not null,
    cause text,
    evidence jsonb,
    prev_hash bytea not null,
    hash bytea not null
);
create index if not exists journal_flag on rampart.journal (flag, seq);
create index if not exists journal_rollout on rampart.journal (rollout_id, seq);

create sequence if not exists rampart.journal_seq;

create table if not exists rampart.journal_heads (
    flag text primary key,
    hash bytea not null
);

create or replace function rampart.journal_hash(entry rampart.journal) returns bytea
language sql stable set search_path = pg_catalog, pg_temp as $$
    select sha256(entry.prev_hash || convert_to(jsonb_build_array(
        entry.seq, entry.flag, entry.rollout_id, (extract(epoch from entry.at) * 1000000)::bigint, entry.kind, entry.actor,
        entry.reason, entry.event, entry.phase, entry.stage, entry.percent, entry.cause, entry.evidence)::text, 'UTF8'))
$$;

-- The head row is locked until the entry is committed, so two entries never share a predecessor.
create or replace function rampart.chain_journal() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into rampart.journal_heads (flag, hash) values (new.flag, ''::bytea) on conflict do nothing;
    select hash into new.prev_hash from rampart.journal_heads where flag = new.flag for update;
    -- Numbered only now, and by one at a time over all flags: numbers, chain and commits have one order, so
    -- whoever reads behind a number misses nothing.
    perform pg_advisory_xact_lock(hashtext('rampart.journal_seq'));
    new.seq := nextval('rampart.journal_seq');
    new.hash := rampart.journal_hash(new);
    update rampart.journal_heads set hash = new.hash where flag = new.flag;
    return new;
end $$;

create or replace trigger journal_chain before insert on rampart.journal
    for each row execute function rampart.chain_journal();

create or replace function rampart.refuse_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;

create or replace trigger journal_append_only before update or delete or truncate on rampart.journal
    for each statement execute function rampart.refuse_change();

-- The first entry of a flag's journal that does not follow from the one before it; null where all do.
create or replace function rampart.first_broken_entry(p_flag text) returns bigint
language sql stable set search_path = pg_catalog, pg_temp as $$
    select min(seq) from (
        select seq,
               hash = rampart.journal_hash(j)
                   and prev_hash = lag(hash, 1, ''::bytea) over (order by seq) as whole
        from rampart.journal j where flag = p_flag
    ) entries where not whole
$$;

-- Requests of one second, by replica, so that every replica sees the traffic of all.
create table if not exists rampart.live_slots (
    rollout_id uuid not null,
    second timestamptz not null,
    replica uuid not null,
    epoch integer not null,
    cohort text not null check (cohort in ('canary', 'control')),
    requests integer not null,
    failures integer not null,
    server_errors integer not null,
    unavailable integer not null,
    rejections integer not null,
    latencies jsonb not null,
    primary key (rollout_id, second, replica, epoch, cohort)
);

create table if not exists rampart.reports (
    id uuid primary key,
    flag text not null,
    kind text not null check (kind in ('data_inconsistency', 'other')),
    text text not null check (length(text) between 1 and 4000),
    reporter text not null,
    at timestamptz not null default now(),
    dismissed_at timestamptz,
    dismissed_by text,
    dismiss_reason text
);
create index if not exists reports_flag on rampart.reports (flag, at);

-- What has to be told to people, written with what it tells of, in one transaction.
create table if not exists rampart.outbox (
    id uuid primary key,
    flag text not null,
    rollout_id uuid,
    kind text not null,
    body jsonb not null,
    created_at timestamptz not null default now(),
    delivered_at timestamptz
);
create index if not exists outbox_undelivered on rampart.outbox (created_at) where delivered_at is null;

-- Answers to orders that carried an idempotency key.
create table if not exists rampart.commands (
    flag text not null,
    key text not null check (length(key) between 1 and 200),
    fingerprint text not null,
    revision bigint not null,
    at timestamptz not null default now(),
    primary key (flag, key)
);

grant select, insert, update on rampart.replicas, rampart.leases, rampart.rollouts, rampart.reports, rampart.outbox to rampart_app;
grant select, insert on rampart.policies, rampart.ticks, rampart.journal, rampart.commands to rampart_app;
grant select, insert, update, delete on rampart.live_slots to rampart_app;
grant execute on function rampart.first_broken_entry(text), rampart.journal_hash(rampart.journal) to rampart_app;
