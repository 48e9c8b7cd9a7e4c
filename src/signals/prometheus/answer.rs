//! What a server answered, once it has been understood.

use rampart_core::Timestamp;
use std::collections::BTreeMap;

/// A successful answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What was found.
    pub data: Data,
    /// What the server says is missing or wrong with it.
    pub warnings: Vec<String>,
    /// What the server thinks of the query; says nothing against the value.
    pub infos: Vec<String>,
    /// Whether a part of the storage did not answer.
    pub partial: bool,
}

/// What a query found. Values may be NaN or infinite here.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// One sample a series.
    Vector(Vec<Point>),
    /// Many samples a series.
    Matrix(Vec<Series>),
    /// A number without a series.
    Scalar(Sample),
    /// A text.
    Text(String),
    /// One or many samples a series, of which some are native histograms.
    Histograms,
}

/// What tells one series from another.
pub type Labels = BTreeMap<String, String>;

/// One value at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// When, by the server's clock.
    pub at: Timestamp,
    /// What.
    pub value: f64,
}

/// A series and its one sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Which series.
    pub labels: Labels,
    /// Its sample.
    pub sample: Sample,
}

/// A series and its samples, in the order in which they came.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Which series.
    pub labels: Labels,
    /// Its samples.
    pub samples: Vec<Sample>,
}
