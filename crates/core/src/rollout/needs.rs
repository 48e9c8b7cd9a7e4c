//! What is missing before a rollout moves on, each thing in words and with the time it will be met.

use super::harm::Harm;
use super::statistics::{LN_SPLIT, Statistics};
use super::{CheckReport, Evidence, Progress, Rollout, Verdict, proof};
use crate::policy::{Policy, Proof, Stage, WindowState};
use crate::stats::srm;
use crate::{Millis, Percent, Timestamp};
use serde::{Deserialize, Serialize};

/// One thing that is missing before the rollout moves on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Need {
    /// A stable name for programs.
    pub code: NeedCode,
    /// What is missing, in words.
    pub text: String,
    /// When it will be met, if all goes on as now.
    pub eta: Option<Timestamp>,
}

/// What kind of thing is missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeedCode {
    /// A check is outside what it must be to advance.
    Degraded,
    /// A check has no evidence.
    Blind,
    /// The sequential tests suspect that the canary is worse.
    Suspected,
    /// Subjects are not split as the percent says, so no comparison means anything.
    SampleRatio,
    /// Far fewer canary requests come than are due: what crashes tells nothing.
    Silent,
    /// The soak is not served.
    Soak,
    /// Too few canary requests in the stage.
    MinRequests,
    /// The stage asks for proof, and the requests seen do not prove it.
    Unproven,
    /// No stage may be entered at this time.
    Window,
    /// A person must approve the next stage.
    Approval,
    /// A person typed a percent that is no stage; a person must move it.
    ManualPercent,
    /// A person paused the rollout.
    Paused,
    /// A breach stopped the rollout where it stands.
    Frozen,
    /// Completed, and still watched.
    Watching,
    /// Completed or rolled back, and over.
    Over,
}

impl NeedCode {
    /// Whether it is met by waiting alone.
    pub const fn only_takes_time(self) -> bool {
        match self {
            NeedCode::Soak | NeedCode::MinRequests | NeedCode::Unproven => true,
            NeedCode::Degraded
            | NeedCode::Blind
            | NeedCode::Suspected
            | NeedCode::SampleRatio
            | NeedCode::Silent
            | NeedCode::Window
            | NeedCode::Approval
            | NeedCode::ManualPercent
            | NeedCode::Paused
            | NeedCode::Frozen
            | NeedCode::Watching
            | NeedCode::Over => false,
        }
    }
}

/// What a decision about the next stage looks at.
pub(super) struct Outlook<'o> {
    pub(super) policy: &'o Policy,
    pub(super) rollout: &'o Rollout,
    pub(super) evidence: &'o Evidence,
    pub(super) checks: &'o [CheckReport],
    pub(super) harm: &'o Harm,
    pub(super) statistics: &'o Statistics,
    pub(super) progress: &'o Progress,
    pub(super) now: Timestamp,
}

impl Outlook<'_> {
    /// Everything that is missing before `stage` may be left, in the order in which it matters.
    pub(super) fn needs(&self, stage: &Stage, required: Millis, next: Option<(usize, Percent)>) -> Vec<Need> {
        let stands_still = self.checks.iter().any(|report| !report.shadow && !report.verdict.lets_soak_run());
        let mut needs: Vec<Need> = self.checks.iter().filter_map(unhealthy).collect();
        needs.extend(self.harm.need(self.policy));
        needs.extend(self.split());
        needs.extend(self.silence());
        needs.extend(self.soak(required, stands_still));
        needs.extend(self.requests(stage.min_requests));
        if stage.evidence == Proof::Proven {
            needs.extend(proof::unproven(self.policy, self.rollout, self.evidence, self.now));
        }
        if let Some((stage, percent)) = next {
            needs.extend(self.window());
            needs.extend(self.approval(stage, percent));
        }
        needs
    }

    fn soak(&self, required: Millis, stands_still: bool) -> Option<Need> {
        let served = self.progress.soak;
        let left = required.minus(served);
        let text = format!("{left} of soak left ({served} of {required} served)");
        let eta = (!stands_still).then(|| left.after(self.now));
        (served < required).then_some(Need { code: NeedCode::Soak, text, eta })
    }

    fn requests(&self, wanted: u64) -> Option<Need> {
        let seen = self.evidence.canary_requests;
        let text = format!("{seen} of {wanted} canary requests");
        (seen < wanted).then(|| Need { code: NeedCode::MinRequests, text, eta: self.requests_eta(wanted) })
    }

    /// At the pace of this stage so far; unknown while nobody has come.
    fn requests_eta(&self, wanted: u64) -> Option<Timestamp> {
        let seen = self.evidence.canary_requests;
        let elapsed = Millis::between(self.rollout.stage_since, self.now);
        let missing = wanted.saturating_sub(seen);
        (seen > 0).then(|| Millis((elapsed.0 as f64 * missing as f64 / seen as f64) as u64).after(self.now))
    }

    fn split(&self) -> Option<Need> {
        let (seen, share) = (self.evidence.subjects, self.rollout.percent.share());
        let ln_e = srm::ln_e(seen.canary, seen.control, share);
        let text = format!(
            "{} of {} subjects have the flag on, which is not {}: who gets it is not left to chance",
            seen.canary,
            seen.canary + seen.control,
            self.rollout.percent
        );
        (share < 1.0 && ln_e >= LN_SPLIT).then_some(Need { code: NeedCode::SampleRatio, text, eta: None })
    }

    fn silence(&self) -> Option<Need> {
        let (came, due) = self.statistics.silence(self.policy, self.rollout.epoch)?;
        let text = format!("the canary is silent: {came} requests in the last minutes, {due} were due");
        Some(Need { code: NeedCode::Silent, text, eta: None })
    }

    fn window(&self) -> Option<Need> {
        match self.policy.windows.as_ref()?.at(self.now) {
            WindowState::Open { .. } => None,
            WindowState::Closed { until, why } => Some(Need { code: NeedCode::Window, text: why, eta: until }),
        }
    }

    fn approval(&self, stage: usize, percent: Percent) -> Option<Need> {
        let asked = self.policy.approvals.as_ref().is_some_and(|approvals| approvals.before.contains(&percent));
        let text = format!("a release owner must approve {percent}");
        (asked && self.rollout.approved != Some(stage)).then_some(Need { code: NeedCode::Approval, text, eta: None })
    }
}

/// The check, where it stands in the way.
pub(super) fn unhealthy(report: &CheckReport) -> Option<Need> {
    let code = match report.verdict {
        _ if report.shadow => return None,
        Verdict::Healthy | Verdict::Thin => return None,
        // A breach that does not roll back stops the ramp all the same.
        Verdict::Degraded | Verdict::Breach => NeedCode::Degraded,
        Verdict::Blind => NeedCode::Blind,
    };
    Some(Need { code, text: format!("{}: {}", report.name.words(), report.why), eta: None })
}
