-- What the schema's tests (tests/it/migrations.rs) ask of every table and function.

-- The controller's tables had no row level security: nobody but the daemon may use the schema, so nothing was open.
-- But a schema is opened by one grant, or by one setting of Supabase's REST, and then it would have been all of it.
-- The privileges granted by the files before go on saying what the daemon may do.
do $$
declare
    v_table regclass;
begin
    for v_table in
        select c.oid from pg_catalog.pg_class c
        where c.relnamespace = 'rampart'::regnamespace and c.relkind in ('r', 'p') and not c.relrowsecurity
        order by c.relname
    loop
        execute format('alter table %s enable row level security', v_table);
        execute format('drop policy if exists daemon on %s', v_table);
        execute format('create policy daemon on %s for all to rampart_app using (true) with check (true)', v_table);
    end loop;
end
$$;

-- Functions are made executable for everybody; those of the controller are granted to the daemon by name.
revoke execute on all functions in schema rampart from public;

-- The record of the migrations stands in public, where Supabase grants every new table to its API roles: whoever had
-- the anonymous key could have written there that a migration was done.
do $$
begin
    if to_regclass('public._sqlx_migrations') is not null then
        revoke all on public._sqlx_migrations from public, anon, authenticated, service_role, rampart_app;
        alter table public._sqlx_migrations enable row level security;
    end if;
end
$$;
