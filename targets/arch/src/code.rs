//! Finished pieces of machine code and what the linker must know about them.
//!
//! The types here are the same for every architecture: bytes, relocations and stack maps of a stub, of an internal
//! helper stub, or of the body of a native function.

use std::fmt;

/// A helper stub that the engine does not know: it exists in the text image with a Code object of its own (owner
/// null, so stack walks treat its frames as stub frames) but is not part of the engine's stub list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
pub enum ExtraStub {
    /// Calls a runtime entry with this many tagged arguments, see [`MAX_RUNTIME_ARGS`].
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

    /// A name for listings, in the style of the engine's stub names.
    pub fn name(self) -> String {
        self.to_string()
    }
}

impl fmt::Display for ExtraStub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExtraStub::RuntimeCall(arity) => write!(f, "RuntimeCall{arity}"),
        }
    }
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

/// A place that code lacks the address of until it is linked, and how to fill it in. `S` names stubs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Reloc<S> {
    /// Byte offset of the field from the start of the code.
    pub offset: u32,
    /// How the field is computed.
    pub kind: RelocKind,
    /// What it refers to.
    pub target: RelocTarget<S>,
    /// Constant added to the target.
    pub addend: i64,
}

/// What a relocation refers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum RelocTarget<S> {
    /// The payload start of a stub.
    Stub(S),
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

/// Why code could not be generated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// No stubs are written for this architecture, operating system or object layout.
    UnsupportedTarget(String),
    /// The engine data lacks a fact that the stubs need.
    MissingEngineFact(String),
    /// A native function has more parameters than the template can address.
    TooManyParameters(u32),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::UnsupportedTarget(target) => write!(f, "no hand-written code for target {target}"),
            Error::MissingEngineFact(fact) => write!(f, "the engine data has no {fact}"),
            Error::TooManyParameters(count) => write!(f, "native function with {count} parameters"),
        }
    }
}

impl std::error::Error for Error {}
