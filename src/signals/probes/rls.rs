//! `probe.rls`: may somebody of one yacht see another's rows? Asked in SQL, and over the daemon's own API.

use super::Went;
use super::own_api::Answer;
use crate::signals::Sensors;
use crate::store::StoreError;
use rampart_core::rollout::Outcome;
use reqwest::Method;
use uuid::Uuid;

/// What the probe found: a user's own rows, without which it proves nothing, and those of others.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    own: i64,
    foreign: i64,
}

impl Sensors {
    /// As a user of each of two yachts: reads everything in SQL, and asks the API for a part of the other by its id
    /// and in the list. Any row of another yacht is one too many.
    pub(super) async fn look_for_strangers(&self) -> Result<Outcome, String> {
        let users = self.store.probe_users().await.map_err(|error| error.to_string())?;
        let [(first, one), (second, other)] = users[..] else {
            return Ok(Outcome::NoEvidence(
                "two yachts with people and parts are needed to prove isolation".to_owned(),
            ));
        };
        let mut found = Found::default();
        for (user, yacht) in [(first, one), (second, other)] {
            let seen = self.store.probe_rls(user, yacht).await.map_err(|error| error.to_string())?;
            found.foreign += seen.foreign;
            if seen.own == 0 && found.foreign == 0 {
                return Ok(Outcome::NoEvidence("the probe's user sees no rows of its own yacht".to_owned()));
            }
            found.own += seen.own;
        }
        let measured = |found: Found| Outcome::measured(found.foreign as f64, u64::try_from(found.own).unwrap_or(0));
        // What SQL has shown needs no second witness, and without secrets SQL is the one there is.
        if found.foreign > 0 || self.own_api.missing().is_some() {
            return Ok(measured(found));
        }
        for (user, own, strange) in [(first, one, other), (second, other, one)] {
            match self.ask_for_strange_parts(user, own, strange).await {
                Ok(foreign) => found.foreign += foreign,
                Err(Went::Untried(why) | Went::Wrong(why)) => {
                    return Ok(Outcome::NoEvidence(format!(
                        "SQL shows no foreign row, but the API cannot be asked: {why}"
                    )));
                }
                Err(Went::Well) => {}
            }
        }
        Ok(measured(found))
    }

    /// How many parts of the yacht `strange` the API shows to a user of the yacht `own`.
    async fn ask_for_strange_parts(&self, user: Uuid, own: Uuid, strange: Uuid) -> Result<i64, Went> {
        let untried = |error: StoreError| Went::Untried(error.to_string());
        let mut foreign = 0;
        if let Some(part) = self.store.probe_part(strange).await.map_err(untried)? {
            let answer = self.own_api.ask(user, Method::GET, &format!("/v1/parts/{part}"), None).await?;
            foreign += i64::from(shown(&answer)?);
        }
        let list = self.own_api.ask(user, Method::GET, "/v1/parts/low-stock", None).await?;
        foreign += self.store.foreign_parts(&listed(&list)?, own).await.map_err(untried)?;
        Ok(foreign)
    }
}

/// Whether a part that must not be seen was: anything but a refusal shows it.
fn shown(answer: &Answer) -> Result<bool, Went> {
    match answer.status {
        403 | 404 => Ok(false),
        200..300 => Ok(true),
        status => Err(Went::Wrong(format!("a strange part was answered with {status}"))),
    }
}

/// The ids of the parts in a list.
fn listed(answer: &Answer) -> Result<Vec<Uuid>, Went> {
    let parts = answer.body["parts"].as_array().filter(|_| answer.status == 200);
    let parts = parts.ok_or_else(|| Went::Wrong(format!("the list was answered with {}", answer.status)))?;
    Ok(parts.iter().filter_map(|part| part["id"].as_str()?.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_refusal_hides_a_part_and_an_error_proves_nothing() {
        let answer = |status| Answer { status, body: json!({}) };
        assert_eq!((shown(&answer(404)), shown(&answer(403)), shown(&answer(200))), (Ok(false), Ok(false), Ok(true)));
        assert!(shown(&answer(500)).is_err() && shown(&answer(401)).is_err());
        assert!(listed(&answer(200)).is_err(), "a list without parts is no list");
    }
}
