-- Who was told of what: each notification of the outbox, for each target it goes to.

-- Null until somebody has found out whom it goes to.
alter table rampart.outbox add column if not exists planned_at timestamptz;
create index if not exists outbox_unplanned on rampart.outbox (created_at) where planned_at is null;
-- What an alert stands for is read from the newest notifications of its flag.
create index if not exists outbox_flag on rampart.outbox (flag, kind, created_at desc);

create table if not exists rampart.deliveries (
    id uuid primary key default gen_random_uuid(),
    notification uuid not null references rampart.outbox (id),
    target text not null check (length(target) between 1 and 100),
    since timestamptz not null default now(),    -- when trying began; a retry by a person begins anew
    attempts integer not null default 0 check (attempts >= 0),
    refusals integer not null default 0 check (refusals >= 0),  -- in a row, up to the last attempt
    next_at timestamptz not null default now(),  -- not tried before this
    claimed_until timestamptz,                   -- somebody is trying; a crash frees it when this is over
    attempted_at timestamptz,
    last_error text check (length(last_error) <= 500),
    delivered_at timestamptz,
    dead_at timestamptz,
    unique (notification, target),
    check (delivered_at is null or dead_at is null)
);
create index if not exists deliveries_open on rampart.deliveries (target, next_at)
    where delivered_at is null and dead_at is null;
create index if not exists deliveries_undelivered on rampart.deliveries (dead_at) where delivered_at is null;
create index if not exists deliveries_delivered on rampart.deliveries (target, delivered_at)
    where delivered_at is not null;

revoke all on rampart.deliveries from public, anon, authenticated, service_role, rampart_app;
alter table rampart.deliveries enable row level security;
drop policy if exists daemon on rampart.deliveries;
create policy daemon on rampart.deliveries for all to rampart_app using (true) with check (true);
grant select, insert, update on rampart.deliveries to rampart_app;
