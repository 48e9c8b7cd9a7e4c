//! The table that both benchmarks print: one row a figure.

use std::fmt::Write as _;

/// The columns, in order.
const HEAD: [&str; 7] = ["figure", "n", "p50", "p95", "p99", "max", "target"];

/// What a figure must not exceed, in the unit of its values.
#[derive(Clone, Copy)]
#[expect(dead_code, reason = "each benchmark has targets of its own kind")]
pub(crate) enum Target {
    P50(f64),
    P95(f64),
    P99(f64),
    Max(f64),
    /// Shown to compare with; nothing is asked of it.
    None,
}

/// Every figure measured so far.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<[String; 7]>,
}

impl Table {
    /// Adds a figure from its samples.
    pub(crate) fn add(&mut self, figure: &str, unit: &str, mut samples: Vec<f64>, target: Target) {
        samples.sort_unstable_by(f64::total_cmp);
        let with_unit = |number: String| format!("{number} {unit}").trim_end().to_owned();
        let (name, found, limit) = match target {
            Target::P50(limit) => ("p50", quantile(&samples, 0.5), limit),
            Target::P95(limit) => ("p95", quantile(&samples, 0.95), limit),
            Target::P99(limit) => ("p99", quantile(&samples, 0.99), limit),
            Target::Max(limit) => ("max", quantile(&samples, 1.0), limit),
            Target::None => ("", 0.0, f64::INFINITY),
        };
        let verdict = if found <= limit { "met" } else { "MISSED" };
        let target = match target {
            Target::None => "–".to_owned(),
            Target::P50(_) | Target::P95(_) | Target::P99(_) | Target::Max(_) => {
                format!("{name} ≤ {}: {verdict}", with_unit(limit.to_string()))
            }
        };
        let at = |share| with_unit(rounded(quantile(&samples, share)));
        self.row([figure.to_owned(), samples.len().to_string(), at(0.5), at(0.95), at(0.99), at(1.0), target]);
    }

    /// Adds a row whose cells were made elsewhere.
    pub(crate) fn row(&mut self, cells: [String; 7]) {
        eprintln!("{}", cells.join(" | "));
        self.rows.push(cells);
    }

    /// Prints it as Markdown.
    pub(crate) fn print(&self) {
        let mut text = format!("\n| {} |\n|{}\n", HEAD.join(" | "), " --- |".repeat(HEAD.len()));
        for row in &self.rows {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
        println!("{text}");
    }
}

/// The sample that `share` of all samples do not exceed (nearest rank). `sorted` rises.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Three figures, however large.
fn rounded(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
