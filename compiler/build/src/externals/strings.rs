//! Strings: `_OneByteString` and `_TwoByteString`, which have no other classes beside them.

use snapcrane_ir::{
    AllocKind, ArrayKind, BinaryOp, Block, CompareOp, NativeSlot, StoreBarrier, ThreadSlot, Type, UnaryOp,
    Value,
};
use snapcrane_program::ids::{ClassId, ObjectKey};

use super::body::Body;
use super::objects;
use crate::error::Result;

fn one_byte(c: &Body<'_>) -> ClassId {
    c.ctx.program.core.one_byte_string
}

fn two_byte(c: &Body<'_>) -> ClassId {
    c.ctx.program.core.two_byte_string
}

/// The code unit of a string of either class at an index that is in range.
fn code_unit(c: &mut Body<'_>, string: Value, index: Value) -> Value {
    let (one, two, done) = (c.block(), c.block(), c.block());
    let result = c.b.append_param(done, Type::Int64);
    let class = one_byte(c);
    c.branch_class(string, class, one, two);
    for (block, kind) in [(one, ArrayKind::OneByteString), (two, ArrayKind::TwoByteString)] {
        c.enter(block);
        let unit = c.load_indexed(kind, string, index);
        c.b.jump_args(done, &[unit]);
    }
    c.enter(done);
    result
}

/// `codeUnitAt`.
pub(super) fn code_unit_at(c: &mut Body<'_>) -> Result<()> {
    let [this, index] = c.args()?;
    let index = c.unbox_int(index);
    let length = c.load(this, NativeSlot::StringLength);
    c.check_bounds(index, length);
    let unit = code_unit(c, this, index);
    c.ret(unit)
}

/// `[]`: the engine has strings for the first 256 code units. The error for a bad index names the index, other than that of a
/// bounds check (`String_charAt`, runtime/lib/string.cc).
pub(super) fn char_at(c: &mut Body<'_>) -> Result<()> {
    let [this, index_object] = c.args()?;
    let index = c.unbox_int(index_object);
    let length = c.load(this, NativeSlot::StringLength);
    let (good, bad) = (c.block(), c.block());
    let in_range = c.compare(CompareOp::UltInt64, index, length);
    c.b.branch_unlikely(in_range, good, bad, snapcrane_ir::function::Unlikely::Other);
    c.enter(bad);
    let last = c.binary_imm(BinaryOp::SubInt64, length, 1);
    let (first, last) = (c.b.object(ObjectKey::Int(0)), c.boxed(last));
    let name = c.text("index");
    let null = c.b.null();
    c.throw_new("RangeError", "range", &[index_object, first, last, name, null])?;
    c.enter(good);
    let unit = code_unit(c, this, index);
    let (known, other) = (c.block(), c.block());
    let limit = i64::from(c.ctx.program.engine.num_one_char_symbols);
    let is_known = c.compare_imm(CompareOp::LtInt64, unit, limit);
    c.branch(is_known, known, other);
    c.enter(known);
    let symbols = c.load_thread(ThreadSlot::OneCharSymbols);
    let string = c.load_indexed(ArrayKind::RawTagged, symbols, unit);
    c.ret(string)?;
    c.enter(other);
    let length = c.int(1);
    let string = c.allocate(AllocKind::TwoByteString, &[length]);
    let zero = c.int(0);
    c.store_indexed(ArrayKind::TwoByteString, string, zero, unit);
    c.ret(string)
}

/// `_StringBase.isEmpty`.
pub(super) fn is_empty(c: &mut Body<'_>) -> Result<()> {
    let [this] = c.args()?;
    let length = c.load(this, NativeSlot::StringLength);
    let result = c.compare_imm(CompareOp::EqInt64, length, 0);
    c.ret(result)
}

