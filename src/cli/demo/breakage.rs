//! Ways to break things for real: the parts API through the database, and what measures it.

/// What to break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Breakage {
    /// Nothing.
    None,
    /// Drop the view the new lens reads: its answers become 500.
    Errors,
    /// Put a sleep into that view: its answers become slow.
    Latency,
    /// Let an audit entry without a signature in.
    Audit,
    /// Switch off row level security of the parts.
    Rls,
    /// Kill Prometheus, and start it again some seconds later: the rollout must wait, and then go on.
    Prometheus,
}

const ERRORS: &str = "drop view public.v_stock_from_transactions cascade";

const LATENCY: &str = r"
do $$
declare
    v_definition text := rtrim(pg_get_viewdef('public.v_stock_from_transactions'::regclass), ';');
begin
    execute 'create or replace view public.v_stock_from_transactions with (security_invoker = true) as
             with nap as materialized (select pg_sleep(1.2) where random() < 0.3)
             select v.* from (' || v_definition || ') v where (select count(*) from nap) >= 0';
end $$";

const AUDIT: &str = r"
do $$
declare
    v_constraint text;
begin
    for v_constraint in select conname from pg_constraint where conrelid = 'public.pms_audit_log'::regclass and contype = 'c' loop
        execute format('alter table public.pms_audit_log drop constraint %I', v_constraint);
    end loop;
    alter table public.pms_audit_log alter column signature drop not null;
    insert into public.pms_audit_log (yacht_id, user_id, action, entity_type, entity_id, new_values, signature, metadata)
    select yacht_id, user_id, action, entity_type, entity_id, new_values, null, metadata from public.pms_audit_log limit 1;
end $$";

const RLS: &str = "alter table public.pms_parts disable row level security";

impl Breakage {
    /// What it does, in words.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Breakage::None => "nothing",
            Breakage::Errors => "the view behind the new lens is dropped",
            Breakage::Latency => "the view behind the new lens sleeps",
            Breakage::Audit => "an audit entry without a signature is let in",
            Breakage::Rls => "row level security of the parts is switched off",
            Breakage::Prometheus => "Prometheus is killed",
        }
    }

    /// The check that must catch it; none where nothing may be rolled back.
    pub(super) const fn check(self) -> Option<&'static str> {
        match self {
            Breakage::None | Breakage::Prometheus => None,
            Breakage::Errors => Some("server_errors"),
            Breakage::Latency => Some("p95_latency"),
            Breakage::Audit => Some("null_audit_signatures"),
            Breakage::Rls => Some("rls_bypasses"),
        }
    }

    /// The statement that does it, for the database's owner; none where the database has no part in it.
    pub(super) const fn statement(self) -> Option<&'static str> {
        match self {
            Breakage::None | Breakage::Prometheus => None,
            Breakage::Errors => Some(ERRORS),
            Breakage::Latency => Some(LATENCY),
            Breakage::Audit => Some(AUDIT),
            Breakage::Rls => Some(RLS),
        }
    }
}
