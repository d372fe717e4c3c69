//! Helper routines for what the processor has no instructions for.
//!
//! A routine is a CLIF function of C convention that this code generator compiles itself. Selection calls it through a relocation
//! ([`crate::metadata::RelocTarget::Routine`]); whoever places code compiles each routine that is asked for, once. Routines are leaves or call other routines, never collect or
//! throw, and have frames like all code.
//!
//! # Division
//!
//! Not all processors of this architecture divide integers, but all divide doubles. 32-bit quotients are made of those in place. For 64 bits the double quotient is
//! an estimate: with `q = n / d` computed in doubles, the remainder `n - q * d` is off by little more than `d`, which a second estimate of
//! 32 bits and a step of one repair. That needs remainders to have a sign, so divisors from 2^62 take another way: their
//! quotients are at most 3.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{
    AbiParam, Block, Function, InstBuilder, Signature, TrapCode, Type, UserFuncName, Value, types,
};
use cranelift_codegen::isa::CallConv;

/// A helper routine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RoutineId {
    /// Unsigned 64-bit quotient; traps for a divisor of 0, as the next three.
    UDiv64,
    /// Unsigned 64-bit remainder.
    URem64,
    /// Signed 64-bit quotient; traps for the least integer divided by -1.
    SDiv64,
    /// Signed 64-bit remainder.
    SRem64,
    /// `f64` to `i64`, towards zero, saturating, NaN to 0.
    DoubleToInt64,
    /// `i64` to `f32`.
    Int64ToFloat,
    /// Unsigned 64-bit integer to `f32`.
    UInt64ToFloat,
    /// `f64` rounded up.
    Ceil,
    /// `f64` rounded down.
    Floor,
    /// `f64` rounded towards zero.
    Trunc,
    /// `f64` rounded to the nearest integer, to the even one of two.
    Nearest,
}

impl RoutineId {
    /// All of them.
    pub const ALL: [RoutineId; 11] = [
        RoutineId::UDiv64,
        RoutineId::URem64,
        RoutineId::SDiv64,
        RoutineId::SRem64,
        RoutineId::DoubleToInt64,
        RoutineId::Int64ToFloat,
        RoutineId::UInt64ToFloat,
        RoutineId::Ceil,
        RoutineId::Floor,
        RoutineId::Trunc,
        RoutineId::Nearest,
    ];

    fn signature(self) -> (&'static [Type], Type) {
        match self {
            RoutineId::UDiv64 | RoutineId::URem64 | RoutineId::SDiv64 | RoutineId::SRem64 => {
                (&[types::I64, types::I64], types::I64)
            }
            RoutineId::DoubleToInt64 => (&[types::F64], types::I64),
            RoutineId::Int64ToFloat | RoutineId::UInt64ToFloat => (&[types::I64], types::F32),
            RoutineId::Ceil | RoutineId::Floor | RoutineId::Trunc | RoutineId::Nearest => {
                (&[types::F64], types::F64)
            }
        }
    }
}

/// The CLIF of a routine.
pub fn build(id: RoutineId) -> Function {
    let (params, result) = id.signature();
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.extend(params.iter().map(|&ty| AbiParam::new(ty)));
    signature.returns.push(AbiParam::new(result));
    let mut func = Function::with_name_signature(UserFuncName::testcase(format!("{id:?}")), signature);
    let mut b = Builder { cur: FuncCursor::new(&mut func) };
    let entry = b.block(params);
    b.switch_to(entry);
    let result = match id {
        RoutineId::UDiv64 => {
            let (n, d) = (b.param(entry, 0), b.param(entry, 1));
            b.trap_if_zero(d);
            b.divide(n, d).0
        }
        RoutineId::URem64 => {
            let (n, d) = (b.param(entry, 0), b.param(entry, 1));
            b.trap_if_zero(d);
            b.divide(n, d).1
        }
        RoutineId::SDiv64 => b.signed_quotient(entry),
        RoutineId::SRem64 => b.signed_remainder(entry),
        RoutineId::DoubleToInt64 => b.double_to_int(entry),
        RoutineId::Int64ToFloat => b.int_to_float(entry, true),
        RoutineId::UInt64ToFloat => b.int_to_float(entry, false),
        RoutineId::Ceil | RoutineId::Floor | RoutineId::Trunc | RoutineId::Nearest => b.round(id, entry),
    };
    b.cur.ins().return_(&[result]);
    func
}

struct Builder<'f> {
    cur: FuncCursor<'f>,
}

