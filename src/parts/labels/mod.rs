//! Labels for parts: a sheet to print, with a code to scan on every label, and what shall become of it.
//!
//! `sheet` lays out the page with what `text` knows of letters and `code` of squares; both compute and touch
//! nothing. `generate` stores the sheet and records the document; `output` notes that somebody wants it.

mod code;
mod generate;
mod output;
mod sheet;
mod text;

pub(super) use generate::{Generate, Generated};
pub(super) use output::{Output, Requested};
