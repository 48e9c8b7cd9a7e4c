//! Ways to break the parts API for real, through the database.

use crate::store;

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
        }
    }

    /// The check that must catch it.
    pub(super) const fn check(self) -> Option<&'static str> {
        match self {
            Breakage::None => None,
            Breakage::Errors => Some("server_errors"),
            Breakage::Latency => Some("p95_latency"),
            Breakage::Audit => Some("null_audit_signatures"),
            Breakage::Rls => Some("rls_bypasses"),
        }
    }

    /// Does it, as the database's owner.
    pub(super) async fn inflict(self, owner: &str) -> anyhow::Result<()> {
        match self {
            Breakage::None => Ok(()),
            Breakage::Errors => store::run_as_owner(owner, ERRORS).await.map_err(Into::into),
            Breakage::Latency => store::run_as_owner(owner, LATENCY).await.map_err(Into::into),
            Breakage::Audit => store::run_as_owner(owner, AUDIT).await.map_err(Into::into),
            Breakage::Rls => store::run_as_owner(owner, RLS).await.map_err(Into::into),
        }
    }
}
