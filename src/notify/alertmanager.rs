//! Alertmanager's API, version 2: <https://prometheus.io/docs/alerting/latest/alerts_api/>.
//!
//! An alert is a state, not a message: it stands until it ends. So what is sent is not the letter itself but how the
//! alerts it touches stand by now, from everything the flag's outbox has said. Letters may be late, doubled or out of
//! order, and Alertmanager still ends with the truth.

use super::letter::Letter;
use super::send::Request;
use crate::store::Newest;
use rampart_core::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How long an alert stands whose end nobody tells. Without an end, Alertmanager drops it after minutes.
const LASTS: chrono::Duration = chrono::Duration::hours(24);
/// How long the alert of a test stands.
const TEST_LASTS: chrono::Duration = chrono::Duration::minutes(1);

// Names and severities are those of dashboards/prometheus/alerts.yaml: who runs both is paged once.
const ROLLED_BACK: Alert = Alert { name: "RampartRolledBack", severity: "page" };
const FROZEN: Alert = Alert { name: "RampartFrozen", severity: "page" };
const BLIND: Alert = Alert { name: "RampartBlind", severity: "page" };
const STUCK: Alert = Alert { name: "RampartStuck", severity: "ticket" };
const GATE_PASSED: Alert = Alert { name: "RampartGatePassed", severity: "ticket" };
const TEST: Alert = Alert { name: "RampartTest", severity: "info" };

/// What people are paged for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Alert {
    name: &'static str,
    severity: &'static str,
}

/// How an alert stands.
#[derive(Clone, PartialEq, Debug)]
struct Standing {
    since: Timestamp,
    until: Option<Timestamp>,
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Posted<'l> {
    labels: Value,
    annotations: Value,
    starts_at: Timestamp,
    ends_at: Timestamp,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<&'l str>,
}

/// The alert that a notification raises.
fn raises(kind: &str, quiet: bool) -> Option<Alert> {
    match kind {
        "rolled_back" => Some(ROLLED_BACK),
        "frozen" => Some(FROZEN),
        "blind_paged" => Some(BLIND),
        "hold_paged" => Some(STUCK),
        "started" | "restarted" if !quiet => Some(GATE_PASSED),
        _ => None,
    }
}

/// The alerts that it ends.
fn ends(kind: &str) -> &'static [Alert] {
    match kind {
        "started" | "restarted" | "completed" => &[ROLLED_BACK, FROZEN, BLIND, STUCK, GATE_PASSED],
        "rolled_back" => &[FROZEN, BLIND, STUCK, GATE_PASSED],
        "advanced" | "stage_set" => &[BLIND, STUCK],
        "resumed" => &[FROZEN, STUCK],
        super::SIGHT_REGAINED => &[BLIND],
        _ => &[],
    }
}

/// How the flag's alerts stand, from its newest notification of each kind, oldest first.
fn standing(told: &[Newest]) -> BTreeMap<Alert, Standing> {
    let mut alerts: BTreeMap<Alert, Standing> = BTreeMap::new();
    for newest in told {
        for ended in ends(&newest.kind) {
            if let Some(standing) = alerts.get_mut(ended) {
                standing.until.get_or_insert(newest.created_at);
            }
        }
        if let Some(alert) = raises(&newest.kind, newest.quiet) {
            let (since, text) = (newest.created_at, newest.text.clone());
            alerts.insert(alert, Standing { since, until: None, text });
        }
    }
    alerts
}

/// The request that brings the alerts a letter touches; none where it touches none that was ever raised.
pub(super) fn request(letter: &Letter, told: &[Newest]) -> Option<Request> {
    let standing = standing(told);
    let touched = |alert: &Alert| raises(&letter.kind, false) == Some(*alert) || ends(&letter.kind).contains(alert);
    let posted: Vec<Posted<'_>> =
        standing.iter().filter(|(alert, _)| touched(alert)).map(|(alert, now)| posted(*alert, letter, now)).collect();
    if posted.is_empty() { None } else { Some(of(&posted)) }
}

/// The request that brings a test.
pub(super) fn test(letter: &Letter) -> Request {
    let standing = Standing { since: letter.at, until: Some(letter.at + TEST_LASTS), text: letter.text.clone() };
    of(&[posted(TEST, letter, &standing)])
}

fn of(posted: &[Posted<'_>]) -> Request {
    Request { headers: Vec::new(), body: json!(posted).to_string() }
}

fn posted<'l>(alert: Alert, letter: &'l Letter, standing: &Standing) -> Posted<'l> {
    let mut annotations = json!({ "summary": standing.text });
    if let Some(link) = &letter.link {
        annotations["link"] = link.as_str().into();
    }
    Posted {
        labels: json!({ "alertname": alert.name, "flag": letter.flag, "severity": alert.severity }),
        annotations,
        starts_at: standing.since,
        ends_at: standing.until.unwrap_or(standing.since + LASTS),
        generator_url: letter.link.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn told(kinds: &[(&str, bool)]) -> Vec<Newest> {
        let now = clock::wall();
        let at = |place: usize| now + chrono::Duration::seconds(i64::try_from(place).expect("few"));
        let newest = |(place, (kind, quiet)): (usize, &(&str, bool))| Newest {
            kind: (*kind).to_owned(),
            quiet: *quiet,
            text: format!("text {place}"),
            created_at: at(place),
        };
        kinds.iter().enumerate().map(newest).collect()
    }

    fn stand(kinds: &[(&str, bool)]) -> Vec<&'static str> {
        let stands = standing(&told(kinds)).into_iter().filter(|(_, now)| now.until.is_none());
        stands.map(|(alert, _)| alert.name).collect()
    }

    #[test]
    fn an_alert_stands_until_something_ends_it_and_no_longer() {
        assert_eq!(stand(&[("started", true), ("blind_paged", false)]), ["RampartBlind"]);
        assert!(stand(&[("blind_paged", false), ("sight_regained", false)]).is_empty());
        assert_eq!(stand(&[("hold_paged", false), ("frozen", false), ("rolled_back", false)]), ["RampartRolledBack"]);
        assert!(stand(&[("rolled_back", false), ("restarted", true)]).is_empty());
        assert_eq!(stand(&[("rolled_back", false), ("restarted", false)]), ["RampartGatePassed"]);
        assert!(stand(&[("frozen", false), ("resumed", true)]).is_empty());
        assert_eq!(stand(&[("completed", false), ("rolled_back", false)]), ["RampartRolledBack"]);
    }

    #[test]
    fn a_late_letter_tells_how_it_stands_now() {
        let history = told(&[("blind_paged", false), ("sight_regained", false)]);
        let mut letter = Letter::test("somebody", history[0].created_at, None);
        letter.kind = "blind_paged".to_owned();
        letter.flag = "a".to_owned();
        let body: Value = serde_json::from_str(&request(&letter, &history).expect("an alert").body).expect("JSON");
        assert_eq!(body[0]["labels"], json!({ "alertname": "RampartBlind", "flag": "a", "severity": "page" }));
        assert_eq!(body[0]["annotations"]["summary"], "text 0");
        assert_eq!(body[0]["endsAt"], json!(history[1].created_at), "it is over, although nobody was ever told of it");
        letter.kind = "completed".to_owned();
        assert!(request(&letter, &told(&[("completed", false)])).is_none(), "nothing was ever raised");
    }
}
