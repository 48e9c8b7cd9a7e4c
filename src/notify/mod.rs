//! Tells people: delivers what stands in the outbox to webhooks, Slack and Alertmanager.
//!
//! A notification is written in the transaction of what it tells of, so it never runs ahead of the flag and is never
//! lost. From there on this room alone works on it, in tasks of its own: nothing that guards a flag waits for them. One
//! task plans, which turns a notification into a delivery for each target its policy names; each target has a task that
//! delivers, so a receiver that hangs holds up nobody but itself. Delivery is at least once, always under the
//! notification's own id. `docs/notifications.md` says what receivers get and when a letter is dead.

mod alertmanager;
mod letter;
mod notifier;
mod read;
mod send;
mod settings;
mod slack;
mod target;
mod template;
mod timing;
mod webhook;
mod worker;

pub(crate) use notifier::{Notifier, Overview, Retried, TestResult};
pub use settings::NotifySettings;

/// The kind of the notification that a rollout measures again after it was paged as blind. It stands in no journal.
pub(crate) const SIGHT_REGAINED: &str = "sight_regained";
