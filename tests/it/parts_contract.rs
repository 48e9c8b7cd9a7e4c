//! The two lenses answer alike: the same story is told to two daemons on equal databases, one through each.

use super::client::{CAPTAIN, CREW, HOD, User, database};
use super::deeds::{Aboard, DEEDS, UNKNOWN};
use crate::harness::{Daemon, SERVICE_KEY};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::HashMap;

/// What one lens told.
struct Story {
    lens: &'static str,
    lines: Vec<String>,
    ids: HashMap<String, usize>,
}

impl Story {
    /// Asks, and writes down what came back.
    async fn ask(&mut self, user: &User, method: Method, path: &str, body: Option<&Value>) -> Value {
        let mut request = user.request(method, path).header("apikey", SERVICE_KEY).header("x-part-lens", self.lens);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = user.send(request).await;
        assert_eq!(answer.header("x-part-lens"), self.lens, "{path}");
        let told = self.plain(&answer.body.to_string());
        let asked = self.plain(path);
        self.lines.push(format!("{asked} {} {told}", answer.status));
        answer.body
    }

    /// Ids and times that each daemon makes for itself are told by their order of appearance.
    fn plain(&mut self, text: &str) -> String {
        let (mut plain, mut rest) = (String::new(), text);
        while !rest.is_empty() {
            if let Some(length) = made(rest) {
                let (next, found) = (self.ids.len(), rest[..length].to_owned());
                let number = *self.ids.entry(found).or_insert(next);
                plain.push_str(&format!("<{number}>"));
                rest = &rest[length..];
            } else {
                let letter = rest.chars().next().unwrap_or_default();
                plain.push(letter);
                rest = &rest[letter.len_utf8()..];
            }
        }
        plain
    }
}

/// How long the made thing is that `text` begins with: an id, a hash or a time. Ids of the seeds are the same in both.
fn made(text: &str) -> Option<usize> {
    let hex = |from: usize, to: usize| {
        text.get(from..to).is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'))
    };
    if text.starts_with("hmac-sha256:") {
        return Some(12 + 64);
    }
    let id = text.get(..36).is_some_and(|id| id.parse::<uuid::Uuid>().is_ok());
    if id {
        return Some(36);
    }
    let time = text.get(..20)?;
    let time = time.as_bytes()[10] == b'T' && hex(0, 10) && time.as_bytes()[4] == b'-';
    time.then(|| text.find('"').unwrap_or(text.len()))
}

async fn told(lens: &'static str) -> Vec<String> {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let aboard = Aboard::of(&daemon, &database).await;
    let mut story = Story { lens, lines: Vec::new(), ids: HashMap::new() };
    let captain = User::of(&daemon, CAPTAIN);
    let part: String = sqlx::query_scalar("select part_id::text from v_low_stock_report order by part_id limit 1")
        .fetch_one(&database)
        .await
        .unwrap();
    // Each way of looking, before and after everything that can be done.
    for _ in 0..2 {
        for user in [CREW, HOD, CAPTAIN].map(|user| User::of(&daemon, user)) {
            for path in [
                "/v1/parts/low-stock".to_owned(),
                "/v1/parts/low-stock?limit=3&offset=2".to_owned(),
                "/v1/parts/low-stock?department=engineering&threshold_percent=50".to_owned(),
                format!("/v1/parts/{part}"),
                format!("/v1/parts/{}", super::client::PLENTY),
                format!("/v1/parts/{UNKNOWN}"),
                format!("/v1/parts/suggestions?part_id={part}"),
                format!("/v1/parts/suggestions?part_id={}", super::client::PLENTY),
                format!("/v1/parts/suggestions?part_id={}", super::client::NOTHING),
                format!("/v1/parts/{}/transactions", super::client::SOME),
                "/v1/actions/list".to_owned(),
                "/v1/actions/list?q=stock".to_owned(),
            ] {
                story.ask(&user, Method::GET, &path, None).await;
            }
            let about = json!({ "context": { "entity_type": "part", "entity_id": part } });
            story.ask(&user, Method::POST, "/v1/actions/suggestions", Some(&about)).await;
            for path in ["/v1/parts/shopping-list/prefill", "/v1/parts/adjust-stock/prefill"] {
                story.ask(&user, Method::POST, &format!("{path}?part_id={part}"), None).await;
            }
        }
        for deed in DEEDS.into_iter().filter(|deed| !deed.route.contains('{') && deed.action != "view_low_stock") {
            let sound = aboard.sound(deed.action).await;
            story.ask(&captain, Method::POST, deed.route, Some(&sound)).await;
            let by_name = json!({ "action": deed.action, "payload": aboard.sound(deed.action).await });
            story.ask(&captain, Method::POST, "/v1/actions/execute", Some(&by_name)).await;
            story.ask(&captain, Method::POST, deed.route, Some(&json!({}))).await;
        }
    }
    story.lines
}

#[tokio::test]
async fn both_lenses_tell_the_same_story() {
    let (old, new) = tokio::join!(told("v1"), told("v2"));
    assert_eq!(old.len(), new.len());
    for (old, new) in old.iter().zip(&new) {
        assert_eq!(old, new);
    }
}
