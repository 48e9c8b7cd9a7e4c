//! What is told, whomever it is told to.

use crate::store::Due;
use rampart_core::Timestamp;
use reqwest::Url;
use serde_json::{Value, json};
use uuid::Uuid;

/// One notification as a target receives it.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    /// The same at every attempt: receivers tell doubles by it.
    pub(super) id: Uuid,
    pub(super) flag: String,
    /// The journal's name of what happened, or `test`.
    pub(super) kind: String,
    /// One plain sentence.
    pub(super) text: String,
    /// Everything the outbox has of it.
    pub(super) body: Value,
    pub(super) at: Timestamp,
    /// The page, where its address is known.
    pub(super) link: Option<String>,
}

/// The kind of a letter that only says that letters arrive.
const TEST: &str = "test";

impl Letter {
    pub(super) fn of(due: Due, public: Option<&Url>) -> Self {
        let text = due.body.get("text").and_then(Value::as_str).unwrap_or(&due.kind).to_owned();
        let link = public.map(|public| link(public, &due.flag));
        Self { id: due.notification, flag: due.flag, kind: due.kind, text, body: due.body, at: due.created_at, link }
    }

    /// The same in other words.
    pub(super) fn worded(&self, text: String) -> Self {
        let mut letter = Self { text, ..self.clone() };
        if let Some(members) = letter.body.as_object_mut() {
            members.insert("text".to_owned(), letter.text.as_str().into());
        }
        letter
    }

    /// Whether it only says that letters arrive.
    pub(super) fn is_test(&self) -> bool {
        self.kind == TEST
    }

    /// A letter that says that letters arrive.
    pub(super) fn test(by: &str, at: Timestamp, public: Option<&Url>) -> Self {
        let text = format!("Rampart can reach you: this is a test, sent by {by}; nothing has to be done.");
        Self {
            id: Uuid::now_v7(),
            flag: String::new(),
            kind: TEST.to_owned(),
            body: json!({ "kind": TEST, "text": text }),
            text,
            at,
            link: public.map(Url::to_string),
        }
    }
}

fn link(public: &Url, flag: &str) -> String {
    let mut url = public.clone();
    url.query_pairs_mut().append_pair("flag", flag);
    url.into()
}
