//! Finished pieces of machine code and what the linker must know about them.
//!
//! The types here are the same for every architecture: bytes, relocations and stack maps of a stub, of an internal
//! helper stub, or of the body of a native function.

use snapcrane_armv7::encode;
use snapcrane_engines::Stub;
use std::fmt;

/// A helper stub that the engine does not know: it exists in the text image with a Code object of its own (owner
/// null, so stack walks treat its frames as stub frames) but is not part of the engine's stub list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
pub enum ExtraStub {
    /// Calls a runtime entry with this many tagged arguments, at most [`MAX_RUNTIME_ARGS`]. In Cranelift's `Tail`
    /// convention: `(address of the entry, argument 0, ...) -> result`.
    RuntimeCall(u8),
}

/// The largest argument count for which an [`ExtraStub::RuntimeCall`] exists: no runtime entry that AOT code can
/// call takes more (`TypeCheck` takes seven, runtime/vm/runtime_entry.cc).
pub const MAX_RUNTIME_ARGS: u8 = 7;

impl ExtraStub {
    /// Every extra stub, in the order in which the stub set lists them.
    pub fn all() -> impl Iterator<Item = ExtraStub> {
        (0..=MAX_RUNTIME_ARGS).map(ExtraStub::RuntimeCall)
    }
}

impl fmt::Display for ExtraStub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExtraStub::RuntimeCall(arity) => write!(f, "RuntimeCall{arity}"),
        }
    }
}

/// Any stub of the text image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
pub enum StubRef {
    /// One of the engine's stub list.
    Listed(Stub),
    /// One of ours.
    Extra(ExtraStub),
}

/// How a relocated field is computed. Fields are little-endian; `value` is the target's position plus the addend.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum RelocKind {
    /// 32 bits: `value - address of the field`. Branch displacements of x86-64 count from the end of the field, so their
    /// addend is -4.
    PcRel4,
    /// 32 bits: `value`, the offset of a pool slot in the ObjectPool object. The base register holds the tagged
    /// pool, so the addend is -1 (the heap object tag).
    PoolOffset32,
    /// The low 26 bits of an A64 `b` or `bl`: `value - address of the instruction`, in words.
    A64Branch26,
    /// The immediates of an A64 `movz` and the `movk` after it: the low and the high half of `value`, an offset as in
    /// [`Self::PoolOffset32`].
    A64PoolOffsetMov,
    /// The 21 bits, in two parts, of an A64 `adrp`: the distance in pages of 4096 bytes from the instruction's page to that of `value`.
    /// Code images start a page.
    A64Page21,
    /// The 12-bit immediate of an A64 `add`: the place of `value` in its page.
    A64PageOffset12,
    /// The low 24 bits of an A32 `b` or `bl`: `value - (address of the instruction + 8)`, in words.
    A32Branch24,
    /// The immediates of an A32 `movw` and the `movt` after it: as [`Self::A64PoolOffsetMov`].
    A32PoolOffsetMov,
}

impl RelocKind {
    /// Fills in the field at `offset` in `code`, which is placed at `start`. `value` is the target's position, in the
    /// same address space, plus the addend.
    ///
    /// `None` if the value does not fit the field or the field is outside of the code.
    #[must_use]
    pub fn patch(self, code: &mut [u8], start: i64, offset: u32, value: i64) -> Option<()> {
        let distance = value - (start + i64::from(offset));
        let offset = offset as usize;
        match self {
            RelocKind::PcRel4 => set_word(code, offset, i32::try_from(distance).ok()? as u32),
            RelocKind::PoolOffset32 => set_word(code, offset, i32::try_from(value).ok()? as u32),
            RelocKind::A64Branch26 => {
                let in_range = distance % 4 == 0 && (-(1 << 27)..1 << 27).contains(&distance);
                let field = in_range.then_some((distance >> 2) as u32 & 0x03ff_ffff)?;
                let instruction = word_at(code, offset)?;
                set_word(code, offset, instruction & 0xfc00_0000 | field)
            }
            RelocKind::A64PoolOffsetMov => {
                let value = u32::try_from(value).ok()?;
                for (place, half) in [(offset, value & 0xffff), (offset + 4, value >> 16)] {
                    let instruction = word_at(code, place)?;
                    set_word(code, place, instruction & !(0xffff << 5) | half << 5)?;
                }
                Some(())
            }
            RelocKind::A64Page21 => {
                let pages = (value >> 12) - ((value - distance) >> 12);
                let pages = (-(1 << 20)..1 << 20).contains(&pages).then_some(pages as u32)?;
                let field = (pages & 3) << 29 | (pages >> 2 & 0x7_ffff) << 5;
                let instruction = word_at(code, offset)?;
                set_word(code, offset, instruction & 0x9f00_001f | field)
            }
            RelocKind::A64PageOffset12 => {
                let instruction = word_at(code, offset)?;
                set_word(code, offset, instruction & !(0xfff << 10) | (value as u32 & 0xfff) << 10)
            }
            RelocKind::A32Branch24 => {
                let instruction = word_at(code, offset)?;
                let in_range = encode::fits_branch(distance);
                in_range
                    .then(|| encode::with_branch_distance(instruction, distance))
                    .and_then(|instruction| set_word(code, offset, instruction))
            }
            RelocKind::A32PoolOffsetMov => {
                let value = u32::try_from(value).ok()?;
                for (place, half) in [(offset, value as u16), (offset + 4, (value >> 16) as u16)] {
                    let instruction = word_at(code, place)?;
                    set_word(code, place, encode::with_wide_immediate(instruction, half))?;
                }
                Some(())
            }
        }
    }
}

