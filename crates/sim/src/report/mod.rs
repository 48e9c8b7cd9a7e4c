//! A run as one HTML page: no script, nothing fetched, light and dark, for a screen, a phone and one sheet of paper.

mod chart;
mod svg;

use crate::run::{MarkKind, Run};
use crate::timeline::{facts, letter, short_precise, told};
use rampart_core::rollout::{Phase, Verdict};
use std::fmt::Write;
use svg::escaped;

const STYLE: &str = include_str!("style.css");
/// The most decisions that are listed.
const MAX_MARKS: usize = 200;

/// The whole page. `policy` is the name of the policy's file.
pub fn html(run: &Run, policy: &str) -> String {
    let mut out = String::with_capacity(100_000);
    let title = format!("{} · {}", run.flag, run.scenario);
    out += "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
    out += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
    let _ = writeln!(
        out,
        "<title>{} · Rampart</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>",
        escaped(&title)
    );
    head(&mut out, run, policy);
    let _ = write!(out, "<section class=\"card chart\">\n{}", legend());
    out += &chart::draw(run, &chart::WIDE);
    out += &chart::draw(run, &chart::NARROW);
    out += "</section>\n";
    decisions(&mut out, run);
    let notes: String = facts(run).iter().skip(2).map(|note| format!("<p>{}</p>\n", escaped(note))).collect();
    let _ = write!(
        out,
        "<footer>\n{notes}<p>A virtual world: no request was sent and no flag was moved. The same policy, scenario and \
         seed make the same report.</p>\n</footer>\n</main>\n</body>\n</html>\n"
    );
    out
}

fn head(out: &mut String, run: &Run, policy: &str) {
    let (tone, word) = match run.phase {
        Phase::Completed => ("good", "completed"),
        Phase::RolledBack => ("bad", "rolled back"),
        Phase::Ramping => ("warn", "still ramping"),
        Phase::Paused => ("warn", "paused"),
        Phase::Waiting => ("warn", "not started"),
    };
    let expectation = run.expectation.as_ref().map_or_else(String::new, |met| {
        let (tone, word) = if met.met { ("good", "as expected") } else { ("bad", "not as expected") };
        let instead = if met.met { String::new() } else { format!(" · instead: {}", escaped(&met.instead)) };
        let expected = escaped(&met.expected);
        format!("<p class=\"expected\"><span class=\"badge {tone}\">{word}</span> {expected}{instead}</p>\n")
    });
    let _ = write!(
        out,
        "<header>\n<p class=\"kicker\">Rampart · policy try</p>\n<h1><span class=\"badge {tone}\">{word}</span> {}</h1>\n\
         <p class=\"about\">{}</p>\n{expectation}",
        escaped(&run.summary),
        escaped(&run.about),
    );
    let harm = run.harm;
    let share = |failures: u64, requests: u64| {
        format!("{} of {}", crate::run::grouped(failures), crate::run::grouped(requests))
    };
    let facts = [
        ("Policy", policy.to_owned()),
        ("Scenario", format!("{}, seed {}", run.scenario, run.seed)),
        ("Starts", run.start.format("%a %-d %b %Y, %H:%M UTC").to_string()),
        ("Virtual time", format!("{}, {} decisions", run.lasted, crate::run::grouped(run.decisions))),
        ("Failed with the flag", share(harm.canary_failures, harm.canary_requests)),
        ("Failed without it", share(harm.control_failures, harm.control_requests)),
    ];
    *out += "<dl>\n";
    for (name, value) in facts {
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", escaped(&value));
    }
    *out += "</dl>\n</header>\n";
}

/// What the patterns and lines mean.
fn legend() -> String {
    let mut out = String::from("<ul class=\"legend\">\n");
    for verdict in Verdict::ALL {
        let name = verdict.name();
        let _ = writeln!(
            out,
            "<li><svg width=\"26\" height=\"12\" aria-hidden=\"true\">{}<rect width=\"26\" \
             height=\"12\" rx=\"2\" fill=\"url(#l-{name})\"/></svg>{name}</li>",
            chart::patterns("l", &[verdict])
        );
    }
    for (class, name) in [("canary", "canary (flag on)"), ("control", "control (flag off)"), ("limit", "limit")] {
        let _ = writeln!(
            out,
            "<li><svg width=\"26\" height=\"12\" aria-hidden=\"true\"><path class=\"line {class}\" d=\"M0 6H26\"/></svg>\
             {name}</li>"
        );
    }
    out + "</ul>\n"
}

fn decisions(out: &mut String, run: &Run) {
    *out += "<section class=\"card\">\n<h2>What happened</h2>\n<ol class=\"marks\">\n";
    for (place, mark) in run.marks.iter().take(MAX_MARKS).enumerate() {
        let clock = mark.at.after(run.start).format("%H:%M:%S");
        let _ = writeln!(
            out,
            "<li><span class=\"chip {}\">{}</span><span class=\"when\">+{}<small>{clock}</small></span>\
             <span>{}</span></li>",
            tone(mark.kind),
            letter(place),
            short_precise(mark.at),
            escaped(&told(mark)),
        );
    }
    *out += "</ol>\n";
    if let Some(more) = run.marks.len().checked_sub(MAX_MARKS).filter(|more| *more > 0) {
        let _ = writeln!(out, "<p>… and {more} more</p>");
    }
    *out += "</section>\n";
}

/// The class of a kind of mark.
const fn tone(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Started | MarkKind::Raised | MarkKind::Completed => "good",
        MarkKind::RolledBack => "bad",
        MarkKind::Lowered | MarkKind::Restarted | MarkKind::Held | MarkKind::Frozen | MarkKind::Paged => "warn",
        MarkKind::Ordered | MarkKind::Refused => "accent",
        MarkKind::World => "plain",
    }
}
