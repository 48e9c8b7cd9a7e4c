-- Who called the ops API for something that may change something. What an order changed is in the journal; this also
-- has what is no order, and what was refused.

create table if not exists rampart.calls (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    actor text not null,     -- as in the journal: the role and the first digits of the token's digest
    method text not null,
    path text not null check (length(path) <= 1000),
    status integer not null  -- as it was answered
);

create or replace trigger calls_append_only before update or delete or truncate on rampart.calls
    for each statement execute function rampart.refuse_change();

revoke all on rampart.calls from public, anon, authenticated, service_role, rampart_app;
alter table rampart.calls enable row level security;
drop policy if exists daemon on rampart.calls;
create policy daemon on rampart.calls for all to rampart_app using (true) with check (true);
grant select, insert on rampart.calls to rampart_app;
