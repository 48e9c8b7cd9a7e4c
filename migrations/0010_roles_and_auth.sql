-- Roles and the auth schema, as Supabase has them, created only where missing.
--
-- On Supabase everything here exists already; on a plain PostgreSQL we make just
-- enough of it for row level security to work the same way in both places.
-- Roles belong to the whole cluster, so two databases may be prepared at the same
-- moment: every step looks first and forgives the one that got there earlier.

do $$
declare
    v_role text;
begin
    foreach v_role in array array['anon', 'authenticated'] loop
        if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
            begin
                execute format('create role %I nologin noinherit', v_role);
            exception when duplicate_object or unique_violation then
                null;
            end;
        end if;
    end loop;

    if not exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
        begin
            create role service_role nologin noinherit bypassrls;
        exception
            when duplicate_object or unique_violation then
                null;
            when insufficient_privilege then
                -- Only a superuser (or, from 16 on, a role that has it) may hand out
                -- bypassrls. Without it service_role sees nothing under row level
                -- security, which is the safe side.
                begin
                    create role service_role nologin noinherit;
                exception when duplicate_object or unique_violation then
                    null;
                end;
                raise notice 'service_role was created without bypassrls';
        end;
    end if;

    if not exists (select from pg_catalog.pg_roles where rolname = 'rampart_app') then
        begin
            -- noinherit: until the daemon has switched to authenticated, it may
            -- do nothing that authenticated may.
            create role rampart_app nologin noinherit nosuperuser nobypassrls
                nocreatedb nocreaterole;
        exception when duplicate_object or unique_violation then
            null;
        end;
    end if;

    -- A daemon that can walk around row level security has no wall. Such a role is
    -- refused here, because we may not be allowed to repair it.
    if exists (
        select from pg_catalog.pg_roles
        where rolname = 'rampart_app' and (rolsuper or rolbypassrls)
    ) then
        raise exception 'role rampart_app must be neither superuser nor bypassrls'
            using hint = 'alter role rampart_app nosuperuser nobypassrls';
    end if;
end
$$;

-- From 16 on, a membership that came with creating the role does not allow `set role`;
-- so there we ask for that very right.
do $$
declare
    v_right text := case
        when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member'
    end;
begin
    if not pg_catalog.pg_has_role('rampart_app', 'authenticated', v_right) then
        grant authenticated to rampart_app;
    end if;
exception
    when insufficient_privilege then
        raise warning 'could not grant authenticated to rampart_app'
            using hint = 'as a superuser: grant authenticated to rampart_app';
    when unique_violation or internal_error then
        null; -- another database of this cluster granted it at the same moment
end
$$;

-- The owner may act as the application role, so that a check can be run with the
-- daemon's own rights.
do $$
declare
    v_right text := case
        when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member'
    end;
begin
    if current_user <> 'rampart_app'
        and not pg_catalog.pg_has_role(current_user, 'rampart_app', v_right) then
        execute format('grant rampart_app to %I', current_user);
    end if;
exception
    when insufficient_privilege or invalid_grant_operation then
        raise notice 'could not grant rampart_app to %', current_user;
    when unique_violation or internal_error then
        null;
end
$$;

do $$
begin
    if to_regnamespace('auth') is null then
        create schema auth;
    end if;

    if to_regprocedure('auth.uid()') is null then
        create function auth.uid() returns uuid
        language sql stable
        as $f$
            select coalesce(
                nullif(current_setting('request.jwt.claim.sub', true), ''),
                nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
            )::uuid
        $f$;
    end if;

    if to_regprocedure('auth.role()') is null then
        create function auth.role() returns text
        language sql stable
        as $f$
            select coalesce(
                nullif(current_setting('request.jwt.claim.role', true), ''),
                nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
            )
        $f$;
    end if;

    if to_regprocedure('auth.jwt()') is null then
        create function auth.jwt() returns jsonb
        language sql stable
        as $f$
            select coalesce(
                nullif(current_setting('request.jwt.claim', true), ''),
                nullif(current_setting('request.jwt.claims', true), '')
            )::jsonb
        $f$;
    end if;
end
$$;

-- Only where missing: Supabase owns these schemas and has granted them already.
do $$
declare
    v record;
begin
    for v in select s.name as schema_name, r.name as role_name
        from (values ('auth'), ('public')) as s (name)
        cross join (
            values ('anon'), ('authenticated'), ('service_role'), ('rampart_app')
        ) as r (name)
        where not (s.name = 'auth' and r.name = 'rampart_app')
            and not pg_catalog.has_schema_privilege(r.name, s.name, 'usage')
    loop
        execute format('grant usage on schema %I to %I', v.schema_name, v.role_name);
    end loop;
exception when insufficient_privilege then
    raise warning 'could not grant usage on schema auth or public';
end
$$;
