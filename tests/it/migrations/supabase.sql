-- What a Supabase project looks like before anybody has made a table: roles and schemas that belong to others, and
-- default privileges that give everything new in public to the roles of the API. Run by the owner of the database.
do $$
declare
    v_role text;
begin
    foreach v_role in array array['supabase_admin', 'supabase_auth_admin', 'supabase_storage_admin', 'authenticator'] loop
        if not exists (select from pg_roles where rolname = v_role) then
            execute format('create role %I nologin noinherit', v_role);
        end if;
    end loop;
end
$$;
grant supabase_auth_admin, supabase_storage_admin to current_user;
grant anon, authenticated, service_role to authenticator;

create schema auth authorization supabase_auth_admin;
create schema storage authorization supabase_storage_admin;
create schema extensions;
grant usage on schema extensions to anon, authenticated, service_role;

set role supabase_auth_admin;
create table auth.users (id uuid primary key, email text, created_at timestamptz not null default now());
alter table auth.users enable row level security;
create function auth.uid() returns uuid language sql stable as $$
    select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
                    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;
create function auth.role() returns text language sql stable as $$
    select coalesce(nullif(current_setting('request.jwt.claim.role', true), ''),
                    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role')::text
$$;
create function auth.jwt() returns jsonb language sql stable as $$
    select coalesce(nullif(current_setting('request.jwt.claim', true), ''),
                    nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;
grant usage on schema auth to public;
grant select, references on auth.users to public;

set role supabase_storage_admin;
create table storage.buckets (
    id text primary key, name text not null unique, owner uuid, public boolean default false, file_size_limit bigint,
    allowed_mime_types text[], created_at timestamptz default now(), updated_at timestamptz default now()
);
create table storage.objects (
    id uuid primary key default gen_random_uuid(), bucket_id text references storage.buckets (id), name text, owner uuid,
    metadata jsonb, path_tokens text[] generated always as (string_to_array(name, '/')) stored,
    created_at timestamptz default now(), updated_at timestamptz default now(), last_accessed_at timestamptz default now(),
    unique (bucket_id, name)
);
alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;
create function storage.foldername(name text) returns text[] language sql immutable as $$
    select (string_to_array(name, '/'))[1:cardinality(string_to_array(name, '/')) - 1]
$$;
grant usage on schema storage to public;
grant all on storage.buckets, storage.objects to anon, authenticated, service_role;

reset role;
revoke supabase_auth_admin, supabase_storage_admin from current_user;

grant usage on schema public to anon, authenticated, service_role;
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
