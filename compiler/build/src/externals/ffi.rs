//! `dart:ffi`: pointers and raw memory.
//!
//! Loads and stores take an object and a byte offset from its data: a `Pointer` (any address) or typed data (a struct in Dart memory).
//! Both keep the address in the same place.

use snapcrane_ir::{AllocKind, ArrayKind, Inst, NativeSlot, Value};
use snapcrane_program::ids::ObjectKey;
use snapcrane_program::types::DartType;

use super::body::Body;
use crate::error::Result;

/// A `Pointer` to an address, given as an integer. Type arguments of pointers are not kept: all are `Pointer<Never>`.
fn new_pointer(c: &mut Body<'_>, address: Value) -> Value {
    let never = DartType::Interface { class: c.ctx.program.core.never, args: None, nullable: false };
    let type_args = c.ctx.program.type_args(vec![never]);
    let type_args = c.b.object(ObjectKey::TypeArgs(type_args));
    let address = c.ins(Inst::IntToPointer(address));
    c.allocate(AllocKind::Pointer, &[type_args, address])
}

/// `_fromAddress`.
pub(super) fn from_address(c: &mut Body<'_>) -> Result<()> {
    let [address] = c.args()?;
    let address = c.unbox_int(address);
    let pointer = new_pointer(c, address);
    c.ret(pointer)
}

/// `Pointer.address`.
pub(super) fn address(c: &mut Body<'_>) -> Result<()> {
    let [this] = c.args()?;
    let address = c.load(this, NativeSlot::PointerAddress);
    let address = c.ins(Inst::PointerToInt(address));
    c.ret(address)
}

/// `_loadPointer`.
pub(super) fn load_pointer(c: &mut Body<'_>) -> Result<()> {
    let [object, offset] = c.args()?;
    let offset = c.unbox_int(offset);
    let data = c.data(object);
    let address = c.load_indexed(ArrayKind::RawWord, data, offset);
    let pointer = new_pointer(c, address);
    c.ret(pointer)
}

/// `_storePointer`.
pub(super) fn store_pointer(c: &mut Body<'_>) -> Result<()> {
    let [object, offset, pointer] = c.args()?;
    let offset = c.unbox_int(offset);
    let address = c.load(pointer, NativeSlot::PointerAddress);
    let address = c.ins(Inst::PointerToInt(address));
    let data = c.data(object);
    c.store_indexed(ArrayKind::RawWord, data, offset, address);
    c.ret_null()
}

/// `_memCopy(target, targetOffset, source, sourceOffset, length)`: the ranges may overlap.
pub(super) fn mem_copy(c: &mut Body<'_>) -> Result<()> {
    let [target, target_offset, source, source_offset, count] = c.args()?;
    let (target_offset, source_offset) = (c.unbox_int(target_offset), c.unbox_int(source_offset));
    let count = c.unbox_int(count);
    let to = c.data(target);
    let to = c.pointer_add(to, target_offset);
    let from = c.data(source);
    let from = c.pointer_add(from, source_offset);
    c.ins(Inst::MemMove { to, from, count });
    c.ret_null()
}

/// `_abi`.
pub(super) fn abi(c: &mut Body<'_>) -> Result<()> {
    let [] = c.args()?;
    let abi = c.ins(Inst::TargetAbi);
    c.ret(abi)
}
