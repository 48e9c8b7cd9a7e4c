//! Rampart ramps a feature flag, guards it, and pulls it back by itself.
//!
//! | room | what it holds |
//! | --- | --- |
//! | [`cli`] | one file a subcommand |
//! | [`daemon`] | starts everything in order, and stops it in reverse |
//! | [`web`] | HTTP: the ops API, the page, events, health, metrics |
//! | [`parts`] | the embedded parts API: what is being rolled out |
//! | [`controller`] | the loop that joins everything: observe, decide, commit; the brake; people's orders |
//! | [`signals`] | measurements: live requests, audit sweep, reports, probes |
//! | `gate` | the approval gate: acceptance run, SQL evidence, stress run |
//! | [`notify`] | delivers the outbox: webhooks, Slack, Alertmanager |
//! | [`flags`] | what evaluators serve: the snapshot, the brake, the exposure lease |
//! | [`store`] | the database: flags, rollouts, journal, readings, leases, outbox |
//! | [`telemetry`] | metrics |
//! | [`user_token`] | tokens of the parts API's users, for tests and the demo |
//! | [`config`], [`secrets`], [`build_info`] | settings, generated secrets, what runs |
//! | `digest`, `base64` | SHA-256 and bytes as text |
//! | `schema` | the core's closed lists, for the description of the ops API |
//! | [`clock`] | the one place that reads clocks |

mod base64;
pub mod build_info;
pub mod cli;
pub mod clock;
pub mod config;
pub mod controller;
pub mod daemon;
mod digest;
pub mod flags;
mod gate;
pub mod notify;
pub mod parts;
mod schema;
pub mod secrets;
pub mod signals;
pub mod store;
pub mod telemetry;
pub mod user_token;
pub mod web;
