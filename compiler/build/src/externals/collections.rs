//! `dart:_compact_hash`: fields of the hash maps and sets that C++ knows.

use snapcrane_ir::{NativeSlot, StoreBarrier};

use super::body::Body;
use crate::error::Result;

/// `_LinkedHashImmutableBase._index=`: other isolates that see the index must see its contents.
pub(super) fn set_shared_index(c: &mut Body<'_>) -> Result<()> {
    let [this, index] = c.args()?;
    c.store(this, NativeSlot::HashIndexShared, index, StoreBarrier::Full);
    c.ret_null()
}

/// `_uninitializedIndex`: the index of all maps without entries.
pub(super) fn uninitialized_index(c: &mut Body<'_>) -> Result<()> {
    let index = c.root("uninitialized_index");
    c.ret(index)
}

/// `_uninitializedData`.
pub(super) fn uninitialized_data(c: &mut Body<'_>) -> Result<()> {
    let data = c.root("uninitialized_data");
    c.ret(data)
}
