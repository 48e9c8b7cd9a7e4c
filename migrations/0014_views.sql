-- Stock on hand, from the ledger: pms_part_stock → v_stock_from_transactions → sum.
--
-- Every step down is a lateral lookup by yacht and key, never a grouping of the whole
-- ledger: a reader who asks for one part, or for the tracked parts of one yacht, touches
-- only their rows. All views run with the rights of the reader, so row level security
-- of the tables holds.
--
-- Dropped first, because `create or replace` cannot change the columns of a view that an
-- older service has left behind.

drop view if exists public.v_low_stock_report;
drop view if exists public.pms_part_stock;
drop view if exists public.v_stock_from_transactions;

create view public.v_stock_from_transactions with (security_invoker = true) as
select
    s.yacht_id,
    s.part_id,
    s.location,
    s.id as stock_id,
    t.on_hand,
    s.quantity as cached_quantity,
    case when t.on_hand = s.quantity then 'OK' else 'DRIFT' end as reconciliation_status,
    t.transaction_count,
    t.first_transaction,
    t.last_transaction
from public.pms_inventory_stock s
cross join lateral (
    select
        coalesce(sum(l.quantity_change), 0) as on_hand,
        count(*) as transaction_count,
        min(l.created_at) as first_transaction,
        max(l.created_at) as last_transaction
    from public.pms_inventory_transactions l
    where l.yacht_id = s.yacht_id and l.stock_id = s.id
) t
where s.deleted_at is null;

-- One row per part. The main row is the one at the primary location, else the one with
-- most stock.
create view public.pms_part_stock with (security_invoker = true) as
select
    p.yacht_id,
    p.id as part_id,
    coalesce(s.on_hand, 0)::bigint as on_hand,
    p.min_level,
    p.reorder_multiple,
    s.location,
    p.is_critical,
    p.department,
    p.category,
    p.name as part_name,
    p.part_number,
    s.stock_id
from public.pms_parts p
left join public.pms_part_locations pl
    on pl.yacht_id = p.yacht_id and pl.id = p.primary_location_id
left join lateral (
    select
        sum(v.on_hand) as on_hand,
        (array_agg(v.location order by v.location = pl.name desc nulls last, v.on_hand desc, v.stock_id))[1]
            as location,
        (array_agg(v.stock_id order by v.location = pl.name desc nulls last, v.on_hand desc, v.stock_id))[1]
            as stock_id
    from public.v_stock_from_transactions v
    where v.yacht_id = p.yacht_id and v.part_id = p.id
) s on true
where p.deleted_at is null;

create view public.v_low_stock_report with (security_invoker = true) as
select
    ps.part_id,
    ps.yacht_id,
    ps.part_name,
    ps.part_number,
    ps.is_critical,
    ps.on_hand,
    ps.min_level,
    ps.reorder_multiple,
    ps.location,
    ps.category,
    ps.department,
    ps.on_hand <= 0 as is_out_of_stock,
    true as is_low_stock,
    -- Whole multiples: ceil((min - on_hand) / multiple) * multiple, in integers.
    (ps.min_level - ps.on_hand + ps.reorder_multiple - 1)
        / ps.reorder_multiple * ps.reorder_multiple as suggested_order_qty,
    case
        when ps.on_hand <= 0 then 'critical'
        when ps.on_hand * 2 <= ps.min_level then 'high'
        else 'medium'
    end as urgency
from public.pms_part_stock ps
where ps.min_level > 0 and ps.on_hand <= ps.min_level;

revoke all on
    public.v_stock_from_transactions, public.pms_part_stock, public.v_low_stock_report
    from public, anon, authenticated, service_role, rampart_app;
grant select on
    public.v_stock_from_transactions, public.pms_part_stock, public.v_low_stock_report
    to authenticated, service_role;

-- Stock rows, of all yachts, whose cache is not the sum of their ledger. Here the whole
-- ledger is wanted, so one grouping of it is the cheaper way.
create or replace function public.check_inventory_drift()
returns table (
    stock_id uuid,
    yacht_id uuid,
    part_id uuid,
    location text,
    cached_quantity integer,
    ledger_quantity bigint,
    drift bigint
)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select
        s.id, s.yacht_id, s.part_id, s.location, s.quantity,
        coalesce(l.quantity, 0),
        s.quantity - coalesce(l.quantity, 0)
    from public.pms_inventory_stock s
    left join (
        select t.stock_id, sum(t.quantity_change) as quantity
        from public.pms_inventory_transactions t
        group by t.stock_id
    ) l on l.stock_id = s.id
    where s.quantity <> coalesce(l.quantity, 0)
    order by s.yacht_id, s.id
$$;

-- How many real yachts have rows in a table: the single-tenant assertion expects 1.
-- Yachts made for a demo or by a generator are left out. One index probe per yacht.
create or replace function public.count_distinct_yachts(table_name text)
returns bigint
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_count bigint;
begin
    if $1 is null or $1 not in (
        'pms_parts', 'pms_inventory_stock', 'pms_inventory_transactions'
    ) then
        raise exception 'count_distinct_yachts does not know this table'
            using errcode = 'invalid_parameter_value',
                hint = 'pms_parts, pms_inventory_stock or pms_inventory_transactions';
    end if;
    execute format(
        'select count(*) from public.yachts y
         where not y.synthetic and not y.is_demo
             and exists (select from public.%I t where t.yacht_id = y.id)',
        $1
    ) into v_count;
    return v_count;
end
$$;

revoke all on function
    public.check_inventory_drift(), public.count_distinct_yachts(text)
    from public, anon, authenticated, service_role, rampart_app;
grant execute on function
    public.check_inventory_drift(), public.count_distinct_yachts(text)
    to service_role, rampart_app;
