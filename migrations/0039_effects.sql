-- When each daemon stopped serving a rollout that was rolled back: the last step of a rollback, and the only one that
-- each process has to itself.

create table if not exists rampart.effects (
    rollout_id uuid not null references rampart.rollouts (id),
    replica uuid not null,
    seen_at timestamptz,                -- when its evidence showed the breach; null where it followed another's record
    effective_at timestamptz not null,  -- from here on it served nobody of this rollout
    primary key (rollout_id, replica)
);

revoke all on rampart.effects from public, anon, authenticated, service_role, rampart_app;
alter table rampart.effects enable row level security;
drop policy if exists daemon on rampart.effects;
create policy daemon on rampart.effects for all to rampart_app using (true) with check (true);
grant select, insert on rampart.effects to rampart_app;
