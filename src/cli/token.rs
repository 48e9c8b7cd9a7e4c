//! `rampart token`

use super::{Answer, WrongUse, enroll};
use crate::clock;
use crate::config::Secrets;
use crate::secrets::Generated;
use crate::user_token::token_for;
use std::path::PathBuf;
use uuid::Uuid;

/// People of the test yacht, one of each role that the gate looks at.
const CREW: Uuid = Uuid::from_u128(0x57e82f78_0a2d_4a7c_a428_6287621d06c5);
const HOD: Uuid = Uuid::from_u128(0x89b1262c_ff59_4591_b954_757cdf3d609d);
const CAPTAIN: Uuid = Uuid::from_u128(0xb72c35ff_e309_4a19_a617_bfc706a78c0f);

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Person {
    /// A crew member of the test yacht.
    Crew,
    /// A chief engineer of the test yacht.
    Hod,
    /// A captain of the test yacht.
    Captain,
}

/// Arguments of `rampart token`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: curl -H \"Authorization: Bearer $(rampart token --role hod)\" localhost:8080/v1/parts/low-stock"
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
    let user = args.user.unwrap_or(match args.role {
        Person::Crew => CREW,
        Person::Hod => HOD,
        Person::Captain => CAPTAIN,
    });
    println!("{}", token_for(user, secret, clock::wall(), args.ttl)?);
    Ok(Answer::Yes)
}
