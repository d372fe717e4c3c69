//! What the assemblers of all architectures have in common: code as it grows, labels, and relocations.
//!
//! [`Assembler`] is one type whose parameter is the architecture's form of a reference to a label. The architectures
//! add methods for their instructions: each has a module `asm` with its own name for the type and an `impl` of it.

use crate::code::{RawCode, Reloc, RelocKind, RelocTarget};

/// The width of an integer operation of a 64-bit processor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Width {
    /// 32 bits; results are zero-extended into the whole register.
    W32,
    /// 64 bits.
    W64,
}

/// A position in the code, possibly not reached yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Label(u32);

/// How a field of an instruction refers to a label.
pub trait Reference: Copy {
    /// Sets the field at the start of `code` to refer to a place `distance` bytes further on.
    ///
    /// # Panics
    /// If the place is out of the field's reach.
    fn resolve(self, code: &mut [u8], distance: i64);
}

/// Assembles one piece of code.
#[derive(Debug)]
pub struct Assembler<R> {
    bytes: Vec<u8>,
    relocs: Vec<Reloc>,
    labels: Vec<Option<u32>>,
    references: Vec<(u32, Label, R)>,
}

impl<R> Default for Assembler<R> {
    fn default() -> Self {
        Assembler { bytes: Vec::new(), relocs: Vec::new(), labels: Vec::new(), references: Vec::new() }
    }
}

impl<R: Reference> Assembler<R> {
    /// An assembler without code.
    pub fn new() -> Self {
        Self::default()
    }

    /// Current offset from the start of the code.
    pub fn offset(&self) -> u32 {
        u32::try_from(self.bytes.len()).expect("code below 4 GB")
    }

    /// A label to be placed later with [`Self::bind`].
    pub fn label(&mut self) -> Label {
        let label = Label(u32::try_from(self.labels.len()).expect("labels below 2^32"));
        self.labels.push(None);
        label
    }

    /// Places a label here.
    ///
    /// # Panics
    /// If the label has been placed before.
    pub fn bind(&mut self, label: Label) {
        let here = self.offset();
        let place = &mut self.labels[label.0 as usize];
        assert!(place.is_none(), "label placed twice");
        *place = Some(here);
    }

    /// Resolves label references and returns the code and its relocations, in ascending order of offsets.
    ///
    /// # Panics
    /// If a label is used but was never placed, or is out of reach.
    pub(crate) fn finish(mut self) -> RawCode {
        for (at, label, reference) in self.references {
            let target = self.labels[label.0 as usize].expect("every used label is placed");
            reference.resolve(&mut self.bytes[at as usize..], i64::from(target) - i64::from(at));
        }
        RawCode { bytes: self.bytes, relocs: self.relocs }
    }

    /// Appends bytes.
    pub(crate) fn emit(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends an instruction of one word.
    pub(crate) fn word(&mut self, instruction: u32) {
        self.emit(&instruction.to_le_bytes());
    }

    /// The field that comes next refers to a label.
    pub(crate) fn refer(&mut self, label: Label, reference: R) {
        self.references.push((self.offset(), label, reference));
    }

    /// The field at `offset` is for the linker to fill in. Relocations come in ascending order.
    pub(crate) fn relocate(&mut self, offset: u32, kind: RelocKind, target: RelocTarget, addend: i64) {
        self.relocs.push(Reloc { offset, kind, target, addend });
    }
}

/// Code that is assembled in one go.
pub(crate) fn assembled<R: Reference>(build: impl FnOnce(&mut Assembler<R>)) -> RawCode {
    let mut asm = Assembler::new();
    build(&mut asm);
    asm.finish()
}

/// Replaces the instruction at the start of `code`.
pub(crate) fn edit_word(code: &mut [u8], edit: impl FnOnce(u32) -> u32) {
    let word = code.first_chunk_mut::<4>().expect("a whole instruction");
    *word = edit(u32::from_le_bytes(*word)).to_le_bytes();
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An instruction that jumps to itself.
    pub(crate) fn jump_to_itself<R: Reference>(
        a: &mut Assembler<R>,
        jump: impl FnOnce(&mut Assembler<R>, Label),
    ) {
        let here = a.label();
        a.bind(here);
        jump(a, here);
    }

    /// A byte that holds the distance from it.
    #[derive(Clone, Copy)]
    struct Byte;

    impl Reference for Byte {
        fn resolve(self, code: &mut [u8], distance: i64) {
            code[0] = i8::try_from(distance).expect("in reach").cast_unsigned();
        }
    }

    fn refer(asm: &mut Assembler<Byte>, label: Label) {
        asm.refer(label, Byte);
        asm.emit(&[0]);
    }

    #[test]
    fn references_resolve_in_both_directions() {
        let mut asm = Assembler::new();
        let (start, end) = (asm.label(), asm.label());
        asm.bind(start);
        refer(&mut asm, end);
        asm.emit(&[9]);
        refer(&mut asm, start);
        asm.bind(end);
        refer(&mut asm, end);
        assert_eq!(asm.finish().bytes, [3, 9, 0xfe, 0]);
    }

    #[test]
    #[should_panic(expected = "label placed twice")]
    fn labels_are_placed_once() {
        let mut asm = Assembler::<Byte>::new();
        let label = asm.label();
        asm.bind(label);
        asm.bind(label);
    }

    #[test]
    #[should_panic(expected = "every used label is placed")]
    fn used_labels_are_placed() {
        let mut asm = Assembler::new();
        let label = asm.label();
        refer(&mut asm, label);
        asm.finish();
    }
}
