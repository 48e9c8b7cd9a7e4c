-- More of the write path: transfer, shopping list, and the signed write-off and reversal.
--
-- The rules are those of 0017: owner's rights, so nothing in an argument is trusted; the
-- same order of locks; the same errors, and two more reasons for a conflict:
-- ALREADY_REVERSED and NOT_REVERSIBLE.

-- Who may execute what: now all that changes anything.
create or replace function public.parts_action_roles(p_action text)
returns text[]
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return case p_action
        when 'add_to_shopping_list' then array[
            'crew', 'deckhand', 'bosun', 'eto', 'chief_engineer', 'chief_officer', 'captain',
            'manager'
        ]
        when 'consume_part' then array[
            'crew', 'deckhand', 'bosun', 'eto', 'chief_engineer', 'chief_officer', 'captain',
            'manager'
        ]
        when 'receive_part' then array[
            'deckhand', 'bosun', 'eto', 'chief_engineer', 'chief_officer', 'captain', 'manager'
        ]
        when 'transfer_part' then array[
            'bosun', 'eto', 'chief_engineer', 'chief_officer', 'captain', 'manager'
        ]
        when 'generate_part_labels' then array[
            'chief_engineer', 'chief_officer', 'captain', 'manager'
        ]
        when 'request_label_output' then array[
            'chief_engineer', 'chief_officer', 'captain', 'manager'
        ]
        when 'reverse_transaction' then array['captain', 'manager']
        when 'adjust_stock_quantity' then array['captain', 'manager']
        when 'write_off_part' then array['captain', 'manager']
        else array[]::text[]
    end;
end
$$;

-- One movement, as parts_post writes it, for those that have a way, a group or something
-- to take back. The caller holds the lock on the stock row, has checked that the new
-- quantity is neither negative nor too large, and moves more than nothing.
create or replace function public.parts_post_move(
    p_audit_id uuid,
    p_transaction_id uuid,
    p_action text,
    p_type text,
    p_user_id uuid,
    p_stock public.pms_inventory_stock,
    p_change integer,
    p_signature jsonb,
    p_metadata jsonb,
    p_idempotency_key text default null,
    p_supplier_id uuid default null,
    p_work_order_id uuid default null,
    p_reason text default null,
    p_notes text default null,
    p_usage_id uuid default null,
    p_from_location_id uuid default null,
    p_to_location_id uuid default null,
    p_transfer_group_id uuid default null,
    p_reverses_transaction_id uuid default null
)
returns void
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
    insert into public.pms_audit_log (
        id, yacht_id, action, entity_type, entity_id, user_id,
        old_values, new_values, signature, metadata
    ) values (
        p_audit_id, p_stock.yacht_id, p_action, 'part', p_stock.part_id, p_user_id,
        jsonb_build_object('stock_id', p_stock.id, 'quantity', p_stock.quantity),
        jsonb_build_object(
            'stock_id', p_stock.id,
            'quantity', p_stock.quantity + p_change,
            'quantity_change', p_change
        ),
        p_signature,
        p_metadata || jsonb_build_object(
            'source', 'parts_api',
            'transaction_id', p_transaction_id,
            'location', p_stock.location
        )
    );
    insert into public.pms_inventory_transactions (
        id, yacht_id, stock_id, transaction_type,
        quantity_change, quantity_before, quantity_after,
        user_id, idempotency_key, supplier_id, work_order_id, reason, notes, usage_id,
        from_location_id, to_location_id, transfer_group_id, reverses_transaction_id, audit_id
    ) values (
        p_transaction_id, p_stock.yacht_id, p_stock.id, p_type,
        p_change, p_stock.quantity, p_stock.quantity + p_change,
        p_user_id, p_idempotency_key, p_supplier_id, p_work_order_id, p_reason, p_notes,
        p_usage_id, p_from_location_id, p_to_location_id, p_transfer_group_id,
        p_reverses_transaction_id, p_audit_id
    );
    update public.pms_inventory_stock
    set quantity = quantity + p_change, updated_at = clock_timestamp()
    where id = p_stock.id;
end
$$;

