//! Code under construction: words, labels, literals.
//!
//! # Literals
//!
//! A load of a literal reaches 4095 bytes forward, a VFP load 1020. Literals wait until the function ends or the first of the loads
//! that wait for them would lose its reach; then they are placed in an *island* between two instructions, with a branch around it if
//! control could fall into it. Before every instruction [`Buffer::make_room`] is told how long it is at most. Equal literals that wait
//! at the same time are shared.
//!
//! # Branches
//!
//! A branch reaches 32 MB, and code is limited to less, so branches to labels are simply filled in at the end.

use crate::encode::{self, Cond, Dpr, Gpr, Mem, Spr, WordOp};
use crate::metadata::{Reloc, RelocKind, RelocTarget};
use crate::order::Label;

/// Code is shorter than this, in bytes: half of what a branch reaches.
const MAX_CODE: usize = 16 << 20;
/// How far a load of a core register reaches from its own address, in bytes, and a VFP load.
const CORE_REACH: usize = 8 + 4092;
const VFP_REACH: usize = 8 + 1020;

const UNBOUND: u32 = u32::MAX;

/// What a load of a literal loads into.
#[derive(Clone, Copy, Debug)]
enum LoadKind {
    Core(Gpr),
    Single(Spr),
    Double(Dpr),
}

/// A load whose literal is not placed yet.
#[derive(Clone, Copy, Debug)]
struct Load {
    /// Index of its word.
    at: u32,
    /// Index of the literal.
    literal: u32,
    kind: LoadKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Literal {
    Word(u32),
    Double(u64),
    /// Target and addend, which counts from the address of the instruction with this index.
    Symbol(RelocTarget, i32, u32),
}

/// Code under construction. It keeps its memory from function to function.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    words: Vec<u32>,
    /// Word index of each label.
    labels: Vec<u32>,
    /// Words that hold branches, with their labels.
    branches: Vec<(u32, Label)>,
    loads: Vec<Load>,
    literals: Vec<Literal>,
    /// Byte offset that the waiting literals must not start behind.
    deadline: usize,
    /// Bytes that the waiting literals take.
    waiting: usize,
    pub(crate) relocs: Vec<Reloc>,
}

impl Buffer {
    /// Begins a function with a number of labels.
    pub(crate) fn start(&mut self, labels: usize) {
        self.words.clear();
        self.labels.clear();
        self.labels.resize(labels, UNBOUND);
        self.branches.clear();
        self.loads.clear();
        self.literals.clear();
        self.deadline = usize::MAX;
        self.waiting = 0;
        self.relocs.clear();
    }

    /// Byte offset of the next word.
    pub(crate) fn offset(&self) -> u32 {
        4 * self.words.len() as u32
    }

    /// Appends a word.
    pub(crate) fn put(&mut self, word: u32) {
        self.words.push(word);
    }

    /// Binds a label to the next word.
    pub(crate) fn bind(&mut self, label: Label) {
        debug_assert_eq!(self.labels[label.index()], UNBOUND);
        self.labels[label.index()] = self.words.len() as u32;
    }

    /// Byte offset of a bound label.
    pub(crate) fn label_offset(&self, label: Label) -> u32 {
        debug_assert_ne!(self.labels[label.index()], UNBOUND);
        4 * self.labels[label.index()]
    }

    /// Appends a branch to a label.
    pub(crate) fn branch(&mut self, cond: Cond, label: Label) {
        self.branches.push((self.words.len() as u32, label));
        self.put(encode::b(cond, 8));
    }

    /// Puts all words from a byte offset on, which are executed always, under a condition.
    pub(crate) fn set_condition(&mut self, start: u32, cond: Cond) {
        for word in &mut self.words[start as usize / 4..] {
            debug_assert_eq!(*word & 0xf000_0000, Cond::Al.bits());
            *word = *word & 0x0fff_ffff | cond.bits();
        }
    }

    /// Adds a relocation for the next word.
    pub(crate) fn reloc(&mut self, kind: RelocKind, target: RelocTarget, addend: i64) {
        self.relocs.push(Reloc { offset: self.offset(), kind, target, addend });
    }

    fn load(&mut self, kind: LoadKind, literal: Literal) {
        let index = match self.literals.iter().position(|&other| other == literal) {
            Some(index) => index,
            None => {
                self.literals.push(literal);
                self.waiting += if matches!(literal, Literal::Double(_)) { 8 } else { 4 };
                self.literals.len() - 1
            }
        };
        // The literal may be the last of those that wait.
        let reach = if matches!(kind, LoadKind::Core(_)) { CORE_REACH } else { VFP_REACH };
        self.deadline = self.deadline.min(self.offset() as usize + reach);
        self.loads.push(Load { at: self.words.len() as u32, literal: index as u32, kind });
        self.put(0);
    }

