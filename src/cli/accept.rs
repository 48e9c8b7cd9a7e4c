//! `rampart accept`

use super::Answer;
use super::gate::{Common, Intent, say, within};
use crate::gate;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `rampart accept`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: rampart accept --api https://parts.example.com --out test-evidence

Exit codes: 0 all passed, 1 a check failed, 2 wrong use.
Tokens: HOD_JWT, CAPTAIN_JWT, CREW_JWT, else made with TENANT_1_SUPABASE_JWT_SECRET or the data directory's secret.
With TENANT_1_SUPABASE_SERVICE_KEY lens v2 is asked for, whatever the flag stands at.
A captain who is enrolled signs with CAPTAIN_PIN and CAPTAIN_TOTP_SECRET (base32), or CAPTAIN_TOTP.")]
pub(super) struct Args {
    #[command(flatten)]
    common: Common,
    /// Where the evidence is written.
    #[arg(long, default_value = "test-evidence")]
    out: PathBuf,
    /// Run the recommended checks as well: storage across yachts, and every status code.
    #[arg(long)]
    recommended: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Answer> {
    let common = &args.common;
    let target = common.target(Intent::Write).await?;
    let tell = |check: &gate::CheckResult| common.tell(check);
    let acceptance = gate::accept(&target, &tell).await;
    let mut reports = vec![&acceptance.report, &acceptance.suggestions];
    let recommended = if args.recommended { gate::recommended(&target, &tell).await } else { Vec::new() };
    reports.extend(&recommended);

    let mut folder = args.out;
    for report in &reports {
        folder = gate::write(&folder, &report.artifacts)?;
    }
    let five_xx = target.api.five_xx();
    let checks = &acceptance.report.checks;
    let passed = checks.iter().filter(|check| check.passed).count();
    let recorded = common.record(&target, &reports, &within(&folder)).await;
    if common.json {
        let answer = json!({ "passed": passed, "total": checks.len(), "five_xx_count": five_xx, "reports": reports });
        say(&format!("{answer:#}"));
    } else {
        say(&format!("RESULTS: {passed}/{} passed ({}%)", checks.len(), passed * 100 / checks.len().max(1)));
        say(&format!("5xx ERRORS: {five_xx}"));
    }
    let all = reports.iter().all(|report| report.passed) && five_xx == 0;
    Ok(if all { recorded } else { Answer::No })
}
