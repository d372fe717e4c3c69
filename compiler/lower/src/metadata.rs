//! Compiled code and the tables that come with it.
//!
//! Offsets are in bytes from the start of the code. A *return offset* is that of the instruction after a call: the address which
//! the engine finds in the stack, and the key of all its tables.

use snapcrane_arch::StubRef;
use snapcrane_ir::{CalleeRef, SourcePos};

use crate::helpers::HelperId;
use crate::isa::RoutineId;

/// What a relocation refers to: always the entry of some code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RelocTarget {
    /// A function of the IR function's table of callees.
    Callee(CalleeRef),
    /// A hand-written stub.
    Stub(StubRef),
    /// A helper made by [`crate::compile_helpers`].
    Helper(HelperId),
    /// A routine made by [`crate::compile_routines`].
    Routine(RoutineId),
}

/// A field in the code that the linker fills in.
pub type Reloc = snapcrane_arch::Reloc<RelocTarget>;

/// Which words of the frame hold tagged values while a call is active.
///
/// Bit `i` is the word `first - i`, where `first` is the word right below the saved frame pointer (`FP - 1` word); the bits reach
/// exactly to the stack pointer at the call, [`CompiledFunction::frame_words`] of them (`StackFrame::VisitObjectPointers`,
/// runtime/vm/stack_frame.cc, visits all words below the described ones).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StackMap {
    /// Return offset of the call.
    pub return_offset: u32,
    /// Indices of the tagged words, ascending.
    pub tagged: Vec<u32>,
}

impl StackMap {
    /// The map as bytes, least significant bit first, `words` bits in all.
    pub fn bytes(&self, words: u32) -> Vec<u8> {
        let mut bytes = vec![0; words.div_ceil(8) as usize];
        for &bit in &self.tagged {
            bytes[bit as usize / 8] |= 1 << (bit % 8);
        }
        bytes
    }
}

/// A call whose exceptions are caught in the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handler {
    /// Return offset of the call.
    pub return_offset: u32,
    /// Where the handler starts; entered with the frame's SP and FP, and the exception in the thread.
    pub handler_offset: u32,
}

/// The source position of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Return offset of the call.
    pub return_offset: u32,
    /// Byte offset in the function's script.
    pub pos: SourcePos,
}

/// What a piece of code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CodeKind {
    /// A Dart function: its frames appear in stack traces.
    Function,
    /// A helper: its Code object has no owner.
    Helper(HelperId),
    /// A routine of the code generator, which neither calls nor is seen by the collector.
    Routine(RoutineId),
}

/// Machine code with its tables, all sorted by offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledFunction {
    /// What it is.
    pub kind: CodeKind,
    /// The code. It may hold jump tables.
    pub code: Vec<u8>,
    /// Alignment of the code in bytes.
    pub align: u32,
    /// Fields to fill in.
    pub relocs: Vec<Reloc>,
    /// One map per call.
    pub stack_maps: Vec<StackMap>,
    /// Calls with handlers.
    pub handlers: Vec<Handler>,
    /// Positions of calls that have one.
    pub positions: Vec<Position>,
    /// Number of words from the saved frame pointer (exclusive) down to the stack pointer at a call.
    pub frame_words: u32,
}
