//! Following a yacht's chain of signatures through its audit log.
//!
//! The inputs are plain rows, in the order of their positions. Whoever alters, removes, inserts or moves a
//! signed row without the key breaks the chain at that row or at the next; whoever cuts its end off leaves a
//! head that no longer fits. Somebody who can also write the head and roll the log back to an older, whole
//! state is not found out: for that, the head has to be kept elsewhere.

use super::signature::SigningKey;
use aws_lc_rs::hmac;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// A signed row of the audit log.
#[derive(Clone, Debug)]
pub struct Link {
    /// The audit row.
    pub id: Uuid,
    /// Its place in the chain, from 1; none where the row names none.
    pub position: Option<i64>,
    /// The signature before it, as the row has it.
    pub previous: Option<String>,
    /// The payload: every signed fact but the previous signature, and the hash.
    pub signature: Value,
    /// What the row says beside its signature of the facts that it shares with it, by their names there.
    pub columns: BTreeMap<&'static str, Value>,
}

/// The end of a chain, as `pms_signature_chain` has it.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// The newest signature; empty before the first.
    pub hash: String,
    /// How many links there are.
    pub length: i64,
}

/// How far a chain holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainReport {
    /// Links that hold, counted from the first.
    pub whole: usize,
    /// The first that does not.
    pub broken: Option<Break>,
}

/// Where a chain breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// The audit row; none where the end of the chain is wrong.
    pub row: Option<Uuid>,
    /// What is wrong.
    pub fault: Fault,
}

/// What can be wrong with a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It was signed with the key of this id, which is not the one at hand.
    OtherKey(String),
    /// Signed, but without a place in the chain.
    NoPosition,
    /// The row at this place is not there; the next one is named.
    Missing(i64),
    /// Two rows claim this place.
    Twice(i64),
    /// It does not follow the row before it.
    Moved,
    /// Its payload is not what was signed.
    Altered,
    /// This column of the audit row says something else than the signature.
    ColumnDiffers(&'static str),
    /// The chain should end with another signature or have another length.
    HeadDiffers {
        /// Links that should be there.
        expected: i64,
        /// Links that are.
        found: i64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::OtherKey(id) => write!(f, "cannot be checked: it was signed with the key {id}"),
            Fault::NoPosition => write!(f, "it is signed, but has no place in the chain"),
            Fault::Missing(position) => write!(f, "the link before it is missing: no row has position {position}"),
            Fault::Twice(position) => write!(f, "another row has its position {position} too"),
            Fault::Moved => write!(f, "it was moved, or the row before it was replaced: it follows another signature"),
            Fault::Altered => write!(f, "its payload was altered: the signature does not fit"),
            Fault::ColumnDiffers(name) => write!(f, "the row was altered: its {name} is not the one that was signed"),
            Fault::HeadDiffers { expected, found } => {
                write!(f, "the end does not fit: the chain's head knows {expected} links, the audit log has {found}")
            }
        }
    }
}

/// Follows a chain up to its first break. `links` are all signed rows of one yacht, those without a position
/// first, then in the order of their positions.
pub fn verify_chain(links: &[Link], head: &Head, key: &SigningKey) -> ChainReport {
    let mut previous = "";
    for (whole, (link, expected)) in links.iter().zip(1..).enumerate() {
        match followed(link, expected, previous, key) {
            Ok(hash) => previous = hash,
            Err(fault) => return ChainReport { whole, broken: Some(Break { row: Some(link.id), fault }) },
        }
    }
    let found = i64::try_from(links.len()).unwrap_or(i64::MAX);
    let fits = head.hash == previous && head.length == found;
    let fault = Fault::HeadDiffers { expected: head.length, found };
    ChainReport { whole: links.len(), broken: (!fits).then_some(Break { row: None, fault }) }
}

