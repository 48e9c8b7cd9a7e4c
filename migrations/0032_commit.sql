-- The one way in which a rollout changes: everything that belongs to a step in one transaction and
-- one round trip. Locks are taken in the order rollout, lease, flag row, journal head, so that two
-- steps never wait for each other crosswise.
--
-- Refusals: RP001 the lease was lost; RP002 somebody else changed the rollout, or typed SQL, meanwhile;
-- RP003 the idempotency key was used for another order.

-- Writes the flag's row where nobody holds it. Where somebody does, a later tick mirrors it: evaluators
-- serve the lesser of flag row and rollout row, so lowering never waits for this. A statement that is not
-- followed yet is never overwritten, or a person's brake could be undone.
create or replace function rampart.mirror_flag(p_flag text, p_following bigint[] default '{}') returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    p_percent integer;
begin
    -- The caller's view of the rollout may be old; the row itself is not.
    select percent into p_percent from rampart.rollouts where flag = p_flag order by attempt desc limit 1 for share;
    if not found then
        return false;
    end if;
    perform 1 from rampart.flags where flag_name = p_flag for update skip locked;
    if not found or exists (
        select 1 from rampart.sql_changes where flag = p_flag and handled_at is null and not id = any (p_following)
    ) then
        return false;
    end if;
    perform set_config('rampart.writer', 'controller', true);
    update rampart.flags
    set enabled = p_percent > 0, canary_percentage = p_percent / 100.0, updated_at = now()
    where flag_name = p_flag and (enabled, canary_percentage) is distinct from (p_percent > 0, p_percent / 100.0);
    perform set_config('rampart.writer', '', true);
    return true;
end $$;

create or replace function rampart.commit_step(
    p_expected bigint,        -- revision the step was decided on; 0 where it begins a rollout
    p_fence bigint,           -- required where the step raises exposure, null elsewhere
    p_state jsonb,            -- the rollout after the step
    p_progress jsonb,
    p_audit_baseline text,    -- of a new rollout
    p_entries jsonb,          -- journal entries: {at, kind, actor, reason, event, phase, stage, percent, cause, evidence}
    p_outbox jsonb,           -- notifications: {id, kind, body}
    p_command jsonb,          -- {key, fingerprint} or null
    p_sql_changes bigint[]    -- statements this step follows
) returns bigint              -- the flag's fence afterwards; null where nobody ever held its lease
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    v_flag constant text := p_state ->> 'flag';
    v_id constant uuid := (p_state ->> 'id')::uuid;
    v_percent constant integer := round((p_state ->> 'percent')::numeric * 100);
    v_old_percent integer;
    v_fence bigint;
begin
    if p_command is not null then
        insert into rampart.commands (flag, key, fingerprint, revision)
        values (v_flag, p_command ->> 'key', p_command ->> 'fingerprint', (p_state ->> 'revision')::bigint);
    end if;

    if p_expected = 0 then
        insert into rampart.rollouts (id, flag, attempt, revision, phase, percent, policy_revision, state, progress,
                                      audit_baseline, started_at)
        values (v_id, v_flag, (p_state ->> 'attempt')::integer, (p_state ->> 'revision')::bigint, p_state ->> 'phase', v_percent,
                p_state ->> 'policy', p_state, p_progress, p_audit_baseline, (p_state ->> 'started_at')::timestamptz);
        v_old_percent := 0;
    else
        select percent into v_old_percent from rampart.rollouts where id = v_id and revision = p_expected for update;
        if not found then
            raise exception 'rollout % is no longer at revision %', v_id, p_expected using errcode = 'RP002';
        end if;
        update rampart.rollouts
        set revision = (p_state ->> 'revision')::bigint, phase = p_state ->> 'phase', percent = v_percent, state = p_state,
            -- Ticks of the same epoch may have been counted since the step was decided; they stay.
            committed_at = clock_timestamp(),
            progress = case when state ->> 'epoch' = p_state ->> 'epoch' then progress else p_progress end, ended_at = (p_state ->> 'ended_at')::timestamptz
        where id = v_id;
    end if;

    -- I10: whoever raises shows the newest fence, and holds the lease until the end of the transaction.
    -- A step that lowers takes the next fence, so that a raise decided before it is refused.
    if v_percent > v_old_percent then
        select fence into v_fence from rampart.leases where flag = v_flag for share;
        if p_fence is null or v_fence is distinct from p_fence then
            raise exception 'the lease on % was lost (fence %, now %)', v_flag, p_fence, v_fence using errcode = 'RP001';
        end if;
    elsif v_percent < v_old_percent then
        update rampart.leases set fence = fence + 1 where flag = v_flag returning fence into v_fence;
    else
        select fence into v_fence from rampart.leases where flag = v_flag;
    end if;

    begin
        perform rampart.mirror_flag(v_flag, coalesce(p_sql_changes, '{}'));
    exception when lock_not_available then
        -- Somebody holds the whole table. Lowering never waits for the flag's row.
        if v_percent > v_old_percent then
            raise;
        end if;
    end;
    -- A statement that was typed meanwhile must be followed first, or this raise would undo a person's brake.
    if v_percent > v_old_percent and exists (
        select 1 from rampart.sql_changes
        where flag = v_flag and handled_at is null and not id = any (coalesce(p_sql_changes, '{}'))
    ) then
        raise exception 'a statement on % is not followed yet', v_flag using errcode = 'RP002';
    end if;
    update rampart.sql_changes set handled_at = now() where id = any (coalesce(p_sql_changes, '{}'));

    insert into rampart.journal (flag, rollout_id, at, kind, actor, reason, event, phase, stage, percent, cause, evidence)
    select v_flag, v_id, e.at, e.kind, e.actor, e.reason, e.event, e.phase, e.stage, e.percent, e.cause, e.evidence
    from jsonb_to_recordset(p_entries) as e (at timestamptz, kind text, actor text, reason text, event jsonb, phase text,
                                             stage integer, percent integer, cause text, evidence jsonb);
    insert into rampart.outbox (id, flag, rollout_id, kind, body)
    select o.id, v_flag, v_id, o.kind, o.body from jsonb_to_recordset(p_outbox) as o (id uuid, kind text, body jsonb);

    perform pg_notify('rampart', v_flag);
    return v_fence;
end $$;

grant execute on function
    rampart.mirror_flag(text, bigint[]),
    rampart.commit_step(bigint, bigint, jsonb, jsonb, text, jsonb, jsonb, jsonb, bigint[])
    to rampart_app;
