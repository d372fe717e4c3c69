//! `_List`, `_ImmutableList`, `_GrowableList`.

use snapcrane_ir::{AllocKind, ArrayKind, NativeSlot, StoreBarrier};

use super::body::Body;
use crate::error::Result;

/// `_Array.[]`.
pub(super) fn array_get(c: &mut Body<'_>) -> Result<()> {
    let [this, index] = c.args()?;
    let index = c.unbox_int(index);
    let length = c.load(this, NativeSlot::ArrayLength);
    c.check_bounds(index, length);
    let element = c.load_indexed(ArrayKind::Array, this, index);
    c.ret(element)
}

/// `_List._setIndexed`: the value has the element type.
pub(super) fn array_set(c: &mut Body<'_>) -> Result<()> {
    let [this, index, value] = c.args()?;
    let index = c.unbox_int(index);
    let length = c.load(this, NativeSlot::ArrayLength);
    c.check_bounds(index, length);
    c.store_indexed(ArrayKind::Array, this, index, value);
    c.ret_null()
}

/// `_List(length)`: a bad length throws.
pub(super) fn array_new(c: &mut Body<'_>) -> Result<()> {
    let [length] = c.args()?;
    let type_args = c.type_args();
    let array = c.allocate(AllocKind::Array, &[type_args, length]);
    c.ret(array)
}

/// `_GrowableList.[]`.
pub(super) fn growable_get(c: &mut Body<'_>) -> Result<()> {
    let [this, index] = c.args()?;
    let index = c.unbox_int(index);
    let length = c.load(this, NativeSlot::GrowableLength);
    c.check_bounds(index, length);
    let data = c.load(this, NativeSlot::GrowableData);
    let element = c.load_indexed(ArrayKind::Array, data, index);
    c.ret(element)
}

/// `_GrowableList._setIndexed`: the value has the element type.
pub(super) fn growable_set(c: &mut Body<'_>) -> Result<()> {
    let [this, index, value] = c.args()?;
    let index = c.unbox_int(index);
    let length = c.load(this, NativeSlot::GrowableLength);
    c.check_bounds(index, length);
    let data = c.load(this, NativeSlot::GrowableData);
    c.store_indexed(ArrayKind::Array, data, index, value);
    c.ret_null()
}

/// `_GrowableList._withData`: a list of length 0.
pub(super) fn growable_with_data(c: &mut Body<'_>) -> Result<()> {
    let [data] = c.args()?;
    let type_args = c.type_args();
    let list = c.allocate(AllocKind::GrowableArray, &[type_args, data]);
    c.ret(list)
}

/// `_GrowableList._capacity`.
pub(super) fn growable_capacity(c: &mut Body<'_>) -> Result<()> {
    let [this] = c.args()?;
    let data = c.load(this, NativeSlot::GrowableData);
    let length = c.load(data, NativeSlot::ArrayLength);
    c.ret(length)
}

/// `_GrowableList._setLength`.
pub(super) fn growable_set_length(c: &mut Body<'_>) -> Result<()> {
    let [this, length] = c.args()?;
    let length = c.unbox_int(length);
    c.store(this, NativeSlot::GrowableLength, length, StoreBarrier::None);
    c.ret_null()
}

/// `_GrowableList._emptyList`: the backing array that all empty lists share.
pub(super) fn growable_empty_list(c: &mut Body<'_>) -> Result<()> {
    let [] = c.args()?;
    let array = c.root("mutable_empty_array");
    c.ret(array)
}
