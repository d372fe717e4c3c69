//! `double`: operators of `_Double`, rounding, conversion to integers, hash codes.

use snapcrane_ir::{BinaryOp, CompareOp, Inst, ThreadSlot, Type, UnaryOp, Value};
use snapcrane_program::ids::ObjectKey;

use super::body::Body;
use super::{integers, objects};
use crate::error::Result;

/// One more than the greatest integer.
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

/// The receiver and a number, as doubles.
fn operands(c: &mut Body<'_>) -> Result<(Value, Value)> {
    let [this, other] = c.args()?;
    let (int, double, done) = (c.block(), c.block(), c.block());
    let right = c.b.append_param(done, Type::Double);
    c.branch_class(other, c.ctx.program.core.double_impl, double, int);
    c.enter(double);
    let value = c.unbox_double(other);
    c.b.jump_args(done, &[value]);
    c.enter(int);
    let value = c.unbox_int(other);
    let value = c.unary(UnaryOp::Int64ToDouble, value);
    c.b.jump_args(done, &[value]);
    c.enter(done);
    Ok((c.unbox_double(this), right))
}

/// The receiver and the argument, which are both doubles.
fn doubles(c: &mut Body<'_>) -> Result<(Value, Value)> {
    let [this, other] = c.args()?;
    Ok((c.unbox_double(this), c.unbox_double(other)))
}

/// The receiver, and an integer argument as a double.
fn with_integer(c: &mut Body<'_>) -> Result<(Value, Value)> {
    let [this, other] = c.args()?;
    let this = c.unbox_double(this);
    let other = c.unbox_int(other);
    Ok((this, c.unary(UnaryOp::Int64ToDouble, other)))
}

/// `+`, `-`, `*`, `/` with a number.
pub(super) fn arithmetic(c: &mut Body<'_>, op: BinaryOp) -> Result<()> {
    let (a, b) = operands(c)?;
    let result = c.binary(op, a, b);
    c.ret(result)
}

/// `<` and the like with a number.
pub(super) fn comparison(c: &mut Body<'_>, op: CompareOp) -> Result<()> {
    let (a, b) = operands(c)?;
    let result = c.compare(op, a, b);
    c.ret(result)
}

/// `==`: false for everything that is no number.
pub(super) fn equals(c: &mut Body<'_>) -> Result<()> {
    let [this, other] = c.args()?;
    let (double, no_double, int, neither) = (c.block(), c.block(), c.block(), c.block());
    c.branch_class(other, c.ctx.program.core.double_impl, double, no_double);
    c.enter(double);
    let (a, b) = (c.unbox_double(this), c.unbox_double(other));
    let result = c.compare(CompareOp::EqDouble, a, b);
    c.ret(result)?;
    c.enter(no_double);
    c.branch_int(other, int, neither);
    c.enter(int);
    let (a, b) = (c.unbox_double(this), c.unbox_int(other));
    let b = c.unary(UnaryOp::Int64ToDouble, b);
    let result = c.compare(CompareOp::EqDouble, a, b);
    c.ret(result)?;
    c.enter(neither);
    c.ret_bool(false)
}

/// `_add` and the like: both are doubles.
pub(super) fn binary(c: &mut Body<'_>, op: BinaryOp) -> Result<()> {
    let (a, b) = doubles(c)?;
    let result = c.binary(op, a, b);
    c.ret(result)
}

/// `_equal`, `_greaterThan`: both are doubles.
pub(super) fn compare(c: &mut Body<'_>, op: CompareOp) -> Result<()> {
    let (a, b) = doubles(c)?;
    let result = c.compare(op, a, b);
    c.ret(result)
}

/// `_mulFromInteger`.
pub(super) fn multiply_from_integer(c: &mut Body<'_>) -> Result<()> {
    let (this, other) = with_integer(c)?;
    let result = c.binary(BinaryOp::MulDouble, other, this);
    c.ret(result)
}

/// `_equalToInteger`.
pub(super) fn equal_to_integer(c: &mut Body<'_>) -> Result<()> {
    let (this, other) = with_integer(c)?;
    let result = c.compare(CompareOp::EqDouble, this, other);
    c.ret(result)
}

/// `_greaterThanFromInteger`: whether the argument is greater than the receiver.
pub(super) fn greater_than_from_integer(c: &mut Body<'_>) -> Result<()> {
    let (this, other) = with_integer(c)?;
    let result = c.compare(CompareOp::GtDouble, other, this);
    c.ret(result)
}

/// `unary-`, `floorToDouble`, `_sqrt` and the like.
pub(super) fn unary(c: &mut Body<'_>, op: UnaryOp) -> Result<()> {
    let [this] = c.args()?;
    let value = c.unbox_double(this);
    let result = c.unary(op, value);
    c.ret(result)
}

