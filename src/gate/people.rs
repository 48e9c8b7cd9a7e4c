//! In whose name the checks ask: one person of each role that the gate looks at.

use super::database::{Database, rows};
use crate::clock;
use crate::user_token::token_for;
use secrecy::SecretString;
use uuid::Uuid;

/// The yacht of the seeds that is made for tests.
pub(crate) const TEST_YACHT: Uuid = Uuid::from_u128(0x85fe1119_b04c_41ac_80f1_829d23322598);
/// How long a token that is made for a run is valid, in seconds.
const TOKEN_SECONDS: u32 = 3600;

/// A place at the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seat {
    /// A crew member.
    Crew,
    /// A head of department: a chief engineer.
    Hod,
    /// A captain.
    Captain,
}

impl Seat {
    /// The role on board.
    pub(crate) fn role(self) -> &'static str {
        match self {
            Seat::Crew => "crew",
            Seat::Hod => "chief_engineer",
            Seat::Captain => "captain",
        }
    }

    /// Where a token of such a person may be given.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Seat::Crew => "CREW_JWT",
            Seat::Hod => "HOD_JWT",
            Seat::Captain => "CAPTAIN_JWT",
        }
    }
}

/// The person of the seeds who sits there.
pub(crate) fn seeded(seat: Seat) -> Uuid {
    match seat {
        Seat::Crew => Uuid::from_u128(0x57e82f78_0a2d_4a7c_a428_6287621d06c5),
        Seat::Hod => Uuid::from_u128(0x89b1262c_ff59_4591_b954_757cdf3d609d),
        Seat::Captain => Uuid::from_u128(0xb72c35ff_e309_4a19_a617_bfc706a78c0f),
    }
}

/// A token, or why there is none.
pub(crate) type Pass = Result<SecretString, String>;

/// Somebody for each seat.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) crew: Pass,
    pub(crate) hod: Pass,
    pub(crate) captain: Pass,
    /// A captain of another yacht, where there is one.
    pub(crate) stranger: Pass,
}

impl People {
    /// Tokens as given, else made for people of `yacht`.
    pub(crate) async fn gather(database: &Database, secret: Option<&SecretString>, yacht: Uuid) -> Self {
        let find = async |seat: Seat| match crate::config::named(seat.variable()) {
            Some(token) => Ok(token.into()),
            None => {
                let variable = seat.variable();
                let told = |why: String| format!("{variable} is not set, and no token can be made: {why}");
                let secret = secret.ok_or_else(|| told("no secret to sign with".to_owned()))?;
                made(on_board(database, seat, yacht).await.map_err(told)?, secret)
            }
        };
        let stranger = async {
            let secret =
                secret.ok_or_else(|| "no secret to sign a token of another yacht's captain with".to_owned())?;
            made(elsewhere(database, yacht).await?, secret)
        };
        Self {
            crew: find(Seat::Crew).await,
            hod: find(Seat::Hod).await,
            captain: find(Seat::Captain).await,
            stranger: stranger.await,
        }
    }

    /// Every token there is.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = SecretString> {
        [&self.crew, &self.hod, &self.captain, &self.stranger].into_iter().filter_map(|pass| pass.clone().ok())
    }
}

/// A token to use, or why the check cannot.
pub(super) fn of(pass: &Pass) -> Result<&SecretString, String> {
    pass.as_ref().map_err(Clone::clone)
}

fn made(user: Uuid, secret: &SecretString) -> Pass {
    let token = token_for(user, secret, clock::wall(), TOKEN_SECONDS);
    token.map(SecretString::from).map_err(|error| format!("cannot sign a token: {error}"))
}

/// Somebody with that role as the newest on the yacht: the seeds' person, else the newest.
async fn on_board(database: &Database, seat: Seat, yacht: Uuid) -> Result<Uuid, String> {
    let sql = rows!(
        "select p.id
         from public.auth_users_profiles p
         join lateral (
             select r.role, r.valid_from from public.auth_users_roles r
             where r.user_id = p.id and r.yacht_id = p.yacht_id and r.is_active
                 and (r.valid_until is null or r.valid_until > now())
             order by r.valid_from desc limit 1
         ) r on true
         where p.yacht_id = $1::uuid and r.role = $2
             and coalesce((to_jsonb(p) ->> 'is_active')::boolean, true)
         order by p.id = $3::uuid desc, r.valid_from desc, p.id limit 1"
    );
    let found = database.row(sql, &[&yacht.to_string(), seat.role(), &seeded(seat).to_string()]).await?;
    id(found).ok_or_else(|| format!("nobody on the yacht has the role {}", seat.role()))
}

/// A captain of another yacht.
pub(super) async fn elsewhere(database: &Database, yacht: Uuid) -> Result<Uuid, String> {
    let sql = rows!(
        "select p.id
         from public.auth_users_profiles p
         join public.auth_users_roles r on r.user_id = p.id and r.yacht_id = p.yacht_id and r.is_active
         where p.yacht_id <> $1::uuid and r.role = 'captain' and (r.valid_until is null or r.valid_until > now())
         order by p.id limit 1"
    );
    id(database.row(sql, &[&yacht.to_string()]).await?).ok_or_else(|| "no other yacht has a captain".to_owned())
}

fn id(row: Option<serde_json::Value>) -> Option<Uuid> {
    row?["id"].as_str()?.parse().ok()
}
