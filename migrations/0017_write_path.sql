-- The write path: receive, consume, adjust.
--
-- Why functions: under row level security a client's update of the stock cache would
-- need an update policy, and with one the cache could be changed past the ledger. These
-- functions run as the owner, so they trust nothing: who is asking comes from the token's
-- claims, yacht and role from the tables, and arguments only say what is wanted.
--
-- Order of locks, the same everywhere, so that no two requests can wait for each other:
-- idempotency key, then stock rows by id, then (signed actions) the yacht's chain head.
-- The head comes last because everybody on board queues there.
--
-- Errors meant for the caller carry a code of their own, and in DETAIL the reason as one
-- word: P0400 not acceptable, P0403 not allowed, P0404 not found, P0409 conflict.

-- Who may execute what. View rules for suggestions are the API's own.
create or replace function public.parts_action_roles(p_action text)
returns text[]
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return case p_action
        when 'consume_part' then array[
            'crew', 'deckhand', 'bosun', 'eto', 'chief_engineer', 'chief_officer', 'captain',
            'manager'
        ]
        when 'receive_part' then array[
            'deckhand', 'bosun', 'eto', 'chief_engineer', 'chief_officer', 'captain', 'manager'
        ]
        when 'adjust_stock_quantity' then array['captain', 'manager']
        else array[]::text[]
    end;
end
$$;

create or replace function public.parts_actor(
    p_action text, out user_id uuid, out yacht_id uuid, out role text
)
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
as $$
begin
    user_id := auth.uid();
    select c.yacht_id, c.role into yacht_id, role
    from public.v_user_context c
    where c.user_id = parts_actor.user_id and c.is_active and c.role is not null;
    if yacht_id is null then
        raise exception 'No active role on any yacht'
            using errcode = 'P0403', detail = 'RLS_DENIED';
    end if;
    if role <> all (public.parts_action_roles(p_action)) then
        raise exception 'Role % may not execute %', role, p_action
            using errcode = 'P0403', detail = 'INSUFFICIENT_PERMISSIONS';
    end if;
end
$$;

create or replace function public.parts_check_quantity(p_quantity integer, p_lens text)
returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_quantity is null or p_quantity <= 0 then
        raise exception 'quantity must be greater than 0'
            using errcode = 'P0400', detail = 'VALIDATION_ERROR', column = 'quantity';
    end if;
    perform public.parts_check_lens(p_lens);
end
$$;

create or replace function public.parts_check_lens(p_lens text)
returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_lens is null or p_lens not in ('v1', 'v2') then
        raise exception 'lens must be v1 or v2'
            using errcode = 'P0400', detail = 'VALIDATION_ERROR', column = 'lens';
    end if;
end
$$;

-- Takes the key for this transaction. Null: go on. Otherwise the answer of the first
-- request, to be given again. A concurrent request with the same key waits here until
-- the first has ended, and takes the key if that one failed.
create or replace function public.parts_claim_key(
    p_yacht_id uuid, p_action text, p_key text, p_request_hash text
)
returns jsonb
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_first public.pms_idempotency;
    v_old_ledger boolean;
begin
    if p_key is null then
        if p_action = 'receive_part' then
            raise exception 'idempotency_key is required'
                using errcode = 'P0400', detail = 'MISSING_REQUIRED_FIELD',
                    column = 'idempotency_key';
        end if;
        return null;
    end if;
    if char_length(p_key) not between 1 and 255 then
        raise exception 'idempotency_key must have 1 to 255 characters'
            using errcode = 'P0400', detail = 'VALIDATION_ERROR', column = 'idempotency_key';
    end if;

    insert into public.pms_idempotency as i (yacht_id, key, action, request_hash)
    values (p_yacht_id, p_key, p_action, p_request_hash)
    on conflict do nothing;
    if found then
        -- A key that only the ledger knows was used before these records were kept.
        select exists (
            select from public.pms_inventory_transactions t
            where t.yacht_id = p_yacht_id and t.idempotency_key = p_key
        ) into v_old_ledger;
        if not v_old_ledger then
            return null;
        end if;
    end if;

    if p_action = 'receive_part' then
        raise exception 'Duplicate receive: idempotency_key % already exists', p_key
            using errcode = 'P0409', detail = 'DUPLICATE_RECEIVE';
    end if;

    if not v_old_ledger is true then
        select * into v_first
        from public.pms_idempotency i
        where i.yacht_id = p_yacht_id and i.key = p_key;
        if not found then
            -- Committed by another, yet not in our snapshot: only above read committed.
            raise exception 'idempotency key changed during the transaction'
                using errcode = 'serialization_failure';
        end if;
    end if;
    if v_first.action = p_action
        and v_first.request_hash = p_request_hash
        and v_first.response is not null then
        return v_first.response || '{"replayed": true}';
    end if;
    raise exception 'idempotency_key % was used for another request', p_key
        using errcode = 'P0409', detail = 'IDEMPOTENCY_CONFLICT';
