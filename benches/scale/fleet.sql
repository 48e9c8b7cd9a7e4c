-- A fleet's stock: $PARTS$ parts over $YACHTS$ yachts, ten ledger rows a part, each with its audit row.
--
-- One part in five is tracked, and a third of those is low, as in the seeds. Ids follow from numbers; every cache equals
-- its ledger.

insert into public.yachts (id, name, code, is_test, synthetic)
select md5('yacht ' || y)::uuid, 'M/Y Scale ' || y, 'ySCALE_' || y, true, true from generate_series(1, $YACHTS$) y;

insert into public.auth_users_profiles (id, yacht_id, email, name)
select md5('user ' || y)::uuid, md5('yacht ' || y)::uuid, 'scale' || y || '@example.com', 'Scale ' || y
from generate_series(1, $YACHTS$) y;
insert into public.auth_users_roles (user_id, yacht_id, role)
select md5('user ' || y)::uuid, md5('yacht ' || y)::uuid, 'chief_engineer' from generate_series(1, $YACHTS$) y;

insert into public.pms_parts (id, yacht_id, name, part_number, department, min_level, reorder_multiple, unit_cost, is_critical)
select md5('part ' || p)::uuid, md5('yacht ' || 1 + p % $YACHTS$)::uuid, 'Part ' || p, 'P-' || p,
       (array['engineering', 'deck', 'interior', 'electrical'])[1 + p % 4],
       case when p / $YACHTS$ % 5 = 0 then case when p / $YACHTS$ % 15 = 0 then 200 else 5 end else 0 end,
       1 + p % 4, p % 500, p % 50 = 0
from generate_series(1, $PARTS$) p;

-- Ten movements: 100 at first, then nine that leave 91.
insert into public.pms_inventory_stock (id, yacht_id, part_id, location, quantity)
select md5('stock ' || p)::uuid, md5('yacht ' || 1 + p % $YACHTS$)::uuid, md5('part ' || p)::uuid, 'technical_store', 91
from generate_series(1, $PARTS$) p;

insert into public.pms_audit_log (id, yacht_id, action, entity_type, entity_id, user_id, new_values, metadata)
select md5('audit ' || p || ' ' || m)::uuid, md5('yacht ' || 1 + p % $YACHTS$)::uuid, 'consume_part', 'part',
       md5('part ' || p)::uuid, md5('user ' || 1 + p % $YACHTS$)::uuid, '{}',
       jsonb_build_object('transaction_id', md5('row ' || p || ' ' || m)::uuid, 'lens', 'v1', 'source', 'parts_api')
from generate_series(1, $PARTS$) p, generate_series(1, 9) m;

-- In the order of time, not of parts: so a part's rows lie far apart, as they do after years.
insert into public.pms_inventory_transactions
    (id, yacht_id, stock_id, transaction_type, quantity_change, quantity_before, quantity_after, user_id, audit_id, created_at)
select md5('row ' || p || ' ' || m)::uuid, md5('yacht ' || 1 + p % $YACHTS$)::uuid, md5('stock ' || p)::uuid,
       case when m = 0 then 'initial' else 'consumed' end,
       case when m = 0 then 100 else -1 end, case when m = 0 then 0 else 101 - m end, 100 - m,
       md5('user ' || 1 + p % $YACHTS$)::uuid, case when m > 0 then md5('audit ' || p || ' ' || m)::uuid end,
       '2026-01-01'::timestamptz + m * interval '1 month' + p * interval '1 second'
from generate_series(0, 9) m, generate_series(1, $PARTS$) p;
