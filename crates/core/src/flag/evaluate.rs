//! The answer for one subject.

use super::bucket::bucket;
use crate::Percent;
use serde::Serialize;

/// What an evaluator needs to know of a flag.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FlagState {
    /// False where the flag is disabled or killed; then it is off for everybody.
    pub enabled: bool,
    /// The share of subjects it is on for.
    pub percent: Percent,
    /// What the bucket is salted with: the flag key, unless a restart asked for fresh people.
    pub group: String,
    /// Subjects that are in or out whatever their bucket.
    pub targets: Targets,
}

/// Subjects named by the policy. Sorted once, so that a look-up allocates nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, serde::Deserialize)]
pub struct Targets {
    on: Vec<String>,
    off: Vec<String>,
}

impl Targets {
    /// Users or yachts always in (`on`) and always out (`off`); out wins.
    pub fn new(mut on: Vec<String>, mut off: Vec<String>) -> Self {
        on.sort_unstable();
        off.sort_unstable();
        Self { on, off }
    }

    /// Always in.
    pub fn on(&self) -> &[String] {
        &self.on
    }

    /// Always out.
    pub fn off(&self) -> &[String] {
        &self.off
    }

    fn named(list: &[String], names: &[&str]) -> bool {
        !list.is_empty() && names.iter().any(|name| list.binary_search_by(|known| known.as_str().cmp(name)).is_ok())
    }
}

/// Why the answer is what it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The flag is disabled or killed.
    Disabled,
    /// The policy names this subject as always out.
    DenyListed,
    /// The policy names this subject as always in.
    AllowListed,
    /// The percent is 0: nobody is in.
    ZeroPercent,
    /// The percent is 100: everybody is in.
    FullPercent,
    /// There is no subject to bucket.
    TargetingKeyMissing,
    /// The bucket was compared with the percent.
    Split,
}

/// Whether the flag is on for a subject, with the reason and the bucket where one was computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Evaluation {
    /// The answer.
    pub on: bool,
    /// Why.
    pub reason: Reason,
    /// 1..=100, where the subject was bucketed.
    pub bucket: Option<u16>,
}

/// Evaluates `flag` for the subject `key`, also known by the names `aliases` (the yacht beside the
/// user, say) to the target lists. Order: disabled, deny-list, allow-list, 0 %, 100 %, no key, threshold.
pub fn evaluate(flag: &FlagState, key: Option<&str>, aliases: &[&str]) -> Evaluation {
    let answer = |on, reason| Evaluation { on, reason, bucket: None };
    let named = |list: &[String]| key.is_some_and(|key| Targets::named(list, &[key])) || Targets::named(list, aliases);
    if !flag.enabled {
        return answer(false, Reason::Disabled);
    }
    if named(&flag.targets.off) {
        return answer(false, Reason::DenyListed);
    }
    if named(&flag.targets.on) {
        return answer(true, Reason::AllowListed);
    }
    if flag.percent == Percent::ZERO {
        return answer(false, Reason::ZeroPercent);
    }
    if flag.percent == Percent::FULL {
        return answer(true, Reason::FullPercent);
    }
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        return answer(false, Reason::TargetingKeyMissing);
    };
    let bucket = bucket(&flag.group, key);
    Evaluation { on: bucket.within(flag.percent), reason: Reason::Split, bucket: Some(bucket.number()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flag(enabled: bool, percent: u8) -> FlagState {
        FlagState {
            enabled,
            percent: Percent::whole(percent),
            group: "part_lens_v2".into(),
            targets: Targets::new(
                vec!["ann".into(), "both".into()],
                vec!["bob".into(), "both".into(), "yacht-b".into()],
            ),
        }
    }

    #[test]
    fn the_order_of_evaluation_is_the_documented_one() {
        let cases = [
            (flag(false, 100), Some("ann"), (false, Reason::Disabled)),
            (flag(true, 100), Some("both"), (false, Reason::DenyListed)),
            (flag(true, 0), Some("ann"), (true, Reason::AllowListed)),
            (flag(true, 0), Some("x"), (false, Reason::ZeroPercent)),
            (flag(true, 100), None, (true, Reason::FullPercent)),
            (flag(true, 50), None, (false, Reason::TargetingKeyMissing)),
            (flag(true, 50), Some(""), (false, Reason::TargetingKeyMissing)),
        ];
        for (flag, key, (on, reason)) in cases {
            assert_eq!(evaluate(&flag, key, &[]), Evaluation { on, reason, bucket: None }, "{key:?}");
        }
        assert_eq!(evaluate(&flag(true, 100), Some("x"), &["yacht-b"]).reason, Reason::DenyListed);
    }

    #[test]
    fn a_split_names_the_bucket_it_compared() {
        let evaluation = evaluate(&flag(true, 50), Some("x"), &[]);
        assert_eq!(evaluation.reason, Reason::Split);
        assert_eq!(Some(evaluation.on), evaluation.bucket.map(|bucket| bucket <= 50));
    }
}
