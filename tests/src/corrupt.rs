//! Damaged kernel files, one per seed, the same on every machine.
//!
//! Kernel is a dense format: most bytes are tags, counts or indices, so single flipped bits already reach every kind of
//! reader error. Damage of other shapes comes from truncation, from pieces copied to other places (each well-formed, none in
//! its place), and from bytes set to the values where variable-length numbers change their size or sign. Half of the small
//! damage is aimed at the places where it does most: the header, the component's index at the end, and the tables before it.

/// SplitMix64: every seed starts a good sequence, and the sequence never changes with a library's version.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, or 0 if that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("a length fits 64 bits");
        usize::try_from(self.next_u64() % end.max(1)).expect("below a length")
    }
}

/// A damaged copy of `original` and one line that says what was done.
pub fn damage(original: &[u8], seed: u64) -> (Vec<u8>, String) {
    let mut random = Random::new(seed);
    let mut bytes = original.to_vec();
    let length = bytes.len();
    let what = match random.below(10) {
        0..=2 => {
            let count = 1 + random.below(8);
            let places: Vec<String> = (0..count)
                .map(|_| {
                    let (at, bit) = (place(&mut random, length), random.below(8));
                    bytes[at] ^= 1 << bit;
                    format!("{at:#x}.{bit}")
                })
                .collect();
            format!("bits flipped: {}", places.join(" "))
        }
        3..=4 => {
            let count = 1 + random.below(4);
            let places: Vec<String> = (0..count)
                .map(|_| {
                    const EXTREMES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xbf, 0xc0, 0xfe, 0xff];
                    let (at, value) = (place(&mut random, length), EXTREMES[random.below(EXTREMES.len())]);
                    bytes[at] = value;
                    format!("{at:#x}={value:#x}")
                })
                .collect();
            format!("bytes set: {}", places.join(" "))
        }
        5 => {
            let at = place(&mut random, length);
            bytes.truncate(at);
            format!("truncated to {at}")
        }
        6 => {
            let size = 1 + random.below(64.min(length));
            let (from, to) = (random.below(length - size + 1), random.below(length - size + 1));
            bytes.copy_within(from..from + size, to);
            format!("{size} bytes copied from {from:#x} to {to:#x}")
        }
        7 => {
            let at = place(&mut random, length);
            let size = (1 + random.below(64)).min(length - at);
            bytes.drain(at..at + size);
            format!("{size} bytes removed at {at:#x}")
        }
        8 => {
            let (at, size) = (place(&mut random, length), 1 + random.below(64.min(length)));
            let from = random.below(length - size + 1);
            let piece = original[from..from + size].to_vec();
            bytes.splice(at..at, piece);
            format!("{size} bytes of {from:#x} inserted at {at:#x}")
        }
        _ => {
            // The indices of a kernel file are big-endian 32-bit words.
            let words = length / 4;
            let at = length - 4 * (1 + random.below(words.min(4096)));
            let value = u32::try_from(random.next_u64() & 0xffff_ffff).expect("32 bits") >> random.below(32);
            bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
            format!("word at {at:#x} set to {value:#x}")
        }
    };
    (bytes, what)
}

/// An offset: anywhere, or in the first or last few thousand bytes.
fn place(random: &mut Random, length: usize) -> usize {
    let edge = length.min(4096);
    match random.below(8) {
        0 => random.below(edge.min(64)),
        1 => random.below(edge),
        2 => length - 1 - random.below(edge.min(256)),
        3 => length - 1 - random.below(edge),
        _ => random.below(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_reproducible_and_different() {
        let original: Vec<u8> = (0..10_000u32).map(|i| i.to_le_bytes()[0]).collect();
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..500 {
            let (bytes, what) = damage(&original, seed);
            assert_eq!((&bytes, &what), (&damage(&original, seed).0, &damage(&original, seed).1));
            seen.insert(bytes);
        }
        assert!(seen.len() > 490, "{} different results", seen.len());
    }

    #[test]
    fn the_sequence_is_the_published_one() {
        let mut random = Random::new(1_234_567);
        let numbers = [random.next_u64(), random.next_u64(), random.next_u64()];
        assert_eq!(
            numbers,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }
}
