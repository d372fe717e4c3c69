//! Finished pieces of machine code and what the linker must know about them.
//!
//! The types here are the same for every architecture: bytes, relocations and stack maps of a stub, of an internal
//! helper stub, or of the body of a native function.

use snapcrane_engines::Stub;
use std::fmt;

/// A helper stub that the engine does not know: it exists in the text image with a Code object of its own (owner
/// null, so stack walks treat its frames as stub frames) but is not part of the engine's stub list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
pub enum ExtraStub {
    /// Calls a runtime entry with this many tagged arguments, at most [`MAX_RUNTIME_ARGS`]. In Cranelift's `Tail`
    /// convention: `(offset of the entry in the thread, argument 0, ...) -> result`.
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

/// How a relocated field is computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum RelocKind {
    /// A little-endian 32-bit field holding `target + addend - address of the field`. Branch displacements count
    /// from the end of the field, so their addend is -4.
    PcRel4,
    /// A little-endian 32-bit field holding `offset of the pool slot in the ObjectPool object + addend`. The base
    /// register holds the tagged pool, so the addend is -1 (the heap object tag).
    PoolOffset32,
}

/// A place that code lacks the address of until it is linked, and how to fill it in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Reloc {
    /// Byte offset of the field from the start of the code.
    pub offset: u32,
    /// How the field is computed.
    pub kind: RelocKind,
    /// What it refers to.
    pub target: RelocTarget,
    /// Constant added to the target.
    pub addend: i64,
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
