//! A few hundred people on two yachts, at a paced and bounded rate.

use crate::user_token::token_for;
use crate::{clock, store::Person};
use anyhow::ensure;
use secrecy::SecretString;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Requests a second, over everybody.
const RATE: u64 = 60;
/// Requests under way at the most; beyond it people wait.
const MAX_UNDER_WAY: usize = 64;
/// How long tokens of the demo's people are valid, in seconds.
const TOKEN_SECONDS: u32 = 3600;

/// What has been sent so far.
#[derive(Debug, Default)]
pub(super) struct Driven {
    answered: AtomicU64,
    failed: AtomicU64,
}

impl Driven {
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Of these, with a status of 500 or more.
    pub(super) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

struct Caller {
    token: String,
    may_receive: bool,
    part: Uuid,
}

/// Sends requests until `stop`.
pub(super) async fn drive(
    base: &str,
    people: Vec<Person>,
    secret: &SecretString,
    stop: CancellationToken,
) -> anyhow::Result<Arc<Driven>> {
    ensure!(!people.is_empty(), "the seeds have no people");
    let callers = people
        .into_iter()
        .map(|person| {
            let token = token_for(person.user_id, secret, clock::wall(), TOKEN_SECONDS)?;
            Ok(Arc::new(Caller {
                token,
                may_receive: !matches!(person.role.as_str(), "crew" | "steward"),
                part: person.part_id,
            }))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let driven = Arc::new(Driven::default());
    tokio::spawn(pace(base.to_owned(), callers, driven.clone(), stop));
    Ok(driven)
}

async fn pace(base: String, callers: Vec<Arc<Caller>>, driven: Arc<Driven>, stop: CancellationToken) {
    let http = reqwest::Client::new();
    let under_way = Arc::new(Semaphore::new(MAX_UNDER_WAY));
    let mut beat = tokio::time::interval(Duration::from_millis(1000 / RATE));
    for turn in 0_usize.. {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = beat.tick() => {}
        }
        // A stride that shares no factor with the number of people visits everybody in a scattered order.
        let Some(caller) = callers.get(turn.wrapping_mul(389) % callers.len()).cloned() else { return };
        let Ok(place) = under_way.clone().acquire_owned().await else { return };
        let (http, base, driven) = (http.clone(), base.clone(), driven.clone());
        tokio::spawn(async move {
            let status = ask(&http, &base, &caller, turn).await;
            driven.answered.fetch_add(1, Ordering::Relaxed);
            driven.failed.fetch_add(u64::from(status.is_none_or(|status| status >= 500)), Ordering::Relaxed);
            drop(place);
        });
    }
}

/// Mostly reads; now and then somebody takes a part off the shelf, or puts some on it.
async fn ask(http: &reqwest::Client, base: &str, caller: &Caller, turn: usize) -> Option<u16> {
    let request = match turn % 20 {
        0..=11 => http.get(format!("{base}/v1/parts/low-stock")),
        12..=15 => http.get(format!("{base}/v1/parts/{}", caller.part)),
        16 | 17 if caller.may_receive => http
            .post(format!("{base}/v1/parts/receive"))
            .json(&json!({ "part_id": caller.part, "quantity": 3, "idempotency_key": Uuid::now_v7() })),
        _ => http.post(format!("{base}/v1/parts/consume")).json(&json!({ "part_id": caller.part, "quantity": 1 })),
    };
    let answer = request.bearer_auth(&caller.token).timeout(Duration::from_secs(30)).send().await.ok()?;
    Some(answer.status().as_u16())
}
