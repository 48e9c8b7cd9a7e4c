//! Follows the rollout to its end, breaks what is to be broken on the way, and judges how it ended.

use super::breakage::Breakage;
use super::outage::{self, Outage};
use super::prometheus::Prometheus;
use super::traffic::Driven;
use super::{Args, FLAG, policy};
use crate::cli::Answer;
use crate::cli::client::Client;
use crate::clock::Stopwatch;
use crate::store;
use serde_json::Value;
use std::time::Duration;

/// How often the line is written where nothing changes.
const SAY_EVERY: Duration = Duration::from_secs(4);
/// How often the rollout is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A little into the stage, so that there is something good to compare with.
const INTO_THE_STAGE: Duration = Duration::from_secs(2);

/// A rollout that is being followed.
pub(super) struct Follow<'a> {
    args: &'a Args,
    client: &'a Client,
    owner: &'a str,
    driven: &'a Driven,
    prometheus: Option<&'a mut Prometheus>,
    began: Stopwatch,
    broken: bool,
    outage: Option<Outage>,
}

impl<'a> Follow<'a> {
    pub(super) fn new(
        args: &'a Args,
        client: &'a Client,
        owner: &'a str,
        driven: &'a Driven,
        prometheus: Option<&'a mut Prometheus>,
    ) -> Self {
        let (began, broken) = (Stopwatch::start(), args.breakage == Breakage::None);
        Self { args, client, owner, driven, prometheus, began, broken, outage: None }
    }

    pub(super) async fn until_the_end(mut self) -> anyhow::Result<Answer> {
        // Whatever takes twice as long as all the soaks, and two minutes more, does not end.
        let longest = Duration::from_secs(2 * policy::HOURS * self.args.hour + 120);
        let (mut said, mut said_at) = (String::new(), Stopwatch::start());
        while self.began.elapsed() < longest {
            let status = match self.client.get(&format!("/rollouts/{FLAG}")).await? {
                Ok(status) => status,
                Err(refused) => return Ok(refused.tell()),
            };
            let standing = format!("{} {}", status["phase"], status["percent"]);
            if standing != said || said_at.elapsed() > SAY_EVERY {
                println!("{}", line(&status, self.began.elapsed(), self.driven));
                (said, said_at) = (standing, Stopwatch::start());
            }
            self.interfere(&status).await?;
            match status["phase"].as_str() {
                Some("completed" | "rolled_back") => return self.verdict(&status).await,
                _ => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
        println!("the rollout did not end within {} s", longest.as_secs());
        Ok(Answer::No)
    }

    /// Breaks what is to be broken when its percent is reached, and mends what is not to stay broken.
    async fn interfere(&mut self, status: &Value) -> anyhow::Result<()> {
        let reached = status["percent"].as_f64().is_some_and(|percent| percent >= f64::from(self.args.at));
        if !self.broken && reached {
            tokio::time::sleep(INTO_THE_STAGE).await;
            println!("         now breaking: {}", self.args.breakage.words());
            self.broken = true;
            if let Some(statement) = self.args.breakage.statement() {
                store::run_as_owner(self.owner, statement).await?;
            } else if let Some(prometheus) = &mut self.prometheus {
                prometheus.kill();
                self.outage = Some(Outage::begin());
            }
            return Ok(());
        }
        let (Some(outage), Some(prometheus)) = (&mut self.outage, &mut self.prometheus) else { return Ok(()) };
        outage.see(status);
        if outage.is_due_to_end() {
            println!("         now mending: Prometheus is started again after {} s", outage::LASTS.as_secs());
            outage.end();
            prometheus.start().await?;
        }
        Ok(())
    }

    /// Whether the end was the expected one, with the expected cause, and every decision on the way there comes out of
    /// its evidence again.
    async fn verdict(&self, status: &Value) -> anyhow::Result<Answer> {
        let (phase, percent) =
            (status["phase"].as_str().unwrap_or_default(), status["percent"].as_f64().unwrap_or_default());
        println!("\n{phase} at {percent} %: {}", status["sentence"].as_str().unwrap_or_default());
        let cause = status["cause"]["check"].as_str();
        let ended_well = match self.args.breakage.check() {
            None => phase == "completed" && percent == 100.0,
            Some(check) => phase == "rolled_back" && percent == 0.0 && cause == Some(check),
        };
        let held = self.outage.as_ref().map(Outage::held);
        match held {
            None => {}
            Some(Some(sentence)) => println!("while Prometheus was away: {sentence}"),
            Some(None) => println!("while Prometheus was away the rollout did not stand still, or did not say why"),
        }
        let replay = match self.client.get(&format!("/rollouts/{FLAG}/replay")).await? {
            Ok(replay) => replay,
            Err(refused) => return Ok(refused.tell()),
        };
        println!("replay: {}", replay["text"].as_str().unwrap_or_default());
        // What was to be broken after the end of the ramp was never broken.
        let expected = ended_well && self.broken && held.is_none_or(|held| held.is_some()) && replay["agrees"] == true;
        println!("{}", if expected { "this is the expected end" } else { "this is NOT the expected end" });
        Ok(if expected { Answer::Yes } else { Answer::No })
    }
}

fn line(status: &Value, since: Duration, driven: &Driven) -> String {
    let track: String =
        status["stages"].as_array().into_iter().flatten().map(stage_mark).collect::<Vec<_>>().join(" ─ ");
    let sentence = status["sentence"].as_str().unwrap_or_default();
    format!(
        "{:>6.1} s {track}  {sentence}  [{} requests, {} failed]",
        since.as_secs_f64(),
        driven.answered(),
        driven.failed()
    )
}

fn stage_mark(stage: &Value) -> String {
    let mark = match stage["state"].as_str() {
        Some("done") => "●",
        Some("current") => "◐",
        _ => "○",
    };
    format!("{mark} {}", stage["percent"].as_f64().unwrap_or_default())
}
