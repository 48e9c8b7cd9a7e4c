//! What viewers are told, written once for all of them.

use super::status::Status;
use crate::store::JournalRow;
use axum::body::Bytes;
use rampart_core::FlagKey;
use rampart_core::rollout::Revision;
use serde::Serialize;

/// How long a viewer waits before it connects again, in milliseconds.
const RETRY: u16 = 500;

/// One server-sent event. Cloning it shares the bytes, however many watch.
#[derive(Clone, Debug)]
pub struct Told {
    /// The flag and revision it speaks of, where it says how a flag stands.
    pub stands: Option<(FlagKey, Revision)>,
    /// The event as it goes over the wire.
    pub frame: Bytes,
}

impl Told {
    /// Where a flag stands.
    pub fn status(status: &Status) -> Self {
        let frame = framed(&format!("event: status\nretry: {RETRY}\n"), status);
        Self { stands: Some((status.flag.clone(), Revision(status.revision))), frame }
    }

    /// A new journal entry.
    pub fn journal(entry: &JournalRow) -> Self {
        Self { stands: None, frame: framed(&format!("event: journal\nid: {}\n", entry.seq), entry) }
    }
}

/// JSON has no line breaks of its own, so one line of data holds it.
fn framed(head: &str, data: &impl Serialize) -> Bytes {
    match serde_json::to_string(data) {
        Ok(json) => format!("{head}data: {json}\n\n"),
        // What we made ourselves can be written as JSON; a comment stands in if it ever cannot.
        Err(error) => format!(": {error}\n\n"),
    }
    .into()
}
