//! The sheet: A4 with three by eight labels of 70 × 37 mm, as they are sold everywhere.

use super::code::{self, Code, QUIET_SQUARES};
use super::text::Font;
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use qrcode::types::QrError;
use serde::Deserialize;
use uuid::Uuid;

const POINTS_PER_MM: f32 = 72.0 / 25.4;
const PAGE_WIDTH: f32 = 210.0 * POINTS_PER_MM;
const PAGE_HEIGHT: f32 = 297.0 * POINTS_PER_MM;
const COLUMNS: usize = 3;
const ROWS: usize = 8;
/// Labels on a page.
pub(super) const PER_PAGE: usize = COLUMNS * ROWS;
const LABEL_WIDTH: f32 = 70.0 * POINTS_PER_MM;
const LABEL_HEIGHT: f32 = 37.0 * POINTS_PER_MM;
/// What is left above the first row.
const TOP: f32 = (PAGE_HEIGHT - ROWS as f32 * LABEL_HEIGHT) / 2.0;
/// The side of a code with its quiet zone.
const CODE: f32 = 29.0 * POINTS_PER_MM;
/// Printers leave the edge of the paper white.
const PADDING: f32 = 4.0 * POINTS_PER_MM;
const TEXT_LEFT: f32 = PADDING + CODE;
const TEXT_WIDTH: f32 = LABEL_WIDTH - TEXT_LEFT - PADDING;

const REGULAR: Name<'static> = Name(b"F1");
const BOLD: Name<'static> = Name(b"F2");
const CATALOG: i32 = 1;
const PAGES: i32 = 2;
const REGULAR_FONT: i32 = 3;
const BOLD_FONT: i32 = 4;
const INFO: i32 = 5;
/// From here on each page takes two numbers: its own and its content's.
const FIRST_PAGE: i32 = 6;

/// What stands on a label.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Label {
    pub(super) part_id: Uuid,
    pub(super) name: String,
    pub(super) part_number: Option<String>,
    pub(super) location: Option<String>,
}

