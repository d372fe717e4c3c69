//! Arithmetic, comparisons, boxing.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types as clif};
use snapcrane_engines::LeafEntry;
use snapcrane_ir::{BinaryOp, CompareOp, UnaryOp, Value};
use snapcrane_program::ids::ObjectKey;

use super::{Lowering, Result};
use crate::alloc::NewObject;
use crate::emit::{CallKind, Emitter, Region, Target};
use crate::helpers::HelperId;
use crate::metadata::RelocTarget;

impl Lowering<'_, '_> {
    pub(super) fn unary(&mut self, op: UnaryOp, operand: Value) -> Result<ir::Value> {
        let a = self.value(operand);
        Ok(match op {
            UnaryOp::BoxInt64 => self.box_int64(a, self.constant_int(operand)),
            UnaryOp::UnboxInt64 => self.unbox_int64(operand, a),
            UnaryOp::BoxDouble => self.box_double(a),
            UnaryOp::UnboxDouble => {
                let offset = self.e.layout.double.value;
                self.e.load_field(clif::F64, a, offset, Region::Immutable)
            }
            UnaryOp::BoxBool => {
                let (yes, no) = (self.e.bool_object(true), self.e.bool_object(false));
                self.e.cur.ins().select(a, yes, no)
            }
            UnaryOp::UnboxBool => {
                let yes = self.e.bool_object(true);
                self.e.cur.ins().icmp(IntCC::Equal, a, yes)
            }
            UnaryOp::Not => self.e.cmp_imm(IntCC::Equal, a, 0),
            UnaryOp::NegInt64 => self.e.cur.ins().ineg(a),
            UnaryOp::NotInt64 => self.e.cur.ins().bnot(a),
            UnaryOp::Int64ToDouble => self.e.cur.ins().fcvt_from_sint(clif::F64, a),
            UnaryOp::DoubleToInt64 => self.e.cur.ins().fcvt_to_sint_sat(clif::I64, a),
            UnaryOp::NegDouble => self.e.cur.ins().fneg(a),
            UnaryOp::AbsDouble => self.e.cur.ins().fabs(a),
            UnaryOp::SqrtDouble => self.e.cur.ins().sqrt(a),
            UnaryOp::FloorDouble | UnaryOp::CeilDouble | UnaryOp::TruncDouble => self.round(op, a),
            UnaryOp::DoubleBits => self.e.cur.ins().bitcast(clif::I64, MemFlagsData::new(), a),
            UnaryOp::DoubleFromBits => self.e.cur.ins().bitcast(clif::F64, MemFlagsData::new(), a),
            UnaryOp::BitLength => {
                let sign = self.e.sar_imm(a, 63);
                let magnitude = self.e.cur.ins().bxor(a, sign);
                let zeros = self.e.cur.ins().clz(magnitude);
                let width = self.e.const_of(clif::I64, 64);
                self.e.cur.ins().isub(width, zeros)
            }
            UnaryOp::ClassId => {
                let cid = if self.is_heap_object(operand) {
                    self.e.load_class_id(a)
                } else {
                    self.e.class_id_of(a)
                };
                self.e.cur.ins().uextend(clif::I64, cid)
            }
            UnaryOp::IsSmi => {
                let bit = self.e.heap_bit(a);
                self.e.cmp_imm(IntCC::Equal, bit, 0)
            }
            UnaryOp::IsDeeplyImmutable => self.is_deeply_immutable(a),
            UnaryOp::SignExtend8 => self.extend(a, clif::I8, true),
            UnaryOp::SignExtend16 => self.extend(a, clif::I16, true),
            UnaryOp::SignExtend32 => self.extend(a, clif::I32, true),
            UnaryOp::ZeroExtend32 => self.extend(a, clif::I32, false),
        })
    }

