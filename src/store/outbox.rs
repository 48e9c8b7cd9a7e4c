//! The outbox: what has to be told to people, and how far that has come with each target.
//!
//! Nothing is held locked while a receiver is asked. Whoever takes a delivery claims it for a moment; where the process
//! ends meanwhile, the claim runs out and it is tried again, under the same identity.

use super::{Notice, Store, StoreError};
use rampart_core::Timestamp;
use rampart_core::rollout::Rollout;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// How many notifications are looked at in one go, and how many dead letters are listed.
const BATCH: i64 = 100;
/// The longest error that is kept, in characters.
const MAX_ERROR: usize = 500;

/// A notification nobody has planned yet.
#[derive(Clone, Debug)]
pub struct Unplanned {
    /// The notification.
    pub id: Uuid,
    /// Its flag.
    pub flag: String,
    /// It ends alerts, and nobody else has to be told.
    pub quiet: bool,
    /// Whom the policy names that the rollout is pinned to.
    pub pinned: Vec<String>,
}

/// A notification about to be sent to a target.
#[derive(Clone, Debug)]
pub struct Due {
    /// The delivery.
    pub id: Uuid,
    /// The notification: the same at every attempt.
    pub notification: Uuid,
    /// The flag.
    pub flag: String,
    /// What happened.
    pub kind: String,
    /// What to tell.
    pub body: Value,
    /// When it happened.
    pub created_at: Timestamp,
    /// Attempts so far, this one included.
    pub attempts: u32,
    /// How many of the last attempts were refused, one after another.
    pub refusals: u32,
    /// For how long it has been tried, in seconds.
    pub age_seconds: f64,
}

/// How an attempt went wrong.
#[derive(Clone, Debug)]
pub struct Setback {
    /// What to show.
    pub error: String,
    /// Refused, not only out of reach.
    pub refused: bool,
    /// Until the next attempt, in seconds; none where there is none.
    pub pause_seconds: Option<f64>,
}

/// How far it has come with one target.
#[derive(Clone, Debug)]
pub struct TargetCount {
    /// The target.
    pub target: String,
    /// Not delivered yet.
    pub waiting: i64,
    /// Delivered.
    pub delivered: i64,
    /// Given up.
    pub dead: i64,
    /// When the newest was delivered.
    pub last_delivered_at: Option<Timestamp>,
    /// What went wrong with the newest attempt of those that are not delivered.
    pub last_error: Option<String>,
}

/// A delivery that was given up.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeadLetter {
    /// The delivery.
    pub id: Uuid,
    /// The notification, which receivers know it by.
    pub notification: Uuid,
    /// The flag.
    pub flag: String,
    /// The target.
    pub target: String,
    /// What happened.
    pub kind: String,
    /// What was to be told.
    pub text: String,
    /// How often it was tried.
    pub attempts: i32,
    /// What went wrong in the end.
    pub last_error: Option<String>,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was given up.
    #[schema(value_type = String, format = DateTime)]
    pub dead_at: Timestamp,
}

/// What the newest notification of a kind says of a flag.
#[derive(Clone, Debug)]
pub struct Newest {
    /// What happened.
    pub kind: String,
    /// It was written to end alerts alone.
    pub quiet: bool,
    /// What it says.
    pub text: String,
    /// When.
    pub created_at: Timestamp,
}

impl Store {
    /// Forgets what everybody was told of more than `days` days ago, so many at the most; answers how many.
    pub async fn forget_told(&self, days: i32, most: i32) -> Result<i64, StoreError> {
        let gone = sqlx::query_scalar!(r#"select rampart.forget_told($1, $2) as "gone!""#, days, most)
            .fetch_one(&self.pools.ops)
            .await?;
        Ok(gone)
    }

    /// Puts a notification that changes no rollout into the outbox.
    pub async fn tell(&self, rollout: &Rollout, notice: &Notice) -> Result<(), StoreError> {
        sqlx::query!(
            r#"with told as (
                   insert into rampart.outbox (id, flag, rollout_id, kind, body) values ($1, $2, $3, $4, $5)
               )
               select pg_notify('rampart', $2)"#,
            notice.id,
            rollout.flag.as_str(),
            rollout.id.0,
            notice.kind,
            notice.body
        )
        .execute(&self.pools.guard)
        .await?;
        Ok(())
    }