/// The sheet as a PDF. Its content is not compressed, so that it can be searched and compared.
pub(super) fn pdf(yacht: &str, labels: &[Label]) -> Result<Vec<u8>, QrError> {
    let mut pdf = Pdf::new();
    pdf.catalog(Ref::new(CATALOG)).pages(Ref::new(PAGES));
    let title = format!("Part labels, {yacht}");
    pdf.document_info(Ref::new(INFO)).title(TextStr(&title)).creator(TextStr("Rampart"));
    for (id, font) in [(REGULAR_FONT, "Helvetica"), (BOLD_FONT, "Helvetica-Bold")] {
        let name = Name(font.as_bytes());
        pdf.type1_font(Ref::new(id)).base_font(name).encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    let mut pages = Vec::new();
    for (number, on_page) in (0..).zip(labels.chunks(PER_PAGE)) {
        let (page, content) = (Ref::new(FIRST_PAGE + 2 * number), Ref::new(FIRST_PAGE + 2 * number + 1));
        pages.push(page);
        add_page(&mut pdf, page, content);
        pdf.stream(content, &drawn(yacht, on_page)?);
    }
    let count = i32::try_from(pages.len()).unwrap_or(i32::MAX);
    pdf.pages(Ref::new(PAGES)).kids(pages).count(count);
    Ok(pdf.finish())
}

fn add_page(pdf: &mut Pdf, id: Ref, content: Ref) {
    let mut page = pdf.page(id);
    page.parent(Ref::new(PAGES)).media_box(Rect::new(0.0, 0.0, PAGE_WIDTH, PAGE_HEIGHT)).contents(content);
    let mut resources = page.resources();
    resources.fonts().pair(REGULAR, Ref::new(REGULAR_FONT)).pair(BOLD, Ref::new(BOLD_FONT));
    resources.finish();
}

fn drawn(yacht: &str, labels: &[Label]) -> Result<Vec<u8>, QrError> {
    let mut content = Content::new();
    for (place, label) in labels.iter().enumerate() {
        let (column, row) = (place % COLUMNS, place / COLUMNS);
        let left = column as f32 * LABEL_WIDTH;
        let bottom = PAGE_HEIGHT - TOP - (row + 1) as f32 * LABEL_HEIGHT;
        draw_code(&mut content, &code::of_part(label.part_id)?, left + PADDING, bottom + (LABEL_HEIGHT - CODE) / 2.0);
        draw_text(&mut content, yacht, label, left + TEXT_LEFT, bottom + LABEL_HEIGHT - PADDING);
    }
    Ok(content.finish().into_vec())
}

/// Squares in whole numbers: the transformation brings them to size.
fn draw_code(content: &mut Content, code: &Code, left: f32, bottom: f32) {
    let scale = CODE / f32::from(code.side + 2 * QUIET_SQUARES);
    content.save_state().transform([scale, 0.0, 0.0, scale, left, bottom]);
    for run in &code.runs {
        let y = QUIET_SQUARES + code.side - 1 - run.y;
        content.rect(f32::from(QUIET_SQUARES + run.x), f32::from(y), f32::from(run.squares), 1.0);
    }
    content.fill_nonzero().restore_state();
}

fn draw_text(content: &mut Content, yacht: &str, label: &Label, left: f32, top: f32) {
    let paragraphs = [
        (Font::Bold, 8.5, 3, label.name.as_str()),
        (Font::Bold, 8.0, 2, label.part_number.as_deref().unwrap_or_default()),
        (Font::Regular, 7.0, 2, label.location.as_deref().unwrap_or_default()),
        (Font::Regular, 6.0, 1, yacht),
    ];
    let mut y = top;
    for (font, size, lines, text) in paragraphs {
        for line in font.lines(text, size, TEXT_WIDTH, lines) {
            y -= size * 1.15;
            content.begin_text();
            content.set_font(if font == Font::Bold { BOLD } else { REGULAR }, size);
            content.next_line(left, y).show(Str(&line)).end_text();
        }
        y -= size * 0.35;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(name: &str) -> Label {
        let (part_number, location) = (Some("RC-0005-511 (B)".to_owned()), Some("engine_room".to_owned()));
        Label { part_id: Uuid::max(), name: name.to_owned(), part_number, location }
    }

    fn count(pdf: &[u8], what: &str) -> usize {
        pdf.windows(what.len()).filter(|window| *window == what.as_bytes()).count()
    }

    #[test]
    fn a_page_takes_24_labels_and_the_25th_begins_another() {
        for (labels, pages) in [(1, 1), (PER_PAGE, 1), (PER_PAGE + 1, 2), (200, 9)] {
            let pdf = pdf("M/Y Meltemi", &vec![label("Impeller"); labels]).expect("a sheet");
            assert!(pdf.starts_with(b"%PDF-") && pdf.ends_with(b"%%EOF"));
            assert_eq!(count(&pdf, &format!("/Count {pages}")), 1);
            assert_eq!(count(&pdf, "/Type /Page\n"), pages);
            assert_eq!(count(&pdf, "(M/Y Meltemi) Tj"), labels);
        }
    }

    #[test]
    fn every_label_bears_its_text_and_all_squares_of_its_code() {
        let pdf = pdf("M/Y Meltemi", &[label("Impeller")]).expect("a sheet");
        for text in ["(Impeller) Tj", "RC-0005-511", "(engine_room) Tj"] {
            assert_eq!(count(&pdf, text), 1, "{text}");
        }
        let code = code::of_part(Uuid::max()).expect("a code");
        assert_eq!(count(&pdf, " 1 re\n"), code.runs.len());
    }

    #[test]
    fn no_name_breaks_a_sheet_or_leaves_its_label() {
        let long = "x".repeat(5000);
        for name in ["", " ", "\0\u{1f6a2}", "(((", "\\)\r\n", "Φίλτρο λαδιού", "يخت", &long, &"long words ".repeat(99)]
        {
            let pdf = pdf(name, &[label(name)]).expect("a sheet");
            assert!(pdf.len() < 20_000, "{name}");
        }
        let lines: f32 =
            [(8.5, 3.0), (8.0, 2.0), (7.0, 2.0), (6.0, 1.0)].iter().map(|(size, n)| size * (1.15 * n + 0.35)).sum();
        assert!(lines <= LABEL_HEIGHT - PADDING, "{lines} points of text");
    }
}