    fn is_deeply_immutable(&mut self, a: ir::Value) -> ir::Value {
        let (heap, done) = (self.e.block(), self.e.block());
        let result = self.e.param(done, clif::I8);
        let yes = self.e.const_of(clif::I8, 1);
        let heap_bit = self.e.heap_bit(a);
        self.e.branch_with(heap_bit, (heap, &[]), (done, &[yes]));
        self.e.switch_to(heap);
        let tags = self.e.load_tags(a);
        let bit = self.e.and_imm(tags, 1 << self.e.layout.untagged_object.deeply_immutable_bit);
        let immutable = self.e.cmp_imm(IntCC::NotEqual, bit, 0);
        self.e.jump(done, &[immutable]);
        self.e.switch_to(done);
        result
    }

    fn extend(&mut self, a: ir::Value, ty: ir::Type, signed: bool) -> ir::Value {
        let low = self.e.cur.ins().ireduce(ty, a);
        if signed {
            self.e.cur.ins().sextend(clif::I64, low)
        } else {
            self.e.cur.ins().uextend(clif::I64, low)
        }
    }

    fn round(&mut self, op: UnaryOp, a: ir::Value) -> ir::Value {
        self.e.buffers.target_specific = true;
        let leaf = &self.ctx.target.engine.leaf;
        match (op, self.e.isa.has_rounding) {
            (UnaryOp::FloorDouble, true) => self.e.cur.ins().floor(a),
            (UnaryOp::CeilDouble, true) => self.e.cur.ins().ceil(a),
            (_, true) => self.e.cur.ins().trunc(a),
            (UnaryOp::FloorDouble, false) => self.c_function(leaf.libc_floor, a),
            (UnaryOp::CeilDouble, false) => self.c_function(leaf.libc_ceil, a),
            (_, false) => self.c_function(leaf.libc_trunc, a),
        }
    }

    fn c_function(&mut self, entry: LeafEntry, a: ir::Value) -> ir::Value {
        let slot = self.e.layout.leaf_entry(entry);
        self.e.call_leaf(slot, &[a], Some(clif::F64)).expect("a result")
    }

    /// Smi, or a new Mint where the integer does not fit.
    fn box_int64(&mut self, a: ir::Value, constant: Option<i64>) -> ir::Value {
        if let Some(value) = constant.filter(|&value| self.ctx.target.is_smi(value)) {
            return self.e.smi(value);
        }
        let (slow, done) = (self.e.cold_block(), self.e.block());
        let smi = self.e.tag_smi(a);
        // The integer fits if untagging gives it back.
        let fits = if self.e.word == clif::I64 {
            let changed = self.e.cur.ins().bxor(smi, a);
            self.e.cmp_imm(IntCC::SignedGreaterThanOrEqual, changed, 0)
        } else {
            let back = self.e.untag_smi(smi);
            self.e.cur.ins().icmp(IntCC::Equal, back, a)
        };
        let result = self.e.tagged_param(done);
        self.e.branch_with(fits, (done, &[smi]), (slow, &[]));
        self.e.switch_to_cold(slow);
        let mint = self.e.call_helper(HelperId::AllocateMint, &[a], &mut []);
        self.e.jump(done, &[mint]);
        self.e.switch_to(done);
        result
    }

    /// A new double.
    fn box_double(&mut self, a: ir::Value) -> ir::Value {
        let cid = self.cids().double;
        let layout = &self.e.layout.double;
        let size = self.e.layout.rounded_allocation_size(layout.instance_size as u32);
        let object = NewObject { cid, size, immutability: self.ctx.target.engine.immutability(cid) };
        let offset = layout.value;
        let init = |e: &mut Emitter<'_>, object| e.init_box(object, offset, a);
        let object = self
            .e
            .allocate(object, &mut [], init, |e, keep| e.call_helper(HelperId::AllocateDouble, &[a], keep));
        self.e.publish_fence();
        object
    }

