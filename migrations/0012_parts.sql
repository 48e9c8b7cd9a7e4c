-- The catalogue of parts, where they are kept, and how many.
--
-- Tables that name a part also carry the yacht, and refer to both together: a row of
-- one yacht cannot point at a part of another, whoever writes it. A foreign key is
-- checked past row level security, so a key on the part alone would let it.

create table if not exists public.pms_part_locations (
    id uuid primary key default gen_random_uuid(),
    yacht_id uuid not null references public.yachts (id),
    name text not null,
    path text,
    description text,
    created_at timestamptz not null default now(),
    unique (yacht_id, name),
    unique (yacht_id, id)
);

create table if not exists public.pms_parts (
    id uuid primary key default gen_random_uuid(),
    yacht_id uuid not null references public.yachts (id),
    name text not null,
    part_number text,
    manufacturer text,
    description text,
    category text,
    model_compatibility jsonb not null default '[]',
    unit text not null default 'ea',
    location text,
    min_level integer not null default 0 check (min_level >= 0),
    reorder_multiple integer not null default 1 check (reorder_multiple >= 1),
    unit_cost numeric(12, 2) check (unit_cost >= 0),
    department text,
    is_critical boolean not null default false,
    primary_location_id uuid,
    metadata jsonb not null default '{}',
    deleted_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (yacht_id, id),
    foreign key (yacht_id, primary_location_id)
        references public.pms_part_locations (yacht_id, id)
);
alter table public.pms_parts
    add column if not exists unit_cost numeric(12, 2),
    add column if not exists department text,
    add column if not exists is_critical boolean not null default false,
    add column if not exists min_level integer not null default 0,
    add column if not exists reorder_multiple integer not null default 1,
    add column if not exists primary_location_id uuid,
    add column if not exists deleted_at timestamptz;
create unique index if not exists pms_parts_yacht_id_id_key on public.pms_parts (yacht_id, id);
create index if not exists pms_parts_primary_location_idx
    on public.pms_parts (yacht_id, primary_location_id);
-- Most parts are untracked (min_level 0) and can never be low. The low-stock report
-- walks this index and never meets them.
create index if not exists pms_parts_tracked_idx
    on public.pms_parts (yacht_id, id) where min_level > 0 and deleted_at is null;

create table if not exists public.pms_inventory_stock (
    id uuid primary key default gen_random_uuid(),
    yacht_id uuid not null references public.yachts (id),
    part_id uuid not null,
    location text not null check (location <> ''),
    quantity integer not null default 0 check (quantity >= 0),
    deleted_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (yacht_id, part_id, location),
    unique (yacht_id, id),
    foreign key (yacht_id, part_id) references public.pms_parts (yacht_id, id)
) with (fillfactor = 80); -- quantity changes all the time and is in no index: room for hot updates
alter table public.pms_inventory_stock
    add column if not exists deleted_at timestamptz,
    add column if not exists updated_at timestamptz not null default now();
create unique index if not exists pms_inventory_stock_yacht_id_part_id_location_key
    on public.pms_inventory_stock (yacht_id, part_id, location);
create unique index if not exists pms_inventory_stock_yacht_id_id_key
    on public.pms_inventory_stock (yacht_id, id);

create table if not exists public.pms_part_usage (
    id uuid primary key default gen_random_uuid(),
    yacht_id uuid not null,
    part_id uuid not null,
    quantity integer not null check (quantity > 0),
    work_order_id uuid,
    equipment_id uuid,
    usage_reason text,
    notes text,
    used_by uuid not null,
    used_at timestamptz not null default now(),
    foreign key (yacht_id, part_id) references public.pms_parts (yacht_id, id)
);
create index if not exists pms_part_usage_part_idx
    on public.pms_part_usage (yacht_id, part_id, used_at desc);
create index if not exists pms_part_usage_work_order_idx
    on public.pms_part_usage (work_order_id) where work_order_id is not null;

