-- Yachts, the people on board, and who may do what.
--
-- Columns are added again below every table with `if not exists`, because a
-- database of the old service may already hold the table without them.

create table if not exists public.yachts (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    code text,
    signature text,
    status text not null default 'active',
    is_test boolean not null default false,
    is_demo boolean not null default false,
    synthetic boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
alter table public.yachts
    add column if not exists code text,
    add column if not exists is_test boolean not null default false,
    add column if not exists is_demo boolean not null default false,
    add column if not exists synthetic boolean not null default false;
create unique index if not exists yachts_code_key on public.yachts (code);

create table if not exists public.auth_users_profiles (
    id uuid primary key,
    yacht_id uuid not null references public.yachts (id),
    email text,
    name text,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index if not exists auth_users_profiles_yacht_idx
    on public.auth_users_profiles (yacht_id);

create table if not exists public.auth_users_roles (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references public.auth_users_profiles (id),
    yacht_id uuid not null references public.yachts (id),
    role text not null check (role in (
        'crew', 'deckhand', 'steward', 'bosun', 'eto', 'chief_engineer', 'chief_officer',
        'chief_steward', 'purser', 'captain', 'manager'
    )),
    is_active boolean not null default true,
    valid_from timestamptz not null default now(),
    valid_until timestamptz,
    check (valid_until is null or valid_until > valid_from)
);
-- Serves the lookup of the newest active role, and the foreign key to the profile.
create index if not exists auth_users_roles_user_idx
    on public.auth_users_roles (user_id, valid_from desc);
create index if not exists auth_users_roles_yacht_idx
    on public.auth_users_roles (yacht_id);

-- The one place that says which yacht and role a user has. A role on another yacht
-- than the profile's does not count, and of several valid ones the newest does. No
-- profile: no row; no valid role: role null. Granted to nobody: the functions below
-- read it as the owner.
create or replace view public.v_user_context with (security_invoker = true) as
select p.id as user_id, p.yacht_id, r.role, coalesce(p.is_active, false) as is_active
from public.auth_users_profiles p
left join lateral (
    select ur.role
    from public.auth_users_roles ur
    where ur.user_id = p.id
        and ur.yacht_id = p.yacht_id
        and ur.is_active
        and ur.valid_from <= now()
        and (ur.valid_until is null or ur.valid_until > now())
    order by ur.valid_from desc, ur.id desc
    limit 1
) r on true;

-- These are plpgsql, although one statement would do in sql: plpgsql keeps its plan for
-- the session, where an sql function with its own search_path is planned at every call,
-- and the policies call them in every statement.

-- For the daemon, before it takes on the user's role.
create or replace function public.rampart_user_context(p_user uuid)
returns table (yacht_id uuid, role text, is_active boolean)
language plpgsql stable security definer rows 1
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return query
    select c.yacht_id, c.role, c.is_active
    from public.v_user_context c
    where c.user_id = p_user;
end
$$;

-- Both answer null for a user without an active profile and a valid role. Every
-- policy compares with these, and a comparison with null denies.
create or replace function public.get_user_yacht_id()
returns uuid
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return (
        select c.yacht_id
        from public.v_user_context c
        where c.user_id = auth.uid() and c.is_active and c.role is not null
    );
end
$$;

create or replace function public.get_user_role()
returns text
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return (
        select c.role
        from public.v_user_context c
        where c.user_id = auth.uid() and c.is_active
    );
end
$$;

create or replace function public.is_hod(p_user_id uuid, p_yacht_id uuid)
returns boolean
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return exists (
        select from public.v_user_context c
        where c.user_id = p_user_id and c.is_active and c.yacht_id = p_yacht_id
            and c.role in (
                'chief_engineer', 'chief_officer', 'captain', 'chief_steward', 'purser',
                'manager'
            )
    );
end
$$;

create or replace function public.is_manager(p_user_id uuid, p_yacht_id uuid)
returns boolean
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return exists (
        select from public.v_user_context c
        where c.user_id = p_user_id and c.is_active and c.yacht_id = p_yacht_id
            and c.role in ('captain', 'manager')
    );
end
$$;

-- Those who handle parts as their work: everyone who may receive.
create or replace function public.is_operational_crew(p_user_id uuid, p_yacht_id uuid)
returns boolean
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return exists (
        select from public.v_user_context c
        where c.user_id = p_user_id and c.is_active and c.yacht_id = p_yacht_id
            and c.role in (
                'deckhand', 'bosun', 'eto', 'chief_engineer', 'chief_officer', 'captain',
                'manager'
            )
    );
end
$$;

-- The daemon remembers a user's yacht and role for a few seconds. It hears of every
-- change at once, so that a person who has lost a role does not keep it in a cache.
create or replace function public.rampart_notify_profile()
returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if tg_op = 'TRUNCATE' then
        perform pg_notify('rampart_users', '*');
        return null;
    end if;
    if tg_op <> 'INSERT' then
        perform pg_notify('rampart_users', old.id::text);
    end if;
    if tg_op <> 'DELETE' then
        perform pg_notify('rampart_users', new.id::text);
    end if;
    return null;
end
$$;

create or replace function public.rampart_notify_role()
returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if tg_op = 'TRUNCATE' then
        perform pg_notify('rampart_users', '*');
        return null;
    end if;
    if tg_op <> 'INSERT' then
        perform pg_notify('rampart_users', old.user_id::text);
    end if;
    if tg_op <> 'DELETE' then
        perform pg_notify('rampart_users', new.user_id::text);
    end if;
    return null;
end
$$;

create or replace trigger rampart_notify_profile
    after insert or update or delete on public.auth_users_profiles
    for each row execute function public.rampart_notify_profile();
create or replace trigger rampart_notify_profile_truncate
    after truncate on public.auth_users_profiles
    for each statement execute function public.rampart_notify_profile();
create or replace trigger rampart_notify_role
    after insert or update or delete on public.auth_users_roles
    for each row execute function public.rampart_notify_role();
create or replace trigger rampart_notify_role_truncate
    after truncate on public.auth_users_roles
    for each statement execute function public.rampart_notify_role();

alter table public.yachts enable row level security;
alter table public.auth_users_profiles enable row level security;
alter table public.auth_users_roles enable row level security;

-- Supabase grants every new table and function in public to its API roles by default
-- privileges. So each file first takes everything away, then gives what is meant.
revoke all on
    public.yachts, public.auth_users_profiles, public.auth_users_roles,
    public.v_user_context
    from public, anon, authenticated, service_role, rampart_app;
grant select, insert, update
    on public.yachts, public.auth_users_profiles, public.auth_users_roles to service_role;

revoke all on function
    public.rampart_user_context(uuid),
    public.get_user_yacht_id(),
    public.get_user_role(),
    public.is_hod(uuid, uuid),
    public.is_manager(uuid, uuid),
    public.is_operational_crew(uuid, uuid),
    public.rampart_notify_profile(),
    public.rampart_notify_role()
    from public, anon, authenticated, service_role, rampart_app;
grant execute on function public.rampart_user_context(uuid) to rampart_app;
grant execute on function
    public.get_user_yacht_id(),
    public.get_user_role(),
    public.is_hod(uuid, uuid),
    public.is_manager(uuid, uuid),
    public.is_operational_crew(uuid, uuid)
    to authenticated, service_role;
