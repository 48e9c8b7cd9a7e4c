//! Waiting with a limit.

use std::time::Duration;

/// How often a condition is looked at. Short, because a warm start takes less than a tenth of a second.
const STEP: Duration = Duration::from_millis(10);

/// Asks `ready` every ten milliseconds until it answers or `limit` has passed.
pub(crate) async fn until<T>(limit: Duration, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
    let asking = async {
        loop {
            if let Some(answer) = ready() {
                return answer;
            }
            tokio::time::sleep(STEP).await;
        }
    };
    tokio::time::timeout(limit, asking).await.ok()
}