create table if not exists public.pms_shopping_list_items (
    id uuid primary key default gen_random_uuid(),
    yacht_id uuid not null references public.yachts (id),
    part_id uuid,
    part_name text not null,
    part_number text,
    quantity_requested integer not null check (quantity_requested > 0),
    status text not null default 'candidate'
        check (status in ('candidate', 'under_review', 'approved')),
    source_type text not null default 'manual_add' check (source_type in (
        'inventory_low', 'inventory_oos', 'work_order_usage', 'receiving_missing',
        'receiving_damaged', 'manual_add'
    )),
    urgency text not null default 'normal'
        check (urgency in ('low', 'normal', 'high', 'critical')),
    notes text,
    created_by uuid not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    foreign key (yacht_id, part_id) references public.pms_parts (yacht_id, id)
);
create index if not exists pms_shopping_list_items_part_idx
    on public.pms_shopping_list_items (yacht_id, part_id);

create table if not exists public.pms_part_alert_prefs (
    id uuid primary key default gen_random_uuid(),
    yacht_id uuid not null references public.yachts (id),
    part_id uuid not null,
    suppressed boolean not null default false,
    suppressed_until timestamptz,
    reason text,
    updated_by uuid not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (yacht_id, part_id),
    foreign key (yacht_id, part_id) references public.pms_parts (yacht_id, id)
);

create table if not exists public.doc_metadata (
    id uuid primary key default gen_random_uuid(),
    yacht_id uuid not null references public.yachts (id),
    source text not null default 'parts',
    filename text not null,
    content_type text,
    storage_bucket text,
    storage_path text,
    size_bytes bigint check (size_bytes >= 0),
    sha256 text,
    metadata jsonb not null default '{}',
    created_by uuid not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
);
create index if not exists doc_metadata_yacht_idx
    on public.doc_metadata (yacht_id, created_at desc);

create table if not exists public.pms_health_checks (
    id uuid primary key default gen_random_uuid(),
    service text not null,
    status text not null check (status in ('healthy', 'degraded', 'unhealthy')),
    p95_latency_ms double precision,
    error_rate double precision,
    sample_size bigint not null default 0,
    notes jsonb not null default '{}',
    observed_at timestamptz not null default now()
);
create index if not exists pms_health_checks_service_idx
    on public.pms_health_checks (service, observed_at desc);

create table if not exists public.pms_health_events (
    id uuid primary key default gen_random_uuid(),
    check_id uuid references public.pms_health_checks (id),
    level text not null check (level in ('info', 'warning', 'error')),
    detail_json jsonb not null default '{}',
    created_at timestamptz not null default now()
);
create index if not exists pms_health_events_check_idx
    on public.pms_health_events (check_id);

do $$
declare
    v_table text;
begin
    foreach v_table in array array[
        'pms_part_locations', 'pms_parts', 'pms_inventory_stock', 'pms_part_usage',
        'pms_shopping_list_items', 'pms_part_alert_prefs', 'doc_metadata',
        'pms_health_checks', 'pms_health_events'
    ] loop
        execute format('alter table public.%I enable row level security', v_table);
        execute format(
            'revoke all on public.%I from public, anon, authenticated, service_role, rampart_app',
            v_table
        );
    end loop;
end
$$;

grant select on
    public.pms_part_locations, public.pms_parts, public.pms_inventory_stock,
    public.pms_part_usage, public.pms_shopping_list_items, public.pms_part_alert_prefs,
    public.doc_metadata
    to authenticated;
grant insert, update on
    public.pms_shopping_list_items, public.pms_part_alert_prefs, public.doc_metadata
    to authenticated;
grant select on public.pms_inventory_stock, public.pms_part_usage to service_role;
grant select, insert, update on
    public.pms_part_locations, public.pms_parts, public.pms_shopping_list_items,
    public.pms_part_alert_prefs, public.doc_metadata, public.pms_health_checks,
    public.pms_health_events
    to service_role;
