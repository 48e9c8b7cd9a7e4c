//! A run as a timeline for a terminal: the ramp, what each check said, errors and latency, and every decision.

use crate::run::{Arm, Mark, MarkKind, Run};
use rampart_core::policy::Unit;
use rampart_core::rollout::{Phase, Verdict};
use rampart_core::{Millis, Percent};
use std::fmt::Write;

/// The narrowest and the widest drawing.
const MIN_WIDTH: usize = 40;
const MAX_WIDTH: usize = 160;
/// Up to this width names are cut short.
const NARROW: usize = 64;
/// Columns that hold the name of a value and the value itself.
const NAME_AND_VALUE: usize = 24;
/// The most decisions that are listed.
const MAX_MARKS: usize = 60;
/// Rows a ramp is drawn with where the policy has more stages.
const MAX_ROWS: usize = 8;
/// Letters of decisions, in their order.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Where several decisions share a column.
const SEVERAL: char = '*';

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Columns.
    pub width: usize,
    /// Whether the terminal shows more than ASCII.
    pub unicode: bool,
    /// Whether it shows colours. They are never alone in saying something.
    pub colour: bool,
}

/// The whole timeline.
pub fn draw(run: &Run, style: Style) -> String {
    let width = style.width.clamp(MIN_WIDTH, MAX_WIDTH);
    let longest = run.lanes.iter().map(|lane| lane.check.words().chars().count()).max().unwrap_or(0).max(14);
    let label = if width <= NARROW { 14 } else { longest.clamp(24, 28) };
    let drawing = Drawing { run, style, label, columns: width - label - 3, width };
    let mut text = String::new();
    drawing.head(&mut text);
    drawing.ramp(&mut text);
    drawing.lanes(&mut text);
    drawing.measured(&mut text);
    drawing.marks(&mut text);
    drawing.foot(&mut text);
    if style.unicode { text } else { plain(&text) }
}

struct Drawing<'r> {
    run: &'r Run,
    style: Style,
    /// Columns of the names.
    label: usize,
    /// Columns of the time.
    columns: usize,
    width: usize,
}

/// A colour of the terminal.
#[derive(Clone, Copy)]
enum Colour {
    Good,
    Warn,
    Bad,
    Blind,
    Faint,
}