/// The link's own signature, if all is well with it.
fn followed<'l>(link: &'l Link, expected: i64, previous: &str, key: &SigningKey) -> Result<&'l str, Fault> {
    let position = link.position.ok_or(Fault::NoPosition)?;
    if position > expected {
        return Err(Fault::Missing(expected));
    }
    if position < expected {
        return Err(Fault::Twice(position));
    }
    if link.previous.as_deref() != Some(previous) {
        return Err(Fault::Moved);
    }
    let payload = link.signature.as_object().ok_or(Fault::Altered)?;
    let text = |name: &str| payload.get(name).and_then(Value::as_str).ok_or(Fault::Altered);
    let (hash, key_id) = (text("signature_hash")?, text("key_id")?);
    if key_id != key.id {
        return Err(Fault::OtherKey(key_id.to_owned()));
    }
    let previous = Value::from(previous);
    let mut facts: BTreeMap<&str, &Value> = payload.iter().map(|(name, fact)| (name.as_str(), fact)).collect();
    facts.remove("signature_hash");
    facts.insert("previous_signature", &previous);
    // Canonical as in `canonical`: compact, in the order of names.
    let signed = serde_json::to_string(&facts).map_err(|_| Fault::Altered)?;
    let tag = format!("hmac-sha256:{}", hex::encode(hmac::sign(&key.key, signed.as_bytes())));
    if !bool::from(tag.as_bytes().ct_eq(hash.as_bytes())) {
        return Err(Fault::Altered);
    }
    let differs = |(name, value): &(&&'static str, &Value)| payload.get(**name).is_some_and(|signed| signed != *value);
    link.columns.iter().find(differs).map_or(Ok(hash), |(name, _)| Err(Fault::ColumnDiffers(name)))
}

#[cfg(test)]
mod tests {
    use super::super::canonical::Facts;
    use super::super::signer::Vouched;
    use super::*;
    use serde_json::json;

    fn key(secret: &str) -> SigningKey {
        SigningKey::new(&secret.into()).expect("a key")
    }

    fn chain(length: i64, secret: &str) -> (Vec<Link>, Head) {
        let (mut links, mut previous) = (Vec::new(), String::new());
        for position in 1..=length {
            let facts = Facts::from([("action", "adjust_stock_quantity".into()), ("new_quantity", position.into())]);
            let sealed = key(secret).seal(facts, &previous, Vouched { verified: true });
            links.push(Link {
                id: Uuid::from_u128(u128::from(position.unsigned_abs())),
                position: Some(position),
                previous: Some(previous),
                signature: sealed.payload,
                columns: BTreeMap::from([("new_quantity", json!(position))]),
            });
            previous = sealed.hash;
        }
        (links, Head { hash: previous, length })
    }

    fn fault(links: &[Link], head: &Head) -> Option<(Option<u128>, Fault)> {
        let broken = verify_chain(links, head, &key("k")).broken?;
        Some((broken.row.map(|row| row.as_u128()), broken.fault))
    }

    #[test]
    fn a_whole_chain_holds_and_so_does_an_empty_one() {
        let (links, head) = chain(3, "k");
        assert_eq!(verify_chain(&links, &head, &key("k")), ChainReport { whole: 3, broken: None });
        assert_eq!(fault(&[], &Head::default()), None);
    }

    #[test]
    fn every_way_to_tamper_is_named_at_its_row() {
        let (links, head) = chain(4, "k");
        let tampered = |change: fn(&mut Vec<Link>)| {
            let mut links = links.clone();
            change(&mut links);
            fault(&links, &head).expect("a break")
        };
        let altered = tampered(|links| links[1].signature["new_quantity"] = json!(99));
        assert_eq!(altered, (Some(2), Fault::Altered));
        let added = tampered(|links| links[1].signature["note"] = json!("x"));
        assert_eq!(added, (Some(2), Fault::Altered));
        assert_eq!(tampered(|links| drop(links.remove(1))), (Some(3), Fault::Missing(2)));
        assert_eq!(tampered(|links| links.insert(1, links[0].clone())), (Some(1), Fault::Twice(1)));
        let swapped = tampered(|links| {
            links.swap(1, 2);
            (links[1].position, links[2].position) = (Some(2), Some(3));
        });
        assert_eq!(swapped, (Some(3), Fault::Moved));
        let column = tampered(|links| drop(links[2].columns.insert("new_quantity", json!(7))));
        assert_eq!(column, (Some(3), Fault::ColumnDiffers("new_quantity")));
        assert_eq!(tampered(|links| links[0].position = None), (Some(1), Fault::NoPosition));
        assert_eq!(tampered(|links| drop(links.pop())), (None, Fault::HeadDiffers { expected: 4, found: 3 }));
        assert_eq!(tampered(|links| links[3].signature = json!({})), (Some(4), Fault::Altered));
    }

    #[test]
    fn a_chain_of_another_key_cannot_be_checked() {
        let (links, head) = chain(2, "l");
        assert_eq!(fault(&links, &head), Some((Some(1), Fault::OtherKey(key("l").id))));
    }
}