fn word_at(code: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(code.get(offset..offset + 4)?.try_into().ok()?))
}

fn set_word(code: &mut [u8], offset: usize, word: u32) -> Option<()> {
    code.get_mut(offset..offset + 4)?.copy_from_slice(&word.to_le_bytes());
    Some(())
}

/// A place that code lacks the address of until it is linked, and how to fill it in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Reloc<T = RelocTarget> {
    /// Byte offset of the field from the start of the code.
    pub offset: u32,
    /// How the field is computed.
    pub kind: RelocKind,
    /// What it refers to.
    pub target: T,
    /// Constant added to the target.
    pub addend: i64,
}

impl<T> Reloc<T> {
    /// The same field, for something else to refer to.
    pub fn with_target<U>(&self, target: U) -> Reloc<U> {
        Reloc { offset: self.offset, kind: self.kind, target, addend: self.addend }
    }
}

/// What a relocation refers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum RelocTarget {
    /// The payload start of a stub.
    Stub(StubRef),
    /// A slot of the global object pool; the number is the requester's own (it came in with the request for the
    /// code), the linker maps it to the slot's offset.
    PoolSlot(u32),
}

/// The stack map of one return address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StackMap {
    /// Offset of the return address from the start of the code.
    pub return_offset: u32,
    /// One entry per word, from the word just below the frame pointer downwards to the stack pointer at the call:
    /// true for tagged words. The list covers the whole frame. (`StackFrame::VisitObjectPointers`,
    /// runtime/vm/stack_frame.cc, visits every word that a map leaves uncovered.)
    pub tagged: Vec<bool>,
}

/// Machine code that is not placed yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RawCode {
    pub(crate) bytes: Vec<u8>,
    pub(crate) relocs: Vec<Reloc>,
}

/// A stub's machine code. Stubs have no stack maps: every word of their frames is tagged, which is what the
/// engine assumes where it finds no map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StubCode {
    /// Which stub it is.
    pub stub: StubRef,
    /// Its name, for listings and symbol tables.
    pub name: String,
    /// The instructions. The entry point is the first byte.
    pub bytes: Vec<u8>,
    /// Fields to fill in, in ascending order of offsets.
    pub relocs: Vec<Reloc>,
    /// Alignment of the first byte, a power of two.
    pub align: u32,
    /// What the code is for.
    pub role: StubRole,
}

/// Whether a stub is meant to be executed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StubRole {
    /// The stub does its job.
    Code,
    /// Nothing in a compiled program enters the stub; its Code object exists because the engine wants one. Executing
    /// it is a defect and traps.
    Trap,
}

/// A native function: one that Dart code declares and the engine implements in C++.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NativeFunction {
    /// The requester's number of the pool slot that holds the C function. An entry of type `native_function`; the
    /// engine sets it to its linking function and later to the resolved one.
    pub function_slot: u32,
    /// The requester's number of the pool slot that holds the trampoline's Code object: an entry with snapshot
    /// behaviour `reset_to_bootstrap_native`, which the engine sets and later replaces.
    pub trampoline_slot: u32,
    /// Number of parameters including the receiver, without type arguments (`Function.NumParameters`).
    pub parameters: u32,
    /// Whether the first argument is a type argument vector in front of these parameters.
    pub is_generic: bool,
}

impl NativeFunction {
    /// Number of arguments that callers pass, all tagged: the parameters and the type argument vector.
    pub fn parameter_words(&self) -> u32 {
        self.parameters + u32::from(self.is_generic)
    }
}

