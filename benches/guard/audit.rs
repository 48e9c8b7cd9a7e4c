//! From an audit violation that another database client commits to 0 % in the database.

use crate::Amount;
use crate::daemon::{Daemon, FIRST_PERCENT, sql};
use crate::progress::Progress;
use crate::table::{Table, Target};
use crate::watcher::{Watcher, millis};
use rampart::clock::monotonic;

/// Takes away what the database itself would refuse an unsigned entry with.
const UNPROTECT: &str = "
do $$
declare
    v_constraint text;
begin
    for v_constraint in select conname from pg_constraint where conrelid = 'public.pms_audit_log'::regclass and contype = 'c' loop
        execute format('alter table public.pms_audit_log drop constraint %I', v_constraint);
    end loop;
    alter table public.pms_audit_log alter column signature drop not null;
end $$";

const VIOLATE: &str = "
insert into public.pms_audit_log (yacht_id, user_id, action, entity_type, entity_id, new_values, signature, metadata)
select yacht_id, user_id, action, entity_type, entity_id, new_values, null, metadata from public.pms_audit_log limit 1";

pub(crate) async fn measure(daemon: &Daemon, amount: Amount, table: &mut Table) {
    let reads = daemon.low_stock_reads(FIRST_PERCENT as u16).await;
    let (mut reader, mut owner) = (daemon.connect().await, daemon.owner().await);
    let mut watcher = Watcher::new(daemon).await;
    sql(&mut owner, UNPROTECT).await;
    let mut samples = Vec::new();
    let mut progress = Progress::new("rollbacks after an audit violation", amount.trials);
    for trial in 0..amount.trials {
        // What was violated before a rollout began does not count against it.
        daemon.begin(&mut reader, &reads[trial % reads.len()]).await;
        watcher.until(FIRST_PERCENT).await;
        let watch = watcher.watch(0.0);
        sql(&mut owner, VIOLATE).await;
        let violated = monotonic();
        let (back, committed) = watch.await.unwrap();
        watcher = back;
        samples.push(millis(violated, committed));
        progress.done(trial);
    }
    table.add("audit violation committed → 0 % committed", "ms", samples, Target::P99(50.0));
}
