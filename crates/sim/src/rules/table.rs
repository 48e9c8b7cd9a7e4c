//! The table, and whether it says what it must.

use super::{Entry, Scenario, Tally};
use std::fmt::Write as _;

/// Columns that count how many were rolled back, and what they are called.
const BLAMED: [(Scenario, &str); 4] = [
    (Scenario::Healthy, "healthy"),
    (Scenario::SwingingErrors, "day/night errors"),
    (Scenario::SwingingTraffic, "day/night traffic"),
    (Scenario::SharedIncident, "shared incident"),
];
/// Columns that tell the median delay.
const FOUND: [(Scenario, &str); 5] = [
    (Scenario::Bad(0.002), "0.2 %"),
    (Scenario::Bad(0.005), "0.5 %"),
    (Scenario::Bad(0.01), "1 %"),
    (Scenario::Bad(0.05), "5 %"),
    (Scenario::Bad(0.0008), "0.08 %"),
];
/// Columns of [`BLAMED`] in which a rollback is false beyond doubt.
const HEALTHY_COLUMNS: usize = 3;

/// One traffic: a row for each rule, a column for each scenario.
pub struct Block {
    /// Requests a second.
    pub per_second: u16,
    columns: Vec<Vec<Tally>>,
}

/// What the daemon's own rule has to reach.
pub struct Goals {
    /// The largest share of healthy rollouts rolled back.
    pub false_rollbacks: f64,
    /// The largest median delay in minutes, of the first columns of bad rollouts.
    pub minutes: Vec<u32>,
}

impl Block {
    /// Fills the columns, each by asking for the tallies of its scenario.
    pub fn fill(per_second: u16, tally: impl Fn(Scenario) -> Vec<Tally>) -> Self {
        Self { per_second, columns: Self::scenarios().map(tally).collect() }
    }

    /// The scenarios, in the order of the columns.
    pub fn scenarios() -> impl ExactSizeIterator<Item = Scenario> {
        BLAMED.iter().chain(&FOUND).map(|(scenario, _)| *scenario).collect::<Vec<_>>().into_iter()
    }

    /// As Markdown.
    pub fn markdown(&self, entries: &[Entry]) -> String {
        let heads: Vec<&str> = BLAMED.iter().chain(&FOUND).map(|(_, head)| *head).collect();
        let mut text = format!("| rule | {} |\n|{}\n", heads.join(" | "), " --- |".repeat(heads.len() + 1));
        for (row, entry) in entries.iter().enumerate() {
            let cells: Vec<String> =
                self.columns.iter().enumerate().map(|(at, column)| cell(at, &column[row])).collect();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "| {} | {} |", entry.name, cells.join(" | "));
        }
        text
    }

    /// One sentence for each goal, and whether it is met.
    pub fn judge(&self, entries: &[Entry], goals: &Goals) -> Vec<(String, bool)> {
        let Some(row) = entries.iter().position(|entry| entry.ours) else { return Vec::new() };
        let (blamed, found) = self.columns.split_at(BLAMED.len());
        let mut judged = Vec::new();
        for (column, (_, head)) in blamed.iter().zip(BLAMED).take(HEALTHY_COLUMNS) {
            let share = column[row].rolled_back();
            let sentence = format!(
                "{}/s, {head}: {} rolled back, at most {}",
                self.per_second,
                percent(share),
                percent(goals.false_rollbacks)
            );
            judged.push((sentence, share <= goals.false_rollbacks));
        }
        for ((column, (_, head)), most) in found.iter().zip(FOUND).zip(&goals.minutes) {
            let median = column[row].median();
            let sentence = format!("{}/s, {head}: found in {} min, at most {most}", self.per_second, minutes(median));
            judged.push((sentence, median.is_some_and(|median| median <= *most)));
        }
        judged
    }
}

fn cell(column: usize, tally: &Tally) -> String {
    if column < BLAMED.len() { percent(tally.rolled_back()) } else { minutes(tally.median()) }
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 9.95 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

fn minutes(median: Option<u32>) -> String {
    median.map_or_else(|| "never".to_owned(), |minute| minute.to_string())
}