/// Calls a C function of one double.
pub(super) fn leaf1(c: &mut Body<'_>, entry: &'static str) -> Result<()> {
    let [this] = c.args()?;
    let value = c.unbox_double(this);
    let result = c.leaf(entry, &[value], Type::Double);
    c.ret(result)
}

/// Calls a C function of two doubles.
pub(super) fn leaf2(c: &mut Body<'_>, entry: &'static str) -> Result<()> {
    let (a, b) = doubles(c)?;
    let result = c.leaf(entry, &[a, b], Type::Double);
    c.ret(result)
}

/// `isNaN`.
pub(super) fn is_nan(c: &mut Body<'_>) -> Result<()> {
    let [this] = c.args()?;
    let value = c.unbox_double(this);
    let is_number = c.compare(CompareOp::EqDouble, value, value);
    let result = c.unary(UnaryOp::Not, is_number);
    c.ret(result)
}

/// `isInfinite`.
pub(super) fn is_infinite(c: &mut Body<'_>) -> Result<()> {
    let [this] = c.args()?;
    let value = c.unbox_double(this);
    let magnitude = c.unary(UnaryOp::AbsDouble, value);
    let infinity = c.double(f64::INFINITY);
    let result = c.compare(CompareOp::EqDouble, magnitude, infinity);
    c.ret(result)
}

/// `isNegative`: the sign bit, except of NaN.
pub(super) fn is_negative(c: &mut Body<'_>) -> Result<()> {
    let [this] = c.args()?;
    let value = c.unbox_double(this);
    let is_number = c.compare(CompareOp::EqDouble, value, value);
    let bits = c.unary(UnaryOp::DoubleBits, value);
    let sign = c.compare_imm(CompareOp::LtInt64, bits, 0);
    let result = c.binary(BinaryOp::AndBool, is_number, sign);
    c.ret(result)
}

/// `toInt`.
pub(super) fn to_int(c: &mut Body<'_>) -> Result<()> {
    let [this] = c.args()?;
    let value = c.unbox_double(this);
    ret_int(c, value)
}

/// Returns a double as an integer: truncated and saturated; throws an `UnsupportedError` for NaN and infinities
/// (`DoubleToInteger`, runtime/vm/double_conversion.cc).
pub(super) fn ret_int(c: &mut Body<'_>, value: Value) -> Result<()> {
    let (fits, other) = (c.block(), c.block());
    let low = c.double(-TWO_TO_63);
    let high = c.double(TWO_TO_63);
    // Both comparisons are false for NaN.
    let above = c.compare(CompareOp::GeDouble, value, low);
    let below = c.compare(CompareOp::LtDouble, value, high);
    let in_range = c.binary(BinaryOp::AndBool, above, below);
    c.b.branch_unlikely(in_range, fits, other, snapcrane_ir::function::Unlikely::Other);
    c.enter(fits);
    let int = c.unary(UnaryOp::DoubleToInt64, value);
    c.ret(int)?;
    c.enter(other);
    let kind =
        c.ctx.program.engine.recognized_method_named("DoubleToInteger").map_or(0, |method| method.kind);
    let kind = c.b.object(ObjectKey::Int(i64::from(kind)));
    c.ins(Inst::StoreThread(ThreadSlot::UnboxedRuntimeArg, value));
    let result = c.runtime("DoubleToInteger", &[kind]);
    c.ret(result)
}

/// `hashCode`: doubles that are integers hash like those (`HashDoubleOpInstr`, runtime/vm/compiler/backend/il_x64.cc). 2^63, which is
/// the nearest double of the greatest integer, is none.
pub(super) fn hash_code(c: &mut Body<'_>) -> Result<()> {
    let [this] = c.args()?;
    let value = c.unbox_double(this);
    let (integral, other) = (c.block(), c.block());
    let int = c.unary(UnaryOp::DoubleToInt64, value);
    let back = c.unary(UnaryOp::Int64ToDouble, int);
    let same = c.compare(CompareOp::EqDouble, value, back);
    let limit = c.double(TWO_TO_63);
    let below = c.compare(CompareOp::LtDouble, value, limit);
    let is_int = c.binary(BinaryOp::AndBool, same, below);
    c.branch(is_int, integral, other);
    c.enter(integral);
    let hash = integers::hash(c, int);
    c.ret(hash)?;
    c.enter(other);
    let bits = c.unary(UnaryOp::DoubleBits, value);
    let upper = c.binary_imm(BinaryOp::UshrInt64, bits, 32);
    let mixed = c.binary(BinaryOp::XorInt64, bits, upper);
    let wide = objects::has_wide_smis(c);
    let (long, short) = (c.int(0x3fff_ffff_ffff_ffff), c.int(0x3fff_ffff));
    let mask = c.select(wide, long, short);
    let hash = c.binary(BinaryOp::AndInt64, mixed, mask);
    c.ret(hash)
}
