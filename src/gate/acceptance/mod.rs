//! The twelve acceptance checks, in the order and under the names that scripts know.

mod movements;
mod signatures;
mod stock;
mod suggestions;

pub(super) use movements::movable_part;
pub(super) use signatures::signature;

use super::book::{Book, Evidence, build_of};
use super::report::{Artifact, CheckResult, Report};
use super::{Target, facts, status_codes, storage};
use rampart_core::policy::GateItem;
use serde_json::{Value, json};

/// What the twelve showed.
#[derive(Debug)]
pub(crate) struct Acceptance {
    /// All twelve.
    pub(crate) report: Report,
    /// The three about suggestions, which are an item of the gate themselves.
    pub(crate) suggestions: Report,
}

const SUGGESTIONS: [&str; 3] = ["suggestions for crew", "suggestions for HOD", "suggestions for captain"];
const SUGGESTIONS_FILE: &str = "role_based_suggestions.json";
const SIGNED_FILE: &str = "adjust_stock_with_sig_200.json";

/// Runs all twelve, whatever becomes of the first, and tells each as it ends.
pub(crate) async fn accept(target: &Target, tell: &dyn Fn(&CheckResult)) -> Acceptance {
    let build = build_of(&target.api).await;
    let mut book = Book::open(target, tell);
    book.check("canonical view parity", Some("canonical_parity.json"), stock::parity).await;
    book.check("view filter fix", Some("view_filter_fix.json"), stock::filter).await;
    let tenant =
        async |target: &Target, evidence: &mut Evidence| facts::single_tenant(&target.database, evidence).await;
    book.check("single-tenant assertion", Some("single_tenant_assertion.json"), tenant).await;
    move_and_sign(&mut book).await;
    suggest(&mut book).await;
    book.check("zero 5xx overall", Some("zero_5xx_comprehensive.json"), zero_five_xx).await;
    close(book, target, build)
}

async fn move_and_sign(book: &mut Book<'_>) {
    let mut received = Err("receive_part 201 did not receive anything".to_owned());
    let receive = async |target: &Target, evidence: &mut Evidence| {
        let got = movements::receive(target, evidence).await;
        received = got.clone().map_err(|_| "receive_part 201 failed".to_owned());
        got.map(|got| got.told())
    };
    book.check("receive_part 201", Some("receive_part_201.json"), receive).await;
    let again = async |target: &Target, evidence: &mut Evidence| {
        let received = received.as_ref().map_err(|why| format!("nothing to repeat: {why}"))?;
        movements::again(target, received, evidence).await
    };
    book.check("idempotency 409", Some("idempotency_409.json"), again).await;
    book.check("adjust_stock 400 without signature", Some("adjust_stock_no_sig_400.json"), signatures::without).await;

    let mut signed = Err("adjust_stock 200 with signature wrote nothing".to_owned());
    let taken_back = received.as_ref().ok().map(|received| received.part);
    let with = async |target: &Target, evidence: &mut Evidence| {
        let adjusted = signatures::with(target, taken_back, evidence).await;
        signed = adjusted.clone().map_err(|_| "adjust_stock 200 with signature failed".to_owned());
        adjusted.map(|adjusted| adjusted.told())
    };
    let (_, mut evidence) = book.check("adjust_stock 200 with signature", Some(SIGNED_FILE), with).await;
    let keys = async |target: &Target, evidence: &mut Evidence| {
        signatures::keys(target, signed.as_ref().map_err(Clone::clone), evidence).await
    };
    let (_, found) = book.check("audit signature keys", None, keys).await;
    // Both are about one signature, and stand in one file.
    evidence.insert("audit".to_owned(), Value::Object(found));
    if let [.., with, keys] = book.checks.as_slice() {
        let (with, keys) = (with.clone(), CheckResult { artifact: Some(SIGNED_FILE), ..keys.clone() });
        book.keep(SIGNED_FILE, &[&with, &keys], evidence);
    }
}