/// The machine code of a native function's body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NativeCode {
    /// The instructions. The entry point is the first byte.
    pub bytes: Vec<u8>,
    /// Fields to fill in, in ascending order of offsets.
    pub relocs: Vec<Reloc>,
    /// The map of the only call.
    pub stack_map: StackMap,
    /// Alignment of the first byte, a power of two.
    pub align: u32,
}

/// Why code could not be generated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// No stubs are written for this architecture, operating system or object layout.
    UnsupportedTarget(String),
    /// A native function has more parameters than the template can address.
    TooManyParameters(u32),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::UnsupportedTarget(target) => write!(f, "no hand-written code for target {target}"),
            Error::TooManyParameters(count) => write!(f, "native function with {count} parameters"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(kind: RelocKind, words: &[u32], start: i64, offset: u32, value: i64) -> Option<Vec<u32>> {
        let mut code: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        kind.patch(&mut code, start, offset, value)?;
        let words = code.chunks(4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes")));
        Some(words.collect())
    }

    #[test]
    fn fields_hold_distances_and_offsets() {
        use RelocKind::*;
        assert_eq!(patched(PcRel4, &[9, 0], 0x100, 4, 0x80), Some(vec![9, -0x84_i32 as u32]));
        assert_eq!(patched(PoolOffset32, &[0], 0x100, 0, 0x77), Some(vec![0x77]));
        assert_eq!(patched(A64Branch26, &[9, 0x9400_0000], 0x100, 4, 0x114), Some(vec![9, 0x9400_0004]));
        assert_eq!(patched(A64Branch26, &[0x9400_0000], 0x100, 0, 0xfc), Some(vec![0x97ff_ffff]));
        let movs = patched(A64PoolOffsetMov, &[0xd280_0003, 0xf2a0_0003], 0, 0, 0x1234_5678);
        assert_eq!(movs, Some(vec![0xd280_0003 | 0x5678 << 5, 0xf2a0_0003 | 0x1234 << 5]));
        let adrp = |words: &[u32], start, value| patched(A64Page21, words, start, 4, value);
        assert_eq!(adrp(&[9, 0x9000_0002], 0x1ff8, 0x1000), Some(vec![9, 0x9000_0002]));
        assert_eq!(adrp(&[9, 0x9000_0002], 0x1ff8, 0x2000), Some(vec![9, 0xb000_0002]));
        assert_eq!(adrp(&[9, 0x9000_0002], 0xffc, 0x5000), Some(vec![9, 0x9000_0022]));
        assert_eq!(adrp(&[9, 0xb000_0022], 0xffc, 0xfff), Some(vec![9, 0xf0ff_ffe2]));
        assert_eq!(patched(A64PageOffset12, &[0x9100_0042], 0, 0, 0x5678), Some(vec![0x9119_e042]));
        assert_eq!(patched(A32Branch24, &[0xeb00_0000], 0x100, 0, 0x108), Some(vec![0xeb00_0000]));
        assert_eq!(patched(A32Branch24, &[9, 0x1aff_ffff], 0x100, 4, 0x100), Some(vec![9, 0x1aff_fffd]));
        let movs = patched(A32PoolOffsetMov, &[0xe300_9000, 0xe340_9000], 0, 0, 0x1234_5678);
        assert_eq!(movs, Some(vec![0xe305_9678, 0xe341_9234]));
    }

    #[test]
    fn values_that_do_not_fit_are_refused() {
        use RelocKind::*;
        assert_eq!(patched(PcRel4, &[0], 0, 0, 1 << 31), None);
        assert_eq!(patched(PcRel4, &[0], 0, 4, 0), None);
        assert_eq!(patched(A64Branch26, &[0], 0, 0, 1 << 27), None);
        assert_eq!(patched(A64Branch26, &[0], 0, 0, 2), None);
        assert_eq!(patched(A64Page21, &[0], 0x1000, 0, 1 << 32), Some(vec![0x607f_ffe0]));
        assert_eq!(patched(A64Page21, &[0], 0, 0, 1 << 32), None);
        assert_eq!(patched(A32Branch24, &[0], 0, 0, (1 << 25) + 8), None);
        assert_eq!(patched(A32Branch24, &[0], 0, 0, (1 << 25) + 4), Some(vec![0x7f_ffff]));
        for kind in [A64PoolOffsetMov, A32PoolOffsetMov] {
            assert_eq!(patched(kind, &[0, 0], 0, 0, -1), None);
            assert_eq!(patched(kind, &[0], 0, 0, 0), None);
        }
    }
}