create or replace function public.parts_find_location(
    p_yacht_id uuid, p_location_id uuid, p_column text
)
returns public.pms_part_locations
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_location public.pms_part_locations;
begin
    select * into v_location
    from public.pms_part_locations l
    where l.yacht_id = p_yacht_id and l.id = p_location_id;
    if not found then
        raise exception 'Location not found'
            using errcode = 'P0404', detail = 'NOT_FOUND', column = p_column;
    end if;
    return v_location;
end
$$;

create or replace function public.parts_transfer(
    p_part_id uuid,
    p_quantity integer,
    p_from_location_id uuid,
    p_to_location_id uuid,
    p_notes text,
    p_idempotency_key text,
    p_lens text,
    p_request_hash text
)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_actor record;
    v_part public.pms_parts;
    v_from public.pms_part_locations;
    v_to public.pms_part_locations;
    v_stock public.pms_inventory_stock;
    v_source public.pms_inventory_stock;
    v_destination public.pms_inventory_stock;
    v_group_id uuid := gen_random_uuid();
    v_out_id uuid := gen_random_uuid();
    v_in_id uuid := gen_random_uuid();
    v_audit_id uuid := gen_random_uuid();
    v_metadata jsonb;
    v_response jsonb;
begin
    select * into v_actor from public.parts_actor('transfer_part');
    perform public.parts_check_quantity(p_quantity, p_lens);
    if p_from_location_id = p_to_location_id then
        raise exception 'to_location_id must differ from from_location_id'
            using errcode = 'P0400', detail = 'VALIDATION_ERROR', column = 'to_location_id';
    end if;
    v_response := public.parts_claim_key(
        v_actor.yacht_id, 'transfer_part', p_idempotency_key, p_request_hash
    );
    if v_response is not null then
        return v_response;
    end if;
    v_part := public.parts_find_part(v_actor.yacht_id, p_part_id);
    v_from := public.parts_find_location(
        v_actor.yacht_id, p_from_location_id, 'from_location_id'
    );
    v_to := public.parts_find_location(v_actor.yacht_id, p_to_location_id, 'to_location_id');

    -- First the destination is made, while no stock is locked: who makes the same one may
    -- have to be waited for. Nobody sees the new row before this transaction ends, and who
    -- waits for it has locked nothing either. Then both rows are locked by id, and two
    -- transfers in opposite directions cannot wait for each other.
    insert into public.pms_inventory_stock (yacht_id, part_id, location, quantity)
    values (v_actor.yacht_id, v_part.id, v_to.name, 0)
    on conflict (yacht_id, part_id, location) do nothing;
    for v_stock in
        select s.*
        from public.pms_inventory_stock s
        where s.yacht_id = v_actor.yacht_id and s.part_id = v_part.id
            and s.location in (v_from.name, v_to.name)
        order by s.id
        for no key update
    loop
        if v_stock.deleted_at is not null then
            raise exception 'Stock at % is deactivated', v_stock.location
                using errcode = 'P0409', detail = 'STOCK_DEACTIVATED';
        end if;
        if v_stock.location = v_from.name then
            v_source := v_stock;
        else
            v_destination := v_stock;
        end if;
    end loop;
    if coalesce(v_source.quantity, 0) < p_quantity then
        raise exception 'Insufficient stock: requested %, available %',
            p_quantity, coalesce(v_source.quantity, 0)
            using errcode = 'P0409', detail = 'INSUFFICIENT_STOCK';
    end if;
    if v_destination.quantity::bigint + p_quantity > 2147483647 then
        raise exception 'quantity is too large'
            using errcode = 'P0400', detail = 'VALIDATION_ERROR', column = 'quantity';
    end if;

    v_metadata := jsonb_build_object(
        'lens', p_lens,
        'idempotency_key', p_idempotency_key,
        'work_order_id', null,
        'notes', p_notes,
        'transfer_group_id', v_group_id
    );
    perform public.parts_post_move(
        v_audit_id, v_out_id, 'transfer_part', 'transferred_out', v_actor.user_id, v_source,
        -p_quantity, '{}', v_metadata,
        -- The key is unique in the ledger: the first row carries it.
        p_idempotency_key => p_idempotency_key,
        p_notes => p_notes,
        p_from_location_id => v_from.id,
        p_to_location_id => v_to.id,
        p_transfer_group_id => v_group_id
    );
    perform public.parts_post_move(
        gen_random_uuid(), v_in_id, 'transfer_part', 'transferred_in', v_actor.user_id,
        v_destination, p_quantity, '{}', v_metadata,
        p_notes => p_notes,
        p_from_location_id => v_from.id,
        p_to_location_id => v_to.id,
        p_transfer_group_id => v_group_id
    );

    v_response := jsonb_build_object(
        'replayed', false,
        'transfer_group_id', v_group_id,
        'transaction_out_id', v_out_id,
        'transaction_in_id', v_in_id,
        'audit_id', v_audit_id,
        'part_id', v_part.id,
        'part_name', v_part.name,
        'quantity_transferred', p_quantity,
        'from_location', v_from.name,
        'to_location', v_to.name,
        'from_new_level', v_source.quantity - p_quantity,
        'to_new_level', v_destination.quantity + p_quantity
    );
    perform public.parts_store_response(
        v_actor.yacht_id, p_idempotency_key, 200, v_response
    );
    return v_response;
