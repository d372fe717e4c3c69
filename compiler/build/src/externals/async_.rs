//! `_SuspendState`: the continuation of a suspended function. (Its fields are in the table.)
//!
//! Functions that suspend are not compiled yet, so no suspended function exists that could be resumed or cloned. The library's
//! helpers mention both operations, and engines look those helpers up: hence bodies that throw a `StateError` instead of an error of
//! the compiler.

use super::body::Body;
use crate::error::Result;

/// `_resume`.
pub(super) fn resume(c: &mut Body<'_>) -> Result<()> {
    state_error(c, "Suspended functions can't be resumed")
}

/// `_clone`.
pub(super) fn clone(c: &mut Body<'_>) -> Result<()> {
    state_error(c, "Suspended functions can't be cloned")
}

fn state_error(c: &mut Body<'_>, message: &str) -> Result<()> {
    let message = c.text(message);
    c.call_core("dart:core", "StateError", "_throwNew", &[message])?;
    c.unreachable()
}