async fn suggest(book: &mut Book<'_>) {
    let [crew, hod, captain] = SUGGESTIONS;
    let (_, by_crew) = book.check(crew, None, suggestions::crew).await;
    let (_, by_hod) = book.check(hod, None, suggestions::hod).await;
    let (_, by_captain) = book.check(captain, None, suggestions::captain).await;
    let evidence = [("crew", by_crew), ("hod", by_hod), ("captain", by_captain)];
    let evidence = evidence.into_iter().map(|(role, found)| (role.to_owned(), Value::Object(found))).collect();
    let checks = about_suggestions(&book.checks);
    book.keep(SUGGESTIONS_FILE, &checks.iter().collect::<Vec<_>>(), evidence);
}

fn about_suggestions(checks: &[CheckResult]) -> Vec<CheckResult> {
    checks.iter().filter(|check| SUGGESTIONS.contains(&check.name)).cloned().collect()
}

async fn zero_five_xx(target: &Target, evidence: &mut Evidence) -> Result<String, String> {
    let seen = target.api.seen();
    evidence.insert("five_xx_count".to_owned(), seen.five_xx().into());
    evidence.insert("seen".to_owned(), json!(seen));
    match (seen.answered(), seen.five_xx()) {
        (0, _) => Err("no request was answered: nothing to look at".to_owned()),
        (answered, 0) => Ok(format!("{answered} answers, none of 500 or above")),
        (answered, failed) => Err(format!("{failed} of {answered} answers: {}", seen.failures.join("; "))),
    }
}

/// `success_rate` is in percent: 100.0 where all passed.
fn close(book: Book<'_>, target: &Target, build: String) -> Acceptance {
    let (total, passed) = (book.checks.len(), book.checks.iter().filter(|check| check.passed).count());
    let seen = target.api.seen();
    let summary = json!({
        "success_rate": percent(passed, total),
        "total": total,
        "passed": passed,
        "failed": total - passed,
        "five_xx_count": seen.five_xx(),
        "requests": seen.requests,
        "statuses": seen.statuses,
    });
    let checks = about_suggestions(&book.checks);
    let artifacts = book.artifacts.iter().filter(|artifact| artifact.name == SUGGESTIONS_FILE).cloned().collect();
    let mut report = book.close(GateItem::Acceptance, build, summary);
    let suggestions = Report {
        item: GateItem::RoleSuggestions,
        passed: Report::all_passed(&checks),
        summary: json!({ "total": checks.len(), "passed": checks.iter().filter(|check| check.passed).count() }),
        checks,
        artifacts,
        ..report.clone()
    };
    let mut document = json!(report);
    if let (Some(document), Some(figures)) = (document.as_object_mut(), report.summary.as_object()) {
        document.remove("summary");
        document.extend(figures.clone());
        document.insert("api".to_owned(), target.api.base().into());
    }
    let document = target.api.redacted(document);
    report.artifacts.insert(0, Artifact::json("comprehensive_acceptance_summary.json", &document));
    Acceptance { report, suggestions }
}

/// A share in percent, with one decimal; nothing of nothing is nothing.
#[expect(clippy::cast_precision_loss, reason = "a dozen checks")]
fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 * 1000.0 / whole as f64).round() / 10.0 }
}

/// The recommended checks: each is an item of the gate itself.
pub(crate) async fn recommended(target: &Target, tell: &dyn Fn(&CheckResult)) -> Vec<Report> {
    let build = build_of(&target.api).await;
    let mut storage_book = Book::open(target, tell);
    storage_book.check("storage cross-yacht 403", Some("storage_cross_yacht_403.json"), storage::cross_yacht).await;
    let storage = storage_book.close(GateItem::StorageRls, build.clone(), json!({}));
    let mut codes_book = Book::open(target, tell);
    codes_book.check("status codes", Some("status_codes.json"), status_codes::matrix).await;
    let mut codes = codes_book.close(GateItem::StatusCodes, build, json!({}));
    codes.no_proof = target.api.not_v2().map(str::to_owned);
    vec![storage, codes]
}
