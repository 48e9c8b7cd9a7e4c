//! The timeline as SVG: ramp, verdicts, failure rates and latencies over one axis of time.

use super::svg::{at, escaped, path, round_up};
use super::tone;
use crate::run::{Arm, Limit, Run, Sample};
use crate::timeline::{axis_step, letter, short};
use rampart_core::Millis;
use rampart_core::policy::Unit;
use rampart_core::rollout::Verdict;
use std::fmt::Write;

/// How large everything is, in the units of the drawing.
pub(super) struct Layout {
    /// Begins the ids of this drawing; two on a page must not share one.
    prefix: &'static str,
    width: f64,
    /// Where time begins and ends.
    left: f64,
    right: f64,
    ramp: f64,
    panel: f64,
    lane: f64,
    /// Whether names stand above their lanes and not beside them.
    stacked: bool,
}

/// For a screen or paper.
pub(super) const WIDE: Layout = Layout {
    prefix: "w",
    width: 960.0,
    left: 172.0,
    right: 940.0,
    ramp: 130.0,
    panel: 84.0,
    lane: 13.0,
    stacked: false,
};
/// For a phone.
pub(super) const NARROW: Layout =
    Layout { prefix: "n", width: 360.0, left: 46.0, right: 352.0, ramp: 110.0, panel: 76.0, lane: 11.0, stacked: true };

const GAP: f64 = 26.0;
/// Radius of a decision's sign.
const SIGN: f64 = 8.5;
/// The most rows of signs above the ramp; beyond, signs may touch.
const SIGN_ROWS: usize = 4;
/// The most signs.
const MAX_SIGNS: usize = 60;

struct Chart<'r> {
    run: &'r Run,
    layout: &'r Layout,
    out: String,
    /// Where the next part begins.
    y: f64,
}

/// The drawing.
pub(super) fn draw(run: &Run, layout: &Layout) -> String {
    let mut chart = Chart { run, layout, out: String::new(), y: 0.0 };
    let signs = chart.signs();
    chart.ramp();
    chart.lanes();
    let rate = |arm: &Arm| arm.failure_rate;
    let p95 = |arm: &Arm| arm.p95_ms;
    chart.panel("failed requests", Unit::Ratio, &run.limits.failure_rate, rate);
    chart.panel("p95 latency", Unit::Ms, &run.limits.p95_ms, p95);
    let bottom = chart.y - GAP + 6.0;
    let axis = chart.axis(bottom);
    let Chart { out: parts, .. } = chart;
    let (prefix, width, height) = (layout.prefix, layout.width, at(bottom + 24.0));
    let mut out = format!(
        "<svg class=\"{}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{prefix}-title\">\n\
         <title id=\"{prefix}-title\">{}</title>\n{}\n{axis}",
        if layout.stacked { "narrow" } else { "wide" },
        escaped(&run.summary),
        patterns(prefix, &Verdict::ALL),
    );
    for (x, y, place) in &signs {
        let _ = writeln!(
            out,
            "<path class=\"moment {}\" d=\"M{x} {}V{}\"/>",
            run.marks.get(*place).map_or("plain", |mark| tone(mark.kind)),
            at(y + SIGN),
            at(bottom),
            x = at(*x),
        );
    }
    out += &parts;
    for (x, y, place) in signs {
        let Some(mark) = run.marks.get(place) else { continue };
        let _ = writeln!(
            out,
            "<g class=\"sign {}\"><title>{}</title><circle cx=\"{x}\" cy=\"{}\" r=\"{SIGN}\"/><text x=\"{x}\" \
             y=\"{}\">{}</text></g>",
            tone(mark.kind),
            escaped(&mark.text),
            at(y),
            at(y + 3.6),
            letter(place),
            x = at(x),
        );
    }
    out + "</svg>\n"
}

