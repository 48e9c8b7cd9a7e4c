//! Which rule decided, by name and in words.

use super::{Cause, Decision, Need, NeedCode, RestartReason};
use serde::{Serialize, Serializer};

/// A rule of the decision core.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// A check broke its limit.
    Breach,
    /// All requests together prove the canary worse, or suspect it.
    Sequential,
    /// Failures beyond the expected, in sum.
    HarmBudget,
    /// No evidence.
    Blind,
    /// Evidence that is not good enough to advance.
    Degraded,
    /// Time served.
    Soak,
    /// What the next stage needs beside time.
    Advance,
    /// The end of the last soak.
    Completion,
    /// Completed, and still watched.
    Watch,
    /// Rolled back or completed for good.
    Over,
    /// Another build.
    NewBuild,
    /// A person's order, or one that is waited for.
    Order,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Rule; 12] = [
        Rule::Breach,
        Rule::Sequential,
        Rule::HarmBudget,
        Rule::Blind,
        Rule::Degraded,
        Rule::Soak,
        Rule::Advance,
        Rule::Completion,
        Rule::Watch,
        Rule::Over,
        Rule::NewBuild,
        Rule::Order,
    ];

    /// The rule a decision follows; of a hold, that of the need that matters most.
    pub fn of(decision: &Decision) -> Self {
        match decision {
            Decision::Hold { needs } => needs.first().map_or(Rule::Advance, Self::of_need),
            Decision::Advance { .. } => Rule::Advance,
            Decision::Complete => Rule::Completion,
            Decision::Rollback { cause } | Decision::StepBack { cause, .. } | Decision::Freeze { cause } => {
                Self::of_cause(cause)
            }
            Decision::RestartStage { why: RestartReason::NewBuild { .. } } => Rule::NewBuild,
            Decision::RestartStage { why: RestartReason::Degraded } => Rule::Degraded,
        }
    }

    const fn of_cause(cause: &Cause) -> Self {
        match cause {
            Cause::Breach { .. } => Rule::Breach,
            Cause::Proven { .. } => Rule::Sequential,
            Cause::Harm { .. } => Rule::HarmBudget,
            Cause::Blind { .. } => Rule::Blind,
            Cause::Ordered { .. } | Cause::Sql { .. } => Rule::Order,
        }
    }

    const fn of_need(need: &Need) -> Self {
        match need.code {
            NeedCode::Degraded => Rule::Degraded,
            NeedCode::Blind => Rule::Blind,
            NeedCode::Suspected => Rule::Sequential,
            NeedCode::Soak => Rule::Soak,
            NeedCode::SampleRatio
            | NeedCode::Silent
            | NeedCode::MinRequests
            | NeedCode::Unproven
            | NeedCode::Window => Rule::Advance,
            NeedCode::Approval | NeedCode::ManualPercent | NeedCode::Paused => Rule::Order,
            NeedCode::Frozen => Rule::Breach,
            NeedCode::Watching => Rule::Watch,
            NeedCode::Over => Rule::Over,
        }
    }

    /// A stable name for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Rule::Breach => "breach",
            Rule::Sequential => "sequential",
            Rule::HarmBudget => "harm_budget",
            Rule::Blind => "blind",
            Rule::Degraded => "degraded",
            Rule::Soak => "soak",
            Rule::Advance => "advance",
            Rule::Completion => "completion",
            Rule::Watch => "watch",
            Rule::Over => "over",
            Rule::NewBuild => "new_build",
            Rule::Order => "order",
        }
    }

    /// The rule in words.
    pub const fn text(self) -> &'static str {
        match self {
            Rule::Breach => {
                "A check that breaks its rollback limit takes the flag back on the tick or event that shows it, in every \
                 phase in which anybody is exposed; where the policy says so, it steps back or freezes instead."
            }
            Rule::Sequential => {
                "All requests of the rollout are weighed together: at 100:1 that the canary is worse the flag goes back \
                 to 0 %, at 20:1 nothing advances."
            }
            Rule::HarmBudget => {
                "Failures of the canary beyond the expected are summed over the rollout; at the budget the flag goes back \
                 to 0 %, even where each tick stayed within its limits."
            }
            Rule::Blind => {
                "Missing evidence is neither harm nor health: the soak stands still, and once it lasts the policy says \
                 what follows."
            }
            Rule::Degraded => {
                "A check outside what it must be to advance holds; the soak stands still, or starts again where the \
                 policy says so."
            }
            Rule::Soak => {
                "The soak grows by the tick's length only while every check is healthy or thin on fresh readings taken \
                 inside this stage."
            }
            Rule::Advance => {
                "The next stage needs the soak served, enough canary requests and no suspicion, and what the policy asks \
                 beside them: proof, an open window, approval."
            }
            Rule::Completion => "The rollout completes once the last stage, at 100 %, has served its own soak.",
            Rule::Watch => "Behind completion the checks go on deciding for as long as the policy watches.",
            Rule::Over => "What was rolled back, or was completed and watched to the end, never moves by itself.",
            Rule::NewBuild => {
                "Another build in the middle of a rollout starts the stage's soak again: what was seen of the old one \
                 proves nothing."
            }
            Rule::Order => "People go first: what a person stopped, typed or must approve waits for a person.",
        }
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("name", self.name()), ("text", self.text())])
    }
}
