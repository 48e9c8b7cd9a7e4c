//! What the live view shows, drawn from values alone. Colour only repeats what a mark and a word say.

use super::stream::Event;
use crate::cli::journal;
use rampart_core::{Millis, Timestamp};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row, Table, Wrap};
use serde_json::Value;
use std::collections::VecDeque;

/// Journal lines that are kept.
const KEPT: usize = 200;
/// A status this old is worth a word: one comes at least every few seconds.
const OLD: Millis = Millis::seconds(15);
/// How wide the ring of a soak is drawn, in cells.
const BAR: usize = 20;

/// Everything that is shown.
pub(super) struct View {
    flag: String,
    status: Option<Value>,
    seen_at: Option<Timestamp>,
    lost: Option<String>,
    /// Newest first.
    journal: VecDeque<String>,
}

impl View {
    /// Of a flag of which nothing is known but the newest entries of its journal, newest first.
    pub(super) fn of(flag: &str, recent: &[Value]) -> Self {
        let journal = recent.iter().map(journal::line).collect();
        Self { flag: flag.to_owned(), status: None, seen_at: None, lost: None, journal }
    }

    pub(super) fn take(&mut self, event: Event, now: Timestamp) {
        match event {
            Event::Status(status) => {
                self.status = Some(status);
                (self.seen_at, self.lost) = (Some(now), None);
            }
            Event::Journal(entry) => {
                self.journal.push_front(journal::line(&entry));
                self.journal.truncate(KEPT);
            }
            Event::Lost(why) => self.lost = Some(why),
        }
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>, now: Timestamp) {
        let nothing = Value::Null;
        let status = self.status.as_ref().unwrap_or(&nothing);
        let checks = status["checks"].as_array().map_or(0, Vec::len) as u16;
        let parts = [Constraint::Length(2), Constraint::Length(4), Constraint::Length(checks + 2), Constraint::Min(3)];
        let [head, ramp, health, rest] = Layout::vertical(parts).areas(frame.area());
        frame.render_widget(Paragraph::new(self.head(status, now)), head);
        frame.render_widget(Paragraph::new(ramp_of(status)).wrap(Wrap { trim: true }), ramp);
        frame.render_widget(checks_of(status), health);
        let lines: Vec<Line<'_>> = self.journal.iter().map(|line| Line::raw(line.as_str())).collect();
        let block = Block::new().borders(Borders::TOP).title(" Journal · newest first · q leaves ");
        frame.render_widget(Paragraph::new(lines).block(block), rest);
    }

    fn head(&self, status: &Value, now: Timestamp) -> Vec<Line<'static>> {
        let phase = text(&status["phase"]);
        let title = format!("{} · {phase}", self.flag);
        let age = self.seen_at.map(|seen| Millis::between(seen, now)).filter(|age| *age >= OLD);
        let stale = match (&self.lost, age) {
            (Some(why), _) => format!("  ! lost, trying again: {why}"),
            (None, Some(age)) => format!("  ! nothing heard for {age}"),
            (None, None) if self.status.is_none() => "  waiting for the daemon".to_owned(),
            (None, None) => String::new(),
        };
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let colour = match phase.as_str() {
            "rolled_back" => Color::Red,
            "completed" => Color::Green,
            _ => Color::Cyan,
        };
        vec![
            Line::from(vec![Span::styled(title, bold.fg(colour)), Span::styled(stale, Style::new().fg(Color::Yellow))]),
            Line::styled(text(&status["sentence"]), bold),
        ]
    }
}

fn ramp_of(status: &Value) -> Vec<Line<'static>> {
    let stages = status["stages"].as_array().into_iter().flatten();
    let marks: Vec<String> = stages
        .map(|stage| {
            let mark = match stage["state"].as_str() {
                Some("done") => '●',
                Some("current") => '◐',
                _ => '○',
            };
            format!("{mark} {} %", stage["percent"].as_f64().unwrap_or_default())
        })
        .collect();
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    let (served, required) = (number(&status["soak"]["served_seconds"]), number(&status["soak"]["required_seconds"]));
    let share = if required > 0.0 { (served / required).clamp(0.0, 1.0) } else { 0.0 };
    let full = (share * BAR as f64) as usize;
    let seconds = |value: f64| Millis((value * 1000.0) as u64).to_string();
    let soak = format!(
        "soak {}{} {} of {}",
        "█".repeat(full),
        "░".repeat(BAR - full),
        seconds(served.floor()),
        seconds(required)
    );
    let traffic = &status["traffic"];
    let per_second = |name: &str| format!("{:.1}/s", number(&traffic[name]));
    let traffic = format!("canary {} · control {}", per_second("canary_per_second"), per_second("control_per_second"));
    let waits: Vec<String> =
        status["decision"]["reasons"].as_array().into_iter().flatten().map(|reason| text(&reason["text"])).collect();
    let waits = if waits.is_empty() { String::new() } else { format!("waits for: {}", waits.join("; ")) };
    vec![Line::raw(marks.join(" ── ")), Line::raw(format!("{soak} · {traffic}")), Line::raw(waits)]
}

