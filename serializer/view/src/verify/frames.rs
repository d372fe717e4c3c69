//! Unwind information: one description for all code, because every frame keeps the frame pointer.
//!
//! Debuggers and profilers read it, engines do not, so everything here is a note.

use super::Checker;
use crate::Section;
use snapcrane_engines::dwarf_registers;

/// Pointers in the records are four-byte distances from where they are.
const PCREL_SDATA4: u8 = 0x1b;
const DEF_CFA: u8 = 0x0c;
const OFFSET: u8 = 0x80;

/// A record without the length in front of it, and what follows it.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(4)?;
    rest.split_at_checked(u32::from_le_bytes(length.try_into().ok()?) as usize)
}

impl Checker<'_, '_> {
    /// Checks the contents of `.eh_frame`, which are at `offset` of the file and loaded at `address`
    /// (`Dwarf::WriteCallFrameInformationRecords` in `runtime/vm/dwarf.cc`).
    pub(super) fn frames(&mut self, bytes: &[u8], offset: usize, address: u64) {
        let text = self.snapshot.container.text;
        let word = self.snapshot.format.word_bytes() as u8;
        let registers = dwarf_registers(self.snapshot.target.arch);
        let (fp, ra) = (registers.frame_pointer, registers.return_address);
        let mut note = |at: usize, reason: String| self.note(Section::Container, offset + at, reason);
        let Some((common, rest)) = record(bytes) else {
            return note(0, "unwind information is cut off".into());
        };
        let mut expected = b"\0\0\0\0\x01zR\0\x01".to_vec();
        // The word size, negative, as a one-byte SLEB128.
        expected.extend([word.wrapping_neg() & 0x7f, ra, 1, PCREL_SDATA4, DEF_CFA, fp]);
        expected.push(registers.caller_sp_slot_from_fp * word);
        if common != expected {
            note(4, "unwind information for all frames is not the usual one".into());
        }
        let at = bytes.len() - rest.len();
        let Some((frame, end)) = record(rest) else {
            return note(at, "unwind information is cut off".into());
        };
        let field = |i: usize| Some(u32::from_le_bytes(frame.get(4 * i..4 * i + 4)?.try_into().ok()?));
        let (Some(back), Some(distance), Some(size)) = (field(0), field(1), field(2)) else {
            return note(at, "unwind information of the code is cut off".into());
        };
        if back as usize != at + 4 {
            note(at + 4, "unwind information of the code does not refer to that of all frames".into());
        }
        let start = address.wrapping_add(at as u64 + 8).wrapping_add_signed(i64::from(distance as i32));
        if (start, u64::from(size)) != (text.address, text.bytes.len() as u64) {
            let (found, blob) = (start.wrapping_add(size.into()), text.address + text.bytes.len() as u64);
            let reason = format!(
                "unwind information of {start:#x}..{found:#x}, the text blob is {:#x}..{blob:#x}",
                text.address
            );
            note(at + 8, reason);
        }
        if frame[12..] != [0, OFFSET | fp, 2, OFFSET | ra, 1] {
            note(at + 16, "unwind information does not find saved registers where they are".into());
        }
        if end != [0; 4] {
            note(bytes.len() - end.len(), "unwind information does not end after the code's".into());
        }
    }
}