end
$$;

create or replace function public.parts_store_response(
    p_yacht_id uuid, p_key text, p_status integer, p_response jsonb
)
returns void
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
    update public.pms_idempotency
    set status = p_status, response = p_response
    where yacht_id = p_yacht_id and key = p_key;
end
$$;

create or replace function public.parts_find_part(p_yacht_id uuid, p_part_id uuid)
returns public.pms_parts
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_part public.pms_parts;
begin
    select * into v_part
    from public.pms_parts p
    where p.yacht_id = p_yacht_id and p.id = p_part_id and p.deleted_at is null;
    if not found then
        -- The same words for a part of another yacht: it does not exist for this user.
        raise exception 'Part not found' using errcode = 'P0404', detail = 'NOT_FOUND';
    end if;
    return v_part;
end
$$;

-- The location a request means: what it names (a location's id or a plain name), else
-- the part's primary location, else its only stock row, else the row with most stock.
create or replace function public.parts_resolve_location(
    p_part public.pms_parts, p_location text
)
returns text
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_location text := nullif(btrim(p_location), '');
begin
    if v_location is not null then
        if char_length(v_location) > 200 then
            raise exception 'location must have at most 200 characters'
                using errcode = 'P0400', detail = 'VALIDATION_ERROR', column = 'location';
        end if;
        if v_location ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
            select l.name into v_location
            from public.pms_part_locations l
            where l.yacht_id = p_part.yacht_id and l.id = v_location::uuid;
            if not found then
                raise exception 'Location not found'
                    using errcode = 'P0404', detail = 'NOT_FOUND', column = 'location';
            end if;
        end if;
        return v_location;
    end if;

    if p_part.primary_location_id is not null then
        select l.name into v_location
        from public.pms_part_locations l
        where l.yacht_id = p_part.yacht_id and l.id = p_part.primary_location_id;
    end if;
    if v_location is null then
        select s.location into v_location
        from public.pms_inventory_stock s
        where s.yacht_id = p_part.yacht_id and s.part_id = p_part.id
            and s.deleted_at is null
        order by s.quantity desc, s.id
        limit 1;
    end if;
    return coalesce(v_location, nullif(btrim(p_part.location), ''), 'unassigned');
end
$$;

-- The stock row of a part at a location, locked; made when it is not there yet. Two
-- requests may make it at once: the loser of the insert finds the winner's row.
create or replace function public.parts_lock_stock(p_part public.pms_parts, p_location text)
returns public.pms_inventory_stock
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_stock public.pms_inventory_stock;
begin
    -- `no key update`: foreign keys from the ledger may still be checked meanwhile.
    select * into v_stock
    from public.pms_inventory_stock s
    where s.yacht_id = p_part.yacht_id and s.part_id = p_part.id and s.location = p_location
    for no key update;
    if not found then
        insert into public.pms_inventory_stock (yacht_id, part_id, location, quantity)
        values (p_part.yacht_id, p_part.id, p_location, 0)
        on conflict (yacht_id, part_id, location) do nothing;
        select * into strict v_stock
        from public.pms_inventory_stock s
        where s.yacht_id = p_part.yacht_id and s.part_id = p_part.id
            and s.location = p_location
        for no key update;
    end if;
    if v_stock.deleted_at is not null then
        raise exception 'Stock at % is deactivated', p_location
            using errcode = 'P0409', detail = 'STOCK_DEACTIVATED';
    end if;
    return v_stock;
end
$$;

-- One movement: audit row, ledger row, cache. The caller holds the lock on the stock row
-- and has checked that the new quantity is neither negative nor too large.
create or replace function public.parts_post(
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
    p_photo_storage_path text default null,
    p_usage_id uuid default null
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

    if p_change <> 0 then
        insert into public.pms_inventory_transactions (
            id, yacht_id, stock_id, transaction_type,
            quantity_change, quantity_before, quantity_after,
            user_id, idempotency_key, supplier_id, work_order_id, reason, notes,
            photo_storage_path, usage_id, audit_id
        ) values (
            p_transaction_id, p_stock.yacht_id, p_stock.id, p_type,
            p_change, p_stock.quantity, p_stock.quantity + p_change,
            p_user_id, p_idempotency_key, p_supplier_id, p_work_order_id, p_reason, p_notes,
            p_photo_storage_path, p_usage_id, p_audit_id
        );
        update public.pms_inventory_stock
        set quantity = quantity + p_change, updated_at = clock_timestamp()
        where id = p_stock.id;
    end if;
end
$$;

-- What a part has over all its live rows, as the cache knows it.
create or replace function public.parts_on_hand(p_yacht_id uuid, p_part_id uuid)
returns bigint
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return (
        select coalesce(sum(s.quantity), 0)
        from public.pms_inventory_stock s
        where s.yacht_id = p_yacht_id and s.part_id = p_part_id and s.deleted_at is null
    );
end
$$;

create or replace function public.parts_receive(
    p_part_id uuid,
    p_quantity integer,
    p_idempotency_key text,
    p_location text,
    p_supplier_id uuid,
    p_photo_storage_path text,
    p_notes text,
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
    v_stock public.pms_inventory_stock;
    v_transaction_id uuid := gen_random_uuid();
    v_audit_id uuid := gen_random_uuid();
    v_response jsonb;
begin
    select * into v_actor from public.parts_actor('receive_part');
    perform public.parts_check_quantity(p_quantity, p_lens);
    perform public.parts_claim_key(
        v_actor.yacht_id, 'receive_part', p_idempotency_key, p_request_hash
    );
    v_part := public.parts_find_part(v_actor.yacht_id, p_part_id);
    v_stock := public.parts_lock_stock(
        v_part, public.parts_resolve_location(v_part, p_location)
    );
    if v_stock.quantity::bigint + p_quantity > 2147483647 then
        raise exception 'quantity is too large'
            using errcode = 'P0400', detail = 'VALIDATION_ERROR', column = 'quantity';
    end if;

    perform public.parts_post(
        v_audit_id, v_transaction_id, 'receive_part', 'received', v_actor.user_id, v_stock,
        p_quantity, '{}',
        jsonb_build_object(
            'lens', p_lens,
            'idempotency_key', p_idempotency_key,
            'work_order_id', null,
            'notes', p_notes
        ),
        p_idempotency_key => p_idempotency_key,
        p_supplier_id => p_supplier_id,
        p_notes => p_notes,
        p_photo_storage_path => p_photo_storage_path
    );

    v_response := jsonb_build_object(
        'replayed', false,
        'transaction_id', v_transaction_id,
        'audit_id', v_audit_id,
        'stock_id', v_stock.id,
        'part_id', v_part.id,
        'part_name', v_part.name,
        'part_number', v_part.part_number,
        'location', v_stock.location,
        'quantity_received', p_quantity,
        'quantity_before', v_stock.quantity,
        'quantity_after', v_stock.quantity + p_quantity,
        'new_stock_level', public.parts_on_hand(v_actor.yacht_id, v_part.id)
    );
    perform public.parts_store_response(
        v_actor.yacht_id, p_idempotency_key, 201, v_response
    );
    return v_response;
end
$$;

create or replace function public.parts_consume(
    p_part_id uuid,
    p_quantity integer,
    p_work_order_id uuid,
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
    v_stock public.pms_inventory_stock;
    v_available bigint;
    v_deactivated boolean;
    v_locked uuid[];
    v_remaining integer := p_quantity;
    v_take integer;
    v_usage_id uuid := gen_random_uuid();
    v_transaction_id uuid;
    v_audit_id uuid;
    v_movements jsonb := '[]';
    v_response jsonb;
begin
    select * into v_actor from public.parts_actor('consume_part');
    perform public.parts_check_quantity(p_quantity, p_lens);
    v_response := public.parts_claim_key(
        v_actor.yacht_id, 'consume_part', p_idempotency_key, p_request_hash
    );
    if v_response is not null then
        return v_response;
    end if;
    v_part := public.parts_find_part(v_actor.yacht_id, p_part_id);

    -- All rows of the part are locked before any is read, in the order of their ids. The
    -- next statement then sees what their last writers left. A row that somebody makes
    -- meanwhile is not among the locked ones and is left alone.
    select array_agg(l.id) into v_locked
    from (
        select s.id
        from public.pms_inventory_stock s
        where s.yacht_id = v_actor.yacht_id and s.part_id = v_part.id
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

    insert into public.pms_part_usage (
        id, yacht_id, part_id, quantity, work_order_id, notes, used_by
    ) values (
        v_usage_id, v_actor.yacht_id, v_part.id, p_quantity, p_work_order_id, p_notes,
        v_actor.user_id
    );

    -- A row that can serve alone comes first, the primary location before the others.
    -- Only when none can does the loop take from a second one.
    for v_stock in
        select s.*
        from public.pms_inventory_stock s
        left join public.pms_part_locations l
            on l.yacht_id = v_part.yacht_id and l.id = v_part.primary_location_id
        where s.id = any (v_locked) and s.deleted_at is null and s.quantity > 0
        order by
            s.quantity >= p_quantity desc,
            s.location = l.name desc nulls last,
            s.quantity desc,
            s.id
    loop
        v_take := least(v_remaining, v_stock.quantity);
        v_transaction_id := gen_random_uuid();
        v_audit_id := gen_random_uuid();
        perform public.parts_post(
            v_audit_id, v_transaction_id, 'consume_part', 'consumed', v_actor.user_id,
            v_stock, -v_take, '{}',
            jsonb_build_object(
                'lens', p_lens,
                'idempotency_key', p_idempotency_key,
                'work_order_id', p_work_order_id,
                'notes', p_notes
            ),
            -- The key is unique in the ledger: the first row carries it.
            p_idempotency_key =>
                case when v_remaining = p_quantity then p_idempotency_key end,
            p_work_order_id => p_work_order_id,
            p_notes => p_notes,
            p_usage_id => v_usage_id
        );
        v_movements := v_movements || jsonb_build_object(
            'transaction_id', v_transaction_id,
            'audit_id', v_audit_id,
            'stock_id', v_stock.id,
            'location', v_stock.location,
            'quantity', v_take,
            'quantity_before', v_stock.quantity,
            'quantity_after', v_stock.quantity - v_take
        );
        v_remaining := v_remaining - v_take;
        exit when v_remaining = 0;
    end loop;

    v_response := jsonb_build_object(
        'replayed', false,
        'transaction_id', v_movements -> 0 -> 'transaction_id',
        'audit_id', v_movements -> 0 -> 'audit_id',
        'stock_id', v_movements -> 0 -> 'stock_id',
        'location', v_movements -> 0 -> 'location',
        'usage_id', v_usage_id,
        'part_id', v_part.id,
        'part_name', v_part.name,
        'part_number', v_part.part_number,
        'quantity_consumed', p_quantity,
        'quantity_before', v_available,
        'quantity_after', v_available - p_quantity,
        'new_stock_level', v_available - p_quantity,
        'movements', v_movements
    );
    if p_idempotency_key is not null then
        perform public.parts_store_response(
            v_actor.yacht_id, p_idempotency_key, 200, v_response
        );
    end if;
    return v_response;
end
$$;

-- A signed adjustment takes two calls in one transaction, because the signing key never
-- enters the database. The first takes the locks and says what is to be signed.
create or replace function public.parts_adjust_begin(
    p_part_id uuid,
    p_new_quantity integer,
    p_quantity_change integer,
    p_location text,
    p_idempotency_key text default null,
    p_request_hash text default null
)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_actor record;
    v_part public.pms_parts;
    v_stock public.pms_inventory_stock;
    v_target bigint;
    v_head text;
    v_response jsonb;
begin
    select * into v_actor from public.parts_actor('adjust_stock_quantity');
    if num_nonnulls(p_new_quantity, p_quantity_change) <> 1 then
        raise exception 'exactly one of new_quantity and quantity_change is needed'
            using errcode = 'P0400', detail = 'VALIDATION_ERROR', column = 'new_quantity';
    end if;
    if p_new_quantity < 0 then
        raise exception 'new_quantity must not be negative'
            using errcode = 'P0400', detail = 'VALIDATION_ERROR', column = 'new_quantity';
    end if;
    -- Claimed here, before any stock is locked: see the order of locks above.
    v_response := public.parts_claim_key(
        v_actor.yacht_id, 'adjust_stock_quantity', p_idempotency_key, p_request_hash
    );
    if v_response is not null then
        return v_response;
    end if;

    v_part := public.parts_find_part(v_actor.yacht_id, p_part_id);
    v_stock := public.parts_lock_stock(
        v_part, public.parts_resolve_location(v_part, p_location)
    );
    v_target := coalesce(p_new_quantity, v_stock.quantity::bigint + p_quantity_change);
    if v_target < 0 then
        raise exception 'adjustment by % would leave % in stock', p_quantity_change, v_target
            using errcode = 'P0400', detail = 'VALIDATION_ERROR', column = 'quantity_change';
    end if;
    if v_target > 2147483647 then
        raise exception 'quantity is too large'
            using errcode = 'P0400', detail = 'VALIDATION_ERROR', column = 'quantity_change';
    end if;

    insert into public.pms_signature_chain (yacht_id) values (v_actor.yacht_id)
    on conflict do nothing;
    select c.head into strict v_head
    from public.pms_signature_chain c
    where c.yacht_id = v_actor.yacht_id
    for no key update;

    return jsonb_build_object(
        'replayed', false,
        'stock_id', v_stock.id,
        'part_id', v_part.id,
        'part_name', v_part.name,
        'part_number', v_part.part_number,
        'location', v_stock.location,
        'old_quantity', v_stock.quantity,
        'new_quantity', v_target,
        'adjustment', v_target - v_stock.quantity,
        'previous_signature', v_head,
        'user_id', v_actor.user_id,
        'role', v_actor.role,
        'yacht_id', v_actor.yacht_id
    );
end
$$;

-- The second writes everything down. It takes the same locks again, which costs nothing
-- to who holds them, and refuses when stock or chain are not as they were signed: then
-- the first call was not in this transaction.
create or replace function public.parts_adjust_commit(
    p_stock_id uuid,
    p_new_quantity integer,
    p_reason text,
    p_signature jsonb,
    p_signature_hash text,
    p_previous_signature text,
    p_notes text,
    p_lens text,
    p_idempotency_key text default null
)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_actor record;
    v_part public.pms_parts;
    v_stock public.pms_inventory_stock;
    v_head text;
    v_length bigint;
    v_change integer;
    v_transaction_id uuid;
    v_audit_id uuid := gen_random_uuid();
    -- The daemon sends neither; a secret must not get in by another way.
    v_signature jsonb := p_signature - 'pin' - 'totp';
    v_response jsonb;
begin
    select * into v_actor from public.parts_actor('adjust_stock_quantity');
    perform public.parts_check_lens(p_lens);
    if nullif(btrim(p_reason), '') is null then
        raise exception 'reason is required'
            using errcode = 'P0400', detail = 'MISSING_REQUIRED_FIELD', column = 'reason';
    end if;
    if p_new_quantity is null or p_new_quantity < 0 then
        raise exception 'new_quantity must not be negative'
            using errcode = 'P0400', detail = 'VALIDATION_ERROR', column = 'new_quantity';
    end if;

    select * into v_stock
    from public.pms_inventory_stock s
    where s.id = p_stock_id and s.yacht_id = v_actor.yacht_id
    for no key update;
    if not found then
        raise exception 'Stock not found' using errcode = 'P0404', detail = 'NOT_FOUND';
    end if;
    if v_stock.deleted_at is not null then
        raise exception 'Stock at % is deactivated', v_stock.location
            using errcode = 'P0409', detail = 'STOCK_DEACTIVATED';
    end if;
    v_part := public.parts_find_part(v_actor.yacht_id, v_stock.part_id);

    if jsonb_typeof(v_signature) is distinct from 'object'
        or public.audit_violation_kind('adjust_stock_quantity', v_signature) is not null
        or p_signature_hash !~ '^hmac-sha256:[0-9a-f]{64}$'
        or v_signature ->> 'signature_hash' is distinct from p_signature_hash
        or v_signature ->> 'user_id' is distinct from v_actor.user_id::text
        or v_signature ->> 'role_at_signing' is distinct from v_actor.role
        or v_signature ->> 'part_id' is distinct from v_stock.part_id::text
        or v_signature ->> 'action' is distinct from 'adjust_stock_quantity'
        or v_signature ->> 'new_quantity' is distinct from p_new_quantity::text
        or v_signature ->> 'reason' is distinct from p_reason
    then
        raise exception 'the signature does not cover this adjustment'
            using errcode = 'P0400', detail = 'SIGNATURE_REQUIRED', column = 'signature';
    end if;

    select c.head, c.length into v_head, v_length
    from public.pms_signature_chain c
    where c.yacht_id = v_actor.yacht_id
    for no key update;
    if v_head is distinct from p_previous_signature
        or v_signature ->> 'old_quantity' is distinct from v_stock.quantity::text then
        raise exception 'stock or signature chain changed after signing'
            using errcode = 'serialization_failure';
    end if;

    v_change := p_new_quantity - v_stock.quantity;
    -- A count that confirms the stock moves nothing, but somebody signed for it.
    if v_change <> 0 then
        v_transaction_id := gen_random_uuid();
    end if;
    perform public.parts_post(
        v_audit_id, v_transaction_id, 'adjust_stock_quantity', 'adjusted', v_actor.user_id,
        v_stock, v_change, v_signature,
        jsonb_build_object(
            'lens', p_lens,
            'idempotency_key', p_idempotency_key,
            'work_order_id', null,
            'notes', p_notes,
            'previous_signature', v_head,
            'chain_position', v_length + 1
        ),
        p_idempotency_key => p_idempotency_key,
        p_reason => p_reason,
        p_notes => p_notes
    );
    update public.pms_signature_chain
    set head = p_signature_hash, length = length + 1
    where yacht_id = v_actor.yacht_id;

    v_response := jsonb_build_object(
        'replayed', false,
        'transaction_id', v_transaction_id,
        'stock_id', v_stock.id,
        'part_id', v_part.id,
        'part_name', v_part.name,
        'part_number', v_part.part_number,
        'location', v_stock.location,
        'old_quantity', v_stock.quantity,
        'new_quantity', p_new_quantity,
        'adjustment', v_change,
        'reason', p_reason,
        'is_signed', true,
        'new_stock_level', public.parts_on_hand(v_actor.yacht_id, v_part.id),
        'audit', jsonb_build_object('id', v_audit_id, 'signature', v_signature)
    );
    if p_idempotency_key is not null then
        update public.pms_idempotency i
        set status = 200, response = v_response
        where i.yacht_id = v_actor.yacht_id and i.key = p_idempotency_key
            and i.action = 'adjust_stock_quantity' and i.response is null;
        if not found then
            raise exception 'idempotency_key % was not taken by this adjustment',
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
                'parts_action_roles', 'parts_actor', 'parts_check_quantity',
                'parts_check_lens', 'parts_claim_key', 'parts_store_response',
                'parts_find_part', 'parts_resolve_location', 'parts_lock_stock',
                'parts_post', 'parts_on_hand', 'parts_receive', 'parts_consume',
                'parts_adjust_begin', 'parts_adjust_commit'
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
    public.parts_receive(uuid, integer, text, text, uuid, text, text, text, text),
    public.parts_consume(uuid, integer, uuid, text, text, text, text),
    public.parts_adjust_begin(uuid, integer, integer, text, text, text),
    public.parts_adjust_commit(uuid, integer, text, jsonb, text, text, text, text, text)
    to authenticated;
