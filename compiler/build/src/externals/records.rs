//! `_Record`: a shape is the number of fields and the number of the list of field names.

use snapcrane_ir::{ArrayKind, BinaryOp, NativeSlot, ThreadSlot, Value};

use super::body::Body;
use crate::error::Result;

/// Bits of the number of fields in a shape (`RecordShape`, runtime/vm/object.h); the number of the names is above them.
const NUM_FIELDS_BITS: i64 = 16;

fn shape(c: &mut Body<'_>) -> Result<Value> {
    let [this] = c.args()?;
    Ok(c.load(this, NativeSlot::RecordShape))
}

/// `_numFields`.
pub(super) fn num_fields(c: &mut Body<'_>) -> Result<()> {
    let shape = shape(c)?;
    let count = c.binary_imm(BinaryOp::AndInt64, shape, (1 << NUM_FIELDS_BITS) - 1);
    c.ret(count)
}

/// `_fieldNames`.
pub(super) fn field_names(c: &mut Body<'_>) -> Result<()> {
    let shape = shape(c)?;
    let index = c.binary_imm(BinaryOp::ShrInt64, shape, NUM_FIELDS_BITS);
    let lists = c.load_thread(ThreadSlot::RecordFieldNames);
    let names = c.load_indexed(ArrayKind::Array, lists, index);
    c.ret(names)
}

/// `_fieldAt`: the index is in range.
pub(super) fn field_at(c: &mut Body<'_>) -> Result<()> {
    let [this, index] = c.args()?;
    let index = c.unbox_int(index);
    let field = c.load_indexed(ArrayKind::Record, this, index);
    c.ret(field)
}
