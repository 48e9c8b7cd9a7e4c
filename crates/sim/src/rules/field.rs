//! All rules of the table, by name.

use super::Rule;
use super::evidence::Evidence;
use super::polling::Poll;
use super::pooled::ZTest;

/// The odds at which the daemon rolls back.
const ROLLBACK: f64 = 100.0;
/// The odds at which it stops the ramp.
const FREEZE: f64 = 20.0;

/// A rule that takes part, made afresh for each rollout.
pub struct Entry {
    /// What it is called in the table.
    pub name: String,
    /// Whether it is the rule of the daemon, which has goals to reach.
    pub ours: bool,
    make: Box<dyn Fn() -> Box<dyn Rule> + Sync>,
}

impl Entry {
    fn new<R: Rule + Clone + Sync + 'static>(name: impl Into<String>, rule: R) -> Self {
        Self { name: name.into(), ours: false, make: Box::new(move || Box::new(rule.clone())) }
    }

    /// The rule at the beginning of a rollout.
    pub fn rule(&self) -> Box<dyn Rule> {
        (self.make)()
    }
}

/// Everyone, with the poll that was tuned to the traffic ([`tune`](super::tune)) among them.
pub fn field(tuned: u64) -> Vec<Entry> {
    let ours = Entry::new("**all four averaged, rolled back at 100:1**", Evidence::averaged(ROLLBACK));
    vec![
        Entry::new("1-min ratio, failureLimit 0 (Argo Rollouts' default)", Poll::argo(1, 0)),
        Entry::new("1-min ratio, failureLimit 3", Poll::argo(1, 3)),
        Entry::new("1-min ratio, threshold 10 (Flagger's example)", Poll::flagger(10)),
        Entry::new("5-min ratio, failureLimit 3 (Argo Rollouts' example)", Poll::argo(5, 3)),
        Entry::new(format!("1-min ratio, tuned to ≤ 1 % false (failureLimit {tuned})"), Poll::argo(1, tuned)),
        Entry::new("two-proportion z-test, 5 %, pooled, each minute", ZTest::default()),
        Entry::new("**errors against control, 100:1**", Evidence::against_control(ROLLBACK)),
        Entry { ours: true, ..ours },
        Entry::new("all four averaged, frozen at 20:1", Evidence::averaged(FREEZE)),
    ]
}