impl Drawing<'_> {
    fn head(&self, out: &mut String) {
        let Run { flag, scenario, seed, about, .. } = self.run;
        self.paragraph(out, "", &format!("{flag} · {scenario} · seed {seed}"));
        self.paragraph(out, "", about);
        out.push('\n');
        let colour = match self.run.phase {
            Phase::Completed => Colour::Good,
            Phase::RolledBack => Colour::Bad,
            Phase::Waiting | Phase::Ramping | Phase::Paused => Colour::Warn,
        };
        for line in wrapped(&self.run.summary, self.width) {
            let _ = writeln!(out, "{}", self.painted(&line, colour));
        }
        out.push('\n');
    }

    /// A row for each stage, filled while at least its percent is served.
    fn ramp(&self, out: &mut String) {
        let mut rows: Vec<Percent> = self.run.stages.clone();
        if rows.len() > MAX_ROWS {
            rows = (1..=MAX_ROWS).map(|row| Percent::whole((row * 100 / MAX_ROWS) as u8)).collect();
        }
        for row in rows.iter().rev() {
            let filled = |column: usize| self.highest(column) >= *row;
            let cells: String = (0..self.columns).map(|column| if filled(column) { '█' } else { ' ' }).collect();
            self.line(out, &row.to_string(), '┤', cells.trim_end());
        }
        let letters = self.letters();
        let mut axis: Vec<char> = vec!['─'; self.columns];
        let mut words: Vec<char> = vec![' '; self.columns + 1];
        let step = self.axis_step();
        let mut at = Millis::ZERO;
        while at < self.run.lasted {
            let column = self.column(at);
            let word = short(at);
            if column + word.chars().count() <= words.len() {
                axis[column] = '┬';
                word.chars().enumerate().for_each(|(place, letter)| words[column + place] = letter);
            }
            at = at + step;
        }
        self.line(out, "", '└', &axis.iter().collect::<String>());
        self.line(out, "since start", ' ', words.iter().collect::<String>().trim_end());
        self.line(out, "decisions", ' ', letters.iter().collect::<String>().trim_end());
        out.push('\n');
    }

    /// The highest percent served in a column: a moment at 100 % is not lost.
    fn highest(&self, column: usize) -> Percent {
        let (from, to) = self.span(column);
        let within = self.run.steps.iter().filter(|step| step.at > from && step.at < to).map(|step| step.percent);
        within.chain([self.run.percent_at(from)]).max().unwrap_or_default()
    }

    fn lanes(&self, out: &mut String) {
        for lane in &self.run.lanes {
            let cells: Vec<Option<Verdict>> = (0..self.columns)
                .map(|column| {
                    let (from, to) = self.span(column);
                    lane.said(from, to)
                })
                .collect();
            let mut row = String::new();
            for same in cells.chunk_by(|one, other| one == other) {
                let sign = same[0].map_or(' ', sign);
                let signs: String = std::iter::repeat_n(sign, same.len()).collect();
                row += &same[0].map_or(signs.clone(), |verdict| self.painted(&signs, colour(verdict)));
            }
            let name = if lane.shadow { format!("({})", lane.check.words()) } else { lane.check.words() };
            self.line(out, &name, '│', row.trim_end());
        }
        let known = Verdict::ALL.map(|verdict| format!("{} {}", sign(verdict), verdict.name()));
        let shadow = if self.run.lanes.iter().any(|lane| lane.shadow) { "   ( ) shown, never deciding" } else { "" };
        self.paragraph(out, &" ".repeat(self.indent()), &format!("{}{shadow}", known.join("   ")));
        out.push('\n');
    }

    fn measured(&self, out: &mut String) {
        let rate = |arm: &Arm| arm.failure_rate;
        let p95 = |arm: &Arm| arm.p95_ms;
        self.spark(out, "canary errors", Unit::Ratio, true, rate);
        self.spark(out, "control errors", Unit::Ratio, false, rate);
        self.spark(out, "canary p95", Unit::Ms, true, p95);
        self.spark(out, "control p95", Unit::Ms, false, p95);
        out.push('\n');
    }

    /// The largest value of each column, in eighths of the largest of both cohorts.
    fn spark(&self, out: &mut String, name: &str, unit: Unit, canary: bool, of: impl Fn(&Arm) -> Option<f64>) {
        let side = |sample: &crate::run::Sample| if canary { of(&sample.canary) } else { of(&sample.control) };
        let both = self.run.samples.iter().flat_map(|sample| [of(&sample.canary), of(&sample.control)]);
        let top = both.flatten().fold(0.0, f64::max);
        let marks = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let column = |column: usize| {
            let (from, to) = self.span(column);
            let inside = |sample: &&crate::run::Sample| sample.at < to && sample.at + self.run.sample_length > from;
            let most = self.run.samples.iter().filter(inside).filter_map(side).reduce(f64::max);
            most.map_or(' ', |value| {
                let eighth = if top > 0.0 { (value / top * 8.0).ceil() as usize } else { 0 };
                if eighth == 0 { '·' } else { marks[eighth.min(8) - 1] }
            })
        };
        let row: String = (0..self.columns).map(column).collect();
        let most = self.run.samples.iter().filter_map(side).reduce(f64::max);
        let most = most.map(|most| format!("to {}", unit.show(most))).unwrap_or_default();
        if self.label >= NAME_AND_VALUE {
            self.line(out, &format!("{name} {most}"), '│', row.trim_end());
        } else {
            self.line(out, name, '│', row.trim_end());
            self.line(out, &most, '│', "");
        }
    }

    fn marks(&self, out: &mut String) {
        let listed = self.run.marks.iter().take(MAX_MARKS);
        for (place, mark) in listed.enumerate() {
            let clock = mark.at.after(self.run.start).format("%H:%M:%S");
            let head = format!("{} {} {clock}  +{}", letter(place), kind_sign(mark.kind), short_precise(mark.at));
            let colour = mark_colour(mark.kind);
            let text = told(mark);
            if self.width <= NARROW {
                let _ = writeln!(out, "{}", self.painted(&head, colour));
                self.paragraph(out, "    ", &text);
            } else {
                let head = format!("{head:<26}");
                let mut lines = wrapped(&text, self.width - 27).into_iter();
                let first = lines.next().unwrap_or_default();
                let _ = writeln!(out, "{} {first}", self.painted(&head, colour));
                lines.for_each(|line| {
                    let _ = writeln!(out, "{}{line}", " ".repeat(27));
                });
            }
        }
        if let Some(more) = self.run.marks.len().checked_sub(MAX_MARKS).filter(|more| *more > 0) {
            let _ = writeln!(out, "… and {more} more");
        }
        out.push('\n');
    }

    fn foot(&self, out: &mut String) {
        for line in facts(self.run) {
            self.paragraph(out, "", &line);
        }
        if let Some(met) = &self.run.expectation {
            let (word, colour) = if met.met { ("met", Colour::Good) } else { ("NOT met", Colour::Bad) };
            let instead = if met.met { String::new() } else { format!(" · instead: {}", met.instead) };
            for line in wrapped(&format!("Expectation {word}: {}{instead}", met.expected), self.width) {
                let _ = writeln!(out, "{}", self.painted(&line, colour));
            }
        }
    }

    /// A letter below each decision; where a column has several, a star.
    fn letters(&self) -> Vec<char> {
        let mut row = vec![' '; self.columns];
        for (place, mark) in self.run.marks.iter().take(MAX_MARKS).enumerate() {
            let column = self.column(mark.at);
            row[column] = if row[column] == ' ' { letter(place) } else { SEVERAL };
        }
        row
    }

    fn column(&self, at: Millis) -> usize {
        let share = at.as_seconds() / self.run.lasted.as_seconds().max(1.0);
        ((share * self.columns as f64) as usize).min(self.columns - 1)
    }

    /// The stretch of time of a column.
    fn span(&self, column: usize) -> (Millis, Millis) {
        let of = |column: usize| Millis(self.run.lasted.0 * column as u64 / self.columns as u64);
        (of(column), of(column + 1))
    }

    fn axis_step(&self) -> Millis {
        axis_step(self.run.lasted, self.columns / 9)
    }

    const fn indent(&self) -> usize {
        self.label + 3
    }

    fn line(&self, out: &mut String, name: &str, border: char, row: &str) {
        let mut name: String = name.to_owned();
        if name.chars().count() > self.label {
            name = name.chars().take(self.label - 1).chain(['…']).collect();
        }
        let line = format!("{name:>label$} {border}{row}", label = self.label);
        let _ = writeln!(out, "{}", line.trim_end());
    }

    fn paragraph(&self, out: &mut String, indent: &str, text: &str) {
        for line in wrapped(text, self.width - indent.len()) {
            let _ = writeln!(out, "{indent}{line}");
        }
    }

    fn painted(&self, text: &str, colour: Colour) -> String {
        if !self.style.colour || text.trim().is_empty() {
            return text.to_owned();
        }
        let code = match colour {
            Colour::Good => "32",
            Colour::Warn => "33",
            Colour::Bad => "31",
            Colour::Blind => "35",
            Colour::Faint => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// What was served, harmed and taken for granted.
pub(crate) fn facts(run: &Run) -> Vec<String> {
    let control = format!(
        "{} of {} of control",
        crate::run::grouped(run.harm.control_failures),
        crate::run::grouped(run.harm.control_requests)
    );
    let mut facts = vec![
        format!("{}, {control}.", run.harm.words()),
        format!("{} decisions in {} of virtual time.", crate::run::grouped(run.decisions), run.lasted),
    ];
    if !run.assumed.is_empty() {
        let names: Vec<String> = run.assumed.iter().map(|name| name.words()).collect();
        facts.push(format!("Taken to be healthy, because the scenario says nothing of them: {}.", names.join(", ")));
    }
    facts
}

/// The words of a mark with how long it lasted.
pub(crate) fn told(mark: &Mark) -> String {
    match (mark.lasted, mark.times) {
        (None, 1) => mark.text.clone(),
        (None, times) => format!("{} ({times} times)", mark.text),
        (Some(lasted), 1) => format!("{} (for {lasted})", mark.text),
        (Some(lasted), times) => format!("{} ({times} times, {lasted} in all)", mark.text),
    }
}

/// Steps of the time axis, so that there are at most `most` of them.
pub(crate) fn axis_step(lasted: Millis, most: usize) -> Millis {
    let minutes = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 5760];
    let steps = [5, 10, 30].map(Millis::seconds).into_iter().chain(minutes.map(Millis::minutes));
    let fits = |step: &Millis| lasted.0 / step.0 <= most.max(2) as u64;
    steps.into_iter().find(fits).unwrap_or(Millis::hours(10 * 24))
}

/// A time for an axis: `0`, `90 s`, `2 h`, `2:30 h`.
pub(crate) fn short(at: Millis) -> String {
    let seconds = at.0 / 1000;
    match seconds {
        0 => "0".to_owned(),
        1..=599 if !seconds.is_multiple_of(60) => format!("{seconds} s"),
        1..=3599 => format!("{} min", seconds / 60),
        _ if seconds.is_multiple_of(86_400) => format!("{} d", seconds / 86_400),
        _ if seconds.is_multiple_of(3600) => format!("{} h", seconds / 3600),
        _ => format!("{}:{:02} h", seconds / 3600, seconds / 60 % 60),
    }
}

/// A time to the second: `1:00:05`.
pub(crate) fn short_precise(at: Millis) -> String {
    let seconds = at.0 / 1000;
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The letter of the decision at this place.
pub(crate) fn letter(place: usize) -> char {
    LETTERS.chars().nth(place).unwrap_or('+')
}

/// The sign of a verdict.
const fn sign(verdict: Verdict) -> char {
    match verdict {
        Verdict::Healthy => '·',
        Verdict::Thin => 't',
        Verdict::Degraded => 'D',
        Verdict::Blind => '?',
        Verdict::Breach => 'X',
    }
}

const fn colour(verdict: Verdict) -> Colour {
    match verdict {
        Verdict::Healthy => Colour::Good,
        Verdict::Thin => Colour::Faint,
        Verdict::Degraded => Colour::Warn,
        Verdict::Blind => Colour::Blind,
        Verdict::Breach => Colour::Bad,
    }
}

/// The sign of a kind of mark.
pub(crate) const fn kind_sign(kind: MarkKind) -> char {
    match kind {
        MarkKind::Started | MarkKind::Raised => '▲',
        MarkKind::Lowered | MarkKind::RolledBack => '▼',
        MarkKind::Completed => '●',
        MarkKind::Restarted => '↻',
        MarkKind::Held | MarkKind::Frozen => '■',
        MarkKind::Paged => '!',
        MarkKind::Ordered => '→',
        MarkKind::Refused => '×',
        MarkKind::World => '~',
    }
}

const fn mark_colour(kind: MarkKind) -> Colour {
    match kind {
        MarkKind::Started | MarkKind::Raised | MarkKind::Completed => Colour::Good,
        MarkKind::RolledBack => Colour::Bad,
        MarkKind::Lowered | MarkKind::Restarted | MarkKind::Held | MarkKind::Frozen | MarkKind::Paged => Colour::Warn,
        MarkKind::Ordered | MarkKind::Refused | MarkKind::World => Colour::Faint,
    }
}

/// Lines of at most `width` columns, broken between words; a longer word is broken itself.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let last = lines.len() - 1;
            let line = &mut lines[last];
            let used = line.chars().count();
            let space = usize::from(used > 0);
            if used + space + word.len() <= width {
                line.extend(std::iter::repeat_n(' ', space).chain(word));
                break;
            }
            if used == 0 {
                let rest = word.split_off(width);
                line.extend(word);
                word = rest;
            }
            lines.push(String::new());
        }
    }
    lines
}

