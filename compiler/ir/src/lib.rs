//! SSA intermediate representation with Dart semantics.
//!
//! # Problem
//!
//! Kernel is a tree with Dart's meaning; Cranelift's CLIF is a machine-level SSA that knows nothing of classes, tagging or
//! garbage collection. Optimisations that need Dart knowledge, and everything that is the same for all targets, live between
//! the two.
//!
//! # Shape
//!
//! A [`Function`] is a graph of [`Block`]s with parameters. A block is a list of instructions, an optional *unwind edge*
//! and a [`Terminator`]. An instruction has at most one result. Values have one of six [`Type`]s; whether a tagged value is a
//! Smi, and how wide a word is, is unknown here: word size, tags and offsets exist only below `lower`.
//!
//! References to program entities go through tables of the function itself ([`Function::objects`], [`Function::callees`],
//! [`Function::rows`]), so that functions can be built in parallel and merged in a stable order afterwards.
//!
//! # Exceptions
//!
//! An instruction that may throw inside a `try` must be the last one of its block, and the block's unwind edge says where
//! control goes. The edge's arguments are values that are available *before* that instruction; its result may be used in
//! the blocks after the terminator only. A handler block starts with [`Inst::CatchException`] and [`Inst::CatchStackTrace`].
//!
//! # Invariants (checked by [`verifier`])
//!
//! Every use is dominated by its definition; argument counts and types of edges match block parameters; every block ends
//! with a terminator; a block with an unwind edge has an instruction that may throw as its last one, and only there, or a throwing terminator.

pub mod builder;
pub mod dominators;
pub mod function;
pub mod inst;
mod params;
pub mod polls;
pub mod suspend;
pub mod text;
pub mod verifier;

pub use builder::{FunctionBuilder, Variable};
pub use function::{
    Block, BlockCall, BlockData, CalleeRef, Function, InstRef, ObjectRef, RowRef, Signature, SourcePos,
    Terminator, Value, ValueDef,
};
pub use inst::{
    AllocKind, ArrayKind, BinaryOp, CompareOp, Effects, Inst, NativeSlot, NullCheck, Slot, StoreBarrier,
    ThreadSlot, Type, UnaryOp,
};
