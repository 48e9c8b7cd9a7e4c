//! Many rollouts, and when each rule rolled back.

use super::polling::Poll;
use super::{Entry, Rule, Scenario, Setting, Traffic};
use std::thread;

/// The share of healthy rollouts that a tuned poll may roll back.
const TUNED_TO: f64 = 0.01;

/// What one rule did to each rollout of a setting.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Tally {
    /// The minute in which it rolled back; none where it never did.
    pub minutes: Vec<Option<u32>>,
}

impl Tally {
    /// The share of rollouts that it rolled back.
    pub fn rolled_back(&self) -> f64 {
        self.minutes.iter().flatten().count() as f64 / self.minutes.len() as f64
    }

    /// The minute by which half of the rollouts were rolled back; none where half of them never were.
    pub fn median(&self) -> Option<u32> {
        let mut sorted: Vec<u32> = self.minutes.iter().map(|minute| minute.unwrap_or(u32::MAX)).collect();
        sorted.sort_unstable();
        let middle = *sorted.get(sorted.len().saturating_sub(1) / 2)?;
        (middle < u32::MAX).then_some(middle)
    }
}

/// Lets every entry watch rollouts 0 to `runs` of a setting: a tally for each, in their order. `done` is
/// called after each rollout. How many `threads` work does not change what comes out.
pub fn race(
    setting: Setting,
    entries: &[Entry],
    seed: u16,
    runs: u32,
    threads: u32,
    done: &(dyn Fn() + Sync),
) -> Vec<Tally> {
    let share = |worker: u32| {
        let one = |run: u32| {
            let minutes = watch(setting, entries, seed, run);
            done();
            minutes
        };
        // Neighbouring rollouts, so that the shares follow each other.
        let (from, to) = (bound(runs, worker, threads), bound(runs, worker + 1, threads));
        (from..to).map(one).collect::<Vec<_>>()
    };
    let mut tallies = vec![Tally::default(); entries.len()];
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|worker| scope.spawn(move || share(worker))).collect();
        for worker in workers {
            let rollouts = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            for minutes in rollouts {
                for (tally, minute) in tallies.iter_mut().zip(minutes) {
                    tally.minutes.push(minute);
                }
            }
        }
    });
    tallies
}

/// Where the share of a worker begins.
fn bound(runs: u32, worker: u32, threads: u32) -> u32 {
    (u64::from(runs) * u64::from(worker) / u64::from(threads)) as u32
}

/// One rollout: when each entry rolled it back. Ends as soon as all have.
fn watch(setting: Setting, entries: &[Entry], seed: u16, run: u32) -> Vec<Option<u32>> {
    let mut rules: Vec<_> = entries.iter().map(Entry::rule).collect();
    let mut minutes = vec![None; entries.len()];
    for minute in Traffic::new(setting, seed, run) {
        for (rule, found) in rules.iter_mut().zip(&mut minutes).filter(|(_, found)| found.is_none()) {
            *found = rule.rolls_back(&minute).then_some(minute.number);
        }
        if minutes.iter().all(Option::is_some) {
            break;
        }
    }
    minutes
}

/// The smallest `failureLimit` at which polling each minute rolls back no more than 1 % of healthy rollouts:
/// what somebody would find who had as many healthy rollouts to look back on.
pub fn tune(per_second: u16, seed: u16, runs: u32) -> u64 {
    let setting = Setting { per_second, scenario: Scenario::Healthy };
    let mut failed: Vec<u64> = (0..runs)
        .map(|run| {
            let mut poll = Poll::argo(1, u64::MAX);
            for minute in Traffic::new(setting, seed, run) {
                poll.rolls_back(&minute);
            }
            poll.failed()
        })
        .collect();
    failed.sort_unstable();
    let false_ones = (f64::from(runs) * TUNED_TO) as usize;
    failed.iter().rev().nth(false_ones).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_counts_those_that_were_never_rolled_back() {
        let tally = |minutes: &[Option<u32>]| Tally { minutes: minutes.to_vec() };
        assert_eq!(tally(&[Some(9), Some(1), Some(3)]).median(), Some(3));
        assert_eq!(tally(&[Some(9), Some(1), None, None]).median(), Some(9));
        assert_eq!(tally(&[Some(9), None, None]).median(), None);
        assert_eq!(tally(&[]).median(), None);
        assert_eq!(tally(&[Some(9), None, None, None]).rolled_back(), 0.25);
    }
}
