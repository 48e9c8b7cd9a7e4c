-- The ledger, the audit log, and what keeps their writers honest.
--
-- Both are append-only for everyone. Rows of a user's request come from the functions
-- of 0017 alone. These tables carry no foreign key to yachts: every insert would lock
-- the same yacht row in share mode, and the whole fleet would queue on it. The ledger's
-- yacht is proven by its stock row.

create table if not exists public.pms_audit_log (
    id uuid primary key default gen_random_uuid(),
    yacht_id uuid not null,
    action text not null,
    entity_type text not null,
    entity_id uuid not null,
    user_id uuid not null,
    old_values jsonb,
    new_values jsonb not null,
    signature jsonb not null default '{}',
    metadata jsonb not null default '{}',
    -- clock_timestamp: a request may have waited for a lock, and history should read
    -- in the order in which things happened.
    created_at timestamptz not null default clock_timestamp(),
    -- Which transaction wrote the row. Unlike a timestamp it tells exactly whether the
    -- row was committed before or after a given snapshot.
    txid xid8 not null default pg_current_xact_id(),
    constraint pms_audit_log_signature_object check (jsonb_typeof(signature) = 'object')
);
-- An older table gets the column; its signature column may still be nullable, which is
-- why the detector of 0016 looks at the data.
alter table public.pms_audit_log
    add column if not exists metadata jsonb not null default '{}',
    add column if not exists txid xid8 not null default pg_current_xact_id();
create index if not exists pms_audit_log_yacht_idx
    on public.pms_audit_log (yacht_id, created_at desc);
create index if not exists pms_audit_log_entity_idx
    on public.pms_audit_log (entity_id, created_at desc);
-- From a ledger row to its audit row.
create index if not exists pms_audit_log_transaction_idx
    on public.pms_audit_log ((metadata ->> 'transaction_id'));

create table if not exists public.pms_inventory_transactions (
    id uuid primary key default gen_random_uuid(),
    yacht_id uuid not null,
    stock_id uuid not null,
    transaction_type text not null check (transaction_type in (
        'received', 'consumed', 'adjusted', 'transferred_in', 'transferred_out',
        'write_off', 'returned', 'initial', 'reversed'
    )),
    quantity_change integer not null check (quantity_change <> 0),
    quantity_before integer not null,
    quantity_after integer not null check (quantity_after >= 0),
    user_id uuid not null,
    idempotency_key text,
    supplier_id uuid,
    work_order_id uuid,
    reason text,
    notes text,
    photo_storage_path text,
    from_location_id uuid,
    to_location_id uuid,
    usage_id uuid references public.pms_part_usage (id),
    transfer_group_id uuid,
    reverses_transaction_id uuid unique references public.pms_inventory_transactions (id),
    audit_id uuid references public.pms_audit_log (id),
    created_at timestamptz not null default clock_timestamp(),
    txid xid8 not null default pg_current_xact_id(),
    unique (yacht_id, idempotency_key),
    check (quantity_after = quantity_before + quantity_change),
    foreign key (yacht_id, stock_id) references public.pms_inventory_stock (yacht_id, id),
    foreign key (yacht_id, from_location_id)
        references public.pms_part_locations (yacht_id, id),
    foreign key (yacht_id, to_location_id)
        references public.pms_part_locations (yacht_id, id)
);
alter table public.pms_inventory_transactions
    add column if not exists photo_storage_path text,
    add column if not exists audit_id uuid references public.pms_audit_log (id),
    add column if not exists txid xid8 not null default pg_current_xact_id();
-- Sums come from the index alone only where vacuum has marked the pages; a table that
-- only grows would wait long for that by the default share of a fifth.
alter table public.pms_inventory_transactions set (
    autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.02
);
create unique index if not exists pms_inventory_transactions_yacht_id_idempotency_key_key
    on public.pms_inventory_transactions (yacht_id, idempotency_key);
-- Stock on hand is the sum of quantity_change over a stock row. All it needs is in the
-- index, so the table itself is not read; created_at serves the history of a part.
create index if not exists pms_inventory_transactions_stock_idx
    on public.pms_inventory_transactions (yacht_id, stock_id, created_at)
    include (quantity_change);
create index if not exists pms_inventory_transactions_usage_idx
    on public.pms_inventory_transactions (usage_id) where usage_id is not null;
create index if not exists pms_inventory_transactions_audit_idx
    on public.pms_inventory_transactions (audit_id) where audit_id is not null;
create index if not exists pms_inventory_transactions_from_location_idx
    on public.pms_inventory_transactions (yacht_id, from_location_id)
    where from_location_id is not null;
create index if not exists pms_inventory_transactions_to_location_idx
    on public.pms_inventory_transactions (yacht_id, to_location_id)
    where to_location_id is not null;
create index if not exists pms_inventory_transactions_transfer_idx
    on public.pms_inventory_transactions (transfer_group_id)
    where transfer_group_id is not null;

-- One row for each key a client has used, written in the transaction of the change it
-- stands for. The response is what the first caller was told.
create table if not exists public.pms_idempotency (
    yacht_id uuid not null,
    key text not null check (char_length(key) between 1 and 255),
    action text not null,
    request_hash text,
    status integer,
    response jsonb,
    created_at timestamptz not null default now(),
    primary key (yacht_id, key)
) with (fillfactor = 80);
create index if not exists pms_idempotency_created_idx on public.pms_idempotency (created_at);

-- The newest signature of each yacht. Locked last by every signed action, so that the
-- chain has one order and nobody waits for it while holding up others.
create table if not exists public.pms_signature_chain (
    yacht_id uuid primary key references public.yachts (id),
    head text not null default '',
    length bigint not null default 0 check (length >= 0)
);

create or replace function public.refuse_change()
returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
    raise exception '% is append-only: % refused', tg_table_name, lower(tg_op)
        using errcode = 'insufficient_privilege',
            hint = 'correct a mistake with a new row';
end
$$;

create or replace trigger pms_inventory_transactions_append_only
    before update or delete or truncate on public.pms_inventory_transactions
    for each statement execute function public.refuse_change();
create or replace trigger pms_audit_log_append_only
    before update or delete or truncate on public.pms_audit_log
    for each statement execute function public.refuse_change();

alter table public.pms_audit_log enable row level security;
alter table public.pms_inventory_transactions enable row level security;
alter table public.pms_idempotency enable row level security;
alter table public.pms_signature_chain enable row level security;

revoke all on
    public.pms_audit_log, public.pms_inventory_transactions, public.pms_idempotency,
    public.pms_signature_chain
    from public, anon, authenticated, service_role, rampart_app;
revoke all on function public.refuse_change()
    from public, anon, authenticated, service_role, rampart_app;
grant select on public.pms_audit_log, public.pms_inventory_transactions
    to authenticated, service_role;
grant select on public.pms_signature_chain to service_role;
