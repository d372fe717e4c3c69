//! Damaged snapshots, one per seed, the same on every machine.
//!
//! Damage that is spread evenly would hit code and strings nearly always, so a section is chosen first, then a place in
//! it. Besides flipped bits and bytes with extreme values there are truncated files, pieces copied to other places, and
//! clusters that change places: each well-formed, none where it should be.

use snapcrane_view::Snapshot;
use std::ops::Range;

/// SplitMix64.
pub struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn place(&mut self, range: &Range<usize>) -> usize {
        range.start + self.below(range.len())
    }
}

/// Parts of a file, and the clusters in it, as ranges of the file.
pub struct Parts {
    sections: Vec<(&'static str, Range<usize>)>,
    clusters: Vec<(Range<usize>, Range<usize>)>,
}

impl Parts {
    /// The parts of a whole snapshot.
    pub fn of(snapshot: &Snapshot<'_>) -> Parts {
        let (map, data, text) = (&snapshot.map, snapshot.container.data, snapshot.container.text);
        let at = |range: &Range<usize>| data.offset + range.start..data.offset + range.end;
        let sections = vec![
            ("container", 0..data.offset.max(1)),
            ("header", at(&map.header)),
            ("counts", at(&map.counts)),
            ("allocation section", at(&map.alloc)),
            ("fill section", at(&map.fill)),
            ("roots", at(&map.roots)),
            ("dispatch table", at(&map.dispatch_table)),
            ("data image", at(&map.data_image)),
            ("instructions table", at(&map.instructions_table)),
            ("text header", text.offset..text.offset + 128),
            ("end of the file", text.offset + text.bytes.len()..snapshot.container.file_size),
        ];
        let clusters = map.clusters.iter().map(|spans| (at(&spans.alloc), at(&spans.fill))).collect();
        Parts { sections: sections.into_iter().filter(|(_, range)| !range.is_empty()).collect(), clusters }
    }
}

/// Exchanges two ranges of a file, the first one before the second.
fn exchange(bytes: &mut [u8], a: &Range<usize>, b: &Range<usize>) {
    let (a, b) = if a.start <= b.start { (a, b) } else { (b, a) };
    if a.end > b.start {
        return;
    }
    let piece = [&bytes[b.clone()], &bytes[a.end..b.start], &bytes[a.clone()]].concat();
    bytes[a.start..b.end].copy_from_slice(&piece);
}

/// A damaged copy of a file and one line that says what was done.
pub fn damage(original: &[u8], parts: &Parts, seed: u64) -> (Vec<u8>, String) {
    let mut random = Random(seed);
    let mut bytes = original.to_vec();
    let (name, section) = parts.sections[random.below(parts.sections.len())].clone();
    let what = match random.below(10) {
        0..=3 => {
            let count = 1 + random.below(4);
            let flips: Vec<String> = (0..count)
                .map(|_| {
                    let (at, bit) = (random.place(&section), random.below(8));
                    bytes[at] ^= 1 << bit;
                    format!("{at:#x}.{bit}")
                })
                .collect();
            format!("{name}: bits flipped: {}", flips.join(" "))
        }
        4..=5 => {
            const EXTREMES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xbf, 0xc0, 0xfe, 0xff];
            let (at, value) = (random.place(&section), EXTREMES[random.below(EXTREMES.len())]);
            bytes[at] = value;
            format!("{name}: {at:#x} set to {value:#x}")
        }
        6 => {
            let at = random.place(&section);
            bytes.truncate(at);
            format!("{name}: truncated to {at:#x} bytes")
        }
        7 => {
            let size = 1 + random.below(section.len().min(64));
            let last = section.len() - size + 1;
            let (from, to) = (section.start + random.below(last), section.start + random.below(last));
            bytes.copy_within(from..from + size, to);
            format!("{name}: {size} bytes of {from:#x} copied to {to:#x}")
        }
        8 => {
            let at = random.place(&section).min(bytes.len() - 8) & !3;
            let value = (random.next() >> random.below(64)).to_le_bytes();
            bytes[at..at + 8].copy_from_slice(&value);
            format!("{name}: word at {at:#x} set to {:#x}", u64::from_le_bytes(value))
        }
        _ => {
            let (i, j) = (random.below(parts.clusters.len()), random.below(parts.clusters.len()));
            let ((alloc_i, fill_i), (alloc_j, fill_j)) = (&parts.clusters[i], &parts.clusters[j]);
            exchange(&mut bytes, fill_i, fill_j);
            exchange(&mut bytes, alloc_i, alloc_j);
            format!("clusters {i} and {j} exchanged")
        }
    };
    (bytes, what)
}
