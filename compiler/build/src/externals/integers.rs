//! `int`: operators of `_IntegerImplementation`, their C helpers, hash codes.
//!
//! The right operand of an arithmetic operator or comparison may be a double: then the operation is one on doubles, with the left
//! operand converted. `num` has no other implementations.

use snapcrane_ir::{BinaryOp, CompareOp, Inst, Type, UnaryOp, Value};

use super::body::Body;
use super::doubles;
use crate::error::Result;

/// Both operands as integers.
fn operands(c: &mut Body<'_>) -> Result<(Value, Value)> {
    let [this, other] = c.args()?;
    Ok((c.unbox_int(this), c.unbox_int(other)))
}

/// An operator with operands that may have any of the two classes; the left one is an integer.
fn on_numbers(
    c: &mut Body<'_>,
    on_ints: impl FnOnce(&mut Body<'_>, Value, Value) -> Value,
    on_doubles: impl FnOnce(&mut Body<'_>, Value, Value) -> Result<()>,
) -> Result<()> {
    let [this, other] = c.args()?;
    let (int, double) = (c.block(), c.block());
    c.branch_int(other, int, double);
    c.enter(int);
    let (a, b) = (c.unbox_int(this), c.unbox_int(other));
    let result = on_ints(c, a, b);
    c.ret(result)?;
    c.enter(double);
    let a = c.unbox_int(this);
    let a = c.unary(UnaryOp::Int64ToDouble, a);
    let b = c.unbox_double(other);
    on_doubles(c, a, b)
}

/// `+`, `-`, `*`.
pub(super) fn arithmetic(c: &mut Body<'_>, int_op: BinaryOp, double_op: BinaryOp) -> Result<()> {
    on_numbers(
        c,
        |c, a, b| c.binary(int_op, a, b),
        |c, a, b| {
            let result = c.binary(double_op, a, b);
            c.ret(result)
        },
    )
}

/// `~/`.
pub(super) fn truncating_division(c: &mut Body<'_>) -> Result<()> {
    on_numbers(
        c,
        |c, a, b| {
            c.ins(Inst::CheckNotZero(b));
            c.binary(BinaryOp::TruncDivInt64, a, b)
        },
        |c, a, b| {
            let quotient = c.binary(BinaryOp::DivDouble, a, b);
            doubles::ret_int(c, quotient)
        },
    )
}

/// `%`.
pub(super) fn modulo(c: &mut Body<'_>) -> Result<()> {
    on_numbers(
        c,
        |c, a, b| {
            c.ins(Inst::CheckNotZero(b));
            c.binary(BinaryOp::ModInt64, a, b)
        },
        |c, a, b| {
            let result = c.leaf("DartModulo", &[a, b], Type::Double);
            c.ret(result)
        },
    )
}

/// `<` and the like.
pub(super) fn comparison(c: &mut Body<'_>, int_op: CompareOp, double_op: CompareOp) -> Result<()> {
    on_numbers(
        c,
        |c, a, b| c.compare(int_op, a, b),
        |c, a, b| {
            let result = c.compare(double_op, a, b);
            c.ret(result)
        },
    )
}

/// `==`: false for everything that is no number.
pub(super) fn equals(c: &mut Body<'_>) -> Result<()> {
    let [this, other] = c.args()?;
    let (int, heap, double, neither) = (c.block(), c.block(), c.block(), c.block());
    c.branch_int(other, int, heap);
    c.enter(int);
    let (a, b) = (c.unbox_int(this), c.unbox_int(other));
    let result = c.compare(CompareOp::EqInt64, a, b);
    c.ret(result)?;
    c.enter(heap);
    c.branch_class(other, c.ctx.program.core.double_impl, double, neither);
    c.enter(double);
    let a = c.unbox_int(this);
    let a = c.unary(UnaryOp::Int64ToDouble, a);
    let b = c.unbox_double(other);
    let result = c.compare(CompareOp::EqDouble, a, b);
    c.ret(result)?;
    c.enter(neither);
    c.ret_bool(false)
}

/// `&`, `|`, `^`, and their helpers.
pub(super) fn bitwise(c: &mut Body<'_>, op: BinaryOp) -> Result<()> {
    let (a, b) = operands(c)?;
    let result = c.binary(op, a, b);
    c.ret(result)
}

/// `<<`, `>>`, `>>>`.
pub(super) fn shift(c: &mut Body<'_>, op: BinaryOp) -> Result<()> {
    let (value, count) = operands(c)?;
    c.ins(Inst::CheckShiftCount(count));
    let result = c.binary(op, value, count);
    c.ret(result)
}

/// `unary-`, `~`, `bitLength`.
pub(super) fn unary(c: &mut Body<'_>, op: UnaryOp) -> Result<()> {
    let [this] = c.args()?;
    let value = c.unbox_int(this);
    let result = c.unary(op, value);
    c.ret(result)
}

/// `toDouble`, `_Double.fromInteger`.
pub(super) fn to_double(c: &mut Body<'_>) -> Result<()> {
    unary(c, UnaryOp::Int64ToDouble)
}

/// Helpers of operators, which are called on the right operand (`_addFromInteger`): operands that can be 0 only if the
/// operator has failed already.
pub(super) fn from_integer(c: &mut Body<'_>, op: BinaryOp) -> Result<()> {
    let (right, left) = operands(c)?;
    if matches!(op, BinaryOp::TruncDivInt64 | BinaryOp::ModInt64) {
        c.ins(Inst::CheckNotZero(right));
    }
    if matches!(op, BinaryOp::ShlInt64 | BinaryOp::ShrInt64 | BinaryOp::UshrInt64) {
        c.ins(Inst::CheckShiftCount(right));
    }
    let result = c.binary(op, left, right);
    c.ret(result)
}

/// `_greaterThanFromInteger`: whether the argument is greater than the receiver.
pub(super) fn greater_than_from_integer(c: &mut Body<'_>) -> Result<()> {
    let (right, left) = operands(c)?;
    let result = c.compare(CompareOp::GtInt64, left, right);
    c.ret(result)
}

/// `_equalToInteger`.
pub(super) fn equal_to_integer(c: &mut Body<'_>) -> Result<()> {
    let (a, b) = operands(c)?;
    let result = c.compare(CompareOp::EqInt64, a, b);
    c.ret(result)
}

/// `hashCode`.
pub(super) fn hash_code(c: &mut Body<'_>) -> Result<()> {
    let [this] = c.args()?;
    let value = c.unbox_int(this);
    let hash = hash(c, value);
    c.ret(hash)
}

/// The hash of an integer as C++ computes it (`Multiply64Hash`, runtime/lib/integers.cc): both halves of a 128-bit product,
/// folded to 30 bits.
pub(super) fn hash(c: &mut Body<'_>, value: Value) -> Value {
    const MAGIC: i64 = 0x2d51;
    const MASK: i64 = 0x3fff_ffff;
    let low_product = c.binary_imm(BinaryOp::MulInt64, value, MAGIC);
    // The factor is small, so the upper half of the product needs no more than partial products of 46 bits.
    let low = c.unary(UnaryOp::ZeroExtend32, value);
    let low = c.binary_imm(BinaryOp::MulInt64, low, MAGIC);
    let carry = c.binary_imm(BinaryOp::UshrInt64, low, 32);
    let high = c.binary_imm(BinaryOp::UshrInt64, value, 32);
    let high = c.binary_imm(BinaryOp::MulInt64, high, MAGIC);
    let high = c.binary(BinaryOp::AddInt64, high, carry);
    let high_product = c.binary_imm(BinaryOp::UshrInt64, high, 32);
    let mixed = c.binary(BinaryOp::XorInt64, low_product, high_product);
    let upper = c.binary_imm(BinaryOp::UshrInt64, mixed, 32);
    let mixed = c.binary(BinaryOp::XorInt64, mixed, upper);
    c.binary_imm(BinaryOp::AndInt64, mixed, MASK)
}
