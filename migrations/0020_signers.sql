-- Who can prove a signature: an enrolled PIN and a code generator (RFC 6238).
--
-- Nobody but the owner reads this table. The functions are for rampart_app alone, and
-- not for `authenticated`: on Supabase every user reaches functions of that role over
-- REST, and would be handed the secret that is to prove who signs, or could wipe out
-- the count of failed attempts. So these take the user as an argument, which the daemon
-- has from a token that it has verified.
--
-- An attempt is counted before PIN and code are looked at, and forgiven afterwards.
-- Counted after, a thousand attempts at once would all be looked at before the first
-- one counts.

create table if not exists public.pms_signature_enrolments (
    user_id uuid primary key references public.auth_users_profiles (id),
    pin_hash text not null check (pin_hash like '$argon2id$%'),
    totp_secret bytea not null check (octet_length(totp_secret) = 20),
    -- The newest 30 seconds whose code was used; no older code and not this one counts.
    last_used_step bigint,
    -- Attempts since the last success; the one that reaches the limit locks.
    failed_attempts integer not null default 0 check (failed_attempts >= 0),
    locked_until timestamptz,
    enrolled_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
alter table public.pms_signature_enrolments enable row level security;
revoke all on public.pms_signature_enrolments
    from public, anon, authenticated, service_role, rampart_app;

-- Counts an attempt and says what to compare with; nulls while locked, no row without
-- an enrolment. Five attempts, then fifteen minutes without any.
create or replace function public.signature_attempt(
    p_user uuid, out pin_hash text, out totp_secret bytea
)
returns setof record
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
#variable_conflict use_column
declare
    c_attempts constant integer := 5;
    c_locked constant interval := '15 minutes';
    v_now constant timestamptz := clock_timestamp();
begin
    return query
    update public.pms_signature_enrolments e
    set failed_attempts = case when e.locked_until is null then e.failed_attempts else 0 end + 1,
        locked_until = case
            when e.locked_until is null and e.failed_attempts + 1 >= c_attempts
                then v_now + c_locked
        end,
        updated_at = v_now
    where e.user_id = p_user and (e.locked_until is null or e.locked_until <= v_now)
    returning e.pin_hash, e.totp_secret;
    if not found then
        return query
        select null::text, null::bytea
        from public.pms_signature_enrolments e
        where e.user_id = p_user;
    end if;
end
$$;

-- Forgives an attempt that ended without a word about PIN and code: its answer was a
-- replay, or a refusal that anybody would have got.
create or replace function public.signature_forgive(p_user uuid)
returns void
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    update public.pms_signature_enrolments e
    set failed_attempts = greatest(e.failed_attempts - 1, 0),
        locked_until = null,
        updated_at = clock_timestamp()
    where e.user_id = p_user and e.failed_attempts > 0;
end
$$;

-- Uses up a code, in the transaction of what it signs: two requests with one code wait
-- for each other here, and a write that fails leaves the code unused. A null step is a
-- PIN or a code that did not match.
create or replace function public.signature_spend(p_user uuid, p_step bigint)
returns void
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    update public.pms_signature_enrolments e
    set last_used_step = p_step,
        failed_attempts = 0,
        locked_until = null,
        updated_at = clock_timestamp()
    where e.user_id = p_user and p_step > coalesce(e.last_used_step, -1);
    if found then
        return;
    end if;
    if exists (
        select from public.pms_signature_enrolments e
        where e.user_id = p_user and e.locked_until > clock_timestamp()
    ) then
        raise exception 'invalid signature: too many failed attempts; try again later'
            using errcode = 'P0403', detail = 'INVALID_SIGNATURE';
    end if;
    raise exception 'invalid signature: wrong PIN or code, or a code that was used before'
        using errcode = 'P0403', detail = 'INVALID_SIGNATURE';
end
$$;

revoke all on function
    public.signature_attempt(uuid),
    public.signature_forgive(uuid),
    public.signature_spend(uuid, bigint)
    from public, anon, authenticated, service_role, rampart_app;
grant execute on function
    public.signature_attempt(uuid),
    public.signature_forgive(uuid),
    public.signature_spend(uuid, bigint)
    to rampart_app;
