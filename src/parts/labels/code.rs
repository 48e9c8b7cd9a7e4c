//! The code on a label: a QR code (ISO/IEC 18004) as runs of dark squares, to be drawn sharp at any size.

use qrcode::types::QrError;
use qrcode::{Color, EcLevel, QrCode};
use uuid::Uuid;

/// The quiet zone around a code, in squares; the standard wants four.
pub(super) const QUIET_SQUARES: u16 = 4;

/// What is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Code {
    /// Squares on each side, without the quiet zone.
    pub(super) side: u16,
    /// Dark squares next to each other, from the top row down.
    pub(super) runs: Vec<Run>,
}

/// Dark squares in one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) x: u16,
    pub(super) y: u16,
    pub(super) squares: u16,
}

/// The code of a part. A seventh of it may be scratched.
pub(super) fn of_part(part: Uuid) -> Result<Code, QrError> {
    let code = QrCode::with_error_correction_level(text(part), EcLevel::M)?;
    let colours = code.to_colors();
    let mut runs: Vec<Run> = Vec::new();
    for (y, row) in (0..).zip(colours.chunks(code.width())) {
        for (x, _) in (0..).zip(row).filter(|(_, colour)| **colour == Color::Dark) {
            match runs.last_mut() {
                Some(run) if run.y == y && run.x + run.squares == x => run.squares += 1,
                _ => runs.push(Run { x, y, squares: 1 }),
            }
        }
    }
    let side = u16::try_from(code.width()).map_err(|_| QrError::InvalidVersion)?;
    Ok(Code { side, runs })
}

/// What a scanner reads.
fn text(part: Uuid) -> String {
    format!("part:{part}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runs_are_the_dark_squares_of_the_code_and_no_others() {
        let part = Uuid::from_u128(0x8ad6_7e2f_2579_4d6c_afd2_0dee_85f4_d8b3);
        let code = of_part(part).expect("a code");
        let side = usize::from(code.side);
        let mut drawn = vec![false; side * side];
        for run in &code.runs {
            for x in run.x..run.x + run.squares {
                drawn[usize::from(run.y) * side + usize::from(x)] = true;
            }
        }
        let expected = QrCode::with_error_correction_level(text(part), EcLevel::M).expect("a code");
        assert_eq!(drawn, expected.to_colors().iter().map(|colour| *colour == Color::Dark).collect::<Vec<_>>());
        assert_eq!(code.side, 29, "version 3: larger squares are easier to scan");
        assert_eq!(code.runs[0], Run { x: 0, y: 0, squares: 7 }, "the top of a finder pattern");
    }
}
