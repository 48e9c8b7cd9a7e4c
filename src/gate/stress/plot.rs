//! The latencies as bars: for the terminal, and as a page that needs nothing but itself.

use super::measure::Measured;
use std::fmt::Write as _;

/// The longest bar, in characters.
const WIDTH: u64 = 48;
const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// A line for each bucket.
pub(crate) fn histogram_text(measured: &Measured) -> String {
    let buckets = measured.filled();
    let most = buckets.iter().map(|(_, count)| *count).max().unwrap_or_default().max(1);
    let mut text = String::new();
    for (bound, count) in buckets {
        // Writing to a string cannot fail.
        writeln!(text, "{:>10} ms │{:<48} {count}", format!("≤ {bound}"), bar(count, most)).ok();
    }
    text
}

fn bar(count: u64, most: u64) -> String {
    let eighths = count * WIDTH * 8 / most;
    let (whole, rest) =
        (usize::try_from(eighths / 8).unwrap_or_default(), usize::try_from(eighths % 8).unwrap_or_default());
    let mut bar = "█".repeat(whole);
    match EIGHTHS.get(rest) {
        // Something is never shown as nothing.
        _ if whole == 0 && rest == 0 && count > 0 => bar.push('▏'),
        Some(' ') | None => {}
        Some(part) => bar.push(*part),
    }
    bar
}

/// A page with the bars and the document behind them.
pub(crate) fn page(measured: &Measured, document: &str) -> String {
    let buckets = measured.filled();
    let most = buckets.iter().map(|(_, count)| *count).max().unwrap_or_default().max(1);
    let mut rows = String::new();
    for (bound, count) in &buckets {
        let share = count * 1000 / most;
        writeln!(
            rows,
            "<tr><th scope=\"row\">≤ {bound} ms</th><td><span class=\"bar\" style=\"width:{}.{}%\"></span></td><td>{count}</td></tr>",
            share / 10,
            share % 10
        )
        .ok();
    }
    let document = document.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Stress run</title>\n<style>\n:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}\n\
         body {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}\ntable {{ width: 100%; border-collapse: collapse }}\n\
         th, td:last-child {{ text-align: right; white-space: nowrap; padding: 0 .5rem; font-weight: normal }}\n\
         td:nth-child(2) {{ width: 100% }}\n.bar {{ display: block; height: 1rem; min-width: 1px; background: #2b6cb0 }}\n\
         pre {{ overflow: auto }}\n</style>\n<h1>Stress run</h1>\n<table>\n<caption>Answers by latency</caption>\n{rows}</table>\n\
         <h2>All figures</h2>\n<pre>{document}</pre>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share_and_never_empty() {
        assert_eq!(bar(10, 10).chars().count(), 48);
        assert_eq!(bar(5, 10).chars().count(), 24);
        assert_eq!(bar(1, 1_000_000), "▏");
        assert_eq!(bar(0, 10), "");
    }
}
