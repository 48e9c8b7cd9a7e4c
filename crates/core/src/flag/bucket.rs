//! Which bucket a subject falls into.
//!
//! `murmur3_x86_32(group + ":" + key, seed 0) mod 100 + 1`, so 1..=100, and on where
//! `bucket <= percent`: monotone (who is on at 5 % stays on at 20 %) and the same after a restart.
//! Source: the strategy-stickiness part of the public Unleash client specification.

use crate::Percent;
use std::io::{Cursor, Read};

/// A subject's place, 1..=100, with the finer place that fractions of a percent need.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bucket {
    hash: u32,
}

impl Bucket {
    /// The place in whole percents, 1..=100.
    pub const fn number(self) -> u16 {
        (self.hash % 100) as u16 + 1
    }

    /// The place within the whole percent, 1..=100.
    pub const fn fine(self) -> u16 {
        (self.hash / 100 % 100) as u16 + 1
    }

    /// Whether a rollout to `percent` includes this subject. Fractions nest inside whole percents.
    pub const fn within(self, percent: Percent) -> bool {
        self.number() <= percent.floor()
            || (self.number() == percent.floor() + 1 && self.fine() <= percent.hundredths())
    }
}

/// The bucket of `key` in `group`. UTF-8 bytes, case-sensitive, nothing trimmed, nothing allocated.
pub fn bucket(group: &str, key: &str) -> Bucket {
    Bucket { hash: murmur3_of_parts(group, key) }
}

const ON_STACK: usize = 160;

fn murmur3_of_parts(group: &str, key: &str) -> u32 {
    let mut whole = [0; ON_STACK];
    if let Some(text) = whole.get_mut(..group.len() + 1 + key.len()) {
        let (before, after) = text.split_at_mut(group.len());
        before.copy_from_slice(group.as_bytes());
        if let Some((colon, after)) = after.split_first_mut() {
            *colon = b':';
            after.copy_from_slice(key.as_bytes());
        }
        return murmur3::murmur3_32(&mut &text[..], 0).unwrap_or(99);
    }
    let mut parts = Cursor::new(group.as_bytes()).chain(Cursor::new(&b":"[..])).chain(Cursor::new(key.as_bytes()));
    // Reading from memory cannot fail; bucket 100 (last in) would be the answer if it did.
    murmur3::murmur3_32(&mut parts, 0).unwrap_or(99)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_published_values_of_murmur3_hold() {
        for (text, hash) in [("", 0), ("a", 0x3c25_69b2), ("abc", 0xb3dd_93fa), ("hello, world", 0x149b_bb7f)] {
            assert_eq!(murmur3::murmur3_32(&mut Cursor::new(text), 0).ok(), Some(hash), "{text}");
        }
    }

    #[test]
    fn the_published_buckets_of_unleash_hold() {
        for (group, key, number) in
            [("AB12A", "122", 23), ("AB12A", "155", 100), ("Feature.flexibleRollout.10", "174", 10)]
        {
            assert_eq!(bucket(group, key).number(), number, "{group}:{key}");
        }
        assert!(bucket("Feature.flexibleRollout.10", "174").within(Percent::whole(10)));
        assert!(!bucket("Feature.flexibleRollout.10", "174").within(Percent::whole(9)));
    }

    #[test]
    fn the_counts_at_each_stage_lie_within_five_standard_deviations() {
        let keys: Vec<String> = (0..50_000).map(|n| format!("user-{n}")).collect();
        for percent in [5_u8, 20, 50, 100] {
            let on =
                keys.iter().filter(|key| bucket("part_lens_v2", key).within(Percent::whole(percent))).count() as f64;
            let (n, p) = (keys.len() as f64, f64::from(percent) / 100.0);
            assert!((on - n * p).abs() <= 5.0 * (n * p * (1.0 - p)).sqrt(), "{percent} %: {on}");
        }
    }

    proptest! {
        #[test]
        fn hashing_the_parts_equals_hashing_the_whole(group in ".{0,40}", key in ".{0,40}") {
            let whole = murmur3::murmur3_32(&mut Cursor::new(format!("{group}:{key}")), 0).unwrap_or_default();
            prop_assert_eq!(murmur3_of_parts(&group, &key), whole);
        }

        #[test]
        fn who_is_in_stays_in_as_the_percent_rises(key in ".{0,40}", a in 0_u16..=10_000, b in 0_u16..=10_000) {
            let (low, high) = (Percent::from_basis_points(a.min(b)).unwrap(), Percent::from_basis_points(a.max(b)).unwrap());
            let bucket = bucket("part_lens_v2", &key);
            prop_assert!(!bucket.within(low) || bucket.within(high));
            prop_assert!(bucket.within(Percent::FULL) && !bucket.within(Percent::ZERO));
        }
    }
}