end
$$;

-- What is wanted, on the list. Where it comes from and how urgent it is follow from the
-- stock, unless the request says so in words of the table.
create or replace function public.parts_add_to_shopping_list(
    p_part_id uuid,
    p_quantity_requested integer,
    p_source_type text,
    p_urgency text,
    p_notes text,
    p_idempotency_key text,
    p_lens text,
    p_request_hash text
)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_actor record;
    v_part public.pms_parts;
    v_on_hand bigint;
    v_source_type text;
    v_urgency text;
    v_item_id uuid := gen_random_uuid();
    v_audit_id uuid := gen_random_uuid();
    v_response jsonb;
begin
    select * into v_actor from public.parts_actor('add_to_shopping_list');
    perform public.parts_check_lens(p_lens);
    if p_quantity_requested is null or p_quantity_requested <= 0 then
        raise exception 'quantity_requested must be greater than 0'
            using errcode = 'P0400', detail = 'VALIDATION_ERROR',
                column = 'quantity_requested';
    end if;
    v_response := public.parts_claim_key(
        v_actor.yacht_id, 'add_to_shopping_list', p_idempotency_key, p_request_hash
    );
    if v_response is not null then
        return v_response;
    end if;
    v_part := public.parts_find_part(v_actor.yacht_id, p_part_id);
    v_on_hand := public.parts_on_hand(v_actor.yacht_id, v_part.id);

    v_source_type := case
        when p_source_type in (
            'inventory_low', 'inventory_oos', 'work_order_usage', 'receiving_missing',
            'receiving_damaged', 'manual_add'
        ) then p_source_type
        when v_on_hand <= 0 then 'inventory_oos'
        when v_on_hand <= v_part.min_level then 'inventory_low'
        else 'manual_add'
    end;
    v_urgency := case
        when p_urgency in ('low', 'normal', 'high', 'critical') then p_urgency
        -- What the stock calls medium, the list calls normal.
        when p_urgency = 'medium' then 'normal'
        when v_on_hand <= 0 then 'critical'
        when v_on_hand * 2 <= v_part.min_level then 'high'
        when v_on_hand <= v_part.min_level then 'normal'
        else 'low'
    end;
    insert into public.pms_shopping_list_items (
        id, yacht_id, part_id, part_name, part_number, quantity_requested, source_type,
        urgency, notes, created_by
    ) values (
        v_item_id, v_actor.yacht_id, v_part.id, v_part.name, v_part.part_number,
        p_quantity_requested, v_source_type, v_urgency, p_notes, v_actor.user_id
    );
    insert into public.pms_audit_log (
        id, yacht_id, action, entity_type, entity_id, user_id, new_values, signature, metadata
    ) values (
        v_audit_id, v_actor.yacht_id, 'add_to_shopping_list', 'shopping_item', v_item_id,
        v_actor.user_id,
        jsonb_build_object(
            'part_id', v_part.id,
            'quantity_requested', p_quantity_requested,
            'source_type', v_source_type,
            'urgency', v_urgency
        ),
        '{}',
        jsonb_build_object(
            'source', 'parts_api',
            'lens', p_lens,
            'transaction_id', null,
            'location', null,
            'idempotency_key', p_idempotency_key,
            'work_order_id', null,
            'notes', p_notes
        )
    );

    v_response := jsonb_build_object(
        'replayed', false,
        'shopping_item_id', v_item_id,
        'audit_id', v_audit_id,
        'part_id', v_part.id,
        'part_name', v_part.name,
        'quantity_requested', p_quantity_requested
    );
    perform public.parts_store_response(
        v_actor.yacht_id, p_idempotency_key, 200, v_response
    );
    return v_response;
