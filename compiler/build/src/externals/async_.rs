//! `_SuspendState`: the continuation of a suspended function. (Its fields are in the table.)
//!
//! How functions suspend, and what is in a state, is described in [`snapcrane_ir::suspend`].

use snapcrane_ir::{NativeSlot, suspend};

use super::body::Body;
use crate::error::Result;

/// `_resume`: the address of the resumption is in the state. It takes the same arguments, and its frame takes the place of this one, so
/// that stack traces show the resumed function called by the library.
pub(super) fn resume(c: &mut Body<'_>) -> Result<()> {
    let args: [_; 4] = c.args()?;
    let pc = c.load(args[0], NativeSlot::SuspendStatePc);
    let offset = c.int(-i64::from(suspend::PC_OFFSET));
    let address = c.pointer_add(pc, offset);
    c.tail_call(address, &args)
}

/// `_clone`.
pub(super) fn clone(c: &mut Body<'_>) -> Result<()> {
    let [this] = c.args()?;
    let clone = c.runtime("CloneSuspendState", &[this]);
    c.ret(clone)
}
