//! Listens to the database. A notification is a nudge and carries no data: whoever is woken reads.

use sqlx::postgres::{PgListener, PgPoolOptions};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Pause before the next attempt to connect.
const RETRY: Duration = Duration::from_millis(500);

/// Who is woken by what.
#[derive(Clone, Debug)]
pub(super) struct Ears {
    /// Something changed that the loop reads.
    pub(super) turn: Arc<Notify>,
    /// An audit violation was committed.
    pub(super) audit: Arc<Notify>,
    /// The outbox may hold something new.
    pub(super) outbox: Arc<Notify>,
    /// A user's yacht or role changed; the text is the user, or `*`.
    pub(super) users: tokio::sync::mpsc::UnboundedSender<String>,
}

/// Listens until stopped, over a connection of its own.
pub(super) async fn listen(options: sqlx::postgres::PgConnectOptions, ears: Ears, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            ended = listen_once(options.clone(), &ears) => {
                if let Err(error) = ended {
                    tracing::warn!(%error, "not listening to the database; turns go on by the clock");
                }
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn listen_once(options: sqlx::postgres::PgConnectOptions, ears: &Ears) -> Result<(), sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen_all(["rampart", "rampart_audit", "rampart_users"]).await?;
    loop {
        // Whatever was said while nobody listened is unknown: everybody looks.
        ears.turn.notify_one();
        ears.audit.notify_one();
        ears.outbox.notify_one();
        let _ = ears.users.send("*".to_owned());
        while let Some(notification) = listener.try_recv().await? {
            match notification.channel() {
                "rampart" => {
                    ears.turn.notify_one();
                    ears.outbox.notify_one();
                }
                "rampart_audit" => ears.audit.notify_one(),
                // The receiver lives as long as the daemon.
                _ => drop(ears.users.send(notification.payload().to_owned())),
            }
        }
    }
}
