//! Text in the fonts every PDF reader has: encoded in WinAnsi, measured and cut by Adobe's font metrics.
//!
//! Names on board are written in many scripts and these fonts know one. A character they lack becomes a
//! question mark, which a reader sees and can ask about; a line that is too long ends in an ellipsis.

/// What stands for a character the fonts lack.
const SUBSTITUTE: u8 = b'?';
/// Marks a line that was cut.
const ELLIPSIS: u8 = 0x85;
/// What WinAnsi (PDF 32000-1, annex D) has between 0x80 and 0x9f; the replacement character where nothing.
const SPECIALS: [char; 32] = [
    '€', '\u{fffd}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{fffd}', 'Ž', '\u{fffd}', '\u{fffd}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{fffd}', 'ž', 'Ÿ',
];
/// The first code with a width.
const FIRST: u8 = 32;

/// Widths of Helvetica from code 32 on, in thousandths of the size. From Adobe's core 14 metrics.
const REGULAR: [u16; 224] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584, 350, 556, 350, 222, 556, 333, 1000, 556, 556, 333, 1000, 667, 333, 1000, 350, 611, 350, 350, 222,
    222, 333, 333, 350, 556, 1000, 333, 1000, 500, 333, 944, 350, 500, 667, 278, 333, 556, 556, 556, 556, 260, 556,
    333, 737, 370, 556, 584, 333, 737, 333, 400, 584, 333, 333, 333, 556, 537, 278, 333, 333, 365, 556, 834, 834, 834,
    611, 667, 667, 667, 667, 667, 667, 1000, 722, 667, 667, 667, 667, 278, 278, 278, 278, 722, 722, 778, 778, 778, 778,
    778, 584, 778, 722, 722, 722, 722, 667, 667, 611, 556, 556, 556, 556, 556, 556, 889, 500, 556, 556, 556, 556, 278,
    278, 278, 278, 556, 556, 556, 556, 556, 556, 556, 584, 611, 556, 556, 556, 556, 500, 556, 500,
];
/// Widths of Helvetica Bold, likewise.
const BOLD: [u16; 224] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611,
    556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389,
    280, 389, 584, 350, 556, 350, 278, 556, 500, 1000, 556, 556, 333, 1000, 667, 333, 1000, 350, 611, 350, 350, 278,
    278, 500, 500, 350, 556, 1000, 333, 1000, 556, 333, 944, 350, 500, 667, 278, 333, 556, 556, 556, 556, 280, 556,
    333, 737, 370, 556, 584, 333, 737, 333, 400, 584, 333, 333, 333, 611, 556, 278, 333, 333, 365, 556, 834, 834, 834,
    611, 722, 722, 722, 722, 722, 722, 1000, 722, 667, 667, 667, 667, 278, 278, 278, 278, 722, 722, 778, 778, 778, 778,
    778, 584, 778, 722, 722, 722, 722, 667, 667, 611, 556, 556, 556, 556, 556, 556, 889, 556, 556, 556, 556, 556, 278,
    278, 278, 278, 611, 611, 611, 611, 611, 611, 611, 584, 611, 611, 611, 611, 611, 556, 611, 556,
];

/// A font every reader has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Font {
    Regular,
    Bold,
}

impl Font {
    /// The width of encoded text, in thousandths of the font's size.
    fn width(self, text: &[u8]) -> u32 {
        let widths = match self {
            Font::Regular => &REGULAR,
            Font::Bold => &BOLD,
        };
        let width = |code: &u8| widths.get(usize::from(code.saturating_sub(FIRST))).copied().unwrap_or_default();
        text.iter().map(|code| u32::from(width(code))).sum()
    }

    /// Whether text of `size` points is no wider than `width` points.
    fn fits(self, text: &[u8], size: f32, width: f32) -> bool {
        self.width(text) as f32 * size <= width * 1000.0
    }

    /// Text on at most `lines` lines of `width` points, broken between words, cut where it is too long.
    pub(super) fn lines(self, text: &str, size: f32, width: f32, lines: usize) -> Vec<Vec<u8>> {
        let encoded = encode(text);
        let mut words = encoded.split(|code| *code == b' ').filter(|word| !word.is_empty()).peekable();
        let mut set = Vec::new();
        while set.len() < lines && words.peek().is_some() {
            let mut line: Vec<u8> = Vec::new();
            let last = set.len() + 1 == lines;
            while let Some(word) = words.peek() {
                let longer = if line.is_empty() { word.to_vec() } else { [&line, *word].join(&b' ') };
                // The last line takes everything, to be cut; a first word has nowhere else to go.
                if !line.is_empty() && !last && !self.fits(&longer, size, width) {
                    break;
                }
                line = longer;
                words.next();
            }
            set.push(self.cut(line, size, width));
        }
        set
    }

    fn cut(self, mut line: Vec<u8>, size: f32, width: f32) -> Vec<u8> {
        if self.fits(&line, size, width) {
            return line;
        }
        while line.pop().is_some() {
            let cut = [line.as_slice(), &[ELLIPSIS]].concat();
            if self.fits(&cut, size, width) {
                return cut;
            }
        }
        Vec::new()
    }
}

/// Text in WinAnsi.
fn encode(text: &str) -> Vec<u8> {
    text.chars().map(code).collect()
}

fn code(character: char) -> u8 {
    match character {
        ' '..='~' | '\u{a0}'..='ÿ' => u8::try_from(u32::from(character)).unwrap_or(SUBSTITUTE),
        _ if character.is_whitespace() => b' ',
        '\u{fffd}' => SUBSTITUTE,
        _ => (0x80..).zip(SPECIALS).find(|(_, special)| *special == character).map_or(SUBSTITUTE, |(code, _)| code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_font_has_is_kept_and_what_it_lacks_is_seen_to_be_missing() {
        assert_eq!(encode("Öl–Filter 5 µm €"), b"\xd6l\x96Filter 5 \xb5m \x80");
        assert_eq!(encode("Φίλτρο\t\u{202e}\0\u{81}\u{fffd}x"), b"?????? ????x");
        assert_eq!((encode("ÿ~"), encode("…")), (vec![0xff, b'~'], vec![ELLIPSIS]));
    }

    #[test]
    fn widths_are_those_of_the_font() {
        assert_eq!(Font::Regular.width(b"Wil"), 944 + 222 + 222);
        assert_eq!(Font::Bold.width(b"@\xff"), 975 + 556);
        assert_eq!((Font::Regular.width(b"\x80\xe6"), Font::Bold.width(b"\xdf\x95")), (556 + 889, 611 + 350));
    }

    #[test]
    fn text_is_broken_between_words_and_cut_to_the_width() {
        let lines = Font::Regular.lines("main engine oil filter", 10.0, 60.0, 2);
        assert_eq!(lines, [b"main engine".to_vec(), b"oil filter".to_vec()]);
        let cut = Font::Bold.lines("a-word-much-too-long-for-any-label", 10.0, 50.0, 1);
        assert!(cut[0].ends_with(&[ELLIPSIS]) && Font::Bold.fits(&cut[0], 10.0, 50.0), "{cut:?}");
        assert!(Font::Bold.lines("  \n ", 10.0, 50.0, 2).is_empty());
        assert_eq!(Font::Bold.lines("wide", 10.0, 1.0, 2), [Vec::<u8>::new()]);
    }
}
