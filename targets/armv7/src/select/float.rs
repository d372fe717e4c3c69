//! Floats.

use cranelift_codegen::ir::{Inst as ClifInst, Opcode, Value, types};

use super::{Half, Selector};
use crate::error::Error;
use crate::inst::{AluOp, CmpOp, FloatSize, Inst, Op2, Reg, VAluOp, VMulAccOp, VUnaryOp};
use crate::legalize::is_supported;
use crate::regs::{Cond, Shift};
use crate::routines::RoutineId;

const DOUBLE: FloatSize = FloatSize::Double;
/// 2^32, the weight of the high half of an `i64`.
const TWO_TO_32: f64 = 4_294_967_296.0;

impl Selector<'_> {
    pub(super) fn float(&mut self, inst: ClifInst) -> Result<(), Error> {
        let dfg = &self.func.dfg;
        let opcode = dfg.insts[inst].opcode();
        if !dfg.inst_args(inst).iter().all(|&arg| is_supported(self.ty(arg))) {
            return Err(self.unsupported(inst));
        }
        let result = dfg.first_result(inst);
        let a = self.arg(inst, 0);
        match opcode {
            Opcode::Fcmp => self.set_cond(inst),
            Opcode::Fadd | Opcode::Fsub | Opcode::Fmul | Opcode::Fdiv => {
                let op = match opcode {
                    Opcode::Fadd => VAluOp::Add,
                    Opcode::Fsub => VAluOp::Sub,
                    Opcode::Fmul => VAluOp::Mul,
                    _ => VAluOp::Div,
                };
                let (rn, rm) = (self.dpr(a), self.dpr(self.arg(inst, 1)));
                let (size, rd) = (self.size_of(result), self.result(result));
                self.push(Inst::VAlu { op, size, rd, rn, rm });
            }
            Opcode::Fneg if self.float_product(a).is_some() => {
                if let Some((m, n)) = self.float_product(a) {
                    let (rn, rm) = (self.dpr(m), self.dpr(n));
                    let (size, rd) = (self.size_of(result), self.result(result));
                    self.push(Inst::VAlu { op: VAluOp::Nmul, size, rd, rn, rm });
                }
            }
            Opcode::Sqrt | Opcode::Fneg | Opcode::Fabs => {
                let op = match opcode {
                    Opcode::Sqrt => VUnaryOp::Sqrt,
                    Opcode::Fneg => VUnaryOp::Neg,
                    _ => VUnaryOp::Abs,
                };
                let rm = self.dpr(a);
                let (size, rd) = (self.size_of(result), self.result(result));
                self.push(Inst::VUnary { op, size, rd, rm });
            }
            Opcode::Fcopysign => self.copysign(a, self.arg(inst, 1), result),
            Opcode::Fmin | Opcode::Fmax => {
                self.float_min_max(opcode == Opcode::Fmin, a, self.arg(inst, 1), result);
            }
            Opcode::Ceil => self.round(RoutineId::Ceil, a, result),
            Opcode::Floor => self.round(RoutineId::Floor, a, result),
            Opcode::Trunc => self.round(RoutineId::Trunc, a, result),
            Opcode::Nearest => self.round(RoutineId::Nearest, a, result),
            Opcode::Fpromote | Opcode::Fdemote => {
                let rm = self.dpr(a);
                let (to, rd) = (self.size_of(result), self.result(result));
                if self.size_of(a) == to {
                    self.vcode.alias(rd, rm);
                } else {
                    self.push(Inst::VCvt { to, rd, rm });
                }
            }
            Opcode::FcvtToUint | Opcode::FcvtToSint => {
                self.trap_unless_convertible(opcode == Opcode::FcvtToSint, a, result);
                self.convert_to_int(opcode == Opcode::FcvtToSint, a, result);
            }
            Opcode::FcvtToUintSat => self.convert_to_int(false, a, result),
            Opcode::FcvtToSintSat => self.convert_to_int(true, a, result),
            Opcode::FcvtFromUint => self.convert_from_int(false, a, result),
            Opcode::FcvtFromSint => self.convert_from_int(true, a, result),
            Opcode::Bitcast => return self.bitcast(inst, a, result),
            _ => return Err(self.unsupported(inst)),
        }
        Ok(())
    }

    /// The factors of a product in this block that has no other user.
    fn float_product(&self, value: Value) -> Option<(Value, Value)> {
        match self.local_def(value)? {
            (inst, Opcode::Fmul) if self.uses[value] == 1 => Some(self.args2(inst)),
            _ => None,
        }
    }

    fn double(&mut self, value: f64) -> Reg {
        let rd = self.vcode.new_dpr();
        self.push(Inst::VConst { size: DOUBLE, rd, bits: value.to_bits() });
        rd
    }

    fn core_word(&mut self, high: bool, rn: Reg) -> Reg {
        let rt = self.vcode.new_gpr();
        self.push(Inst::VToCore { high, rt, rn });
        rt
    }

    fn bitcast(&mut self, inst: ClifInst, a: Value, result: Value) -> Result<(), Error> {
        match (self.ty(a), self.ty(result)) {
            (types::I32, types::F32) => {
                let rt = self.gpr(a);
                let rd = self.result(result);
                self.push(Inst::VFromCore { rd, rt });
            }
            (types::F32, types::I32) => {
                let rn = self.dpr(a);
                let rt = self.result(result);
                self.push(Inst::VToCore { high: false, rt, rn });
            }
            (types::I64, types::F64) => {
                let (lo, hi) = self.pair(a);
                let rd = self.result(result);
                self.push(Inst::VFromCorePair { rd, lo, hi });
            }
            (types::F64, types::I64) => {
                let rn = self.dpr(a);
                let (lo, hi) = (self.values[result].lo, self.values[result].hi);
                match (lo, hi) {
                    (Some(lo), Some(hi)) => self.push(Inst::VToCorePair { lo, hi, rn }),
                    (Some(rt), None) => self.push(Inst::VToCore { high: false, rt, rn }),
                    (None, Some(rt)) => self.push(Inst::VToCore { high: true, rt, rn }),
                    (None, None) => {}
                }
            }
            (from, to) if from == to && !from.is_int() => {
                let rm = self.dpr(a);
                let rd = self.result(result);
                self.vcode.alias(rd, rm);
            }
            (from, to) if from == to && from != types::I64 => {
                let rm = self.gpr(a);
                let rd = self.result(result);
                self.vcode.alias(rd, rm);
            }
            _ => return Err(self.unsupported(inst)),
        }
        Ok(())
    }

    pub(super) fn select_float(&mut self, condition: Value, then: Value, other: Value, result: Value) {
        let size = self.size_of(result);
        let (rm, mut old) = (self.dpr(then), self.dpr(other));
        let rd = self.result(result);
        let (cond, or) = self.conds(condition, true);
        if let Some(cond) = or {
            let first = self.vcode.new_dpr();
            self.push(Inst::CondVMov { cond, size, rd: first, old, rm });
            old = first;
        }
        self.push(Inst::CondVMov { cond, size, rd, old, rm });
    }

    /// The word of a float that has the sign, with other bits of it, in a core register.
    fn sign_word(&mut self, size: FloatSize, rn: Reg) -> Reg {
        self.core_word(size == DOUBLE, rn)
    }

    /// A float with another sign word.
    fn with_sign_word(&mut self, rd: Reg, size: FloatSize, old: Reg, rt: Reg) {
        self.push(Inst::VSetHalf { high: size == DOUBLE, rd, old, rt });
    }

    fn copysign(&mut self, a: Value, b: Value, result: Value) {
        let size = self.size_of(result);
        let (rn, rm) = (self.dpr(a), self.dpr(b));
        let (magnitude, sign) = (self.sign_word(size, rn), self.sign_word(size, rm));
        let bit = self.mov(Op2::Shift(sign, Shift::Lsr, 31));
        let word = self.vcode.new_gpr();
        self.push(Inst::BitInsert { rd: word, old: magnitude, rn: Some(bit), lsb: 31, width: 1 });
        let rd = self.result(result);
        self.with_sign_word(rd, size, rn, word);
    }

    /// The lesser or greater of two; NaN if one is; zeros are ordered by sign.
    fn float_min_max(&mut self, is_min: bool, a: Value, b: Value, result: Value) {
        let size = self.size_of(result);
        let (rn, rm) = (self.dpr(a), self.dpr(b));
        // Of equal operands only the signs can differ.
        let (a_word, b_word) = (self.sign_word(size, rn), self.sign_word(size, rm));
        let word = self.alu(if is_min { AluOp::Orr } else { AluOp::And }, a_word, Op2::Reg(b_word));
        let (equal, sum) = (self.vcode.new_dpr(), self.vcode.new_dpr());
        self.with_sign_word(equal, size, rn, word);
        // NaN if one is.
        self.push(Inst::VAlu { op: VAluOp::Add, size, rd: sum, rn, rm });
        self.push(Inst::VCmp { size, rn, rm: Some(rm) });
        let other_if = if is_min { Cond::Gt } else { Cond::Mi };
        let (first, second) = (self.vcode.new_dpr(), self.vcode.new_dpr());
        self.push(Inst::CondVMov { cond: other_if, size, rd: first, old: rn, rm });
        self.push(Inst::CondVMov { cond: Cond::Eq, size, rd: second, old: first, rm: equal });
        let rd = self.result(result);
        self.push(Inst::CondVMov { cond: Cond::Vs, size, rd, old: second, rm: sum });
    }

    /// The value of a float as a double.
    fn as_double(&mut self, value: Value) -> Reg {
        let rm = self.dpr(value);
        if self.size_of(value) == DOUBLE {
            return rm;
        }
        let rd = self.vcode.new_dpr();
        self.push(Inst::VCvt { to: DOUBLE, rd, rm });
        rd
    }

    /// Rounding to an integer. What a single rounds to is a single.
    fn round(&mut self, id: RoutineId, a: Value, result: Value) {
        let argument = self.as_double(a);
        let rd = self.result(result);
        match self.size_of(result) {
            FloatSize::Double => self.routine(id, &[argument], &[rd]),
            to @ FloatSize::Single => {
                let rounded = self.vcode.new_dpr();
                self.routine(id, &[argument], &[rounded]);
                self.push(Inst::VCvt { to, rd, rm: rounded });
            }
        }
    }

    // To integers.

    fn convert_to_int(&mut self, signed: bool, a: Value, result: Value) {
        let ty = self.ty(result);
        if ty == types::I64 {
            let rm = self.as_double(a);
            let (lo, hi) = self.result_pair(result);
            return if signed {
                self.routine(RoutineId::DoubleToInt64, &[rm], &[lo, hi])
            } else {
                self.convert_to_uint64(rm, lo, hi)
            };
        }
        let (from, rm) = (self.size_of(a), self.dpr(a));
        let word = self.vcode.new_dpr();
        self.push(Inst::VToInt { signed, from, rd: word, rm });
        let rd = self.result(result);
        if ty == types::I32 {
            return self.push(Inst::VToCore { high: false, rt: rd, rn: word });
        }
        // Narrower ones saturate earlier.
        let wide = self.core_word(false, word);
        let (least, greatest) = if signed {
            (-(1_i32 << (ty.bits() - 1)), (1_i32 << (ty.bits() - 1)) - 1)
        } else {
            (0, (1_i32 << ty.bits()) - 1)
        };
        let limit = self.imm(greatest as u32);
        self.cmp(CmpOp::Cmp, wide, Op2::Reg(limit));
        let above = if signed { Cond::Gt } else { Cond::Hi };
        if !signed {
            return self.cond_mov_to(rd, (above, None), Op2::Reg(limit), wide);
        }
        let capped = self.cond_mov((above, None), Op2::Reg(limit), wide);
        let limit = self.imm(least as u32);
        self.cmp(CmpOp::Cmp, capped, Op2::Reg(limit));
        self.cond_mov_to(rd, (Cond::Lt, None), Op2::Reg(limit), capped);
    }

    /// The halves one after the other: conversions of both saturate, so the whole does, and nothing is rounded.
    fn convert_to_uint64(&mut self, rm: Reg, lo: Reg, hi: Reg) {
        let inverse = self.double(1.0 / TWO_TO_32);
        let weight = self.double(TWO_TO_32);
        let mut new = || self.vcode.new_dpr();
        let (scaled, hi_word, hi_double, rest, lo_word) = (new(), new(), new(), new(), new());
        self.push(Inst::VAlu { op: VAluOp::Mul, size: DOUBLE, rd: scaled, rn: rm, rm: inverse });
        self.push(Inst::VToInt { signed: false, from: DOUBLE, rd: hi_word, rm: scaled });
        self.push(Inst::VFromInt { signed: false, to: DOUBLE, rd: hi_double, rm: hi_word });
        self.push(Inst::VMulAcc {
            op: VMulAccOp::Mls,
            size: DOUBLE,
            rd: rest,
            acc: rm,
            rn: hi_double,
            rm: weight,
        });
        self.push(Inst::VToInt { signed: false, from: DOUBLE, rd: lo_word, rm: rest });
        self.push(Inst::VToCore { high: false, rt: lo, rn: lo_word });
        self.push(Inst::VToCore { high: false, rt: hi, rn: hi_word });
    }

    /// Traps for NaN and for what has no integer of the type after rounding towards zero.
    fn trap_unless_convertible(&mut self, signed: bool, a: Value, result: Value) {
        let bits = self.ty(result).bits() as i32;
        let rn = self.as_double(a);
        // Exclusive limits. Those that a double cannot come close to are inclusive.
        let above = 2_f64.powi(if signed { bits - 1 } else { bits });
        let (below, inclusive) = match (signed, bits) {
            (false, _) => (-1.0, false),
            (true, 64) => (-above, true),
            (true, _) => (-above - 1.0, false),
        };
        let (below, above) = (self.double(below), self.double(above));
        self.push(Inst::VCmp { size: DOUBLE, rn, rm: Some(above) });
        self.trap_if((Cond::Ge, Some(Cond::Vs)));
        self.push(Inst::VCmp { size: DOUBLE, rn, rm: Some(below) });
        self.trap_if((if inclusive { Cond::Mi } else { Cond::Ls }, None));
    }

    // From integers.

    fn convert_from_int(&mut self, signed: bool, a: Value, result: Value) {
        let (to, rd) = (self.size_of(result), self.result(result));
        if self.ty(a) != types::I64 {
            let rt = self.extend(a, signed);
            let word = self.vcode.new_dpr();
            self.push(Inst::VFromCore { rd: word, rt });
            return self.push(Inst::VFromInt { signed, to, rd, rm: word });
        }
        let (lo, hi) = (self.half_reg(a, Half::Lo), self.half_reg(a, Half::Hi));
        if to == FloatSize::Single {
            // By way of a double it would be rounded twice.
            let id = if signed { RoutineId::Int64ToFloat } else { RoutineId::UInt64ToFloat };
            return self.routine(id, &[lo, hi], &[rd]);
        }
        // Only the sum is rounded.
        let weight = self.double(TWO_TO_32);
        let mut new = || self.vcode.new_dpr();
        let (lo_word, hi_word, lo_double, hi_double) = (new(), new(), new(), new());
        self.push(Inst::VFromCore { rd: lo_word, rt: lo });
        self.push(Inst::VFromInt { signed: false, to: DOUBLE, rd: lo_double, rm: lo_word });
        self.push(Inst::VFromCore { rd: hi_word, rt: hi });
        self.push(Inst::VFromInt { signed, to: DOUBLE, rd: hi_double, rm: hi_word });
        self.push(Inst::VMulAcc {
            op: VMulAccOp::Mla,
            size: DOUBLE,
            rd,
            acc: lo_double,
            rn: hi_double,
            rm: weight,
        });
    }
}