/// The same in ASCII.
fn plain(text: &str) -> String {
    let ascii = |c: char| match c {
        '█' | '■' | '▇' => '#',
        '┤' | '│' => '|',
        '└' | '┬' => '+',
        '─' => '-',
        '·' | '▁' => '.',
        '▂' | '▃' => ':',
        '▄' | '▅' | '▆' => '=',
        '▲' => '^',
        '▼' => 'v',
        '●' => 'o',
        '↻' => '@',
        '→' => '>',
        '×' => 'x',
        '…' => '~',
        '\u{a0}' => ' ',
        c if c.is_ascii() => c,
        _ => '?',
    };
    text.chars().map(ascii).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_asked() {
        for width in [1, 5, 12] {
            let lines = wrapped("a sentence with incomprehensibilities in it", width);
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{lines:?}");
            let words: String = lines.concat().replace(' ', "");
            assert_eq!(words, "asentencewithincomprehensibilitiesinit");
        }
    }

    #[test]
    fn an_axis_has_few_steps_and_round_ones() {
        assert_eq!(axis_step(Millis::hours(16), 9), Millis::hours(2));
        assert_eq!(axis_step(Millis::seconds(50), 6), Millis::seconds(10));
        assert_eq!(short(Millis::minutes(150)), "2:30 h");
        assert_eq!(short(Millis::seconds(90)), "90 s");
    }
}
