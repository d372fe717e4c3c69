//! Integer arithmetic.
//!
//! Narrow integers are computed like `i32`, and only operations that look at upper bits extend their operands. Operations on `i64` of which only the low
//! half is wanted are done on that half where it depends on low halves alone.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Inst as ClifInst, Opcode, Type, Value, types};

use super::{Half, Selector};
use crate::error::Error;
use crate::inst::{AluOp, CmpOp, FloatSize, Inst, Op2, Reg, UnaryOp, VAluOp};
use crate::regs::{Cond, Shift};
use crate::routines::RoutineId;

/// A pair of registers, low half first.
type Pair = (Reg, Reg);

impl Selector<'_> {
    pub(super) fn integer(&mut self, inst: ClifInst) -> Result<(), Error> {
        let dfg = &self.func.dfg;
        let opcode = dfg.insts[inst].opcode();
        let Some(&result) = dfg.inst_results(inst).first() else { return Err(self.unsupported(inst)) };
        if !dfg.inst_args(inst).iter().all(|&arg| crate::legalize::is_supported(self.ty(arg))) {
            return Err(self.unsupported(inst));
        }
        let ty = self.ty(result);
        // Whether one register is all there is to do.
        let single = ty != types::I64 || !self.is_high_used(result);
        match opcode {
            Opcode::Iadd => self.add(inst, result, single),
            Opcode::Isub => self.sub(inst, result, single),
            Opcode::Imul => self.mul(inst, result, single),
            Opcode::Band | Opcode::Bor | Opcode::Bxor => self.bitwise(opcode, inst, result, single),
            Opcode::Bnot => self.not(inst, result, single),
            Opcode::Ineg => self.neg(inst, result, single),
            Opcode::Iabs => self.abs(inst, result),
            Opcode::Ishl => self.shl(inst, result, single),
            Opcode::Ushr | Opcode::Sshr => self.shr(opcode == Opcode::Sshr, inst, result),
            Opcode::Rotl | Opcode::Rotr => self.rotate(opcode == Opcode::Rotl, inst, result),
            Opcode::Clz | Opcode::Ctz | Opcode::Cls => self.count_zeros(opcode, inst, result),
            Opcode::Popcnt => self.popcnt(inst, result),
            Opcode::Bswap | Opcode::Bitrev => self.reverse(opcode, inst, result),
            Opcode::Icmp => self.set_cond(inst),
            Opcode::Select | Opcode::SelectSpectreGuard => self.select(inst, result),
            Opcode::Smin => self.min_max(IntCC::SignedLessThan, inst, result),
            Opcode::Umin => self.min_max(IntCC::UnsignedLessThan, inst, result),
            Opcode::Smax => self.min_max(IntCC::SignedGreaterThanOrEqual, inst, result),
            Opcode::Umax => self.min_max(IntCC::UnsignedGreaterThanOrEqual, inst, result),
            Opcode::Bmask => self.bmask(inst, result),
            Opcode::Uextend | Opcode::Sextend => self.extension(opcode == Opcode::Sextend, inst, result),
            Opcode::Ireduce => {
                let source = self.arg(inst, 0);
                self.same(result, source);
            }
            Opcode::Isplit if ty == types::I32 => self.isplit(inst),
            Opcode::Iconcat if ty == types::I64 => self.iconcat(inst, result),
            Opcode::Umulhi | Opcode::Smulhi => self.mul_high(opcode == Opcode::Smulhi, inst, result),
            Opcode::Udiv | Opcode::Urem => self.udiv_urem(opcode == Opcode::Urem, inst, result),
            Opcode::Sdiv | Opcode::Srem => self.sdiv_srem(opcode == Opcode::Srem, inst, result),
            Opcode::UaddOverflow | Opcode::SaddOverflow | Opcode::UsubOverflow | Opcode::SsubOverflow => {
                self.add_sub_overflow(opcode, inst);
            }
            Opcode::UmulOverflow | Opcode::SmulOverflow => {
                self.mul_overflow(opcode == Opcode::SmulOverflow, inst);
            }
            _ => return Err(self.unsupported(inst)),
        }
        Ok(())
    }

    /// Makes a value another name of the low register of a value.
    fn same(&mut self, result: Value, source: Value) {
        let name = self.result(result);
        let of = self.gpr(source);
        self.vcode.alias(name, of);
    }

    fn commuted(&self, (a, b): (Value, Value)) -> (Value, Value) {
        if self.iconst(a).is_some() { (b, a) } else { (a, b) }
    }

    /// The factors of a product of the same type in this block that has no other user.
    fn product(&self, value: Value) -> Option<(Value, Value)> {
        match self.local_def(value)? {
            (inst, Opcode::Imul) if self.uses[value] == 1 => Some(self.args2(inst)),
            _ => None,
        }
    }

    // Sums.

    fn add(&mut self, inst: ClifInst, result: Value, single: bool) {
        let (a, b) = self.commuted(self.args2(inst));
        if single {
            let rd = self.result(result);
            if let Some(constant) = self.iconst32(b) {
                let rn = self.base(a);
                self.add_constant(rd, rn, constant);
                return;
            }
            for (sum, product) in [(a, b), (b, a)] {
                if let Some((m, n)) = self.product(product) {
                    let (rn, rm, ra) = (self.gpr(m), self.gpr(n), self.gpr(sum));
                    self.push(Inst::Mla { sub: false, rd, rn, rm, ra });
                    return;
                }
            }
            let (a, b) = if self.const_shift(a).is_some() { (b, a) } else { (a, b) };
            let rn = self.base(a);
            let op2 = self.op2(b);
            self.alu_to(rd, AluOp::Add, rn, op2);
            return;
        }
        // An extended operand is best second.
        let (a, b) = if self.high_half(a).is_some() { (b, a) } else { (a, b) };
        let (lo, hi) = self.result_pair(result);
        let (a_lo, a_hi) = self.pair(a);
        let (b_lo, b_hi) = (self.half_op2(b, Half::Lo), self.half_op2(b, Half::Hi));
        self.alu_flags_to(lo, AluOp::Add, a_lo, b_lo);
        self.alu_to(hi, AluOp::Adc, a_hi, b_hi);
    }

    fn add_constant(&mut self, rd: Reg, rn: Reg, constant: u32) {
        if let Some(op2) = Op2::imm(constant) {
            self.alu_to(rd, AluOp::Add, rn, op2);
        } else if let Some(op2) = Op2::imm(constant.wrapping_neg()) {
            self.alu_to(rd, AluOp::Sub, rn, op2);
        } else {
            let op2 = self.op2_imm(constant);
            self.alu_to(rd, AluOp::Add, rn, op2);
        }
    }

    fn sub(&mut self, inst: ClifInst, result: Value, single: bool) {
        let (a, b) = self.args2(inst);
        if single {
            let rd = self.result(result);
            if let Some(constant) = self.iconst32(b) {
                let rn = self.base(a);
                self.add_constant(rd, rn, constant.wrapping_neg());
            } else if let Some(op2) = self.iconst32(a).and_then(Op2::imm) {
                let rn = self.base(b);
                self.alu_to(rd, AluOp::Rsb, rn, op2);
            } else if let Some((m, n)) = self.product(b) {
                let (rn, rm, ra) = (self.gpr(m), self.gpr(n), self.gpr(a));
                self.push(Inst::Mla { sub: true, rd, rn, rm, ra });
            } else if let Some(op2) = self.shifted(a) {
                let rn = self.base(b);
                self.alu_to(rd, AluOp::Rsb, rn, op2);
            } else {
                let rn = self.base(a);
                let op2 = self.op2(b);
                self.alu_to(rd, AluOp::Sub, rn, op2);
            }
            return;
        }
        let result = self.result_pair(result);
        self.sub64(result, a, b);
    }

    fn sub64(&mut self, (lo, hi): Pair, a: Value, b: Value) {
        let (a_lo, a_hi) = self.pair(a);
        let (b_lo, b_hi) = (self.half_op2(b, Half::Lo), self.half_op2(b, Half::Hi));
        self.alu_flags_to(lo, AluOp::Sub, a_lo, b_lo);
        self.alu_to(hi, AluOp::Sbc, a_hi, b_hi);
    }

    fn neg(&mut self, inst: ClifInst, result: Value, single: bool) {
        let a = self.arg(inst, 0);
        if single {
            let rd = self.result(result);
            let rn = self.gpr(a);
            self.alu_to(rd, AluOp::Rsb, rn, Op2::Imm(0));
            return;
        }
        let result = self.result_pair(result);
        let a = self.pair(a);
        self.neg64(result, a);
    }

    fn neg64(&mut self, (lo, hi): Pair, (a_lo, a_hi): Pair) {
        self.alu_flags_to(lo, AluOp::Rsb, a_lo, Op2::Imm(0));
        self.alu_to(hi, AluOp::Rsc, a_hi, Op2::Imm(0));
    }

    fn abs(&mut self, inst: ClifInst, result: Value) {
        let a = self.arg(inst, 0);
        if self.ty(result) == types::I64 {
            let (lo, hi) = self.result_pair(result);
            let (a_lo, a_hi) = self.pair(a);
            // Complement and add one, if negative.
            let sign = Op2::Shift(a_hi, Shift::Asr, 31);
            let x_lo = self.alu(AluOp::Eor, a_lo, sign);
            let x_hi = self.alu(AluOp::Eor, a_hi, sign);
            self.alu_flags_to(lo, AluOp::Sub, x_lo, sign);
            self.alu_to(hi, AluOp::Sbc, x_hi, sign);
            return;
        }
        let rd = self.result(result);
        let rn = self.sign_extended(a);
        self.cmp(CmpOp::Cmp, rn, Op2::Imm(0));
        self.push(Inst::CondAlu { op: AluOp::Rsb, cond: Cond::Mi, rd, old: rn, rn, op2: Op2::Imm(0) });
    }

    fn add_sub_overflow(&mut self, opcode: Opcode, inst: ClifInst) {
        let results = self.func.dfg.inst_results(inst);
        let (result, overflow) = (results[0], results[1]);
        let (a, b) = self.args2(inst);
        let ty = self.ty(a);
        let signed = matches!(opcode, Opcode::SaddOverflow | Opcode::SsubOverflow);
        let is_sub = matches!(opcode, Opcode::UsubOverflow | Opcode::SsubOverflow);
        let (op, carry_op) = if is_sub { (AluOp::Sub, AluOp::Sbc) } else { (AluOp::Add, AluOp::Adc) };
        let cond = match (signed, is_sub) {
            (true, _) => Cond::Vs,
            (false, true) => Cond::Lo,
            (false, false) => Cond::Hs,
        };
        let rd = self.half(overflow, Half::Lo);
        match ty {
            types::I64 => {
                let (lo, hi) = self.result_pair(result);
                let (a_lo, a_hi) = self.pair(a);
                let (b_lo, b_hi) = (self.half_op2(b, Half::Lo), self.half_op2(b, Half::Hi));
                self.alu_flags_to(lo, op, a_lo, b_lo);
                self.alu_flags_to(hi, carry_op, a_hi, b_hi);
            }
            types::I32 => {
                let rn = self.gpr(a);
                let op2 = self.op2(b);
                let lo = self.result(result);
                self.alu_flags_to(lo, op, rn, op2);
            }
            _ => {
                // In the upper bits of registers, narrow integers overflow like wide ones.
                let up = (32 - ty.bits()) as u8;
                let rn = self.gpr(a);
                let rn = self.mov(Op2::Shift(rn, Shift::Lsl, up));
                let rm = self.gpr(b);
                let wide = self.vcode.new_gpr();
                self.alu_flags_to(wide, op, rn, Op2::Shift(rm, Shift::Lsl, up));
                let lo = self.result(result);
                self.mov_to(lo, Op2::Shift(wide, Shift::Lsr, up));
            }
        }
        self.push(Inst::SetCond { rd, cond, or: None });
    }

    // Products.

    fn mul(&mut self, inst: ClifInst, result: Value, single: bool) {
        let (a, b) = self.commuted(self.args2(inst));
        if single {
            let rd = self.result(result);
            let (rn, rm) = (self.gpr(a), self.gpr(b));
            self.push(Inst::Mul { rd, rn, rm });
            return;
        }
        let (lo, hi) = self.result_pair(result);
        if let (Some((a, signed)), Some((b, b_signed))) = (self.extended_word(a), self.extended_word(b))
            && signed == b_signed
        {
            let (rn, rm) = (self.gpr(a), self.gpr(b));
            self.push(Inst::MulLong { signed, lo, hi, rn, rm });
            return;
        }
        let (a_lo, a_hi) = self.pair(a);
        let b_lo = self.half_reg(b, Half::Lo);
        let high = self.vcode.new_gpr();
        let constant = self.iconst(b).map(|constant| (constant >> 32) as u32);
        let more = if constant == Some(0) { hi } else { self.vcode.new_gpr() };
        self.push(Inst::MulLong { signed: false, lo, hi: high, rn: a_lo, rm: b_lo });
        self.push(Inst::Mla { sub: false, rd: more, rn: a_hi, rm: b_lo, ra: high });
        match constant {
            Some(0) => {}
            Some(u32::MAX) => self.alu_to(hi, AluOp::Sub, more, Op2::Reg(a_lo)),
            _ => {
                let b_hi = self.half_reg(b, Half::Hi);
                self.push(Inst::Mla { sub: false, rd: hi, rn: a_lo, rm: b_hi, ra: more });
            }
        }
    }

    fn mul_high(&mut self, signed: bool, inst: ClifInst, result: Value) {
        let (a, b) = self.args2(inst);
        match self.ty(result) {
            types::I64 => {
                let (a, b) = (self.pair(a), self.pair(b));
                let (lo, hi) = self.mul_high64(signed, a, b);
                let result = self.result_pair(result);
                self.vcode.alias(result.0, lo);
                self.vcode.alias(result.1, hi);
            }
            types::I32 => {
                let (rn, rm) = (self.gpr(a), self.gpr(b));
                let (lo, hi) = (self.vcode.new_gpr(), self.result(result));
                self.push(Inst::MulLong { signed, lo, hi, rn, rm });
            }
            ty => {
                let (rn, rm) = (self.extend(a, signed), self.extend(b, signed));
                let product = self.vcode.new_gpr();
                self.push(Inst::Mul { rd: product, rn, rm });
                let rd = self.result(result);
                self.mov_to(rd, Op2::Shift(product, Shift::Asr, ty.bits() as u8));
            }
        }
    }

    /// The upper 64 bits of a product of 128.
    fn mul_high64(&mut self, signed: bool, (a_lo, a_hi): Pair, (b_lo, b_hi): Pair) -> Pair {
        let mut new = || self.vcode.new_gpr();
        let (low, carry) = (new(), new());
        let (middle, middle_hi) = (new(), new());
        let (cross, cross_hi) = (new(), new());
        let (top, top_hi) = (new(), new());
        let (lo, hi) = (new(), new());
        let (zero, zero2, zero3) = (self.imm(0), self.imm(0), self.imm(0));
        self.push(Inst::MulLong { signed: false, lo: low, hi: carry, rn: a_lo, rm: b_lo });
        let accumulate = |lo, hi, old_lo, old_hi, rn, rm| Inst::MulAccLong {
            signed: false,
            lo,
            hi,
            old_lo,
            old_hi,
            rn,
            rm,
        };
        self.push(accumulate(middle, middle_hi, carry, zero, a_hi, b_lo));
        self.push(accumulate(cross, cross_hi, middle, zero2, a_lo, b_hi));
        self.push(accumulate(top, top_hi, middle_hi, zero3, a_hi, b_hi));
        self.alu_flags_to(lo, AluOp::Add, top, Op2::Reg(cross_hi));
        self.alu_to(hi, AluOp::Adc, top_hi, Op2::Imm(0));
        if !signed {
            return (lo, hi);
        }
        // A negative factor was taken for one that is 2^64 greater.
        let mut high = (lo, hi);
        for (sign, (other_lo, other_hi)) in [(a_hi, (b_lo, b_hi)), (b_hi, (a_lo, a_hi))] {
            let sign = Op2::Shift(sign, Shift::Asr, 31);
            let wrong_lo = self.alu(AluOp::And, other_lo, sign);
            let wrong_hi = self.alu(AluOp::And, other_hi, sign);
            let next = (self.vcode.new_gpr(), self.vcode.new_gpr());
            self.alu_flags_to(next.0, AluOp::Sub, high.0, Op2::Reg(wrong_lo));
            self.alu_to(next.1, AluOp::Sbc, high.1, Op2::Reg(wrong_hi));
            high = next;
        }
        high
    }

    fn mul_overflow(&mut self, signed: bool, inst: ClifInst) {
        let results = self.func.dfg.inst_results(inst);
        let (result, overflow) = (results[0], results[1]);
        let (a, b) = self.args2(inst);
        let ty = self.ty(a);
        match ty {
            types::I64 => {
                let (a, b) = (self.pair(a), self.pair(b));
                let (high_lo, high_hi) = self.mul_high64(signed, a, b);
                let (lo, hi) = self.result_pair(result);
                let (carry, more) = (self.vcode.new_gpr(), self.vcode.new_gpr());
                self.push(Inst::MulLong { signed: false, lo, hi: carry, rn: a.0, rm: b.0 });
                self.push(Inst::Mla { sub: false, rd: more, rn: a.1, rm: b.0, ra: carry });
                self.push(Inst::Mla { sub: false, rd: hi, rn: a.0, rm: b.1, ra: more });
                if signed {
                    let sign = self.mov(Op2::Shift(hi, Shift::Asr, 31));
                    self.cmp(CmpOp::Cmp, high_lo, Op2::Reg(sign));
                    let op2 = Op2::Reg(sign);
                    self.push(Inst::CondCmp { op: CmpOp::Cmp, cond: Cond::Eq, rn: high_hi, op2 });
                } else {
                    self.alu_flags(AluOp::Orr, high_lo, Op2::Reg(high_hi));
                }
            }
            types::I32 => {
                let (rn, rm) = (self.gpr(a), self.gpr(b));
                let (lo, hi) = (self.result(result), self.vcode.new_gpr());
                self.push(Inst::MulLong { signed, lo, hi, rn, rm });
                let expected = if signed { Op2::Shift(lo, Shift::Asr, 31) } else { Op2::Imm(0) };
                self.cmp(CmpOp::Cmp, hi, expected);
            }
            _ => {
                let (rn, rm) = (self.extend(a, signed), self.extend(b, signed));
                let rd = self.result(result);
                self.push(Inst::Mul { rd, rn, rm });
                let kept = self.extend_reg(rd, ty, signed);
                self.cmp(CmpOp::Cmp, rd, Op2::Reg(kept));
            }
        }
        let rd = self.half(overflow, Half::Lo);
        self.push(Inst::SetCond { rd, cond: Cond::Ne, or: None });
    }

    // Quotients.

    /// A quotient of integers of 32 bits. The quotient of the corresponding doubles is never so close below an integer that it would be
    /// rounded to it.
    fn divide32(&mut self, signed: bool, a: Reg, b: Reg) -> Reg {
        let mut double = |rt: Reg| {
            let (word, rd) = (self.vcode.new_dpr(), self.vcode.new_dpr());
            self.vcode.push(Inst::VFromCore { rd: word, rt });
            self.vcode.push(Inst::VFromInt { signed, to: FloatSize::Double, rd, rm: word });
            rd
        };
        let (rn, rm) = (double(a), double(b));
        let (quotient, word) = (self.vcode.new_dpr(), self.vcode.new_dpr());
        self.push(Inst::VAlu { op: VAluOp::Div, size: FloatSize::Double, rd: quotient, rn, rm });
        self.push(Inst::VToInt { signed, from: FloatSize::Double, rd: word, rm: quotient });
        let rt = self.vcode.new_gpr();
        self.push(Inst::VToCore { high: false, rt, rn: word });
        rt
    }

    fn udiv_urem(&mut self, is_rem: bool, inst: ClifInst, result: Value) {
        let (a, b) = self.args2(inst);
        if self.ty(result) == types::I64 {
            let id = if is_rem { RoutineId::URem64 } else { RoutineId::UDiv64 };
            return self.divide64(id, a, b, result);
        }
        let (rn, rm) = (self.zero_extended(a), self.zero_extended(b));
        if self.iconst(b).is_none_or(|divisor| divisor == 0) {
            self.cmp(CmpOp::Cmp, rm, Op2::Imm(0));
            self.trap_if((Cond::Eq, None));
        }
        let quotient = self.divide32(false, rn, rm);
        self.finish_division(is_rem, result, quotient, rn, rm);
    }

    fn finish_division(&mut self, is_rem: bool, result: Value, quotient: Reg, rn: Reg, rm: Reg) {
        let rd = self.result(result);
        if is_rem {
            self.push(Inst::Mla { sub: true, rd, rn: quotient, rm, ra: rn });
        } else {
            self.vcode.alias(rd, quotient);
        }
    }

    fn sdiv_srem(&mut self, is_rem: bool, inst: ClifInst, result: Value) {
        let (a, b) = self.args2(inst);
        let ty = self.ty(result);
        if ty == types::I64 {
            let id = if is_rem { RoutineId::SRem64 } else { RoutineId::SDiv64 };
            return self.divide64(id, a, b, result);
        }
        let (rn, mut rm) = (self.sign_extended(a), self.sign_extended(b));
        let divisor = self.iconst(b);
        let minus_one = u64::MAX >> (64 - ty.bits());
        if divisor.is_none_or(|divisor| divisor == 0) {
            self.cmp(CmpOp::Cmp, rm, Op2::Imm(0));
            self.trap_if((Cond::Eq, None));
        }
        if is_rem {
            // The sign of the divisor makes no difference to the remainder, but `min / -1` is not representable.
            if divisor.is_none_or(|divisor| divisor == minus_one) {
                let magnitude = self.vcode.new_gpr();
                self.cmp(CmpOp::Cmp, rm, Op2::Imm(0));
                self.push(Inst::CondAlu {
                    op: AluOp::Rsb,
                    cond: Cond::Mi,
                    rd: magnitude,
                    old: rm,
                    rn: rm,
                    op2: Op2::Imm(0),
                });
                rm = magnitude;
            }
        } else if divisor.is_none_or(|divisor| divisor == minus_one) {
            // `min / -1` traps.
            self.cmp(CmpOp::Cmn, rm, Op2::Imm(1));
            let op2 = Op2::Imm(1 << (ty.bits() - 1));
            let op = if ty == types::I32 { CmpOp::Cmp } else { CmpOp::Cmn };
            self.push(Inst::CondCmp { op, cond: Cond::Eq, rn, op2 });
            self.trap_if((Cond::Eq, None));
        }
        let quotient = self.divide32(true, rn, rm);
        self.finish_division(is_rem, result, quotient, rn, rm);
    }

    fn divide64(&mut self, id: RoutineId, a: Value, b: Value, result: Value) {
        let (a, b) = (self.pair(a), self.pair(b));
        let (lo, hi) = self.result_pair(result);
        self.routine(id, &[a.0, a.1, b.0, b.1], &[lo, hi]);
    }

    // Bits.

    fn bitwise(&mut self, opcode: Opcode, inst: ClifInst, result: Value, single: bool) {
        let (a, b) = self.commuted(self.args2(inst));
        let op = match opcode {
            Opcode::Band => AluOp::And,
            Opcode::Bor => AluOp::Orr,
            _ => AluOp::Eor,
        };
        let rd = self.result(result);
        match self.iconst(b) {
            Some(constant) => {
                let rn = self.gpr(a);
                // Where upper bits count as zeros, they are made zeros.
                let whole = self.ty(result).bits() >= 32;
                self.bitwise_constant(op, rd, rn, constant as u32, whole);
            }
            None => {
                let (a, b) = if self.const_shift(a).is_some() { (b, a) } else { (a, b) };
                match self.complement(b) {
                    Some(b) if op == AluOp::And => {
                        let (rn, rm) = (self.gpr(a), self.gpr(b));
                        self.alu_to(rd, AluOp::Bic, rn, Op2::Reg(rm));
                    }
                    _ => {
                        let rn = self.gpr(a);
                        let op2 =
                            if self.ty(b) == types::I64 { self.half_op2(b, Half::Lo) } else { self.op2(b) };
                        self.alu_to(rd, op, rn, op2);
                    }
                }
            }
        }
        if single {
            return;
        }
        let rd = self.half(result, Half::Hi);
        match (self.iconst(b), self.complement(b)) {
            (Some(constant), _) => {
                let constant = (constant >> 32) as u32;
                match (op, constant) {
                    (AluOp::And, 0) => self.mov_to(rd, Op2::Imm(0)),
                    (AluOp::And, u32::MAX) | (AluOp::Orr | AluOp::Eor, 0) => {
                        let op2 = self.half_op2(a, Half::Hi);
                        self.mov_to(rd, op2);
                    }
                    _ => {
                        let rn = self.half_reg(a, Half::Hi);
                        self.bitwise_constant(op, rd, rn, constant, true);
                    }
                }
            }
            (None, Some(b)) if op == AluOp::And => {
                let (rn, rm) = (self.half_reg(a, Half::Hi), self.half_reg(b, Half::Hi));
                self.alu_to(rd, AluOp::Bic, rn, Op2::Reg(rm));
            }
            _ => {
                let rn = self.half_reg(a, Half::Hi);
                let op2 = self.half_op2(b, Half::Hi);
                self.alu_to(rd, op, rn, op2);
            }
        }
    }

    /// What a value is the complement of, if in this block.
    fn complement(&self, value: Value) -> Option<Value> {
        match self.local_def(value)? {
            (inst, Opcode::Bnot) => Some(self.arg(inst, 0)),
            _ => None,
        }
    }

    /// `rd = rn op constant`; `whole` if the register has no upper bits that the constant does not speak of.
    fn bitwise_constant(&mut self, op: AluOp, rd: Reg, rn: Reg, constant: u32, whole: bool) {
        if let Some(op2) = Op2::imm(constant) {
            return self.alu_to(rd, op, rn, op2);
        }
        match op {
            AluOp::And if constant & constant.wrapping_add(1) == 0 => {
                let width = constant.trailing_ones() as u8;
                self.push(Inst::BitField { signed: false, rd, rn, lsb: 0, width });
            }
            AluOp::And if whole && Op2::imm(!constant).is_some() => {
                self.alu_to(rd, AluOp::Bic, rn, Op2::Imm(!constant));
            }
            AluOp::Eor if constant == u32::MAX => {
                self.push(Inst::Mov { not: true, flags: false, rd, op2: Op2::Reg(rn) });
            }
            _ => {
                let op2 = self.op2_imm(constant);
                self.alu_to(rd, op, rn, op2);
            }
        }
    }

    fn not(&mut self, inst: ClifInst, result: Value, single: bool) {
        let a = self.arg(inst, 0);
        let rd = self.result(result);
        let op2 = Op2::Reg(self.gpr(a));
        self.push(Inst::Mov { not: true, flags: false, rd, op2 });
        if !single {
            let rd = self.half(result, Half::Hi);
            let op2 = Op2::Reg(self.half_reg(a, Half::Hi));
            self.push(Inst::Mov { not: true, flags: false, rd, op2 });
        }
    }

    // Shifts.

    /// A constant amount of a shift of values of a type.
    fn const_amount(&self, amount: Value, ty: Type) -> Option<u8> {
        self.iconst(amount).map(|amount| (amount as u32 & (ty.bits() - 1)) as u8)
    }

    /// An amount in a register, less than the width.
    fn amount(&mut self, amount: Value, ty: Type) -> Reg {
        let rn = self.gpr(amount);
        self.alu(AluOp::And, rn, Op2::Imm(ty.bits() - 1))
    }

    fn shl(&mut self, inst: ClifInst, result: Value, single: bool) {
        let (a, amount) = self.args2(inst);
        let ty = self.ty(result);
        if ty != types::I64 {
            let rd = self.result(result);
            let rm = self.gpr(a);
            let op2 = match self.const_amount(amount, ty) {
                Some(0) => Op2::Reg(rm),
                Some(amount) => Op2::Shift(rm, Shift::Lsl, amount),
                None => Op2::ShiftReg(rm, Shift::Lsl, self.amount(amount, ty)),
            };
            return self.mov_to(rd, op2);
        }
        if single {
            let rd = self.result(result);
            let rm = self.gpr(a);
            let op2 = match self.const_amount(amount, ty) {
                Some(0) => Op2::Reg(rm),
                Some(amount @ 1..=31) => Op2::Shift(rm, Shift::Lsl, amount),
                Some(_) => Op2::Imm(0),
                // A register's shift by 32 to 63 gives 0, as it must.
                None => Op2::ShiftReg(rm, Shift::Lsl, self.amount(amount, ty)),
            };
            return self.mov_to(rd, op2);
        }
        let result = self.result_pair(result);
        match self.const_amount(amount, ty) {
            Some(amount) => {
                let a = self.pair(a);
                self.shl64_constant(result, a, amount);
            }
            None => {
                let a = self.pair(a);
                let amount = self.amount(amount, ty);
                self.shl64(result, a, amount);
            }
        }
    }

    fn shl64_constant(&mut self, (lo, hi): Pair, (a_lo, a_hi): Pair, amount: u8) {
        match amount {
            0 => {
                self.mov_to(lo, Op2::Reg(a_lo));
                self.mov_to(hi, Op2::Reg(a_hi));
            }
            1..=31 => {
                let upper = self.mov(Op2::Shift(a_hi, Shift::Lsl, amount));
                self.alu_to(hi, AluOp::Orr, upper, Op2::Shift(a_lo, Shift::Lsr, 32 - amount));
                self.mov_to(lo, Op2::Shift(a_lo, Shift::Lsl, amount));
            }
            32 => {
                self.mov_to(hi, Op2::Reg(a_lo));
                self.mov_to(lo, Op2::Imm(0));
            }
            _ => {
                self.mov_to(hi, Op2::Shift(a_lo, Shift::Lsl, amount - 32));
                self.mov_to(lo, Op2::Imm(0));
            }
        }
    }

    /// Shifts by registers take amounts up to 255, of which all from 32 give 0: of the parts of the result, those that do not belong in it are 0.
    fn shl64(&mut self, (lo, hi): Pair, (a_lo, a_hi): Pair, amount: Reg) {
        let (back, beyond) = self.around_32(amount);
        let upper = self.mov(Op2::ShiftReg(a_hi, Shift::Lsl, amount));
        let near = self.alu(AluOp::Orr, upper, Op2::ShiftReg(a_lo, Shift::Lsr, back));
        self.alu_to(hi, AluOp::Orr, near, Op2::ShiftReg(a_lo, Shift::Lsl, beyond));
        self.mov_to(lo, Op2::ShiftReg(a_lo, Shift::Lsl, amount));
    }

    /// `32 - amount` and `amount - 32`; one of them is negative, and so a great number as an amount.
    fn around_32(&mut self, amount: Reg) -> (Reg, Reg) {
        (self.alu(AluOp::Rsb, amount, Op2::Imm(32)), self.alu(AluOp::Sub, amount, Op2::Imm(32)))
    }

    fn shr(&mut self, signed: bool, inst: ClifInst, result: Value) {
        let (a, amount) = self.args2(inst);
        let ty = self.ty(result);
        let shift = if signed { Shift::Asr } else { Shift::Lsr };
        if ty != types::I64 {
            let constant = self.const_amount(amount, ty);
            if let Some(lsb @ 1..) = constant
                && ty != types::I32
            {
                let rn = self.gpr(a);
                let rd = self.result(result);
                let width = ty.bits() as u8 - lsb;
                return self.push(Inst::BitField { signed, rd, rn, lsb, width });
            }
            let rm = self.extend(a, signed);
            let op2 = match constant {
                Some(0) => Op2::Reg(rm),
                Some(amount) => Op2::Shift(rm, shift, amount),
                None => Op2::ShiftReg(rm, shift, self.amount(amount, ty)),
            };
            let rd = self.result(result);
            return self.mov_to(rd, op2);
        }
        let constant = self.const_amount(amount, ty);
        if let Some(amount @ 32..) = constant {
            // The low half of the operand plays no part.
            let a_hi = self.half_reg(a, Half::Hi);
            let rd = self.result(result);
            self.mov_to(rd, if amount == 32 { Op2::Reg(a_hi) } else { Op2::Shift(a_hi, shift, amount - 32) });
            if self.is_high_used(result) {
                let rd = self.half(result, Half::Hi);
                self.mov_to(rd, if signed { Op2::Shift(a_hi, Shift::Asr, 31) } else { Op2::Imm(0) });
            }
            return;
        }
        let a = self.pair(a);
        match constant {
            Some(amount) => {
                let lo = self.result(result);
                let hi = self.is_high_used(result).then(|| self.half(result, Half::Hi));
                self.shr64_constant(shift, lo, hi, a, amount);
            }
            None => {
                let amount = self.amount(amount, ty);
                let result = self.result_pair(result);
                self.shr64(shift, result, a, amount);
            }
        }
    }

    /// By less than 32.
    fn shr64_constant(&mut self, shift: Shift, lo: Reg, hi: Option<Reg>, (a_lo, a_hi): Pair, amount: u8) {
        if amount == 0 {
            self.mov_to(lo, Op2::Reg(a_lo));
            if let Some(hi) = hi {
                self.mov_to(hi, Op2::Reg(a_hi));
            }
            return;
        }
        if let (1, Some(hi)) = (amount, hi) {
            // The bit that leaves the high half enters the low one.
            self.push(Inst::Mov { not: false, flags: true, rd: hi, op2: Op2::Shift(a_hi, shift, 1) });
            return self.mov_to(lo, Op2::Rrx(a_lo));
        }
        let lower = self.mov(Op2::Shift(a_lo, Shift::Lsr, amount));
        self.alu_to(lo, AluOp::Orr, lower, Op2::Shift(a_hi, Shift::Lsl, 32 - amount));
        if let Some(hi) = hi {
            self.mov_to(hi, Op2::Shift(a_hi, shift, amount));
        }
    }

    fn shr64(&mut self, shift: Shift, (lo, hi): Pair, (a_lo, a_hi): Pair, amount: Reg) {
        if shift == Shift::Asr {
            let back = self.alu(AluOp::Rsb, amount, Op2::Imm(32));
            let lower = self.mov(Op2::ShiftReg(a_lo, Shift::Lsr, amount));
            let near = self.alu(AluOp::Orr, lower, Op2::ShiftReg(a_hi, Shift::Lsl, back));
            // An arithmetic shift by too much is not 0, so it takes the place of the other parts.
            let beyond = self.vcode.new_gpr();
            self.alu_flags_to(beyond, AluOp::Sub, amount, Op2::Imm(32));
            let far = Op2::ShiftReg(a_hi, Shift::Asr, beyond);
            self.push(Inst::CondMov { not: false, cond: Cond::Pl, rd: lo, old: near, op2: far });
        } else {
            let (back, beyond) = self.around_32(amount);
            let lower = self.mov(Op2::ShiftReg(a_lo, Shift::Lsr, amount));
            let near = self.alu(AluOp::Orr, lower, Op2::ShiftReg(a_hi, Shift::Lsl, back));
            self.alu_to(lo, AluOp::Orr, near, Op2::ShiftReg(a_hi, Shift::Lsr, beyond));
        }
        self.mov_to(hi, Op2::ShiftReg(a_hi, shift, amount));
    }

    fn rotate(&mut self, left: bool, inst: ClifInst, result: Value) {
        let (a, amount) = self.args2(inst);
        let ty = self.ty(result);
        let bits = ty.bits() as u8;
        let constant = self.const_amount(amount, ty).map(|n| if left { (bits - n) % bits } else { n });
        if ty == types::I64 {
            return self.rotate64(left, constant, a, amount, result);
        }
        let rm = match ty {
            types::I32 => self.gpr(a),
            _ => {
                // Copies side by side rotate in one.
                let mut rm = self.zero_extended(a);
                let mut width = bits;
                while width < 32 {
                    rm = self.alu(AluOp::Orr, rm, Op2::Shift(rm, Shift::Lsl, width));
                    width *= 2;
                }
                rm
            }
        };
        let op2 = match constant {
            Some(0) => Op2::Reg(rm),
            Some(amount) => Op2::Shift(rm, Shift::Ror, amount),
            None => {
                let amount = self.gpr(amount);
                // Only the amount modulo the width matters, so its opposite is good enough.
                let amount = if left { self.alu(AluOp::Rsb, amount, Op2::Imm(0)) } else { amount };
                Op2::ShiftReg(rm, Shift::Ror, amount)
            }
        };
        let rd = self.result(result);
        self.mov_to(rd, op2);
    }

    fn rotate64(&mut self, left: bool, right: Option<u8>, a: Value, amount: Value, result: Value) {
        let (lo, hi) = self.result_pair(result);
        let (a_lo, a_hi) = self.pair(a);
        if let Some(right) = right {
            let (x, y) = if right >= 32 { (a_hi, a_lo) } else { (a_lo, a_hi) };
            let right = right % 32;
            if right == 0 {
                self.mov_to(lo, Op2::Reg(x));
                self.mov_to(hi, Op2::Reg(y));
                return;
            }
            let low = self.mov(Op2::Shift(x, Shift::Lsr, right));
            self.alu_to(lo, AluOp::Orr, low, Op2::Shift(y, Shift::Lsl, 32 - right));
            let high = self.mov(Op2::Shift(y, Shift::Lsr, right));
            self.alu_to(hi, AluOp::Orr, high, Op2::Shift(x, Shift::Lsl, 32 - right));
            return;
        }
        let amount = self.gpr(amount);
        let one_way = self.alu(AluOp::And, amount, Op2::Imm(63));
        let opposite = self.alu(AluOp::Rsb, amount, Op2::Imm(0));
        let other_way = self.alu(AluOp::And, opposite, Op2::Imm(63));
        let (shl, shr) = if left { (one_way, other_way) } else { (other_way, one_way) };
        let up = (self.vcode.new_gpr(), self.vcode.new_gpr());
        let down = (self.vcode.new_gpr(), self.vcode.new_gpr());
        self.shl64(up, (a_lo, a_hi), shl);
        self.shr64(Shift::Lsr, down, (a_lo, a_hi), shr);
        self.alu_to(lo, AluOp::Orr, up.0, Op2::Reg(down.0));
        self.alu_to(hi, AluOp::Orr, up.1, Op2::Reg(down.1));
    }

    // Counting and reversing.

    fn count_zeros(&mut self, opcode: Opcode, inst: ClifInst, result: Value) {
        let a = self.arg(inst, 0);
        let ty = self.ty(result);
        let rd = self.result(result);
        if ty == types::I64 {
            let (a_lo, a_hi) = self.pair(a);
            let count = match opcode {
                Opcode::Clz => self.clz64(a_lo, a_hi),
                Opcode::Ctz => {
                    let (lo, hi) = (self.unary(UnaryOp::Rbit, a_lo), self.unary(UnaryOp::Rbit, a_hi));
                    self.clz64(hi, lo)
                }
                _ => {
                    let sign = Op2::Shift(a_hi, Shift::Asr, 31);
                    let (lo, hi) = (self.alu(AluOp::Eor, a_lo, sign), self.alu(AluOp::Eor, a_hi, sign));
                    let count = self.clz64(lo, hi);
                    self.alu(AluOp::Sub, count, Op2::Imm(1))
                }
            };
            self.vcode.alias(rd, count);
            if self.is_high_used(result) {
                let rd = self.half(result, Half::Hi);
                self.mov_to(rd, Op2::Imm(0));
            }
            return;
        }
        let unused = 32 - ty.bits();
        match opcode {
            Opcode::Clz => {
                let rm = self.zero_extended(a);
                let count = self.unary(UnaryOp::Clz, rm);
                self.alu_to(rd, AluOp::Sub, count, Op2::Imm(unused));
            }
            Opcode::Ctz => {
                let mut rm = self.gpr(a);
                if unused > 0 {
                    rm = self.alu(AluOp::Orr, rm, Op2::Imm(1 << ty.bits()));
                }
                let reversed = self.unary(UnaryOp::Rbit, rm);
                self.push(Inst::Unary { op: UnaryOp::Clz, rd, rm: reversed });
            }
            _ => {
                let rn = self.sign_extended(a);
                let rm = self.alu(AluOp::Eor, rn, Op2::Shift(rn, Shift::Asr, 31));
                let count = self.unary(UnaryOp::Clz, rm);
                self.alu_to(rd, AluOp::Sub, count, Op2::Imm(unused + 1));
            }
        }
    }

    fn clz64(&mut self, lo: Reg, hi: Reg) -> Reg {
        let lo_count = self.unary(UnaryOp::Clz, lo);
        let lo_count = self.alu(AluOp::Add, lo_count, Op2::Imm(32));
        let hi_count = self.unary(UnaryOp::Clz, hi);
        self.cmp(CmpOp::Cmp, hi, Op2::Imm(0));
        self.cond_mov((Cond::Ne, None), Op2::Reg(hi_count), lo_count)
    }

    fn popcnt(&mut self, inst: ClifInst, result: Value) {
        let a = self.arg(inst, 0);
        let rd = self.result(result);
        if self.ty(result) != types::I64 {
            let rm = self.zero_extended(a);
            let count = self.popcnt32(rm);
            return self.vcode.alias(rd, count);
        }
        let (lo, hi) = self.pair(a);
        let (lo, hi) = (self.popcnt32(lo), self.popcnt32(hi));
        self.alu_to(rd, AluOp::Add, lo, Op2::Reg(hi));
        if self.is_high_used(result) {
            let rd = self.half(result, Half::Hi);
            self.mov_to(rd, Op2::Imm(0));
        }
    }

    /// Sums of neighbouring fields of bits, of twice the width each time; a multiplication adds the bytes.
    fn popcnt32(&mut self, rm: Reg) -> Reg {
        let ones = self.imm(0x5555_5555);
        let odd = self.alu(AluOp::And, ones, Op2::Shift(rm, Shift::Lsr, 1));
        let pairs = self.alu(AluOp::Sub, rm, Op2::Reg(odd));
        let threes = self.imm(0x3333_3333);
        let even = self.alu(AluOp::And, pairs, Op2::Reg(threes));
        let odd = self.alu(AluOp::And, threes, Op2::Shift(pairs, Shift::Lsr, 2));
        let nibbles = self.alu(AluOp::Add, even, Op2::Reg(odd));
        let bytes = self.alu(AluOp::Add, nibbles, Op2::Shift(nibbles, Shift::Lsr, 4));
        let mask = self.imm(0x0f0f_0f0f);
        let bytes = self.alu(AluOp::And, bytes, Op2::Reg(mask));
        let each = self.imm(0x0101_0101);
        let sum = self.vcode.new_gpr();
        self.push(Inst::Mul { rd: sum, rn: bytes, rm: each });
        self.mov(Op2::Shift(sum, Shift::Lsr, 24))
    }

    fn reverse(&mut self, opcode: Opcode, inst: ClifInst, result: Value) {
        let a = self.arg(inst, 0);
        let op = if opcode == Opcode::Bswap { UnaryOp::Rev } else { UnaryOp::Rbit };
        match self.ty(result) {
            types::I64 => {
                let (a_lo, a_hi) = self.pair(a);
                let (lo, hi) = self.result_pair(result);
                self.push(Inst::Unary { op, rd: lo, rm: a_hi });
                self.push(Inst::Unary { op, rd: hi, rm: a_lo });
            }
            types::I32 => {
                let rm = self.gpr(a);
                let rd = self.result(result);
                self.push(Inst::Unary { op, rd, rm });
            }
            ty => {
                let rm = self.gpr(a);
                let reversed = self.unary(op, rm);
                let rd = self.result(result);
                self.mov_to(rd, Op2::Shift(reversed, Shift::Lsr, (32 - ty.bits()) as u8));
            }
        }
    }

    // Choices and changes of width.

    fn select(&mut self, inst: ClifInst, result: Value) {
        let (condition, then, other) = (self.arg(inst, 0), self.arg(inst, 1), self.arg(inst, 2));
        let ty = self.ty(result);
        if !ty.is_int() {
            return self.select_float(condition, then, other, result);
        }
        let wide = ty == types::I64;
        let lo = self.values[result].lo.map(|rd| {
            let op2 = if wide { self.half_op2(then, Half::Lo) } else { self.select_op2(then) };
            let old = if wide { self.half_reg(other, Half::Lo) } else { self.gpr(other) };
            (rd, op2, old)
        });
        let hi = self.values[result].hi.map(|rd| {
            let op2 = self.half_op2(then, Half::Hi);
            (rd, op2, self.half_reg(other, Half::Hi))
        });
        let conds = self.conds(condition, true);
        for (rd, op2, old) in lo.into_iter().chain(hi) {
            self.cond_mov_to(rd, conds, op2, old);
        }
    }

    /// A value to choose: its shift would have to be done anyway, so only constants are absorbed.
    fn select_op2(&mut self, value: Value) -> Op2 {
        match self.iconst32(value) {
            Some(constant) => self.op2_imm(constant),
            None => Op2::Reg(self.gpr(value)),
        }
    }

    fn min_max(&mut self, first_if: IntCC, inst: ClifInst, result: Value) {
        let (a, b) = self.args2(inst);
        if self.ty(result) == types::I64 {
            let (lo, hi) = self.result_pair(result);
            let (a_lo, a_hi) = (self.half_op2(a, Half::Lo), self.half_op2(a, Half::Hi));
            let (b_lo, b_hi) = self.pair(b);
            let conds = self.icmp(first_if, a, b);
            self.cond_mov_to(lo, conds, a_lo, b_lo);
            self.cond_mov_to(hi, conds, a_hi, b_hi);
            return;
        }
        let rd = self.result(result);
        let (first, second) = (self.select_op2(a), self.gpr(b));
        let conds = self.icmp(first_if, a, b);
        self.cond_mov_to(rd, conds, first, second);
    }

    fn bmask(&mut self, inst: ClifInst, result: Value) {
        let a = self.arg(inst, 0);
        let rd = self.result(result);
        let old = self.imm(0);
        let (cond, or) = self.conds(a, true);
        let old = match or {
            None => old,
            Some(cond) => {
                let first = self.vcode.new_gpr();
                self.push(Inst::CondMov { not: true, cond, rd: first, old, op2: Op2::Imm(0) });
                first
            }
        };
        self.push(Inst::CondMov { not: true, cond, rd, old, op2: Op2::Imm(0) });
        if self.ty(result) == types::I64 {
            let hi = self.half(result, Half::Hi);
            self.vcode.alias(hi, rd);
        }
    }

    fn extension(&mut self, signed: bool, inst: ClifInst, result: Value) {
        let source = self.arg(inst, 0);
        let rd = self.result(result);
        let of = self.extend(source, signed);
        self.vcode.alias(rd, of);
        if self.ty(result) == types::I64 && self.is_high_used(result) {
            let hi = self.half(result, Half::Hi);
            self.mov_to(hi, if signed { Op2::Shift(of, Shift::Asr, 31) } else { Op2::Imm(0) });
        }
    }

    fn isplit(&mut self, inst: ClifInst) {
        let source = self.arg(inst, 0);
        let results = self.func.dfg.inst_results(inst);
        for (result, half) in [(results[0], Half::Lo), (results[1], Half::Hi)] {
            if self.is_used(result) {
                let name = self.result(result);
                let of = self.half_reg(source, half);
                self.vcode.alias(name, of);
            }
        }
    }

    fn iconcat(&mut self, inst: ClifInst, result: Value) {
        let (low, high) = self.args2(inst);
        self.same(result, low);
        if self.is_high_used(result) {
            let name = self.half(result, Half::Hi);
            let of = self.gpr(high);
            self.vcode.alias(name, of);
        }
    }
}