/// `hashCode`: kept in the string; 0 means that it is not known yet. The hash is the engine's (`StringHasher`, runtime/vm/object.cc;
/// `CombineHashes` and `FinalizeHash`, runtime/vm/hash.h).
pub(super) fn hash_code(c: &mut Body<'_>) -> Result<()> {
    let this = return_known_hash(c)?;
    let (one, two) = (c.block(), c.block());
    let class = one_byte(c);
    c.branch_class(this, class, one, two);
    c.enter(one);
    compute_hash(c, this, ArrayKind::OneByteString)?;
    c.enter(two);
    compute_hash(c, this, ArrayKind::TwoByteString)
}

/// `hashCode` of a string whose class is known.
pub(super) fn one_byte_hash_code(c: &mut Body<'_>) -> Result<()> {
    let this = return_known_hash(c)?;
    compute_hash(c, this, ArrayKind::OneByteString)
}

/// Returns the hash that is kept in the string, and goes on where there is none.
fn return_known_hash(c: &mut Body<'_>) -> Result<Value> {
    let [this] = c.args()?;
    let (known, unknown) = (c.block(), c.block());
    let hash = c.load(this, NativeSlot::StringHash);
    let is_unknown = c.compare_imm(CompareOp::EqInt64, hash, 0);
    c.branch(is_unknown, unknown, known);
    c.enter(known);
    c.ret(hash)?;
    c.enter(unknown);
    Ok(this)
}

fn compute_hash(c: &mut Body<'_>, this: Value, kind: ArrayKind) -> Result<()> {
    const HASH_MASK: i64 = (1 << 30) - 1;
    let length = c.load(this, NativeSlot::StringLength);
    let zero = c.int(0);
    let (index, hash, done) = count_up(c, zero, length, Some(zero), |c, index, hash, _| {
        let unit = c.load_indexed(kind, this, index);
        let hash = wrapping_sum(c, hash, unit);
        let shifted = c.binary_imm(BinaryOp::ShlInt64, hash, 10);
        let hash = wrapping_sum(c, hash, shifted);
        let shifted = c.binary_imm(BinaryOp::UshrInt64, hash, 6);
        c.binary(BinaryOp::XorInt64, hash, shifted)
    });
    let _ = index;
    c.enter(done);
    let shifted = c.binary_imm(BinaryOp::ShlInt64, hash, 3);
    let hash = wrapping_sum(c, hash, shifted);
    let shifted = c.binary_imm(BinaryOp::UshrInt64, hash, 11);
    let hash = c.binary(BinaryOp::XorInt64, hash, shifted);
    let shifted = c.binary_imm(BinaryOp::ShlInt64, hash, 15);
    let hash = wrapping_sum(c, hash, shifted);
    let hash = c.binary_imm(BinaryOp::AndInt64, hash, HASH_MASK);
    let is_zero = c.compare_imm(CompareOp::EqInt64, hash, 0);
    let one = c.int(1);
    let hash = c.select(is_zero, one, hash);
    c.store(this, NativeSlot::StringHash, hash, StoreBarrier::None);
    c.ret(hash)
}

/// Sum of 32-bit numbers.
fn wrapping_sum(c: &mut Body<'_>, a: Value, b: Value) -> Value {
    let sum = c.binary(BinaryOp::AddInt64, a, b);
    c.unary(UnaryOp::ZeroExtend32, sum)
}

