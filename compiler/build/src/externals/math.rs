//! `dart:math`: functions of the C library. All parameters are doubles.

use snapcrane_ir::{BinaryOp, CompareOp, Type, UnaryOp, Value};

use super::body::Body;
use crate::error::Result;

/// Returns `value` if `cond` holds.
fn ret_if(c: &mut Body<'_>, cond: Value, value: impl FnOnce(&mut Body<'_>) -> Value) -> Result<()> {
    let (then, other) = (c.block(), c.block());
    c.branch(cond, then, other);
    c.enter(then);
    let value = value(c);
    c.ret(value)?;
    c.enter(other);
    Ok(())
}

/// `_doublePow`: C's `pow` where Dart means the same, and small exponents without it
/// (`InvokeDoublePow`, runtime/vm/compiler/backend/il_x64.cc).
pub(super) fn pow(c: &mut Body<'_>) -> Result<()> {
    let [base, exponent] = c.args()?;
    let (base, exponent) = (c.unbox_double(base), c.unbox_double(exponent));
    let equals = |c: &mut Body<'_>, value, constant: f64| {
        let constant = c.double(constant);
        c.compare(CompareOp::EqDouble, value, constant)
    };
    let zero = equals(c, exponent, 0.0);
    ret_if(c, zero, |c| c.double(1.0))?;
    let one = equals(c, exponent, 1.0);
    ret_if(c, one, |_| base)?;
    let two = equals(c, exponent, 2.0);
    ret_if(c, two, |c| c.binary(BinaryOp::MulDouble, base, base))?;
    let three = equals(c, exponent, 3.0);
    ret_if(c, three, |c| {
        let square = c.binary(BinaryOp::MulDouble, base, base);
        c.binary(BinaryOp::MulDouble, square, base)
    })?;
    let base_is_one = equals(c, base, 1.0);
    ret_if(c, base_is_one, |c| c.double(1.0))?;
    let base_is_number = c.compare(CompareOp::EqDouble, base, base);
    let exponent_is_number = c.compare(CompareOp::EqDouble, exponent, exponent);
    let numbers = c.binary(BinaryOp::AndBool, base_is_number, exponent_is_number);
    let nan = c.unary(UnaryOp::Not, numbers);
    ret_if(c, nan, |c| c.double(f64::NAN))?;
    // The square root, except of minus infinity, whose power is infinity; that of minus zero is zero.
    let half = equals(c, exponent, 0.5);
    let infinity = c.double(f64::NEG_INFINITY);
    let finite = c.compare(CompareOp::GtDouble, base, infinity);
    let root = c.binary(BinaryOp::AndBool, half, finite);
    ret_if(c, root, |c| {
        let root = c.unary(UnaryOp::SqrtDouble, base);
        let zero = c.double(0.0);
        let is_zero = c.compare(CompareOp::EqDouble, base, zero);
        c.select(is_zero, zero, root)
    })?;
    let result = c.leaf("LibcPow", &[base, exponent], Type::Double);
    c.ret(result)
}