fn checks_of(status: &Value) -> Table<'static> {
    let rows = status["checks"].as_array().into_iter().flatten().map(|check| {
        let verdict = text(&check["verdict"]);
        let (mark, colour) = match verdict.as_str() {
            "healthy" => ("✓", Color::Green),
            "thin" => ("…", Color::Blue),
            "degraded" => ("!", Color::Yellow),
            "breach" => ("✗", Color::Red),
            _ => ("?", Color::Magenta),
        };
        let limits = ["advance_if", "rollback_if"].map(|name| check[name].as_str().unwrap_or("–").to_owned());
        Row::new([
            Cell::new(format!("{mark} {verdict}")).style(Style::new().fg(colour)),
            Cell::new(text(&check["name"]).replace('_', " ")),
            Cell::new(limits.join(" / ")),
            Cell::new(text(&check["why"])),
        ])
    });
    let widths = [Constraint::Length(11), Constraint::Length(24), Constraint::Length(20), Constraint::Min(20)];
    let heads = Row::new(["verdict", "check", "advance / rollback", "now"]).style(Style::new().fg(Color::DarkGray));
    Table::new(rows, widths).header(heads).block(Block::new().borders(Borders::TOP))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn drawn(view: &View, now: Timestamp) -> String {
        let mut terminal = Terminal::new(TestBackend::new(100, 16)).unwrap();
        terminal.draw(|frame| view.draw(frame, now)).unwrap();
        terminal.backend().to_string()
    }

    fn status() -> Value {
        json!({
            "flag": "f", "phase": "ramping", "sentence": "20 % since 09:14 UTC · advances to 50 % in 30 min",
            "stages": [
                { "percent": 5.0, "state": "done" }, { "percent": 20.0, "state": "current" },
                { "percent": 50.0, "state": "ahead" }, { "percent": 100.0, "state": "ahead" },
            ],
            "soak": { "served_seconds": 1800.4, "required_seconds": 3600.0 },
            "traffic": { "canary_per_second": 4.2, "control_per_second": 16.0 },
            "decision": { "kind": "hold", "reasons": [{ "code": "soak", "text": "30m of soak left" }] },
            "checks": [
                { "name": "error_rate", "verdict": "healthy", "why": "0 %", "advance_if": "< 0.1%", "rollback_if": null },
                { "name": "p95_latency", "verdict": "blind", "why": "cannot be measured", "advance_if": "< 500ms", "rollback_if": "> 1000ms" },
            ],
        })
    }

    #[test]
    fn the_ramp_the_checks_and_the_journal_are_seen_at_once() {
        let mut view = View::of("f", &[]);
        view.take(Event::Status(status()), at(0));
        let entry = json!({ "flag": "f", "seq": 3, "at": "2027-01-15T08:00:00.250Z", "actor": "controller", "kind": "advanced", "percent": 20.0 });
        view.take(Event::Journal(entry), at(0));
        insta::assert_snapshot!(drawn(&view, at(1)));
    }

    #[test]
    fn what_is_old_or_lost_is_said_to_be() {
        let mut view = View::of("f", &[]);
        assert!(drawn(&view, at(0)).contains("waiting for the daemon"));
        view.take(Event::Status(status()), at(0));
        assert!(!drawn(&view, at(14)).contains('!'), "a status of a moment ago");
        assert!(drawn(&view, at(15)).contains("! nothing heard for 15 s"), "{}", drawn(&view, at(15)));
        view.take(Event::Lost("nobody answers".to_owned()), at(16));
        assert!(drawn(&view, at(16)).contains("! lost, trying again: nobody answers"));
    }
}
