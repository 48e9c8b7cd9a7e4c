//! Which bucket a subject falls into.
//!
//! `murmur3_x86_32(group + ":" + key, seed 0) mod 100 + 1`, so 1..=100, and on where
//! `bucket <= percent`: monotone (who is on at 5 % stays on at 20 %) and the same after a restart.
//! Source: the strategy-stickiness part of the public Unleash client specification.

use crate::Percent;

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

fn murmur3_of_parts(group: &str, key: &str) -> u32 {
    let mut hash = Murmur3::default();
    for part in [group, ":", key] {
        hash.absorb(part.as_bytes());
    }
    hash.finish()
}

/// MurmurHash3 x86 32 with seed 0, fed in parts, so that nothing is joined first. Source: Austin Appleby's
/// `MurmurHash3.cpp` in SMHasher (public domain), which names every constant below.
#[derive(Default)]
struct Murmur3 {
    hash: u32,
    /// Bytes that do not fill a word yet, the first lowest.
    carry: u64,
    /// How many bits of `carry` are taken: 0, 8, 16 or 24.
    carried_bits: u32,
    /// Bytes absorbed. The algorithm mixes in the low 32 bits.
    length: u32,
}

impl Murmur3 {
    fn absorb(&mut self, bytes: &[u8]) {
        self.length = self.length.wrapping_add(bytes.len() as u32);
        let (words, rest) = bytes.as_chunks::<4>();
        for word in words {
            self.carry |= u64::from(u32::from_le_bytes(*word)) << self.carried_bits;
            self.mix_word();
        }
        for byte in rest {
            self.carry |= u64::from(*byte) << self.carried_bits;
            self.carried_bits += 8;
            if self.carried_bits == 32 {
                self.carried_bits = 0;
                self.mix_word();
            }
        }
    }

    /// Takes the lowest word out of the carry.
    fn mix_word(&mut self) {
        self.hash =
            (self.hash ^ scrambled(self.carry as u32)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
        self.carry >>= 32;
    }

    fn finish(self) -> u32 {
        // What is left fills no word, and zero is scrambled to zero where nothing is left.
        let mut hash = self.hash ^ scrambled(self.carry as u32) ^ self.length;
        hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
        hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
        hash ^ (hash >> 16)
    }
}

const fn scrambled(word: u32) -> u32 {
    word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn hash_of(text: &str) -> u32 {
        let mut hash = Murmur3::default();
        hash.absorb(text.as_bytes());
        hash.finish()
    }

    #[test]
    fn the_published_values_of_murmur3_hold() {
        for (text, hash) in [("", 0), ("a", 0x3c25_69b2), ("abc", 0xb3dd_93fa), ("hello, world", 0x149b_bb7f)] {
            assert_eq!(hash_of(text), hash, "{text}");
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