end
$$;

-- Signed movements ----------------------------------------------------------------------
--
-- A write-off and a reversal differ in what they mean to move; how it is signed and
-- written is the same. So each has a plan, which takes the locks and answers the movements
-- one by one, and both share one pair of calls: begin, which says what is to be signed,
-- and commit, which plans again and writes what was signed if it is still the same.
--
-- Every movement has a signature of its own over its stock row's quantities. One signature
-- over several rows would stand in several audit rows, and the chain would fork there;
-- like this every audit row is one link, and can be verified by itself.

-- The rows a write-off takes from: one alone if one can serve, the primary location before
-- the others, and only the named location where one is named.
create or replace function public.parts_plan_write_off(
    p_part public.pms_parts, p_quantity integer, p_location text
)
returns jsonb
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_location text;
    v_locked uuid[];
    v_available bigint;
    v_deactivated boolean;
    v_stock public.pms_inventory_stock;
    v_remaining integer := p_quantity;
    v_take integer;
    v_movements jsonb := '[]';
begin
    if nullif(btrim(p_location), '') is not null then
        v_location := public.parts_resolve_location(p_part, p_location);
    end if;
    -- Locked before any is read, by id: as in parts_consume.
    select array_agg(l.id) into v_locked
    from (
        select s.id
        from public.pms_inventory_stock s
        where s.yacht_id = p_part.yacht_id and s.part_id = p_part.id
            and (v_location is null or s.location = v_location)
        order by s.id
        for no key update
    ) l;
    select
        coalesce(sum(s.quantity) filter (where s.deleted_at is null), 0),
        count(*) > 0 and bool_and(s.deleted_at is not null)
    into v_available, v_deactivated
    from public.pms_inventory_stock s
    where s.id = any (v_locked);
    if v_deactivated then
        raise exception 'Stock of this part is deactivated'
            using errcode = 'P0409', detail = 'STOCK_DEACTIVATED';
    end if;
    if v_available < p_quantity then
        raise exception 'Insufficient stock: requested %, available %', p_quantity, v_available
            using errcode = 'P0409', detail = 'INSUFFICIENT_STOCK';
    end if;

    for v_stock in
        select s.*
        from public.pms_inventory_stock s
        left join public.pms_part_locations l
            on l.yacht_id = p_part.yacht_id and l.id = p_part.primary_location_id
        where s.id = any (v_locked) and s.deleted_at is null and s.quantity > 0
        order by
            s.quantity >= p_quantity desc,
            s.location = l.name desc nulls last,
            s.quantity desc,
            s.id
    loop
        v_take := least(v_remaining, v_stock.quantity);
        v_movements := v_movements || jsonb_build_object(
            'stock_id', v_stock.id,
            'old_quantity', v_stock.quantity,
            'new_quantity', v_stock.quantity - v_take
        );
        v_remaining := v_remaining - v_take;
        exit when v_remaining = 0;
    end loop;
    return v_movements;
end
$$;

-- What takes a transaction back: the same the other way, first for the one that was named
-- and, where that is one leg of a transfer, for the other leg.
create or replace function public.parts_plan_reversal(p_yacht_id uuid, p_transaction_id uuid)
returns jsonb
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_named public.pms_inventory_transactions;
    v_leg record;
    v_movements jsonb := '[]';
