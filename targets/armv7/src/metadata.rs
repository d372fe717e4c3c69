//! Compiled code and the tables that come with it.

use cranelift_codegen::ir::{SourceLoc, UserExternalNameRef};

use crate::routines::RoutineId;

/// How a relocated field is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RelocKind {
    /// The low 24 bits of an A32 `b` or `bl`: `(target + addend - (address of the instruction + 8)) >> 2`.
    Call,
    /// A 32-bit word: `target + addend - address of the word`.
    PcRel4,
}

/// What a relocation refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RelocTarget {
    /// A name of the CLIF function.
    User(UserExternalNameRef),
    /// A helper routine of this code generator ([`crate::routines`]), which the user compiles once and places with the rest.
    Routine(RoutineId),
}

/// A field in the code that the linker fills in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reloc {
    /// Offset of the field's word; a multiple of 4.
    pub offset: u32,
    /// How it is computed.
    pub kind: RelocKind,
    /// What it refers to.
    pub target: RelocTarget,
    /// Constant added to the target.
    pub addend: i64,
}

/// A call. Every call of CLIF has one, whatever its convention; calls of routines have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSite {
    /// Offset of the instruction after the call.
    pub return_offset: u32,
    /// The words of the frame that hold tagged values during the call: byte offsets from SP, ascending.
    pub stack_map: Vec<u32>,
    /// Where exceptions of the call go: code offsets, one per entry of the exception table.
    pub handlers: Vec<u32>,
    /// Source location of the call.
    pub srcloc: SourceLoc,
}

/// Machine code with its tables, all sorted by offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompiledFunction {
    /// The code, with literals and jump tables in it.
    pub code: Vec<u8>,
    /// Alignment of the code in bytes.
    pub align: u32,
    /// Fields to fill in.
    pub relocs: Vec<Reloc>,
    /// Calls.
    pub calls: Vec<CallSite>,
    /// Bytes from the frame pointer (exclusive of the saved one) down to the stack pointer, which is constant after the prologue.
    pub frame_size: u32,
    /// Byte offset from SP of each explicit stack slot, by the slot's number.
    pub stack_slots: Vec<u32>,
}

impl std::fmt::Display for RelocTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RelocTarget::User(name) => write!(f, "{name}"),
            RelocTarget::Routine(id) => write!(f, "{id:?}"),
        }
    }
}