    fn unbox_int64(&mut self, operand: Value, a: ir::Value) -> ir::Value {
        if let Some(ObjectKey::Int(value)) = self.constant_object(operand) {
            return self.e.const_of(clif::I64, *value);
        }
        if self.e.isa.has_intrinsics {
            return self.e.int_of_tagged(a);
        }
        let (boxed, done) = (self.e.cold_block(), self.e.block());
        let result = self.e.param(done, clif::I64);
        let smi = self.e.untag_smi(a);
        let heap_bit = self.e.heap_bit(a);
        self.e.branch_with(heap_bit, (boxed, &[]), (done, &[smi]));
        self.e.switch_to_cold(boxed);
        let offset = self.e.layout.mint.value;
        let value = self.e.load_field(clif::I64, a, offset, Region::Immutable);
        self.e.jump(done, &[value]);
        self.e.switch_to(done);
        result
    }

    pub(super) fn binary(&mut self, op: BinaryOp, left: Value, right: Value) -> ir::Value {
        let (a, b) = (self.value(left), self.value(right));
        match op {
            BinaryOp::AddInt64 => self.e.cur.ins().iadd(a, b),
            BinaryOp::SubInt64 => self.e.cur.ins().isub(a, b),
            BinaryOp::MulInt64 => self.e.cur.ins().imul(a, b),
            BinaryOp::AndInt64 | BinaryOp::AndBool => self.e.cur.ins().band(a, b),
            BinaryOp::OrInt64 | BinaryOp::OrBool => self.e.cur.ins().bor(a, b),
            BinaryOp::XorInt64 => self.e.cur.ins().bxor(a, b),
            BinaryOp::ShlInt64 => {
                let shifted = self.e.cur.ins().ishl(a, b);
                self.unless_too_far(right, b, shifted)
            }
            BinaryOp::UshrInt64 => {
                let shifted = self.e.cur.ins().ushr(a, b);
                self.unless_too_far(right, b, shifted)
            }
            BinaryOp::ShrInt64 => {
                let count = match self.constant_int(right) {
                    Some(count) => self.e.const_of(clif::I64, count.clamp(0, 63)),
                    None => {
                        let most = self.e.const_of(clif::I64, 63);
                        self.e.cur.ins().umin(b, most)
                    }
                };
                self.e.cur.ins().sshr(a, count)
            }
            BinaryOp::TruncDivInt64 => self.divide(right, a, b),
            BinaryOp::RemInt64 => self.e.cur.ins().srem(a, b),
            BinaryOp::ModInt64 => {
                let remainder = self.e.cur.ins().srem(a, b);
                let magnitude = self.e.cur.ins().iabs(b);
                let positive = self.e.cur.ins().iadd(remainder, magnitude);
                let negative = self.e.cmp_imm(IntCC::SignedLessThan, remainder, 0);
                self.e.cur.ins().select(negative, positive, remainder)
            }
            BinaryOp::AddDouble => self.e.cur.ins().fadd(a, b),
            BinaryOp::SubDouble => self.e.cur.ins().fsub(a, b),
            BinaryOp::MulDouble => self.e.cur.ins().fmul(a, b),
            BinaryOp::DivDouble => self.e.cur.ins().fdiv(a, b),
            BinaryOp::MinDouble => {
                let less = self.e.cur.ins().fcmp(FloatCC::LessThan, a, b);
                self.e.cur.ins().select(less, a, b)
            }
        }
    }

    /// 0 for counts of 64 and more: processors take them modulo 64.
    fn unless_too_far(&mut self, count_value: Value, count: ir::Value, shifted: ir::Value) -> ir::Value {
        let zero = self.e.const_of(clif::I64, 0);
        match self.constant_int(count_value) {
            Some(count) if (0..64).contains(&count) => shifted,
            Some(_) => zero,
            None => {
                let near = self.e.cmp_imm(IntCC::UnsignedLessThan, count, 64);
                self.e.cur.ins().select(near, shifted, zero)
            }
        }
    }

