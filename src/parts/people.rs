//! Which yacht and role a user has, remembered for a few seconds.
//!
//! The protocol with NOTIFY: a lookup that began before a change may end after the change was announced.
//! So each lookup notes the generation it began in, every announcement opens a new one, and an answer
//! from an older generation is used but not remembered.

use super::actions::Role;
use super::transaction;
use crate::clock::Stopwatch;
use crate::store::Pool;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// How long an answer is believed, should every announcement be lost.
const REMEMBERED_FOR: Duration = Duration::from_secs(10);
/// How many users are remembered at most.
const REMEMBERED_AT_MOST: usize = 10_000;

/// What the tables say of a user: never what a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Person {
    /// The yacht of the profile.
    pub(super) yacht: Uuid,
    /// The newest active role; none where inactive or unknown.
    pub(super) role: Option<Role>,
}

/// The people we have asked for lately.
#[derive(Debug, Default)]
pub(super) struct People {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    generation: u64,
    people: HashMap<Uuid, (Option<Person>, Stopwatch)>,
}

impl People {
    /// The user's yacht and role; none where there is no profile.
    pub(super) async fn find(&self, pool: &Pool, user: Uuid) -> Result<Option<Person>, sqlx::Error> {
        let generation = {
            let known = self.lock();
            if let Some((person, since)) = known.people.get(&user)
                && since.elapsed() < REMEMBERED_FOR
            {
                return Ok(*person);
            }
            known.generation
        };
        let person = transaction::retry_read(|| look_up(pool, user)).await?;
        self.remember(generation, user, person);
        Ok(person)
    }

    /// Drops one user.
    pub(super) fn forget(&self, user: Uuid) {
        let mut known = self.lock();
        known.generation += 1;
        known.people.remove(&user);
    }

    /// Drops everybody.
    pub(super) fn forget_all(&self) {
        let mut known = self.lock();
        known.generation += 1;
        known.people.clear();
    }

    fn remember(&self, generation: u64, user: Uuid, person: Option<Person>) {
        let mut known = self.lock();
        if known.generation != generation {
            return;
        }
        if known.people.len() >= REMEMBERED_AT_MOST {
            known.people.retain(|_, (_, since)| since.elapsed() < REMEMBERED_FOR);
            if known.people.len() >= REMEMBERED_AT_MOST {
                known.people.clear();
            }
        }
        known.people.insert(user, (person, Stopwatch::start()));
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn look_up(pool: &Pool, user: Uuid) -> Result<Option<Person>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select yacht_id as "yacht_id!", role, is_active as "is_active!" from public.rampart_user_context($1)"#,
        user
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| {
        let role = row.role.filter(|_| row.is_active).and_then(|role| role.parse().ok());
        Person { yacht: row.yacht_id, role }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person() -> Person {
        Person { yacht: Uuid::nil(), role: Some(Role::Captain) }
    }

    fn remembered(people: &People, user: Uuid) -> bool {
        people.lock().people.contains_key(&user)
    }

    #[test]
    fn an_answer_from_before_a_change_is_not_remembered() {
        let (people, user) = (People::default(), Uuid::max());
        people.forget(user);
        people.remember(0, user, Some(person()));
        assert!(!remembered(&people, user));
        people.remember(1, user, Some(person()));
        assert!(remembered(&people, user));
        people.forget(user);
        assert!(!remembered(&people, user));
    }

    #[test]
    fn the_number_of_remembered_people_is_bounded() {
        let people = People::default();
        for number in 0..REMEMBERED_AT_MOST + 5 {
            people.remember(0, Uuid::from_u128(number as u128), Some(person()));
        }
        assert!(people.lock().people.len() <= REMEMBERED_AT_MOST);
    }
}
