-- Evidence the daemon measures itself: lives that ended without a good-bye, questions in SQL, probes.

-- A row of rampart.replicas is one life of a daemon. Where it lived tells a restart from another replica; the note is
-- made once, by whoever finds that it has fallen silent without having said that it stops.
alter table rampart.replicas
    add column if not exists host text,
    add column if not exists address text,
    add column if not exists crash_noted_at timestamptz;
create index if not exists replicas_crashed on rampart.replicas (heartbeat_at) where crash_noted_at is not null;

-- Whoever answers questions in SQL: may read what people count, of every yacht, and nothing else. Not the people on
-- board, not what proves their signatures, not the controller's tables.
do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'rampart_metrics') then
        begin
            create role rampart_metrics nologin noinherit nosuperuser nobypassrls nocreatedb nocreaterole;
        exception when duplicate_object or unique_violation then
            null; -- another database of this cluster was faster
        end;
    end if;
    -- It reads texts of others as their owner, so it must be as weak as it was made.
    if exists (
        select from pg_catalog.pg_roles
        where rolname = 'rampart_metrics' and (rolsuper or rolbypassrls or rolcanlogin or rolcreaterole)
    ) then
        raise exception 'role rampart_metrics must be nologin, and neither superuser nor bypassrls nor createrole'
            using hint = 'alter role rampart_metrics nologin nosuperuser nobypassrls nocreaterole';
    end if;
end
$$;

grant usage on schema public to rampart_metrics;

do $$
declare
    v_table text;
begin
    foreach v_table in array array[
        'yachts', 'pms_parts', 'pms_part_locations', 'pms_inventory_stock', 'pms_inventory_transactions', 'pms_audit_log',
        'pms_part_usage', 'pms_shopping_list_items'
    ] loop
        execute format('grant select on public.%I to rampart_metrics', v_table);
        execute format('drop policy if exists metrics_read on public.%I', v_table);
        execute format('create policy metrics_read on public.%I for select to rampart_metrics using (true)', v_table);
    end loop;
end
$$;
grant select on public.v_stock_from_transactions, public.pms_part_stock, public.v_low_stock_report to rampart_metrics;

-- The owner hands the function below over to the role, for which it must be a member.
do $$
declare
    v_right text := case
        when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member'
    end;
begin
    if not pg_catalog.pg_has_role(current_user, 'rampart_metrics', v_right) then
        execute format('grant rampart_metrics to %I', current_user);
    end if;
exception
    when insufficient_privilege or invalid_grant_operation then
        raise warning 'could not grant rampart_metrics to %', current_user;
    when unique_violation or internal_error then
        null;
end
$$;

-- Asks one question. It runs as rampart_metrics, and inside a security definer function no text can take another role:
-- neither `set role` nor set_config('role') is let through there. A cursor takes one statement that answers rows, and
-- the transaction is read-only. Outcome: number, null, no_row, several_rows, columns, not_finite, other.
do $$
begin
    -- It belongs to another role once it is made, so a second run leaves it alone.
    if to_regprocedure('rampart.ask(text)') is not null then
        return;
    end if;
    execute $f$
        create function rampart.ask(p_text text) returns table (outcome text, answer double precision)
        language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp as $ask$
        declare
            v_cursor refcursor;
            v_row record;
            v_second record;
            v_columns bigint;
            v_kind text;
            v_text text;
        begin
            if not current_setting('transaction_read_only')::boolean then
                raise exception 'questions are asked in a read-only transaction' using errcode = '25000';
            end if;
            open v_cursor for execute p_text;
            fetch v_cursor into v_row;
            if not found then
                return query select 'no_row', null::double precision;
                return;
            end if;
            fetch v_cursor into v_second;
            if found then
                return query select 'several_rows', null::double precision;
                return;
            end if;
            select count(*), min(json_typeof(field.value)), min(field.value #>> '{}') into v_columns, v_kind, v_text
            from json_each(row_to_json(v_row)) field;
            return query
            select case
                when v_columns <> 1 then 'columns'
                when v_kind = 'null' then 'null'
                when v_kind = 'string' and v_text in ('NaN', 'Infinity', '-Infinity') then 'not_finite'
                when v_kind = 'number' then 'number'
                else 'other'
            end,
            case when v_columns = 1 and v_kind = 'number' then v_text::double precision end;
        end
        $ask$
    $f$;
    revoke all on function rampart.ask(text) from public;
    grant execute on function rampart.ask(text) to rampart_app;
    -- An owner must be allowed to make things where its function lies; only for this moment.
    grant create on schema rampart to rampart_metrics;
    alter function rampart.ask(text) owner to rampart_metrics;
    revoke create on schema rampart from rampart_metrics;
end
$$;

-- Whom and what the synthetic requests are about: somebody who may move parts, on a yacht that is flagged for it, and a
-- part of that yacht that lies in one place. No row where there is no such yacht.
create or replace function rampart.probe_bench() returns table (user_id uuid, yacht_id uuid, part_id uuid)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select who.user_id, y.id, what.part_id
    from public.yachts y
    cross join lateral (
        select p.id as user_id
        from public.auth_users_profiles p
        join public.auth_users_roles r on r.user_id = p.id and r.yacht_id = p.yacht_id and r.is_active
        where p.yacht_id = y.id and p.is_active and r.role in ('chief_engineer', 'chief_officer', 'captain')
            and r.valid_from <= now() and (r.valid_until is null or r.valid_until > now())
        order by p.id limit 1
    ) who
    cross join lateral (
        select part.id as part_id
        from public.pms_parts part
        join public.pms_inventory_stock s on s.part_id = part.id and s.deleted_at is null
        left join public.pms_part_locations l on l.id = part.primary_location_id
        where part.yacht_id = y.id and part.deleted_at is null and s.quantity between 5 and 1000000
            and s.location = coalesce(l.name, s.location) and s.quantity > part.min_level
            and not exists (
                select from public.pms_inventory_stock o where o.part_id = part.id and o.id <> s.id
            )
        order by part.id limit 1
    ) what
    where y.synthetic or y.is_test
    order by y.synthetic desc, y.id limit 1
$$;

-- A part of a yacht, for a probe that asks for it in a stranger's name.
create or replace function rampart.probe_part(p_yacht uuid) returns uuid
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select id from public.pms_parts where yacht_id = p_yacht and deleted_at is null order by id limit 1
$$;

-- How many of these parts belong to another yacht than this one.
create or replace function rampart.foreign_parts(p_parts uuid[], p_yacht uuid) returns bigint
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select count(*) from public.pms_parts where id = any (p_parts) and yacht_id <> p_yacht
$$;

revoke all on function rampart.probe_bench(), rampart.probe_part(uuid), rampart.foreign_parts(uuid[], uuid) from public;
grant execute on function rampart.probe_bench(), rampart.probe_part(uuid), rampart.foreign_parts(uuid[], uuid)
    to rampart_app;

-- The same report again finds the first.
create index if not exists reports_same on rampart.reports (flag, reporter, kind, at);