/// A loop over the integers from `start` up to but not including `end`; `state` goes from one iteration to the next. The block after the loop
/// is returned with the values of index and state in it. `step` gets the block after the loop too, to leave early from the
/// iterations of a loop without state.
fn count_up(
    c: &mut Body<'_>,
    start: Value,
    end: Value,
    state: Option<Value>,
    step: impl FnOnce(&mut Body<'_>, Value, Value, Block) -> Value,
) -> (Value, Value, Block) {
    let (head, body, done) = (c.block(), c.block(), c.block());
    let index = c.b.append_param(head, Type::Int64);
    let current = c.b.append_param(head, Type::Int64);
    let initial = state.unwrap_or(start);
    c.b.jump_args(head, &[start, initial]);
    c.b.switch_to(head);
    let more = c.compare(CompareOp::LtInt64, index, end);
    c.branch(more, body, done);
    c.enter(body);
    let next_state = step(c, index, current, done);
    let next = c.binary_imm(BinaryOp::AddInt64, index, 1);
    c.b.jump_args(head, &[next, next_state]);
    c.b.seal(head);
    (index, current, done)
}

/// `==` of `_OneByteString`.
pub(super) fn one_byte_equals(c: &mut Body<'_>) -> Result<()> {
    equals(c, ArrayKind::OneByteString)
}

/// `==` of `_TwoByteString`.
pub(super) fn two_byte_equals(c: &mut Body<'_>) -> Result<()> {
    equals(c, ArrayKind::TwoByteString)
}

/// `==` of strings of the given kind: same length and code units, whatever the class of the other one.
fn equals(c: &mut Body<'_>, kind: ArrayKind) -> Result<()> {
    let [this, other] = c.args()?;
    let (yes, no) = (c.block(), c.block());
    let (differ, no_one, one, two) = (c.block(), c.block(), c.block(), c.block());
    let same = c.compare(CompareOp::Same, this, other);
    c.branch(same, yes, differ);
    c.enter(differ);
    // The class id of a Smi is none of a string.
    let cid = c.class_id(other);
    let is_one = c.compare_imm(CompareOp::EqInt64, cid, i64::from(one_byte(c).as_u32()));
    c.branch(is_one, one, no_one);
    c.enter(no_one);
    let is_two = c.compare_imm(CompareOp::EqInt64, cid, i64::from(two_byte(c).as_u32()));
    c.branch(is_two, two, no);
    for (block, other_kind) in [(one, ArrayKind::OneByteString), (two, ArrayKind::TwoByteString)] {
        c.enter(block);
        let length = c.load(this, NativeSlot::StringLength);
        let other_length = c.load(other, NativeSlot::StringLength);
        let same_length = c.compare(CompareOp::EqInt64, length, other_length);
        let compare = c.block();
        c.branch(same_length, compare, no);
        c.enter(compare);
        if kind == other_kind {
            equal_bytes(c, (this, other), kind, length, (yes, no));
        } else {
            let zero = c.int(0);
            let (.., done) = count_up(c, zero, length, None, |c, index, state, _| {
                let a = c.load_indexed(kind, this, index);
                let b = c.load_indexed(other_kind, other, index);
                continue_if_equal(c, a, b, no);
                state
            });
            c.enter(done);
            c.b.jump(yes);
        }
    }
    c.enter(yes);
    c.ret_bool(true)?;
    c.enter(no);
    c.ret_bool(false)
}

fn continue_if_equal(c: &mut Body<'_>, a: Value, b: Value, otherwise: Block) {
    let equal = c.compare(CompareOp::EqInt64, a, b);
    let proceed = c.block();
    c.branch(equal, proceed, otherwise);
    c.enter(proceed);
}

/// Compares the code units of strings of one class and length: eight bytes at a time, then the rest.
fn equal_bytes(
    c: &mut Body<'_>,
    (a, b): (Value, Value),
    kind: ArrayKind,
    length: Value,
    (yes, no): (Block, Block),
) {
    let bytes = match kind {
        ArrayKind::TwoByteString => c.binary_imm(BinaryOp::ShlInt64, length, 1),
        _ => length,
    };
    let a = c.ins(snapcrane_ir::Inst::ElementsAddress { kind, object: a });
    let b = c.ins(snapcrane_ir::Inst::ElementsAddress { kind, object: b });
    let words = c.binary_imm(BinaryOp::UshrInt64, bytes, 3);
    let zero = c.int(0);
    let (.., done) = count_up(c, zero, words, None, |c, index, state, _| {
        let at = c.binary_imm(BinaryOp::ShlInt64, index, 3);
        let x = c.load_indexed(ArrayKind::RawInt64, a, at);
        let y = c.load_indexed(ArrayKind::RawInt64, b, at);
        continue_if_equal(c, x, y, no);
        state
    });
    c.enter(done);
    let start = c.binary_imm(BinaryOp::ShlInt64, words, 3);
    let (.., done) = count_up(c, start, bytes, None, |c, index, state, _| {
        let x = c.load_indexed(ArrayKind::RawUint8, a, index);
        let y = c.load_indexed(ArrayKind::RawUint8, b, index);
        continue_if_equal(c, x, y, no);
        state
    });
    c.enter(done);
    c.b.jump(yes);
}

/// `allocateOneByteString`, `allocateTwoByteString`: contents are undefined. A length that no string has, which is what overflow in
/// the library's computations makes, is treated as out of memory (`Internal_allocateOneByteString`, runtime/lib/string.cc).
pub(super) fn allocate(c: &mut Body<'_>, kind: AllocKind) -> Result<()> {
    const SHORT: i64 = 1 << 28;
    const LONG: i64 = 1 << 40;
    let [length] = c.args()?;
    let length = c.unbox_int(length);
    let (good, large, bad) = (c.block(), c.block(), c.block());
    let is_short = c.compare_imm(CompareOp::UleInt64, length, SHORT);
    c.branch(is_short, good, large);
    c.enter(large);
    let wide = objects::has_wide_smis(c);
    let fits = c.compare_imm(CompareOp::UleInt64, length, LONG);
    let fits = c.binary(BinaryOp::AndBool, wide, fits);
    c.branch(fits, good, bad);
    c.enter(good);
    let string = c.allocate(kind, &[length]);
    c.ret(string)?;
    c.enter(bad);
    // The runtime's answer to an array that long is the exception wanted here.
    let too_long = c.b.object(ObjectKey::Int(i64::MAX));
    let null = c.b.null();
    let result = c.runtime("AllocateArray", &[too_long, null]);
    c.ret(result)
}

/// `writeIntoOneByteString`, `writeIntoTwoByteString`: the index is in range.
pub(super) fn write(c: &mut Body<'_>, kind: ArrayKind) -> Result<()> {
    let [string, index, unit] = c.args()?;
    let (index, unit) = (c.unbox_int(index), c.unbox_int(unit));
    c.store_indexed(kind, string, index, unit);
    c.ret_null()
}

/// `_OneByteString._substringUncheckedNative`: the range is good.
pub(super) fn one_byte_substring(c: &mut Body<'_>) -> Result<()> {
    let [this, start, end] = c.args()?;
    let (start, end) = (c.unbox_int(start), c.unbox_int(end));
    let length = c.binary(BinaryOp::SubInt64, end, start);
    let string = c.allocate(AllocKind::OneByteString, &[length]);
    let to = c.ins(snapcrane_ir::Inst::ElementsAddress { kind: ArrayKind::OneByteString, object: string });
    let from = c.ins(snapcrane_ir::Inst::ElementsAddress { kind: ArrayKind::OneByteString, object: this });
    let from = c.pointer_add(from, start);
    c.ins(snapcrane_ir::Inst::MemMove { to, from, count: length });
    c.ret(string)
}

/// `copyRangeFromUint8ListToOneByteString`: the ranges are good.
pub(super) fn copy_from_bytes(c: &mut Body<'_>) -> Result<()> {
    let [from, to, from_start, to_start, count] = c.args()?;
    let (from_start, to_start, count) = (c.unbox_int(from_start), c.unbox_int(to_start), c.unbox_int(count));
    let from = c.data(from);
    let from = c.pointer_add(from, from_start);
    let to = c.ins(snapcrane_ir::Inst::ElementsAddress { kind: ArrayKind::OneByteString, object: to });
    let to = c.pointer_add(to, to_start);
    c.ins(snapcrane_ir::Inst::MemMove { to, from, count });
    c.ret_null()
}
