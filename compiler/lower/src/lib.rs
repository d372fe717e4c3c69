//! Lowering of IR to Cranelift IR and machine code.
//!
//! # Problem
//!
//! IR functions speak of Dart values; a processor speaks of words. This crate decides word size, tagging, object offsets,
//! allocation and barrier sequences, where a garbage collection may happen and where the values live then, and hands the result to
//! Cranelift. What comes out is code with relocations and the tables that the engine needs to walk frames.
//!
//! # Approach
//!
//! One pass over the IR function in reverse postorder emits CLIF (`lower`). Before it, `slots` finds the tagged values that live across
//! a safepoint and gives each a stack slot; the emitter stores such a value right after its definition, names its slot in the stack map
//! of every safepoint it lives across, and reloads it afterwards. So in CLIF the value before and the value after a safepoint are
//! different SSA values, and no optimisation can carry an address over a collection.
//!
//! Sequences that are too long to repeat are CLIF functions of their own (`helpers`), compiled once per program.
//!
//! # Invariants
//!
//! - No tagged SSA value lives across a call that may collect, constants excepted: objects of the snapshot never move. An
//!   independent checker (`checker`) verifies this on the finished CLIF, and the maps against the compiled frame.
//! - Every return address has a stack map, and the map covers the whole frame: the engine takes uncovered words for pointers.
//! - Nothing in the lowering depends on the processor; only `isa` knows them.

mod alloc;
mod checker;
mod compile;
mod context;
pub mod dump;
mod emit;
pub mod facts;
mod helpers;
mod isa;
mod lower;
pub mod metadata;
pub mod objects;
mod retarget;
mod slots;

pub use compile::{Compiler, CompilerOptions, compile_helpers, compile_routines};
pub use context::{LinkInfo, LowerContext, LowerError};
pub use facts::ProgramFacts;
pub use helpers::HelperId;
pub use isa::RoutineId;
pub use metadata::{CodeKind, CompiledFunction, Handler, Position, Reloc, RelocTarget, StackMap};
pub use retarget::shares_code;
