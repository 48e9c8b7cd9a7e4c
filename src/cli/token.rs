//! `rampart token`

use super::{Answer, WrongUse, enroll};
use crate::clock;
use crate::config::Secrets;
use crate::gate::{Seat, TEST_YACHT, seeded};
use crate::secrets::Generated;
use crate::user_token::token_for;
use secrecy::SecretString;
use std::path::PathBuf;
use uuid::Uuid;

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Person {
    /// A crew member of the test yacht.
    Crew,
    /// A chief engineer of the test yacht.
    Hod,
    /// A captain of the test yacht.
    Captain,
}

impl Person {
    fn seat(self) -> Seat {
        match self {
            Person::Crew => Seat::Crew,
            Person::Hod => Seat::Hod,
            Person::Captain => Seat::Captain,
        }
    }
}

/// Arguments of `rampart token`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: curl -H \"Authorization: Bearer $(rampart token --role hod)\" localhost:8080/v1/parts/low-stock
Example: rampart token --export > tokens.sh && . ./tokens.sh && rampart accept"
)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    enrolment: Option<enroll::Command>,
    /// A person of the seeds.
    #[arg(long, value_enum, default_value = "crew", conflicts_with = "user")]
    role: Person,
    /// Any other user.
    #[arg(long)]
    user: Option<Uuid>,
    /// For how long it is valid, in seconds (1 to 86400).
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    ttl: u32,
    /// One of each role, as lines for a shell to source.
    #[arg(long, conflicts_with_all = ["role", "user", "json"])]
    export: bool,
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
    /// The data directory, whose secret is used where the environment names none.
    #[arg(long, env = "RAMPART_DATA_DIR", default_value = ".rampart")]
    data_dir: PathBuf,
}

pub(super) async fn run(args: &Args) -> anyhow::Result<Answer> {
    if let Some(enrolment) = &args.enrolment {
        return enroll::run(enrolment).await;
    }
    let generated = Generated::load(&args.data_dir)?;
    let secrets = Secrets::jwt_from_env(generated.as_ref())?;
    let secret = secrets.first().ok_or_else(|| WrongUse("no secret to sign with".to_owned()))?;
    if args.export {
        print!("{}", exported(secret, args.ttl)?);
        return Ok(Answer::Yes);
    }
    let (user, now) = (args.user.unwrap_or_else(|| seeded(args.role.seat())), clock::wall());
    let token = token_for(user, secret, now, args.ttl)?;
    if args.json {
        let told = serde_json::json!({ "token": token, "user_id": user, "exp": now.timestamp() + i64::from(args.ttl) });
        println!("{told:#}");
    } else {
        println!("{token}");
    }
    Ok(Answer::Yes)
}

/// Tokens have no quote in them, so quoting them is safe.
fn exported(secret: &SecretString, ttl: u32) -> anyhow::Result<String> {
    let mut lines = String::new();
    let people = [Seat::Hod, Seat::Captain, Seat::Crew].map(|seat| (seat.variable(), seat));
    // Scripts that know one user only do all of their work with it: a head of department may.
    for (name, seat) in people.into_iter().chain([("TEST_JWT", Seat::Hod)]) {
        lines += &format!("export {name}='{}'\n", token_for(seeded(seat), secret, clock::wall(), ttl)?);
    }
    Ok(lines + &format!("export TEST_YACHT_ID='{TEST_YACHT}'\n"))
}