    /// Finds out of new notifications whom they go to, and answers how many those were. `whom` is asked once for each; a
    /// notification older than `expiry_seconds` goes to nobody any more.
    pub async fn plan_deliveries(
        &self,
        expiry_seconds: f64,
        whom: impl Fn(&Unplanned) -> Vec<String>,
    ) -> Result<usize, StoreError> {
        let mut transaction = self.pools.ops.begin().await?;
        sqlx::query!(
            "update rampart.outbox set planned_at = now()
             where planned_at is null and created_at < now() - make_interval(secs => $1)",
            expiry_seconds
        )
        .execute(&mut *transaction)
        .await?;
        let rows = sqlx::query!(
            r#"select o.id, o.flag, coalesce((o.body ->> 'quiet')::boolean, false) as "quiet!", p.policy -> 'notify' as pinned
               from rampart.outbox o
               left join rampart.rollouts r on r.id = o.rollout_id
               left join rampart.policies p on p.revision = r.policy_revision
               where o.planned_at is null order by o.created_at limit $1
               for update of o skip locked"#,
            BATCH
        )
        .fetch_all(&mut *transaction)
        .await?;
        let (mut ids, mut notifications, mut targets) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            let pinned = row.pinned.and_then(|names| serde_json::from_value(names).ok()).unwrap_or_default();
            let unplanned = Unplanned { id: row.id, flag: row.flag, quiet: row.quiet, pinned };
            for target in whom(&unplanned) {
                notifications.push(row.id);
                targets.push(target);
            }
            ids.push(row.id);
        }
        if ids.is_empty() {
            transaction.commit().await?;
            return Ok(0);
        }
        sqlx::query!(
            "insert into rampart.deliveries (notification, target)
             select notification, target from unnest($1::uuid[], $2::text[]) as d (notification, target)
             on conflict do nothing",
            &notifications,
            &targets
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!("update rampart.outbox set planned_at = now() where id = any ($1)", &ids)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(ids.len())
    }

    /// Gives up what nobody could deliver for so long. Answers the targets of what was given up.
    pub async fn expire_deliveries(&self, expiry_seconds: f64) -> Result<Vec<String>, StoreError> {
        let targets = sqlx::query_scalar!(
            "update rampart.deliveries
             set dead_at = now(), last_error = coalesce(last_error, 'never tried: for a day there was no target of that name, or no daemon')
             where delivered_at is null and dead_at is null and since < now() - make_interval(secs => $1)
               and (claimed_until is null or claimed_until < now())
             returning target",
            expiry_seconds
        )
        .fetch_all(&self.pools.ops)
        .await?;
        Ok(targets)
    }

