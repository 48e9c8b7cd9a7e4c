-- What every tick was decided on and what came out, so that each decision can be made again from what is stored.

-- `ticks` counts the chained ticks and `tick_hash` is the newest one's hash: a tick missing at the end shows, too.
alter table rampart.rollouts
    add column if not exists statistics jsonb not null default '{}',  -- what the sequential tests know; no stage resets it
    add column if not exists ticks bigint not null default 0,
    add column if not exists tick_hash bytea not null default '';

-- Null in ticks that the release before wrote.
alter table rampart.ticks
    add column if not exists n bigint,         -- from 1 in each rollout, without a gap
    add column if not exists revision bigint,  -- of the rollout it was decided on
    add column if not exists evidence jsonb,
    add column if not exists judgement jsonb,  -- but for its checks, which have their own column
    add column if not exists prev_hash bytea,
    add column if not exists hash bytea;
create unique index if not exists ticks_n on rampart.ticks (rollout_id, n);

create or replace function rampart.tick_hash(tick rampart.ticks) returns bytea
language sql stable set search_path = pg_catalog, pg_temp as $$
    select sha256(tick.prev_hash || convert_to(jsonb_build_array(
        tick.rollout_id, tick.n, (extract(epoch from tick.at) * 1000000)::bigint, tick.revision, tick.epoch, tick.credit_ms,
        tick.checks, tick.evidence, tick.judgement)::text, 'UTF8'))
$$;

-- A tick with the progress and the statistics it led to, chained to the one before it. The rollout's row is locked, so
-- two ticks never share a predecessor. RP002 where the rollout is no longer what the tick was decided on.
create or replace function rampart.store_tick(
    p_rollout uuid,
    p_revision bigint,  -- of the rollout it was decided on
    p_ticks bigint,     -- so many were stored before it
    p_at timestamptz,
    p_epoch integer,
    p_credit_ms bigint,
    p_checks jsonb,
    p_evidence jsonb,
    p_judgement jsonb
) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    v_tick rampart.ticks;
begin
    select tick_hash into v_tick.prev_hash
    from rampart.rollouts where id = p_rollout and revision = p_revision and ticks = p_ticks for update;
    if not found then
        raise exception 'rollout % is no longer at revision % with % ticks', p_rollout, p_revision, p_ticks
            using errcode = 'RP002';
    end if;
    v_tick.rollout_id := p_rollout;
    v_tick.n := p_ticks + 1;
    v_tick.at := p_at;
    v_tick.revision := p_revision;
    v_tick.epoch := p_epoch;
    v_tick.credit_ms := p_credit_ms;
    v_tick.checks := p_checks;
    v_tick.evidence := p_evidence;
    v_tick.judgement := p_judgement;
    v_tick.hash := rampart.tick_hash(v_tick);
    insert into rampart.ticks (rollout_id, n, at, revision, epoch, credit_ms, checks, evidence, judgement, prev_hash, hash)
    values (v_tick.rollout_id, v_tick.n, v_tick.at, v_tick.revision, v_tick.epoch, v_tick.credit_ms, v_tick.checks,
            v_tick.evidence, v_tick.judgement, v_tick.prev_hash, v_tick.hash);
    update rampart.rollouts
    set progress = p_judgement -> 'progress', statistics = coalesce(p_judgement -> 'statistics', statistics),
        ticks = v_tick.n, tick_hash = v_tick.hash
    where id = p_rollout;
end $$;

revoke all on function
    rampart.tick_hash(rampart.ticks),
    rampart.store_tick(uuid, bigint, bigint, timestamptz, integer, bigint, jsonb, jsonb, jsonb)
    from public, anon, authenticated, service_role, rampart_app;
grant execute on function
    rampart.tick_hash(rampart.ticks),
    rampart.store_tick(uuid, bigint, bigint, timestamptz, integer, bigint, jsonb, jsonb, jsonb)
    to rampart_app;
