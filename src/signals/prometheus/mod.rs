//! Measurements that a Prometheus server answers, or anything that speaks its HTTP API.
//!
//! What comes back is somebody else's text about somebody else's counters, so every way in which it can be
//! something other than a number has a name ([`Trouble`]), and none of them becomes one. The parts that decide
//! what a number means are pure; [`Client`] alone speaks with the server.

mod answer;
mod bins;
mod buckets;
mod client;
mod counters;
mod counting;
mod credentials;
mod decode;
mod measure;
mod past;
mod pulse;
mod read;
mod round;
mod sensor;
mod settings;
mod template;
mod trouble;
mod window;

pub use answer::{Answer, Data, Labels, Point, Sample, Series};
pub use bins::{Counters, arms, arms_over, edge_not_under};
pub use buckets::{Buckets, P95};
pub use client::{Client, LARGEST_ANSWER};
pub use counters::{Bins, Witness, gap_limit, increase};
pub use counting::Counting;
pub use decode::decode;
pub use past::{canary_requests, readings_at};
pub use pulse::Pulse;
pub use read::{by_label, matrix, one_number};
pub use round::{Round, Told};
pub use sensor::Sensor;
pub use settings::PrometheusSettings;
pub use trouble::Trouble;
