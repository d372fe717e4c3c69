//! Removes polls that functions do not need.
//!
//! # Problem
//!
//! Every function starts with a poll for interrupts and stack overflow. It costs a comparison, a call on a cold path around which all
//! parameters have to be saved, and the blocks for both, on every target. One function in five calls nothing.
//!
//! # Approach
//!
//! A function that calls no Dart code, and goes to no other, ends soon or polls in its loops, and what it needs of the stack is one frame. The
//! engine keeps a reserve below its limit for such functions and for the runtime that their slow paths call; its own compiler
//! leaves out the same polls (`CheckStackOverflowElimination` in runtime/vm/compiler/backend/redundancy_elimination.cc).

use crate::function::{Function, Terminator};
use crate::inst::{Inst, UnaryOp};

/// Removes the poll from the entry block of a function that calls nothing.
pub fn remove_needless(function: &mut Function) {
    let entry = function.entry;
    let insts = &function.blocks[entry].insts;
    let Some(poll) = insts.iter().position(|&inst| function.insts[inst].inst == Inst::CheckStack) else {
        return;
    };
    let mut is_leaf = true;
    for data in function.blocks.values() {
        is_leaf &= data.insts.iter().all(|&inst| calls_no_code(&function.insts[inst].inst));
        if let Some(terminator) = &data.terminator {
            is_leaf &= !matches!(terminator, Terminator::TailCall { .. });
            terminator.for_each_edge(|edge| is_leaf &= edge.block != entry);
        }
    }
    // A poll may be all that an unwind edge is for.
    let data = &mut function.blocks[entry];
    if is_leaf && data.unwind.is_none() {
        data.insts.remove(poll);
    }
}

/// Whether an instruction stays in its function, but for slow paths that allocate or throw. Polls do.
fn calls_no_code(inst: &Inst) -> bool {
    let effects = inst.effects();
    !effects.safepoint
        || matches!(
            inst,
            Inst::CheckStack
                | Inst::Unary(UnaryOp::BoxInt64 | UnaryOp::BoxDouble, _)
                | Inst::Allocate { .. }
                | Inst::CheckNull { .. }
                | Inst::CheckBounds { .. }
                | Inst::CheckNotZero(_)
                | Inst::CheckShiftCount(_)
        )
}