    /// Takes the oldest delivery that is due for a target, for so long. What another replica is trying is passed over.
    pub async fn claim_delivery(&self, target: &str, claim_seconds: f64) -> Result<Option<Due>, StoreError> {
        let row = sqlx::query!(
            r#"with due as (
                   select d.id from rampart.deliveries d
                   where d.target = $1 and d.delivered_at is null and d.dead_at is null and d.next_at <= now()
                     and (d.claimed_until is null or d.claimed_until < now())
                   order by d.notification limit 1 for update skip locked
               )
               update rampart.deliveries d
               set attempts = d.attempts + 1, attempted_at = now(), claimed_until = now() + make_interval(secs => $2)
               from due, rampart.outbox o
               where d.id = due.id and o.id = d.notification
               returning d.id, d.notification, o.flag, o.kind, o.body, o.created_at, d.attempts, d.refusals,
                         extract(epoch from now() - d.since)::float8 as "age_seconds!""#,
            target,
            claim_seconds
        )
        .fetch_optional(&self.pools.ops)
        .await?;
        Ok(row.map(|row| Due {
            id: row.id,
            notification: row.notification,
            flag: row.flag,
            kind: row.kind,
            body: row.body,
            created_at: row.created_at,
            attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
            refusals: u32::try_from(row.refusals).unwrap_or(u32::MAX),
            age_seconds: row.age_seconds,
        }))
    }

    /// In how many seconds the next delivery to a target is due; none where nothing waits.
    pub async fn next_delivery(&self, target: &str) -> Result<Option<f64>, StoreError> {
        let seconds = sqlx::query_scalar!(
            "select extract(epoch from min(greatest(next_at, claimed_until)) - now())::float8 from rampart.deliveries
             where target = $1 and delivered_at is null and dead_at is null",
            target
        )
        .fetch_one(&self.pools.ops)
        .await?;
        Ok(seconds)
    }

    /// Notes that the target has it. The target answers, so whatever else waits for it is tried at once.
    pub async fn delivered(&self, due: &Due, target: &str) -> Result<(), StoreError> {
        sqlx::query!(
            "with delivered as (
                 update rampart.deliveries
                 set delivered_at = now(), dead_at = null, claimed_until = null, last_error = null
                 where id = $1 and delivered_at is null
             ), hastened as (
                 update rampart.deliveries set next_at = now()
                 where target = $2 and id <> $1 and delivered_at is null and dead_at is null and claimed_until is null
                   and next_at > now()
             )
             update rampart.outbox set delivered_at = now()
             where id = $3 and delivered_at is null and not exists (
                 select from rampart.deliveries where notification = $3 and id <> $1 and delivered_at is null
             )",
            due.id,
            target,
            due.notification
        )
        .execute(&self.pools.ops)
        .await?;
        Ok(())
    }

    /// Notes that an attempt went wrong.
    pub async fn not_delivered(&self, due: &Due, setback: &Setback) -> Result<(), StoreError> {
        let error: String = setback.error.chars().take(MAX_ERROR).collect();
        sqlx::query!(
            "update rampart.deliveries
             set claimed_until = null, last_error = $2, next_at = now() + make_interval(secs => coalesce($3::float8, 0.0)),
                 dead_at = case when $3::float8 is null then now() end, refusals = case when $4 then refusals + 1 else 0 end
             where id = $1 and delivered_at is null",
            due.id,
            error,
            setback.pause_seconds,
            setback.refused
        )
        .execute(&self.pools.ops)
        .await?;
        Ok(())
    }

    /// How far it has come with every target that was ever told anything.
    pub async fn delivery_counts(&self) -> Result<Vec<TargetCount>, StoreError> {
        let counts = sqlx::query_as!(
            TargetCount,
            r#"select target,
                      count(*) filter (where delivered_at is null and dead_at is null) as "waiting!",
                      count(delivered_at) as "delivered!", count(dead_at) as "dead!",
                      max(delivered_at) as last_delivered_at,
                      (array_agg(last_error order by attempted_at desc nulls last)
                          filter (where last_error is not null))[1] as last_error
               from rampart.deliveries group by target order by target"#
        )
        .fetch_all(&self.pools.ops)
        .await?;
        Ok(counts)
    }

    /// How many deliveries wait, and how many were given up.
    pub async fn open_deliveries(&self) -> Result<(i64, i64), StoreError> {
        let open = sqlx::query!(
            r#"select count(*) filter (where dead_at is null) as "waiting!", count(dead_at) as "dead!"
               from rampart.deliveries where delivered_at is null"#
        )
        .fetch_one(&self.pools.ops)
        .await?;
        Ok((open.waiting, open.dead))
    }

    /// The newest deliveries that were given up, at most 100.
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>, StoreError> {
        let dead = sqlx::query_as!(
            DeadLetter,
            r#"select d.id, d.notification, o.flag, d.target, o.kind, coalesce(o.body ->> 'text', '') as "text!",
                      d.attempts, d.last_error, o.created_at, d.dead_at as "dead_at!"
               from rampart.deliveries d join rampart.outbox o on o.id = d.notification
               where d.dead_at is not null order by d.dead_at desc limit $1"#,
            BATCH
        )
        .fetch_all(&self.pools.ops)
        .await?;
        Ok(dead)
    }

    /// Tries a dead delivery again, as if it were new. Answers its target; none where there is no such dead delivery.
    pub async fn retry_delivery(&self, id: Uuid) -> Result<Option<String>, StoreError> {
        let target = sqlx::query_scalar!(
            "update rampart.deliveries
             set dead_at = null, attempts = 0, refusals = 0, since = now(), next_at = now(), claimed_until = null
             where id = $1 and dead_at is not null returning target",
            id
        )
        .fetch_optional(&self.pools.ops)
        .await?;
        Ok(target)
    }

    /// The newest notification of each kind of a flag, oldest first.
    pub async fn newest_of_each_kind(&self, flag: &str) -> Result<Vec<Newest>, StoreError> {
        let newest = sqlx::query_as!(
            Newest,
            r#"select kind as "kind!", quiet as "quiet!", text as "text!", created_at as "created_at!" from (
                   select distinct on (kind, quiet) kind, quiet, text, created_at
                   from (
                       select kind, coalesce((body ->> 'quiet')::boolean, false) as quiet,
                              coalesce(body ->> 'text', '') as text, created_at
                       from rampart.outbox where flag = $1
                   ) told
                   order by kind, quiet, created_at desc
               ) newest order by created_at"#,
            flag
        )
        .fetch_all(&self.pools.ops)
        .await?;
        Ok(newest)
    }
}
