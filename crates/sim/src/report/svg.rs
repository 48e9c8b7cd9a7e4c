//! Text and numbers as SVG and HTML take them.

use std::fmt::Write;

/// Text that no markup hides in.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            letter if letter.is_control() => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

/// A coordinate with one decimal, and none where it is whole.
pub(super) fn at(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A path through points; a gap where there is none.
pub(super) fn path(points: impl Iterator<Item = Option<(f64, f64)>>) -> String {
    let (mut out, mut on) = (String::new(), false);
    for point in points {
        if let Some((x, y)) = point {
            let _ = write!(out, "{}{} {}", if on { 'L' } else { 'M' }, at(x), at(y));
        }
        on = point.is_some();
    }
    out
}

/// The next round number from `value` up.
pub(super) fn round_up(value: f64) -> f64 {
    let power = libm::pow(10.0, libm::floor(libm::log10(value.max(1e-9))));
    let steps = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= value * (1.0 - 1e-9)).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_text_stays_text() {
        assert_eq!(escaped("<b>&\"'\u{7}"), "&lt;b&gt;&amp;&quot;&#39;\u{fffd}");
    }

    #[test]
    fn a_path_has_gaps() {
        let points = [Some((0.0, 1.0)), Some((1.25, 2.0)), None, Some((3.0, 4.0))];
        assert_eq!(path(points.into_iter()), "M0 1L1.2 2M3 4");
    }

    #[test]
    fn the_top_of_an_axis_is_round() {
        for (value, top) in [(0.9, 1.0), (1.0, 1.0), (1.1, 1.2), (771.0, 800.0), (0.0021, 0.0025)] {
            assert!((round_up(value) - top).abs() < top * 1e-9, "{value}");
        }
    }
}
