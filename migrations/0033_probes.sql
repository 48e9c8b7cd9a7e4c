-- What the probes and the preflight may know of the people on board, and nothing more.

-- One active user of each of two yachts that have parts: whom the row level security probe acts as.
create or replace function rampart.probe_users() returns table (user_id uuid, yacht_id uuid)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select u.user_id, y.id
    from public.yachts y
    cross join lateral (
        select p.id as user_id
        from public.auth_users_profiles p
        join public.auth_users_roles r on r.user_id = p.id and r.yacht_id = p.yacht_id and r.is_active
        where p.yacht_id = y.id and p.is_active
        order by p.id limit 1
    ) u
    where exists (select 1 from public.pms_parts part where part.yacht_id = y.id)
    order by y.id limit 2
$$;

-- Everybody who could be in a cohort, so that a start can refuse a stage that would be empty.
create or replace function rampart.active_subjects(p_limit integer) returns table (user_id uuid, yacht_id uuid)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select id, yacht_id from public.auth_users_profiles where is_active order by id limit p_limit
$$;

revoke all on function rampart.probe_users(), rampart.active_subjects(integer) from public;
grant execute on function rampart.probe_users(), rampart.active_subjects(integer) to rampart_app;
