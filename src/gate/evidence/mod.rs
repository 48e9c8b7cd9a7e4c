//! What the database alone proves: views, policies, one tenant, no drift, whole signatures.

mod policies;

use super::Target;
use super::book::{Book, Evidence, Verdict, build_of, ensure};
use super::database::rows;
use super::facts::{self, VIEWS};
use super::report::{Artifact, CheckResult, Report};
use rampart_core::policy::GateItem;
use serde_json::{Value, json};

/// Files of the view definitions, in the order of [`VIEWS`].
const VIEW_FILES: [&str; 3] =
    ["viewdef_pms_part_stock.sql", "viewdef_v_stock_from_transactions.sql", "viewdef_v_low_stock_report.sql"];
/// Parts whose numbers are shown side by side.
const SAMPLES: &str = "100";

/// Collects the evidence and judges it.
pub(crate) async fn collect(target: &Target, tell: &dyn Fn(&CheckResult)) -> Report {
    let mut book = Book::open(target, tell);
    let (_, definitions) = book.check("view definitions", None, views).await;
    for (name, file) in VIEWS.into_iter().zip(VIEW_FILES) {
        if let Some(sql) = definitions.get(name).and_then(Value::as_str) {
            let text = format!("create or replace view public.{name} as\n{sql}\n");
            book.artifacts.push(Artifact { name: file, text, media_type: "application/sql" });
        }
    }
    book.check("row level security", Some("rls_policies.json"), policies::tables).await;
    book.check("storage policies", Some("storage_policies.json"), policies::storage).await;
    let tenant =
        async |target: &Target, evidence: &mut Evidence| facts::single_tenant(&target.database, evidence).await;
    book.check("single-tenant assertion", Some("single_tenant_evidence.json"), tenant).await;
    let drift = async |target: &Target, evidence: &mut Evidence| facts::drift(&target.database, evidence).await;
    let (_, drifting) = book.check("drift", None, drift).await;
    let (_, mut sampled) = book.check("transaction parity", Some("transaction_parity_samples.json"), parity).await;
    sampled.insert("drift".to_owned(), Value::Object(drifting));
    if let [.., drift, parity] = book.checks.as_slice() {
        let (drift, parity) = (drift.clone(), parity.clone());
        book.keep("transaction_parity_samples.json", &[&drift, &parity], sampled);
    }
    book.check("audit signatures", Some("audit_signatures.json"), audit).await;
    let passed = book.checks.iter().filter(|check| check.passed).count();
    let summary = json!({ "total": book.checks.len(), "passed": passed, "database": target.database.identity().await });
    let build = build_of(&target.api).await;
    Report { yacht_id: None, ..book.close(GateItem::SqlEvidence, build, summary) }
}

async fn views(target: &Target, evidence: &mut Evidence) -> Verdict {
    let views = facts::views(&target.database).await?;
    evidence.extend(views.iter().map(|view| (view.name.clone(), view.sql.clone().into())));
    facts::chain(&views)?;
    let low = views.iter().find(|view| view.name == "v_low_stock_report").ok_or("there is no v_low_stock_report")?;
    let sql = low.sql.to_lowercase();
    // Proof by definition; the proof by rows is the acceptance check of the filter.
    ensure(sql.contains("min_level > 0"), || "v_low_stock_report does not ask for min_level > 0".to_owned())?;
    Ok("pms_part_stock → v_stock_from_transactions → sum(quantity_change)".to_owned())
}

/// Three numbers for each part: the view, the cache, the ledger.
async fn parity(target: &Target, evidence: &mut Evidence) -> Verdict {
    let sql = rows!(
        "with chosen as (
             select s.yacht_id, s.part_id, sum(s.quantity) as cached, array_agg(s.id) as stock
             from public.pms_inventory_stock s where s.deleted_at is null
             group by s.yacht_id, s.part_id order by s.yacht_id, s.part_id limit $1::integer
         )
         select c.yacht_id, c.part_id, c.cached,
             (select sum(v.on_hand) from public.pms_part_stock v where v.part_id = c.part_id) as view,
             (select coalesce(sum(t.quantity_change), 0) from public.pms_inventory_transactions t
              where t.stock_id = any (c.stock)) as ledger
         from chosen c"
    );
    let samples = target.database.rows(sql, &[SAMPLES]).await?;
    let apart: Vec<&Value> =
        samples.iter().filter(|row| row["view"] != row["ledger"] || row["cached"] != row["ledger"]).collect();
    evidence.insert("samples".to_owned(), json!(samples));
    evidence.insert("different".to_owned(), apart.len().into());
    ensure(!samples.is_empty(), || "there is no stock to look at".to_owned())?;
    ensure(apart.is_empty(), || format!("{} of {} parts differ: {}", apart.len(), samples.len(), apart[0]))?;
    Ok(format!("{} parts: view = cache = ledger", samples.len()))
}

async fn audit(target: &Target, evidence: &mut Evidence) -> Verdict {
    let whole = facts::audit_signatures(&target.database, evidence).await;
    let paired = facts::unaudited(&target.database, evidence).await;
    let signed = whole?;
    paired?;
    let rows = target.database.number(rows!("select count(*) as n from public.pms_audit_log"), &[]).await?;
    ensure(rows > 0, || "the audit log is empty: nothing to look at".to_owned())?;
    Ok(format!("{rows} audit rows, {signed} of them signed: each proves what it should"))
}
