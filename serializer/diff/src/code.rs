//! Code in a form that does not depend on where it is.

use snapcrane_view::{Code, Snapshot};

/// FNV-1a: a digest that is the same everywhere.
pub(crate) struct Digest(u64);

impl Digest {
    pub(crate) const fn new() -> Digest {
        Digest(0xcbf2_9ce4_8422_2325)
    }

    /// Adds a text and its end.
    pub(crate) fn add(&mut self, text: &str) {
        for byte in text.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) const fn value(&self) -> u64 {
        self.0
    }
}

/// A digest of a piece of code. Branches that leave the code count by the name of what they lead to, all else as it is, so
/// an object that has moved in the pool makes a difference.
pub(crate) fn digest(snapshot: &Snapshot<'_>, code: &Code) -> u64 {
    let mut digest = Digest::new();
    for instruction in snapcrane_disassembler::disassemble(snapshot.code_bytes(code), snapshot.target.arch) {
        let outside = instruction
            .destination
            .and_then(|to| u32::try_from(i64::from(code.start) + to).ok())
            .filter(|address| !(code.start..code.end).contains(address))
            .and_then(|address| Some((address, snapshot.code_at(address)?)));
        match outside {
            Some((address, callee)) => {
                digest.add(instruction.text.split_whitespace().next().unwrap_or_default());
                digest.add(&snapshot.code_name(callee));
                digest.add(&(address - callee.start).to_string());
            }
            None => digest.add(&instruction.text),
        }
    }
    digest.value()
}
