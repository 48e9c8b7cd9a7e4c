-- What the canary watches: an audit row that proves nothing, or a ledger row without one.
--
-- Two detectors look at the data, never at the constraints, because the constraints may
-- be missing in an older database. A statement trigger speaks at once, and only when
-- something is wrong: a NOTIFY in every transaction would make all commits queue. The
-- sweep finds what a trigger cannot.

-- The kind of violation, or null. Used by the trigger, by the index and by the sweep, so
-- that they cannot disagree. A key whose value is null or empty counts as missing.
create or replace function public.audit_violation_kind(p_action text, p_signature jsonb)
returns text
language sql immutable parallel safe
as $$
    select case
        when p_signature is null then 'signature_sql_null'
        when jsonb_typeof(p_signature) = 'null' then 'signature_json_null'
        when p_action in ('reverse_transaction', 'adjust_stock_quantity', 'write_off_part')
            and (
                coalesce(p_signature ->> 'user_id', '') = ''
                or coalesce(p_signature ->> 'role_at_signing', '') = ''
                or coalesce(p_signature ->> 'signature_type', '') = ''
                or coalesce(p_signature ->> 'signature_hash', '') = ''
                or coalesce(p_signature ->> 'signed_at', '') = ''
            ) then 'signature_incomplete'
    end
$$;

-- Holds the violations only, so the sweep costs what there is to find, however long the
-- rollout and the log.
create index if not exists pms_audit_log_violation_idx
    on public.pms_audit_log (txid)
    where public.audit_violation_kind(action, signature) is not null;

-- Ledger rows written past the functions, which always name their audit row. These few
-- are looked up in the audit log by transaction id.
create index if not exists pms_inventory_transactions_unaudited_idx
    on public.pms_inventory_transactions (txid)
    where audit_id is null and transaction_type <> 'initial';

create or replace function public.notify_audit_violation()
returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
    -- Bounded: one statement that breaks a million rows needs no million messages.
    perform pg_notify(
        'rampart_audit',
        json_build_object('kind', v.kind, 'audit_id', v.id)::text
    )
    from (
        select n.id, public.audit_violation_kind(n.action, n.signature) as kind
        from new_rows n
        where public.audit_violation_kind(n.action, n.signature) is not null
        limit 10
    ) v;
    return null;
end
$$;

create or replace trigger pms_audit_log_violation_insert
    after insert on public.pms_audit_log
    referencing new table as new_rows
    for each statement execute function public.notify_audit_violation();
-- Updates are refused, but whoever has switched the refusal off is still seen.
create or replace trigger pms_audit_log_violation_update
    after update on public.pms_audit_log
    referencing new table as new_rows
    for each statement execute function public.notify_audit_violation();

-- A point in history for the sweep: taken when a rollout starts.
create or replace function public.audit_baseline()
returns text
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select pg_current_snapshot()::text
$$;

-- Violations committed since the baseline; with a null baseline, all of history. A row
-- counts as new when its transaction was not visible in the baseline, so one that was
-- open at that moment and committed later is not lost. A ledger row and its audit row
-- come in one transaction: there is no time of grace.
create or replace function public.audit_violation_sweep(p_baseline text)
returns table (count bigint, oldest timestamptz, sample jsonb)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    with violations as (
        select
            public.audit_violation_kind(a.action, a.signature) as kind,
            a.id as audit_id,
            null::uuid as transaction_id,
            a.yacht_id,
            a.action as what,
            a.created_at
        from public.pms_audit_log a
        where public.audit_violation_kind(a.action, a.signature) is not null
            and a.txid >= coalesce(pg_snapshot_xmin(p_baseline::pg_snapshot), '0'::xid8)
            and (
                p_baseline is null
                or not pg_visible_in_snapshot(a.txid, p_baseline::pg_snapshot)
            )
        union all
        select
            'ledger_without_audit',
            null::uuid,
            t.id,
            t.yacht_id,
            t.transaction_type,
            t.created_at
        from public.pms_inventory_transactions t
        where t.audit_id is null
            and t.transaction_type <> 'initial'
            and t.txid >= coalesce(pg_snapshot_xmin(p_baseline::pg_snapshot), '0'::xid8)
            and (
                p_baseline is null
                or not pg_visible_in_snapshot(t.txid, p_baseline::pg_snapshot)
            )
            and not exists (
                select from public.pms_audit_log a
                where a.metadata ->> 'transaction_id' = t.id::text
                    and a.yacht_id = t.yacht_id
            )
    )
    select
        (select count(*) from violations),
        (select min(v.created_at) from violations v),
        coalesce(
            (
                select jsonb_agg(to_jsonb(s) order by s.created_at)
                from (
                    select v.kind, v.audit_id, v.transaction_id, v.yacht_id, v.what, v.created_at
                    from violations v
                    order by v.created_at
                    limit 10
                ) s
            ),
            '[]'::jsonb
        )
$$;

revoke all on function
    public.audit_violation_kind(text, jsonb),
    public.notify_audit_violation(),
    public.audit_baseline(),
    public.audit_violation_sweep(text)
    from public, anon, authenticated, service_role, rampart_app;
-- The trigger and the index run it with the rights of whoever writes the row.
grant execute on function public.audit_violation_kind(text, jsonb)
    to authenticated, service_role, rampart_app;
grant execute on function public.audit_baseline(), public.audit_violation_sweep(text)
    to rampart_app, service_role;