begin
    select * into v_named
    from public.pms_inventory_transactions t
    where t.yacht_id = p_yacht_id and t.id = p_transaction_id;
    if not found then
        raise exception 'Transaction not found' using errcode = 'P0404', detail = 'NOT_FOUND';
    end if;
    if v_named.transaction_type = 'reversed' then
        raise exception 'A reversal cannot be reversed'
            using errcode = 'P0409', detail = 'ALREADY_REVERSED';
    end if;
    if v_named.transaction_type = 'initial' then
        raise exception 'Initial stock cannot be reversed; adjust it'
            using errcode = 'P0409', detail = 'NOT_REVERSIBLE';
    end if;

    -- Whoever reverses the same transaction meets here, and sees afterwards that it is done.
    perform
    from public.pms_inventory_stock s
    where s.yacht_id = p_yacht_id and s.id in (
        select t.stock_id
        from public.pms_inventory_transactions t
        where t.id = v_named.id or t.transfer_group_id = v_named.transfer_group_id
    )
    order by s.id
    for no key update;
    if exists (
        select
        from public.pms_inventory_transactions r
        join public.pms_inventory_transactions t on t.id = r.reverses_transaction_id
        where t.id = v_named.id or t.transfer_group_id = v_named.transfer_group_id
    ) then
        raise exception 'Transaction was already reversed'
            using errcode = 'P0409', detail = 'ALREADY_REVERSED';
    end if;

    for v_leg in
        select
            t.id, t.quantity_change, s.id as stock_id, s.location, s.quantity, s.deleted_at,
            s.quantity::bigint - t.quantity_change as new_quantity
        from public.pms_inventory_transactions t
        join public.pms_inventory_stock s on s.yacht_id = t.yacht_id and s.id = t.stock_id
        where t.yacht_id = p_yacht_id
            and (t.id = v_named.id or t.transfer_group_id = v_named.transfer_group_id)
        order by t.id = v_named.id desc, t.id
    loop
        if v_leg.deleted_at is not null then
            raise exception 'Stock at % is deactivated', v_leg.location
                using errcode = 'P0409', detail = 'STOCK_DEACTIVATED';
        end if;
        if v_leg.new_quantity < 0 then
            raise exception 'Insufficient stock at %: % to take back, available %',
                v_leg.location, v_leg.quantity_change, v_leg.quantity
                using errcode = 'P0409', detail = 'INSUFFICIENT_STOCK';
        end if;
        if v_leg.new_quantity > 2147483647 then
            raise exception 'quantity is too large'
                using errcode = 'P0400', detail = 'VALIDATION_ERROR', column = 'quantity';
        end if;
        v_movements := v_movements || jsonb_build_object(
            'stock_id', v_leg.stock_id,
            'old_quantity', v_leg.quantity,
            'new_quantity', v_leg.new_quantity,
            'reversed_transaction_id', v_leg.id
        );
    end loop;
    return v_movements;
end
$$;

-- The part concerned and the movements. The subject is the part to write off from, or the
-- transaction to reverse; quantity and location are a write-off's.
create or replace function public.parts_plan_signed(
    p_yacht_id uuid, p_action text, p_subject_id uuid, p_quantity integer, p_location text
)
returns jsonb
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_part public.pms_parts;
    v_part_id uuid;
    v_movements jsonb;
