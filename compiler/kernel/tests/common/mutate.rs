//! Damages files, reproducibly, and reads what comes out.

use dart_kernel::summary::Summary;
use dart_kernel::{Bump, Component, Member, Result, text};

/// Xorshift64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds should not start alike, and zero would stay zero.
        Random(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 16) as usize % limit.max(1)
    }
}

/// Damages `bytes` in one to four ways.
pub fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let length = bytes.len();
        let at = random.below(length);
        match random.below(8) {
            0 | 1 => bytes[at] ^= 1 << random.below(8),
            2 | 3 => bytes[at] = random.next() as u8,
            // A huge count or offset, or a slightly different one.
            4 => bytes[at..length.min(at + 4)].fill(0xff),
            5 => bytes[at] = bytes[at].wrapping_add(1),
            // Move bytes, keeping the size and with it the index at the end.
            6 => {
                let from = random.below(length);
                let count = random.below(32).min(length - from).min(length - at);
                bytes.copy_within(from..from + count, at);
            }
            _ => match random.below(3) {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at..length.min(at + 1 + random.below(8)))),
                _ => {
                    // Truncate, but with a fitting size at the end.
                    bytes.truncate(at.max(8));
                    let size = bytes.len() as u32;
                    let end = bytes.len() - 4;
                    bytes[end..].copy_from_slice(&size.to_be_bytes());
                }
            },
        }
        if bytes.is_empty() {
            return;
        }
    }
}

/// Reads everything in a file, and uses every accessor. Gives the size of the declarations' arena.
pub fn read_all(bytes: &[u8]) -> Result<usize> {
    let arena = Bump::new();
    let component = Component::read(bytes, &arena)?;
    for (id, source) in &component.sources {
        for line in component.line_starts(id).iter().take(3) {
            assert!(source.text.len() < bytes.len() && *line < u32::MAX);
        }
    }
    for procedure in component.procedures.values() {
        component.pragmas(procedure.annotations).for_each(drop);
        component.line_column(procedure.source, procedure.position);
        component.dart_string(procedure.name.text);
        component.name_library(procedure.name);
        component.qualified_name(procedure.canonical_name);
    }
    component.table_selectors()?;
    component.loading_units()?;
    component.obfuscation_prohibitions()?;
    // One bad body does not keep the others from being read.
    let mut bodies = Bump::new();
    for id in component.procedures.keys() {
        let _ = component.parse_procedure_body(id, &bodies);
        let _ = text::member(&component, Member::Procedure(id));
        bodies.reset();
    }
    for id in component.constructors.keys() {
        let _ = text::member(&component, Member::Constructor(id));
    }
    Summary::read(bytes)?.to_string();
    Ok(arena.allocated_bytes())
}