/// Fills for verdicts: a colour and a pattern each, so that neither is alone in saying it.
pub(super) fn patterns(prefix: &str, verdicts: &[Verdict]) -> String {
    let mut out = String::from("<defs>");
    for verdict in verdicts {
        let name = verdict.name();
        let marks = match verdict {
            Verdict::Healthy => "",
            Verdict::Thin => "<circle cx=\"3\" cy=\"3\" r=\"1.2\"/>",
            Verdict::Degraded => "<path d=\"M-1 1L1 -1M0 6L6 0M5 7L7 5\"/>",
            Verdict::Blind => "<path d=\"M0 0L6 6M6 0L0 6\"/>",
            Verdict::Breach => "<path d=\"M0 1.5H6M0 4.5H6\"/>",
        };
        let _ = write!(
            out,
            "<pattern id=\"{prefix}-{name}\" class=\"fill {name}\" width=\"6\" height=\"6\" \
             patternUnits=\"userSpaceOnUse\"><rect width=\"6\" height=\"6\"/>{marks}</pattern>"
        );
    }
    out + "</defs>"
}

impl Chart<'_> {
    fn x(&self, at: Millis) -> f64 {
        let share = at.as_seconds() / self.run.lasted.as_seconds().max(1.0);
        self.layout.left + share.clamp(0.0, 1.0) * (self.layout.right - self.layout.left)
    }

    /// Places for the signs of decisions, in as few rows as keep them apart.
    fn signs(&mut self) -> Vec<(f64, f64, usize)> {
        let mut ends = [f64::MIN; SIGN_ROWS];
        let mut signs = Vec::new();
        for (place, mark) in self.run.marks.iter().take(MAX_SIGNS).enumerate() {
            let x = self.x(mark.at);
            let free = ends.iter().position(|end| x - end > SIGN * 2.0 + 1.0).unwrap_or(place % SIGN_ROWS);
            ends[free] = x;
            signs.push((x, SIGN + 2.0 + free as f64 * (SIGN * 2.0 + 2.0), place));
        }
        let rows = ends.iter().filter(|end| **end > f64::MIN).count();
        self.y = rows as f64 * (SIGN * 2.0 + 2.0) + 10.0;
        signs
    }

    fn label(&mut self, y: f64, text: &str, class: &str) {
        let x = at(self.layout.left - 6.0);
        let _ =
            writeln!(self.out, "<text class=\"{class} end\" x=\"{x}\" y=\"{}\">{}</text>", at(y + 4.0), escaped(text));
    }

    fn caption(&mut self, text: &str) {
        let (x, y) = (at(self.layout.left), at(self.y - 5.0));
        let _ = writeln!(self.out, "<text class=\"caption\" x=\"{x}\" y=\"{y}\">{}</text>", escaped(text));
    }

    fn grid(&mut self, y: f64) {
        let (left, right) = (at(self.layout.left), at(self.layout.right));
        let _ = writeln!(self.out, "<path class=\"grid\" d=\"M{left} {y}H{right}\"/>", y = at(y));
    }

    fn ramp(&mut self) {
        self.y += 14.0;
        self.caption("share of people with the flag");
        let (top, height) = (self.y, self.layout.ramp);
        let y = |percent: rampart_core::Percent| top + height * (1.0 - percent.share());
        let mut last = f64::MAX;
        for percent in self.run.stages.iter().rev() {
            let level = y(*percent);
            self.grid(level);
            // Labels of stages that lie close together would cover each other.
            if (last - level).abs() >= 11.0 {
                self.label(level, &percent.to_string(), "tick");
                last = level;
            }
        }
        self.grid(top + height);
        let mut line = String::new();
        for (place, step) in self.run.steps.iter().enumerate() {
            let (x, level) = (at(self.x(step.at)), at(y(step.percent)));
            let _ = if place == 0 { write!(line, "M{x} {level}") } else { write!(line, "H{x}V{level}") };
        }
        let _ = write!(line, "H{}", at(self.layout.right));
        let foot = at(top + height);
        let left = at(self.run.steps.first().map_or(self.layout.left, |step| self.x(step.at)));
        let _ =
            writeln!(self.out, "<path class=\"area\" d=\"{line}V{foot}H{left}Z\"/><path class=\"ramp\" d=\"{line}\"/>");
        self.y = top + height + GAP;
    }

    fn lanes(&mut self) {
        let (left, right) = (self.layout.left, self.layout.right);
        let columns = (right - left) as u64;
        if self.layout.stacked {
            self.y -= 8.0;
        } else {
            self.y -= GAP - 14.0;
        }
        for lane in &self.run.lanes {
            let name = if lane.shadow { format!("({})", lane.check.words()) } else { lane.check.words() };
            if self.layout.stacked {
                let y = at(self.y + 9.0);
                let _ =
                    writeln!(self.out, "<text class=\"tick\" x=\"{}\" y=\"{y}\">{}</text>", at(left), escaped(&name));
                self.y += 13.0;
            } else {
                self.label(self.y + self.layout.lane / 2.0, &name, "name");
            }
            let bound = |column: u64| Millis(self.run.lasted.0 * column / columns);
            let said: Vec<Option<Verdict>> =
                (0..columns).map(|column| lane.said(bound(column), bound(column + 1))).collect();
            let mut first = 0_u64;
            for same in said.chunk_by(|one, other| one == other) {
                let (from, width) = (left + first as f64, same.len() as f64);
                first += same.len() as u64;
                let Some(verdict) = same[0] else { continue };
                let (begin, end) = (bound(first - same.len() as u64), bound(first));
                let why = lane.spans.iter().find(|span| span.verdict == verdict && span.to >= begin && span.from < end);
                let why = why.map_or("", |span| span.why.as_str());
                let _ = writeln!(
                    self.out,
                    "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"url(#{}-{})\"><title>{}</title></rect>",
                    at(from),
                    at(self.y),
                    at(width.max(2.0).min(right - from)),
                    self.layout.lane,
                    self.layout.prefix,
                    verdict.name(),
                    escaped(&format!("{name}, {} from {}: {why}", verdict.name(), short(begin))),
                );
            }
            self.y += self.layout.lane + 5.0;
        }
        self.y += GAP - 2.0;
    }

    fn panel(&mut self, name: &str, unit: Unit, limits: &[Limit], of: impl Fn(&Arm) -> Option<f64>) {
        self.caption(name);
        let (top, height) = (self.y, self.layout.panel);
        let samples = &self.run.samples;
        let values = samples.iter().flat_map(|sample| [of(&sample.canary), of(&sample.control)]).flatten();
        let most = values.chain(limits.iter().map(|limit| limit.value)).fold(0.0, f64::max);
        let most = round_up(if most > 0.0 { most * 1.02 } else { 1.0 });
        let y = |value: f64| top + height * (1.0 - value / most);
        for value in [0.0, most / 2.0, most] {
            self.grid(y(value));
            self.label(y(value), &unit.show(value), "tick");
        }
        let middle = |sample: &Sample| Millis((sample.at.0 + self.run.sample_length.0 / 2).min(self.run.lasted.0));
        for (class, canary) in [("control", false), ("canary", true)] {
            let side = |sample: &Sample| of(if canary { &sample.canary } else { &sample.control });
            let line = path(samples.iter().map(|sample| Some((self.x(middle(sample)), y(side(sample)?)))));
            let _ = writeln!(self.out, "<path class=\"line {class}\" d=\"{line}\"/>");
        }
        for limit in limits {
            let word = if limit.rolls_back { "rolls back" } else { "must stay below" };
            let (line, right) = (at(y(limit.value)), self.layout.right);
            // Above its line, unless that would be outside the panel.
            let text = y(limit.value) + if y(limit.value) - top < 12.0 { 11.0 } else { -3.0 };
            let _ = writeln!(
                self.out,
                "<path class=\"line limit\" d=\"M{} {line}H{}\"/><text class=\"limit-word end\" x=\"{}\" y=\"{}\">{word} \
                 {}</text>",
                at(self.layout.left),
                at(right),
                at(right - 2.0),
                at(text),
                escaped(&unit.show(limit.value)),
            );
        }
        self.y = top + height + GAP;
    }

    /// Times below everything, with a line up through it.
    fn axis(&self, bottom: f64) -> String {
        let (mut out, mut time) = (String::new(), Millis::ZERO);
        let step = axis_step(self.run.lasted, ((self.layout.right - self.layout.left) / 58.0) as usize);
        let top = at(self.y.min(20.0));
        while time <= self.run.lasted {
            let x = self.x(time);
            let anchor = if x > self.layout.right - 16.0 { "end" } else { "middle" };
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{x} {top}V{}\"/><text class=\"tick {anchor}\" x=\"{x}\" y=\"{}\">{}</text>",
                at(bottom),
                at(bottom + 14.0),
                short(time),
                x = at(x),
            );
            time = time + step;
        }
        out
    }
}
