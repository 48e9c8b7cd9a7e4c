//! What is asked: mostly reads, and now and then somebody receives a part and somebody takes one.
//!
//! Only what was received is consumed, and what is left at the end is consumed in one piece: whatever fails in
//! between, the run takes nothing that was there before.

use crate::gate::Target;
use crate::gate::acceptance::movable_part;
use crate::gate::people::of;
use reqwest::{Method, RequestBuilder};
use secrecy::SecretString;
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Route {
    /// The low-stock report.
    LowStock,
    /// One part's details.
    Details,
    /// Suggestions about one part.
    Suggestions,
    /// Receive one.
    Receive,
    /// Consume one.
    Consume,
}

impl Route {
    /// All of them.
    pub(crate) const ALL: [Route; 5] =
        [Route::LowStock, Route::Details, Route::Suggestions, Route::Receive, Route::Consume];

    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Route::LowStock => "low-stock",
            Route::Details => "details",
            Route::Suggestions => "suggestions",
            Route::Receive => "receive",
            Route::Consume => "consume",
        }
    }

    /// Whether it moves stock.
    pub(crate) fn writes(self) -> bool {
        match self {
            Route::LowStock | Route::Details | Route::Suggestions => false,
            Route::Receive | Route::Consume => true,
        }
    }

    /// How many of ten. As many come in as go out, so that the stock stays where it is.
    fn share(self) -> usize {
        match self {
            Route::LowStock => 4,
            Route::Details | Route::Suggestions => 2,
            Route::Receive | Route::Consume => 1,
        }
    }

    /// The statuses that are meant: for consumption, insufficient stock as well.
    pub(super) fn expected(self) -> &'static [u16] {
        match self {
            Route::LowStock | Route::Details | Route::Suggestions => &[200],
            Route::Receive => &[201],
            Route::Consume => &[200, 409],
        }
    }
}

/// Everything a request needs.
pub(super) struct Mix {
    token: SecretString,
    part: Uuid,
    /// Which kind comes at which turn, over and over.
    order: Vec<Route>,
    /// Received and not consumed yet.
    surplus: AtomicU64,
}

impl Mix {
    /// With the token of `TEST_JWT`, else of a head of department, who may do all of it.
    pub(super) async fn prepare(target: &Target, routes: &[Route]) -> Result<Self, String> {
        let writes = routes.iter().any(|route| route.writes());
        if writes {
            target.writable.clone().map_err(|why| format!("{why}; --read-only moves nothing"))?;
        }
        let token = match crate::config::named("TEST_JWT") {
            Some(token) => token.into(),
            None => of(&target.people.hod)?.clone(),
        };
        let order = routes.iter().flat_map(|route| std::iter::repeat_n(*route, route.share())).collect();
        let part = match movable_part(target).await {
            Err(_) if !writes => any_part(target, &token).await,
            found => found?,
        };
        Ok(Self { token, part, order, surplus: AtomicU64::new(0) })
    }

    /// The request of a turn.
    pub(super) fn turn(&self, target: &Target, turn: u64) -> (Route, RequestBuilder) {
        let place = usize::try_from(turn).unwrap_or_default() % self.order.len().max(1);
        let route = match self.order.get(place).copied().unwrap_or(Route::LowStock) {
            Route::Consume if !self.take_one() => Route::Receive,
            route @ (Route::LowStock | Route::Details | Route::Suggestions | Route::Receive | Route::Consume) => route,
        };
        let (part, yacht) = (self.part, target.yacht);
        let get = |path: String| target.api.by(Method::GET, &path, &self.token);
        let post = |path: &str, body: serde_json::Value| target.api.by(Method::POST, path, &self.token).json(&body);
        let request = match route {
            Route::LowStock => get(format!("/v1/parts/low-stock?yacht_id={yacht}")),
            Route::Details => get(format!("/v1/parts/{part}")),
            Route::Suggestions => get(format!("/v1/parts/suggestions?part_id={part}")),
            Route::Receive => post(
                "/v1/parts/receive",
                json!({
                    "yacht_id": yacht, "part_id": part, "quantity": 1,
                    "idempotency_key": format!("stress-{}", Uuid::now_v7()),
                }),
            ),
            Route::Consume => self.consume(target, 1),
        };
        (route, request)
    }

    fn consume(&self, target: &Target, quantity: u64) -> RequestBuilder {
        let body = json!({ "yacht_id": target.yacht, "part_id": self.part, "quantity": quantity });
        target.api.by(Method::POST, "/v1/parts/consume", &self.token).json(&body)
    }

    fn take_one(&self) -> bool {
        self.surplus.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |surplus| surplus.checked_sub(1)).is_ok()
    }

    /// Keeps the balance: a receipt adds one, a consumption that was refused gives one back.
    pub(super) fn answered(&self, route: Route, status: Option<u16>) {
        let more = match route {
            Route::LowStock | Route::Details | Route::Suggestions => false,
            Route::Receive => status == Some(201),
            Route::Consume => status.is_some_and(|status| status != 200),
        };
        self.surplus.fetch_add(u64::from(more), Ordering::Relaxed);
    }

    /// Consumes what is left over; answers how much could not be.
    pub(super) async fn settle(&self, target: &Target) -> u64 {
        let left = self.surplus.load(Ordering::Relaxed);
        if left == 0 {
            return 0;
        }
        let settled = target.api.send(self.consume(target, left)).await;
        if settled.is_ok_and(|answer| answer.status == 200) { 0 } else { left }
    }
}

/// A part to read about, where the database cannot be asked for one: any that the API lists as low, else one
/// that nobody has, so that the run goes on and says what comes of it.
async fn any_part(target: &Target, token: &SecretString) -> Uuid {
    let path = format!("/v1/parts/low-stock?yacht_id={}&limit=1", target.yacht);
    let listed = target.api.send(target.api.by(Method::GET, &path, token)).await;
    let first = listed.ok().and_then(|answer| answer.body["parts"][0]["id"].as_str()?.parse().ok());
    first.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_parts_come_in_as_go_out_and_most_requests_read() {
        assert_eq!(Route::Receive.share(), Route::Consume.share());
        assert_eq!(Route::ALL.iter().map(|route| route.share()).sum::<usize>(), 10);
        let writes = Route::ALL.iter().filter(|route| route.writes()).map(|route| route.share()).sum::<usize>();
        assert_eq!(writes, 2);
    }

    #[test]
    fn an_empty_shelf_is_expected_and_a_missing_route_never() {
        let expects = |route: Route, status| route.expected().contains(&status);
        assert!(expects(Route::Consume, 409) && !expects(Route::Receive, 409));
        for route in Route::ALL {
            assert!(!expects(route, 404) && !expects(route, 500));
        }
    }
}