    /// Quotient; `min ~/ -1`, which processors and Cranelift trap on, is `min`.
    fn divide(&mut self, divisor_value: Value, a: ir::Value, b: ir::Value) -> ir::Value {
        match self.constant_int(divisor_value) {
            Some(-1) => self.e.cur.ins().ineg(a),
            Some(_) => self.e.cur.ins().sdiv(a, b),
            None => {
                let minus_one = self.e.cmp_imm(IntCC::Equal, b, -1);
                let one = self.e.const_of(clif::I64, 1);
                let divisor = self.e.cur.ins().select(minus_one, one, b);
                let quotient = self.e.cur.ins().sdiv(a, divisor);
                let negated = self.e.cur.ins().ineg(a);
                self.e.cur.ins().select(minus_one, negated, quotient)
            }
        }
    }

    pub(super) fn compare(&mut self, op: CompareOp, left: Value, right: Value) -> ir::Value {
        let (a, b) = (self.value(left), self.value(right));
        let int = match op {
            CompareOp::Same | CompareOp::EqInt64 | CompareOp::EqBool => IntCC::Equal,
            CompareOp::NeInt64 => IntCC::NotEqual,
            CompareOp::LtInt64 => IntCC::SignedLessThan,
            CompareOp::LeInt64 => IntCC::SignedLessThanOrEqual,
            CompareOp::GtInt64 => IntCC::SignedGreaterThan,
            CompareOp::GeInt64 => IntCC::SignedGreaterThanOrEqual,
            CompareOp::UltInt64 => IntCC::UnsignedLessThan,
            CompareOp::UleInt64 => IntCC::UnsignedLessThanOrEqual,
            CompareOp::Identical => return self.identical(left, right, a, b),
            CompareOp::EqDouble => return self.e.cur.ins().fcmp(FloatCC::Equal, a, b),
            CompareOp::LtDouble => return self.e.cur.ins().fcmp(FloatCC::LessThan, a, b),
            CompareOp::LeDouble => return self.e.cur.ins().fcmp(FloatCC::LessThanOrEqual, a, b),
            CompareOp::GtDouble => return self.e.cur.ins().fcmp(FloatCC::GreaterThan, a, b),
            CompareOp::GeDouble => return self.e.cur.ins().fcmp(FloatCC::GreaterThanOrEqual, a, b),
        };
        self.e.cur.ins().icmp(int, a, b)
    }

    /// Whether a constant is identical to nothing but itself: all except boxed numbers.
    fn has_identity(&self, value: Value) -> bool {
        match self.constant_object(value) {
            Some(ObjectKey::Int(value)) => self.ctx.target.is_smi(*value),
            Some(ObjectKey::Double(_) | ObjectKey::Constant(_)) | None => false,
            Some(_) => true,
        }
    }

    fn identical(&mut self, left: Value, right: Value, a: ir::Value, b: ir::Value) -> ir::Value {
        if self.has_identity(left) || self.has_identity(right) {
            return self.e.cur.ins().icmp(IntCC::Equal, a, b);
        }
        let (differ, heap, done) = (self.e.block(), self.e.cold_block(), self.e.block());
        let result = self.e.param(done, clif::I8);
        let (yes, no) = (self.e.const_of(clif::I8, 1), self.e.const_of(clif::I8, 0));
        let same = self.e.cur.ins().icmp(IntCC::Equal, a, b);
        self.e.branch_with(same, (done, &[yes]), (differ, &[]));
        self.e.switch_to(differ);
        let both = self.e.cur.ins().band(a, b);
        let both_heap = self.e.heap_bit(both);
        self.e.branch_with(both_heap, (heap, &[]), (done, &[no]));
        self.e.switch_to_cold(heap);
        let target = Target::Direct(RelocTarget::Helper(HelperId::IdenticalNumbers));
        let equal = self.e.call(target, &[a, b], Some(clif::I8), CallKind::Leaf, &mut []).expect("a result");
        self.e.jump(done, &[equal]);
        self.e.switch_to(done);
        result
    }
}
