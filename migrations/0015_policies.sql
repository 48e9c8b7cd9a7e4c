-- Row level security: who sees and writes which rows.
--
-- These are all the policies there are on the parts tables. Helpers are called as
-- `(select f())`, which the planner runs once a statement instead of once a row.
-- No policy lets anybody update or delete in the ledger or the audit log. The insert
-- policies there are the second wall: the first is that no client role holds the insert
-- privilege, since a row written past the functions of 0017 would leave the stock cache
-- behind.

-- Select: the rows of one's own yacht.
do $$
declare
    v record;
begin
    for v in select * from (values
        ('pms_parts', 'crew_select_own_yacht_parts'),
        ('pms_part_locations', 'crew_select_own_yacht_part_locations'),
        ('pms_inventory_stock', 'crew_select_own_yacht_stock'),
        ('pms_inventory_transactions', 'crew_select_own_yacht_transactions'),
        ('pms_part_usage', 'crew_select_own_yacht_usage'),
        ('pms_audit_log', 'crew_select_own_yacht_audit'),
        ('pms_shopping_list_items', 'crew_select_own_yacht_shopping'),
        ('pms_part_alert_prefs', 'crew_select_own_yacht_alert_prefs'),
        ('doc_metadata', 'crew_select_own_yacht_documents')
    ) as t (tab, pol) loop
        execute format('drop policy if exists %I on public.%I', v.pol, v.tab);
        execute format(
            'create policy %I on public.%I for select to authenticated
             using (yacht_id = (select public.get_user_yacht_id()))',
            v.pol, v.tab
        );
    end loop;
end
$$;

drop policy if exists crew_insert_consume on public.pms_inventory_transactions;
create policy crew_insert_consume on public.pms_inventory_transactions
    for insert to authenticated
    with check (
        transaction_type = 'consumed'
        and yacht_id = (select public.get_user_yacht_id())
        and user_id = (select auth.uid())
        and (
            (select public.get_user_role()) = 'crew'
            or (select public.is_operational_crew(
                (select auth.uid()), (select public.get_user_yacht_id())
            ))
        )
    );

drop policy if exists hod_insert_receive_transfer_adjust on public.pms_inventory_transactions;
create policy hod_insert_receive_transfer_adjust on public.pms_inventory_transactions
    for insert to authenticated
    with check (
        yacht_id = (select public.get_user_yacht_id())
        and user_id = (select auth.uid())
        and (
            (
                transaction_type = 'received'
                and (select public.is_operational_crew(
                    (select auth.uid()), (select public.get_user_yacht_id())
                ))
            )
            or (
                transaction_type in ('transferred_in', 'transferred_out')
                and (select public.get_user_role()) in (
                    'bosun', 'eto', 'chief_engineer', 'chief_officer', 'captain', 'manager'
                )
            )
        )
    );

drop policy if exists manager_insert_writeoff_reversed on public.pms_inventory_transactions;
create policy manager_insert_writeoff_reversed on public.pms_inventory_transactions
    for insert to authenticated
    with check (
        transaction_type in ('write_off', 'adjusted', 'reversed')
        and yacht_id = (select public.get_user_yacht_id())
        and user_id = (select auth.uid())
        and (select public.is_manager(
            (select auth.uid()), (select public.get_user_yacht_id())
        ))
    );

drop policy if exists crew_insert_own_audit on public.pms_audit_log;
create policy crew_insert_own_audit on public.pms_audit_log
    for insert to authenticated
    with check (
        yacht_id = (select public.get_user_yacht_id())
        and user_id = (select auth.uid())
    );

-- The shopping list: who may consume may also ask for more; a head of department moves
-- an item towards approval.
drop policy if exists crew_insert_shopping on public.pms_shopping_list_items;
create policy crew_insert_shopping on public.pms_shopping_list_items
    for insert to authenticated
    with check (
        yacht_id = (select public.get_user_yacht_id())
        and created_by = (select auth.uid())
        and status = 'candidate'
        and (
            (select public.get_user_role()) = 'crew'
            or (select public.is_operational_crew(
                (select auth.uid()), (select public.get_user_yacht_id())
            ))
        )
    );

drop policy if exists hod_update_shopping on public.pms_shopping_list_items;
create policy hod_update_shopping on public.pms_shopping_list_items
    for update to authenticated
    using (
        yacht_id = (select public.get_user_yacht_id())
        and (select public.is_hod(
            (select auth.uid()), (select public.get_user_yacht_id())
        ))
    )
    with check (yacht_id = (select public.get_user_yacht_id()));

-- Alerts are silenced by a head of department.
drop policy if exists hod_insert_alert_prefs on public.pms_part_alert_prefs;
create policy hod_insert_alert_prefs on public.pms_part_alert_prefs
    for insert to authenticated
    with check (
        yacht_id = (select public.get_user_yacht_id())
        and updated_by = (select auth.uid())
        and (select public.is_hod(
            (select auth.uid()), (select public.get_user_yacht_id())
        ))
    );

drop policy if exists hod_update_alert_prefs on public.pms_part_alert_prefs;
create policy hod_update_alert_prefs on public.pms_part_alert_prefs
    for update to authenticated
    using (
        yacht_id = (select public.get_user_yacht_id())
        and (select public.is_hod(
            (select auth.uid()), (select public.get_user_yacht_id())
        ))
    )
    with check (
        yacht_id = (select public.get_user_yacht_id())
        and updated_by = (select auth.uid())
    );

-- Documents (label sheets) are made by those who may generate labels.
drop policy if exists hod_insert_documents on public.doc_metadata;
create policy hod_insert_documents on public.doc_metadata
    for insert to authenticated
    with check (
        yacht_id = (select public.get_user_yacht_id())
        and created_by = (select auth.uid())
        and (select public.get_user_role()) in (
            'chief_engineer', 'chief_officer', 'captain', 'manager'
        )
    );

drop policy if exists hod_update_documents on public.doc_metadata;
create policy hod_update_documents on public.doc_metadata
    for update to authenticated
    using (
        yacht_id = (select public.get_user_yacht_id())
        and (select public.get_user_role()) in (
            'chief_engineer', 'chief_officer', 'captain', 'manager'
        )
    )
    with check (yacht_id = (select public.get_user_yacht_id()));