begin
    if p_action = 'write_off_part' then
        v_part := public.parts_find_part(p_yacht_id, p_subject_id);
        v_movements := public.parts_plan_write_off(v_part, p_quantity, p_location);
    else
        v_movements := public.parts_plan_reversal(p_yacht_id, p_subject_id);
        select s.part_id into strict v_part_id
        from public.pms_inventory_stock s
        where s.id = (v_movements #>> '{0, stock_id}')::uuid;
        v_part := public.parts_find_part(p_yacht_id, v_part_id);
    end if;
    return jsonb_build_object(
        'part_id', v_part.id, 'part_name', v_part.name, 'movements', v_movements
    );
end
$$;

create or replace function public.parts_check_signed(p_action text, p_quantity integer)
returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_action is null or p_action not in ('write_off_part', 'reverse_transaction') then
        raise exception 'action must be write_off_part or reverse_transaction'
            using errcode = 'P0400', detail = 'VALIDATION_ERROR', column = 'action';
    end if;
    if p_action = 'write_off_part' and (p_quantity is null or p_quantity <= 0) then
        raise exception 'quantity must be greater than 0'
            using errcode = 'P0400', detail = 'VALIDATION_ERROR', column = 'quantity';
    end if;
end
$$;

-- The yacht's chain head, locked; made with the first signature.
create or replace function public.parts_lock_chain(p_yacht_id uuid)
returns public.pms_signature_chain
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_chain public.pms_signature_chain;
begin
    insert into public.pms_signature_chain (yacht_id) values (p_yacht_id)
    on conflict do nothing;
    select * into strict v_chain
    from public.pms_signature_chain c
    where c.yacht_id = p_yacht_id
    for no key update;
    return v_chain;
end
$$;

create or replace function public.parts_signed_begin(
    p_action text,
    p_subject_id uuid,
    p_quantity integer,
    p_location text,
    p_idempotency_key text,
    p_request_hash text
)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_actor record;
    v_chain public.pms_signature_chain;
    v_plan jsonb;
    v_response jsonb;
begin
    perform public.parts_check_signed(p_action, p_quantity);
    select * into v_actor from public.parts_actor(p_action);
    v_response := public.parts_claim_key(
        v_actor.yacht_id, p_action, p_idempotency_key, p_request_hash
    );
    if v_response is not null then
        return v_response;
    end if;
    v_plan := public.parts_plan_signed(
        v_actor.yacht_id, p_action, p_subject_id, p_quantity, p_location
    );
    v_chain := public.parts_lock_chain(v_actor.yacht_id);
    return v_plan || jsonb_build_object(
        'replayed', false,
        'previous_signature', v_chain.head,
        'user_id', v_actor.user_id,
        'role', v_actor.role,
        'yacht_id', v_actor.yacht_id
    );
end
$$;

-- Writes the movements down, each with its signature, in the order of the plan. Planning
-- again costs little to who holds the locks. It answers otherwise only when the first call
-- was not in this transaction, or when a stock row was made since: then all is tried again.
create or replace function public.parts_signed_commit(
    p_action text,
    p_subject_id uuid,
    p_quantity integer,
    p_location text,
    p_reason text,
    p_notes text,
    p_signatures jsonb,
    p_previous_signature text,
    p_lens text,
    p_idempotency_key text
)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_actor record;
    v_chain public.pms_signature_chain;
    v_plan jsonb;
    v_movement jsonb;
    v_signature jsonb;
    v_position bigint;
    v_stock public.pms_inventory_stock;
    v_reversed public.pms_inventory_transactions;
    v_transaction_id uuid;
    v_audit_id uuid;
    v_movements jsonb := '[]';
    v_response jsonb;
begin
    perform public.parts_check_signed(p_action, p_quantity);
    select * into v_actor from public.parts_actor(p_action);
    perform public.parts_check_lens(p_lens);
    if nullif(btrim(p_reason), '') is null then
        raise exception 'reason is required'
            using errcode = 'P0400', detail = 'MISSING_REQUIRED_FIELD', column = 'reason';
    end if;
    if p_action = 'write_off_part' and p_reason not in (
        'damaged', 'expired', 'obsolete', 'lost', 'contaminated', 'other'
    ) then
        raise exception 'reason must be damaged, expired, obsolete, lost, contaminated or other'
            using errcode = 'P0400', detail = 'VALIDATION_ERROR', column = 'reason';
    end if;
    if jsonb_typeof(p_signatures) is distinct from 'array' then
        raise exception 'signatures are required'
            using errcode = 'P0400', detail = 'SIGNATURE_REQUIRED', column = 'signature';
    end if;

    v_plan := public.parts_plan_signed(
        v_actor.yacht_id, p_action, p_subject_id, p_quantity, p_location
    );
    v_chain := public.parts_lock_chain(v_actor.yacht_id);
    if v_chain.head is distinct from p_previous_signature
        or jsonb_array_length(p_signatures) <> jsonb_array_length(v_plan -> 'movements')
    then
        raise exception 'stock or signature chain changed after signing'
            using errcode = 'serialization_failure';
    end if;

    for v_movement, v_signature, v_position in
        select m.value, p_signatures -> (m.ordinality - 1)::integer, m.ordinality
        from jsonb_array_elements(v_plan -> 'movements') with ordinality m
        order by m.ordinality
    loop
        if jsonb_typeof(v_signature) is distinct from 'object' then
            raise exception 'a signature is not an object'
                using errcode = 'P0400', detail = 'SIGNATURE_REQUIRED', column = 'signature';
        end if;
        if not v_signature @> v_movement then
            raise exception 'stock changed after signing'
                using errcode = 'serialization_failure';
        end if;
        -- The daemon sends neither; a secret must not get in by another way.
        v_signature := v_signature - 'pin' - 'totp';
        if public.audit_violation_kind(p_action, v_signature) is not null
            or v_signature ->> 'signature_hash' !~ '^hmac-sha256:[0-9a-f]{64}$'
            or not v_signature @> jsonb_build_object(
                'action', p_action,
                'user_id', v_actor.user_id,
                'yacht_id', v_actor.yacht_id,
                'role_at_signing', v_actor.role,
                'part_id', v_plan -> 'part_id',
                'reason', p_reason
            )
        then
            raise exception 'the signature does not cover this movement'
                using errcode = 'P0400', detail = 'SIGNATURE_REQUIRED', column = 'signature';
        end if;

        select * into strict v_stock
        from public.pms_inventory_stock s
        where s.id = (v_movement ->> 'stock_id')::uuid;
        -- Of a write-off there is none, and all its columns are null.
        select * into v_reversed
        from public.pms_inventory_transactions t
        where t.id = (v_movement ->> 'reversed_transaction_id')::uuid;
        v_transaction_id := gen_random_uuid();
        v_audit_id := gen_random_uuid();
        perform public.parts_post_move(
            v_audit_id, v_transaction_id, p_action,
            case p_action when 'write_off_part' then 'write_off' else 'reversed' end,
            v_actor.user_id, v_stock,
            (v_movement ->> 'new_quantity')::integer - v_stock.quantity, v_signature,
            jsonb_build_object(
                'lens', p_lens,
                'idempotency_key', p_idempotency_key,
                'work_order_id', v_reversed.work_order_id,
                'notes', p_notes,
                'previous_signature', v_chain.head,
                'chain_position', v_chain.length + 1
            ),
            p_idempotency_key => case when v_position = 1 then p_idempotency_key end,
            -- A reversal counts for whatever the reversed one counted for; a way goes back.
            p_supplier_id => v_reversed.supplier_id,
            p_work_order_id => v_reversed.work_order_id,
            p_reason => p_reason,
            p_notes => p_notes,
            p_usage_id => v_reversed.usage_id,
            p_from_location_id => v_reversed.to_location_id,
            p_to_location_id => v_reversed.from_location_id,
            p_reverses_transaction_id => v_reversed.id
        );
        v_chain.head := v_signature ->> 'signature_hash';
        v_chain.length := v_chain.length + 1;
        v_movements := v_movements || (v_movement || jsonb_build_object(
            'transaction_id', v_transaction_id,
            'audit_id', v_audit_id,
            'signature', v_signature
        ));
    end loop;
    update public.pms_signature_chain
    set head = v_chain.head, length = v_chain.length
    where yacht_id = v_actor.yacht_id;

    v_response := jsonb_build_object(
        'replayed', false,
        'part_id', v_plan -> 'part_id',
        'part_name', v_plan -> 'part_name',
        'reason', p_reason,
        'new_stock_level', public.parts_on_hand(
            v_actor.yacht_id, (v_plan ->> 'part_id')::uuid
        ),
        'movements', v_movements
    );
    if p_idempotency_key is not null then
        update public.pms_idempotency i
        set status = 200, response = v_response
        where i.yacht_id = v_actor.yacht_id and i.key = p_idempotency_key
            and i.action = p_action and i.response is null;
        if not found then
            raise exception 'idempotency_key % was not taken by this request',
                p_idempotency_key
                using errcode = 'P0409', detail = 'IDEMPOTENCY_CONFLICT';
        end if;
    end if;
    return v_response;
end
$$;

-- The steps are the owner's alone; only the whole requests are for users.
do $$
declare
    v_function regprocedure;
begin
    for v_function in
        select p.oid::regprocedure
        from pg_catalog.pg_proc p
        where p.pronamespace = 'public'::regnamespace
            and p.proname in (
                'parts_action_roles', 'parts_post_move', 'parts_find_location',
                'parts_transfer', 'parts_add_to_shopping_list', 'parts_plan_write_off',
                'parts_plan_reversal', 'parts_plan_signed', 'parts_check_signed',
                'parts_lock_chain', 'parts_signed_begin', 'parts_signed_commit'
            )
    loop
        execute format(
            'revoke all on function %s from public, anon, authenticated, service_role, rampart_app',
            v_function
        );
    end loop;
end
$$;
grant execute on function
    public.parts_transfer(uuid, integer, uuid, uuid, text, text, text, text),
    public.parts_add_to_shopping_list(uuid, integer, text, text, text, text, text, text),
    public.parts_signed_begin(text, uuid, integer, text, text, text),
    public.parts_signed_commit(
        text, uuid, integer, text, text, text, jsonb, text, text, text
    )
    to authenticated;