impl Builder<'_> {
    fn block(&mut self, params: &[Type]) -> Block {
        let block = self.cur.func.dfg.make_block();
        for &ty in params {
            self.cur.func.dfg.append_block_param(block, ty);
        }
        block
    }

    fn switch_to(&mut self, block: Block) {
        self.cur.func.layout.append_block(block);
        self.cur.goto_bottom(block);
    }

    fn param(&self, block: Block, index: usize) -> Value {
        self.cur.func.dfg.block_params(block)[index]
    }

    fn i64(&mut self, value: i64) -> Value {
        self.cur.ins().iconst(types::I64, value)
    }

    fn f64(&mut self, value: f64) -> Value {
        self.cur.ins().f64const(value)
    }

    fn icmp_imm(&mut self, cc: IntCC, a: Value, b: i64) -> Value {
        let ty = self.cur.func.dfg.value_type(a);
        let b = self.cur.ins().iconst(ty, b);
        self.cur.ins().icmp(cc, a, b)
    }

    fn high(&mut self, value: Value) -> Value {
        let high = self.cur.ins().ushr_imm_u(value, 32);
        self.cur.ins().ireduce(types::I32, high)
    }

    fn trap_if_zero(&mut self, divisor: Value) {
        let is_zero = self.icmp_imm(IntCC::Equal, divisor, 0);
        self.cur.ins().trapnz(is_zero, TrapCode::INTEGER_DIVISION_BY_ZERO);
    }

    /// Unsigned quotient and remainder; the divisor is not 0.
    fn divide(&mut self, n: Value, d: Value) -> (Value, Value) {
        let done = self.block(&[types::I64, types::I64]);
        let (small, wide, estimate, huge) =
            (self.block(&[]), self.block(&[]), self.block(&[]), self.block(&[]));
        let (n_high, d_high) = (self.high(n), self.high(d));
        let both = self.cur.ins().bor(n_high, d_high);
        self.cur.ins().brif(both, wide, &[], small, &[]);

        self.switch_to(small);
        let n32 = self.cur.ins().ireduce(types::I32, n);
        let d32 = self.cur.ins().ireduce(types::I32, d);
        let q = self.cur.ins().udiv(n32, d32);
        let product = self.cur.ins().imul(q, d32);
        let r = self.cur.ins().isub(n32, product);
        let q = self.cur.ins().uextend(types::I64, q);
        let r = self.cur.ins().uextend(types::I64, r);
        self.cur.ins().jump(done, &[q.into(), r.into()]);

        self.switch_to(wide);
        let is_huge = self.icmp_imm(IntCC::UnsignedGreaterThanOrEqual, d_high, 1 << 30);
        self.cur.ins().brif(is_huge, huge, &[], estimate, &[]);

        self.switch_to(estimate);
        let n_double = self.cur.ins().fcvt_from_uint(types::F64, n);
        let d_double = self.cur.ins().fcvt_from_uint(types::F64, d);
        let first = self.cur.ins().fdiv(n_double, d_double);
        let first = self.cur.ins().fcvt_to_uint_sat(types::I64, first);
        let product = self.cur.ins().imul(first, d);
        let r = self.cur.ins().isub(n, product);
        let r_double = self.cur.ins().fcvt_from_sint(types::F64, r);
        let second = self.cur.ins().fdiv(r_double, d_double);
        let second = self.cur.ins().fcvt_to_sint_sat(types::I32, second);
        let second = self.cur.ins().sextend(types::I64, second);
        let q = self.cur.ins().iadd(first, second);
        let product = self.cur.ins().imul(second, d);
        let r = self.cur.ins().isub(r, product);
        let (one, zero) = (self.i64(1), self.i64(0));
        let negative = self.icmp_imm(IntCC::SignedLessThan, r, 0);
        let step = self.cur.ins().select(negative, one, zero);
        let q = self.cur.ins().isub(q, step);
        let step = self.cur.ins().select(negative, d, zero);
        let r = self.cur.ins().iadd(r, step);
        let (q, r) = self.step(q, r, d);
        self.cur.ins().jump(done, &[q.into(), r.into()]);

        self.switch_to(huge);
        let (mut q, mut r) = (self.i64(0), n);
        for _ in 0..3 {
            (q, r) = self.step(q, r, d);
        }
        self.cur.ins().jump(done, &[q.into(), r.into()]);

        self.switch_to(done);
        (self.param(done, 0), self.param(done, 1))
    }

    /// Subtracts the divisor once more if it fits.
    fn step(&mut self, q: Value, r: Value, d: Value) -> (Value, Value) {
        let fits = self.cur.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, r, d);
        let less = self.cur.ins().isub(r, d);
        let r = self.cur.ins().select(fits, less, r);
        let one = self.cur.ins().uextend(types::I64, fits);
        (self.cur.ins().iadd(q, one), r)
    }

    /// Negates a value where `sign` is -1; keeps it where that is 0.
    fn negate_if(&mut self, value: Value, sign: Value) -> Value {
        let flipped = self.cur.ins().bxor(value, sign);
        self.cur.ins().isub(flipped, sign)
    }

    fn signed_quotient(&mut self, entry: Block) -> Value {
        let (n, d) = (self.param(entry, 0), self.param(entry, 1));
        self.trap_if_zero(d);
        let least = self.icmp_imm(IntCC::Equal, n, i64::MIN);
        let minus_one = self.icmp_imm(IntCC::Equal, d, -1);
        let overflow = self.cur.ins().band(least, minus_one);
        self.cur.ins().trapnz(overflow, TrapCode::INTEGER_OVERFLOW);
        let (n_sign, d_sign) = (self.cur.ins().sshr_imm_u(n, 63), self.cur.ins().sshr_imm_u(d, 63));
        let (n, d) = (self.negate_if(n, n_sign), self.negate_if(d, d_sign));
        let (q, _) = self.divide(n, d);
        let sign = self.cur.ins().bxor(n_sign, d_sign);
        self.negate_if(q, sign)
    }

    fn signed_remainder(&mut self, entry: Block) -> Value {
        let (n, d) = (self.param(entry, 0), self.param(entry, 1));
        self.trap_if_zero(d);
        let (n_sign, d_sign) = (self.cur.ins().sshr_imm_u(n, 63), self.cur.ins().sshr_imm_u(d, 63));
        let (n, d) = (self.negate_if(n, n_sign), self.negate_if(d, d_sign));
        let (_, r) = self.divide(n, d);
        self.negate_if(r, n_sign)
    }

    fn double_to_int(&mut self, entry: Block) -> Value {
        let x = self.param(entry, 0);
        let magnitude = self.cur.ins().fabs(x);
        let magnitude = self.cur.ins().fcvt_to_uint_sat(types::I64, magnitude);
        let zero = self.f64(0.0);
        let negative = self.cur.ins().fcmp(FloatCC::LessThan, x, zero);
        let opposite = self.cur.ins().ineg(magnitude);
        let value = self.cur.ins().select(negative, opposite, magnitude);
        let (least, greatest) = (self.i64(i64::MIN), self.i64(i64::MAX));
        let limit = self.cur.ins().select(negative, least, greatest);
        let too_great = self.icmp_imm(IntCC::SignedLessThan, magnitude, 0);
        self.cur.ins().select(too_great, limit, value)
    }

    /// An integer too long for a double loses bits far below those that a single keeps, but not the fact that there were any.
    fn int_to_float(&mut self, entry: Block, signed: bool) -> Value {
        const LOST: i64 = 0x7ff;
        let x = self.param(entry, 0);
        let magnitude = if signed { self.cur.ins().iabs(x) } else { x };
        let lost = self.i64(LOST);
        let low = self.cur.ins().band(x, lost);
        let any = self.cur.ins().iadd(low, lost);
        let sticky = self.cur.ins().bor(x, any);
        let kept = self.i64(!LOST);
        let sticky = self.cur.ins().band(sticky, kept);
        let long = self.icmp_imm(IntCC::UnsignedGreaterThanOrEqual, magnitude, 1 << 53);
        let exact = self.cur.ins().select(long, sticky, x);
        let double = if signed {
            self.cur.ins().fcvt_from_sint(types::F64, exact)
        } else {
            self.cur.ins().fcvt_from_uint(types::F64, exact)
        };
        self.cur.ins().fdemote(types::F32, double)
    }

    /// A double of 2^52 has no fraction, so adding that to a lesser one rounds it.
    fn round(&mut self, id: RoutineId, entry: Block) -> Value {
        let x = self.param(entry, 0);
        let magnitude = self.cur.ins().fabs(x);
        let limit = self.f64(4_503_599_627_370_496.0);
        let sum = self.cur.ins().fadd(magnitude, limit);
        let nearest = self.cur.ins().fsub(sum, limit);
        let one = self.f64(1.0);
        let rounded = match id {
            RoutineId::Trunc => {
                let above = self.cur.ins().fcmp(FloatCC::GreaterThan, nearest, magnitude);
                let less = self.cur.ins().fsub(nearest, one);
                self.cur.ins().select(above, less, nearest)
            }
            RoutineId::Floor => {
                let nearest = self.cur.ins().fcopysign(nearest, x);
                let above = self.cur.ins().fcmp(FloatCC::GreaterThan, nearest, x);
                let less = self.cur.ins().fsub(nearest, one);
                self.cur.ins().select(above, less, nearest)
            }
            RoutineId::Ceil => {
                let nearest = self.cur.ins().fcopysign(nearest, x);
                let below = self.cur.ins().fcmp(FloatCC::LessThan, nearest, x);
                let more = self.cur.ins().fadd(nearest, one);
                self.cur.ins().select(below, more, nearest)
            }
            _ => nearest,
        };
        // Zeros keep the sign of what they come from.
        let rounded = self.cur.ins().fcopysign(rounded, x);
        let has_fraction = self.cur.ins().fcmp(FloatCC::LessThan, magnitude, limit);
        self.cur.ins().select(has_fraction, rounded, x)
    }
}