    /// Appends a load of a double.
    pub(crate) fn load_double(&mut self, rd: Dpr, bits: u64) {
        self.load(LoadKind::Double(rd), Literal::Double(bits));
    }

    /// Appends a load of a single.
    pub(crate) fn load_single(&mut self, rd: Spr, bits: u32) {
        self.load(LoadKind::Single(rd), Literal::Word(bits));
    }

    /// Appends what loads the address of a symbol: the distance from a literal, and the program counter added to it.
    pub(crate) fn load_symbol(&mut self, rd: Gpr, target: RelocTarget, addend: i32) {
        let add = self.words.len() as u32 + 1;
        self.load(LoadKind::Core(rd), Literal::Symbol(target, addend, add));
        self.put(encode::data(Cond::Al, encode::DataOp::Add, encode::Flags::Keep, rd, Gpr::PC, rd.into()));
    }

    /// Places the waiting literals if they could not wait for the next `bytes` bytes. `falls`: whether control can reach the next word
    /// from the one before it.
    pub(crate) fn make_room(&mut self, bytes: usize, falls: bool) {
        // One word for the branch around the island; at a place that control does not reach, early is better than with a branch.
        let end = self.offset() as usize + bytes + 4 + self.waiting;
        let slack = if falls { 0 } else { VFP_REACH / 2 };
        if self.deadline != usize::MAX && end + slack > self.deadline {
            self.place_literals(falls);
        }
    }

    fn place_literals(&mut self, falls: bool) {
        if falls {
            self.put(encode::b(Cond::Al, 4 + self.waiting as i64));
        }
        let first = self.words.len() as u32;
        let mut places = Vec::with_capacity(self.literals.len());
        for literal in std::mem::take(&mut self.literals) {
            places.push(self.words.len() as u32);
            match literal {
                Literal::Word(word) => self.put(word),
                Literal::Double(bits) => {
                    self.put(bits as u32);
                    self.put((bits >> 32) as u32);
                }
                Literal::Symbol(target, addend, add) => {
                    // The program counter reads as the address of the addition plus 8.
                    let distance = i64::from(self.offset()) - i64::from(4 * add + 8);
                    self.reloc(RelocKind::PcRel4, target, i64::from(addend) + distance);
                    self.put(0);
                }
            }
        }
        debug_assert_eq!((self.words.len() as u32 - first) as usize * 4, self.waiting);
        for load in std::mem::take(&mut self.loads) {
            let distance = 4 * (places[load.literal as usize] - load.at) as i32 - 8;
            self.words[load.at as usize] = match load.kind {
                LoadKind::Core(rd) => encode::word(Cond::Al, WordOp::Ldr, rd, Mem::new(Gpr::PC, distance)),
                LoadKind::Single(rd) => encode::vldr(Cond::Al, rd, Gpr::PC, distance),
                LoadKind::Double(rd) => encode::vldr(Cond::Al, rd, Gpr::PC, distance),
            };
        }
        self.waiting = 0;
        self.deadline = usize::MAX;
    }

