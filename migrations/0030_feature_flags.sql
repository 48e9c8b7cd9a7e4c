-- The flags, in the shape the runbook's statement expects:
--   update feature_flags set enabled = true, canary_percentage = 5, updated_at = now() where flag_name = 'part_lens_v2';
create table if not exists public.feature_flags (
    flag_name text primary key
);
-- Column by column, so that a table that somebody made before us is completed and not replaced.
alter table public.feature_flags
    add column if not exists enabled boolean not null default false,
    add column if not exists canary_percentage numeric(5, 2) not null default 0,
    add column if not exists description text,
    add column if not exists created_at timestamptz not null default now(),
    add column if not exists updated_at timestamptz not null default now();

do $$ begin
    if not exists (select 1 from pg_constraint where conname = 'feature_flags_canary_percentage_range') then
        alter table public.feature_flags
            add constraint feature_flags_canary_percentage_range check (canary_percentage between 0 and 100);
    end if;
end $$;

-- Supabase offers everything in public over REST: no policy and no grant, so nobody sees it there.
alter table public.feature_flags enable row level security;
revoke all on public.feature_flags from public, anon, authenticated;

-- Without the row the runbook's statement would match nothing.
insert into public.feature_flags (flag_name, description)
values ('part_lens_v2', 'Parts are read through the canonical stock view')
on conflict (flag_name) do nothing;

create schema if not exists rampart;
revoke all on schema rampart from public;
grant usage on schema rampart to rampart_app;

-- How the daemon reaches the flags: the view runs as its owner, so the table itself stays closed.
create or replace view rampart.flags as
select flag_name, enabled, canary_percentage, updated_at from public.feature_flags;
grant select, update on rampart.flags to rampart_app;

-- Every statement on a flag's row that is not the daemon's own, for the controller to follow.
create table if not exists rampart.sql_changes (
    id bigint generated always as identity primary key,
    flag text not null,
    old_percent integer not null,  -- basis points; 0 where disabled
    new_percent integer not null,
    db_role text not null,
    changed_at timestamptz not null default clock_timestamp(),  -- when it was typed, not when it was committed
    handled_at timestamptz
);
create index if not exists sql_changes_unhandled on rampart.sql_changes (flag, id) where handled_at is null;
grant select on rampart.sql_changes to rampart_app;
grant update (handled_at) on rampart.sql_changes to rampart_app;

create or replace function rampart.note_sql_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    before_percent integer := 0;
    after_percent integer := 0;
begin
    -- Our own writes say so, for the length of their transaction.
    if current_setting('rampart.writer', true) = 'controller' then
        return null;
    end if;
    if tg_op <> 'INSERT' and old.enabled then
        before_percent := coalesce((old.canary_percentage * 100)::integer, 0);
    end if;
    if tg_op <> 'DELETE' and new.enabled then
        after_percent := coalesce((new.canary_percentage * 100)::integer, 0);
    end if;
    insert into rampart.sql_changes (flag, old_percent, new_percent, db_role)
    values (case when tg_op = 'DELETE' then old.flag_name else new.flag_name end, before_percent, after_percent, session_user);
    perform pg_notify('rampart', 'sql');
    return null;
end $$;

create or replace trigger feature_flags_note_sql_change
    after insert or delete or update of enabled, canary_percentage on public.feature_flags
    for each row execute function rampart.note_sql_change();