    /// Ends the function: places literals, fills in branches, and returns the code. The error names what is impossible.
    pub(crate) fn finish(&mut self) -> Result<Vec<u8>, String> {
        self.place_literals(false);
        if 4 * self.words.len() >= MAX_CODE {
            return Err(format!("function of more than {MAX_CODE} bytes of code"));
        }
        for &(at, label) in &self.branches {
            let target = self.labels[label.index()];
            debug_assert_ne!(target, UNBOUND);
            let distance = 4 * (i64::from(target) - i64::from(at));
            let word = &mut self.words[at as usize];
            *word = encode::with_branch_distance(*word, distance);
        }
        let mut code = Vec::with_capacity(4 * self.words.len());
        for word in &self.words {
            code.extend_from_slice(&word.to_le_bytes());
        }
        self.relocs.sort_unstable_by_key(|reloc| reloc.offset);
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regs::Spr;

    const NOP: u32 = 0xe320_f000;

    fn words(code: &[u8]) -> Vec<u32> {
        code.as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect()
    }

    /// The word that a load of a literal, at an index, reads.
    fn loaded(words: &[u32], at: usize) -> usize {
        let word = words[at];
        let (field, scale) = if word >> 24 & 0xf == 0xd { (word & 0xff, 4) } else { (word & 0xfff, 1) };
        assert_eq!(word >> 16 & 0xf, 15, "base is the program counter");
        let offset = (field * scale) as i32 * if word >> 23 & 1 == 1 { 1 } else { -1 };
        (at as i32 + 2 + offset / 4) as usize
    }

    #[test]
    fn literals_follow_the_function_and_equal_ones_are_shared() {
        let mut buffer = Buffer::default();
        buffer.start(0);
        buffer.load_double(Dpr(1), 0x4009_21fb_5444_2d18);
        buffer.load_single(Spr(4), 0x1234_5678);
        buffer.load_double(Dpr(2), 0x4009_21fb_5444_2d18);
        buffer.put(encode::bx(Cond::Al, Gpr::LR));
        let words = words(&buffer.finish().expect("short"));
        assert_eq!(words[4..], [0x5444_2d18, 0x4009_21fb, 0x1234_5678]);
        assert_eq!([0, 1, 2].map(|at| loaded(&words, at)), [4, 6, 4]);
    }

    #[test]
    fn islands_stay_in_reach_and_are_jumped_over() {
        // A new literal every few instructions, in code many times longer than what a load reaches.
        for every in [1, 7, 200] {
            let mut buffer = Buffer::default();
            buffer.start(0);
            let mut loads = Vec::new();
            for index in 0..5000u32 {
                buffer.make_room(8, true);
                match index % (3 * every) {
                    0 => {
                        loads.push((buffer.offset() as usize / 4, u64::from(index) << 32 | 1, true));
                        buffer.load_double(Dpr(0), u64::from(index) << 32 | 1);
                    }
                    n if n == every => {
                        loads.push((buffer.offset() as usize / 4, u64::from(index), false));
                        buffer.load_single(Spr(0), index);
                    }
                    _ => buffer.put(NOP),
                }
            }
            buffer.put(encode::bx(Cond::Al, Gpr::LR));
            let words = words(&buffer.finish().expect("short"));
            let mut literals = vec![false; words.len()];
            for (at, value, double) in loads {
                let literal = loaded(&words, at);
                literals[literal] = true;
                assert_eq!(words[literal], value as u32);
                if double {
                    literals[literal + 1] = true;
                    assert_eq!(words[literal + 1], (value >> 32) as u32);
                }
            }
            // Whatever is executed from the start to the end is no literal.
            let mut at = 0;
            let mut executed = 0;
            while words[at] != encode::bx(Cond::Al, Gpr::LR) {
                assert!(!literals[at], "literal {at} is executed");
                at = if words[at] >> 24 == 0xea { at + 2 + (words[at] & 0xff_ffff) as usize } else { at + 1 };
                executed += 1;
            }
            let islands = words.iter().filter(|&&word| word >> 24 == 0xea).count();
            assert!(islands > 3, "{islands} islands");
            assert_eq!(executed, 5000 + islands);
        }
    }

    #[test]
    fn addresses_of_symbols_are_relative_to_the_addition() {
        let mut buffer = Buffer::default();
        buffer.start(0);
        buffer.put(NOP);
        let target = RelocTarget::User(cranelift_codegen::ir::UserExternalNameRef::from_u32(3));
        buffer.load_symbol(Gpr(4), target, 20);
        buffer.put(encode::bx(Cond::Al, Gpr::LR));
        let words = words(&buffer.finish().expect("short"));
        assert_eq!(loaded(&words, 1), 4);
        // With the symbol at address S and the code at 0, the word is S + addend - 16, and the program counter reads as 16.
        let reloc = buffer.relocs[0];
        assert_eq!((reloc.offset, reloc.kind, reloc.target), (16, RelocKind::PcRel4, target));
        assert_eq!(reloc.addend - i64::from(reloc.offset) + 16, 20);
    }

    #[test]
    fn branches_reach_labels_on_both_sides() {
        let mut buffer = Buffer::default();
        buffer.start(2);
        buffer.bind(Label::new(0));
        buffer.branch(Cond::Eq, Label::new(1));
        buffer.branch(Cond::Al, Label::new(0));
        buffer.bind(Label::new(1));
        let words = words(&buffer.finish().expect("short"));
        assert_eq!(words, [encode::b(Cond::Eq, 8), encode::b(Cond::Al, -4)]);
    }
}
