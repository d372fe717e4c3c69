//! Conditions, branches, traps, returns.

use cranelift_codegen::ir::condcodes::{CondCode, FloatCC, IntCC};
use cranelift_codegen::ir::{Inst as ClifInst, InstructionData, Opcode, Value, types};

use super::{Conds, Half, Selector, unsupported};
use crate::error::Error;
use crate::inst::{AluOp, CmpOp, Inst, Op2, Reg};
use crate::legalize::float_size;
use crate::regs::{Cond, Shift};

/// The condition after a comparison of 32 bits.
fn int_cond(cc: IntCC) -> Cond {
    match cc {
        IntCC::Equal => Cond::Eq,
        IntCC::NotEqual => Cond::Ne,
        IntCC::SignedLessThan => Cond::Lt,
        IntCC::SignedGreaterThanOrEqual => Cond::Ge,
        IntCC::SignedGreaterThan => Cond::Gt,
        IntCC::SignedLessThanOrEqual => Cond::Le,
        IntCC::UnsignedLessThan => Cond::Lo,
        IntCC::UnsignedGreaterThanOrEqual => Cond::Hs,
        IntCC::UnsignedGreaterThan => Cond::Hi,
        IntCC::UnsignedLessThanOrEqual => Cond::Ls,
    }
}

/// The conditions after a comparison of floats.
fn float_conds(cc: FloatCC) -> Conds {
    match cc {
        FloatCC::Ordered => (Cond::Vc, None),
        FloatCC::Unordered => (Cond::Vs, None),
        FloatCC::Equal => (Cond::Eq, None),
        FloatCC::NotEqual => (Cond::Ne, None),
        FloatCC::OrderedNotEqual => (Cond::Mi, Some(Cond::Gt)),
        FloatCC::UnorderedOrEqual => (Cond::Eq, Some(Cond::Vs)),
        FloatCC::LessThan => (Cond::Mi, None),
        FloatCC::LessThanOrEqual => (Cond::Ls, None),
        FloatCC::GreaterThan => (Cond::Gt, None),
        FloatCC::GreaterThanOrEqual => (Cond::Ge, None),
        FloatCC::UnorderedOrLessThan => (Cond::Lt, None),
        FloatCC::UnorderedOrLessThanOrEqual => (Cond::Le, None),
        FloatCC::UnorderedOrGreaterThan => (Cond::Hi, None),
        FloatCC::UnorderedOrGreaterThanOrEqual => (Cond::Hs, None),
    }
}

fn is_equality(cc: IntCC) -> bool {
    matches!(cc, IntCC::Equal | IntCC::NotEqual)
}

fn is_signed(cc: IntCC) -> bool {
    cc != cc.unsigned()
}

/// An operand of a comparison of 32 bits.
#[derive(Clone, Copy, Debug)]
enum Word {
    Constant(u32),
    Value(Value),
}

impl Selector<'_> {
    pub(super) fn control(&mut self, inst: ClifInst) -> Result<(), Error> {
        let dfg = &self.func.dfg;
        match dfg.insts[inst] {
            InstructionData::Jump { .. } => {
                self.pass_args(inst)?;
                self.push(Inst::Jump);
            }
            InstructionData::Brif { arg, .. } => {
                self.pass_args(inst)?;
                let (cond, or) = self.conds(arg, true);
                self.push(Inst::Branch { cond, or });
            }
            InstructionData::BranchTable { arg, .. } => {
                self.pass_args(inst)?;
                let index = self.zero_extended(arg);
                self.push(Inst::BrTable { index });
            }
            InstructionData::Trap { .. } => self.push(Inst::Trap),
            InstructionData::CondTrap { opcode, arg, .. } => {
                let (cond, or) = self.conds(arg, opcode == Opcode::Trapnz);
                self.push(Inst::TrapIf { cond, or });
            }
            InstructionData::MultiAry { opcode: Opcode::Return, .. } => self.ret(inst)?,
            _ => return Err(self.unsupported(inst)),
        }
        Ok(())
    }

    /// Passes arguments along the edges that have no block of their own.
    pub(super) fn pass_args(&mut self, branch: ClifInst) -> Result<(), Error> {
        use crate::order::LoweredBlock;
        let label = self.vcode.current();
        for succ in 0..self.vcode.order.succs(label).len() {
            let to = self.vcode.order.succs(label)[succ];
            if let LoweredBlock::Block(_) = self.vcode.order.block(to) {
                let args = self.edge_args(branch, succ)?;
                self.vcode.branch_args(succ, &args);
            }
        }
        Ok(())
    }

    /// Sets the flags for an integer as a truth value; gives the conditions that hold if it is true, or if it is false.
    pub(super) fn conds(&mut self, value: Value, holds: bool) -> Conds {
        if let Some((inst, _)) = self.def(value) {
            match self.func.dfg.insts[inst] {
                InstructionData::IntCompare { args: [a, b], cond, .. } => {
                    return self.icmp(if holds { cond } else { cond.complement() }, a, b);
                }
                InstructionData::FloatCompare { args: [a, b], cond, .. } => {
                    return self.fcmp(if holds { cond } else { cond.complement() }, a, b);
                }
                _ => {}
            }
        }
        self.test(value);
        (if holds { Cond::Ne } else { Cond::Eq }, None)
    }

    fn fcmp(&mut self, cc: FloatCC, a: Value, b: Value) -> Conds {
        let size = float_size(self.ty(a));
        let rn = self.dpr(a);
        let is_zero = match self.def(b).map(|(inst, _)| self.func.dfg.insts[inst]) {
            // Zeros of both signs compare alike.
            Some(InstructionData::UnaryIeee32 { imm, .. }) => imm.bits() << 1 == 0,
            Some(InstructionData::UnaryIeee64 { imm, .. }) => imm.bits() << 1 == 0,
            _ => false,
        };
        let rm = if is_zero { None } else { Some(self.dpr(b)) };
        self.push(Inst::VCmp { size, rn, rm });
        float_conds(cc)
    }

    /// Sets the flags so that `Eq` means that the integer is 0.
    pub(super) fn test(&mut self, value: Value) {
        let ty = self.ty(value);
        if let Some((inst, Opcode::Band)) = self.local_def(value) {
            let (a, b) = self.args2(inst);
            let (a, b) = if self.iconst(a).is_some() { (b, a) } else { (a, b) };
            match self.iconst(b) {
                Some(mask) if ty == types::I64 => {
                    let half = if mask >> 32 == 0 { Half::Lo } else { Half::Hi };
                    let mask = if half == Half::Lo { mask } else { mask >> 32 };
                    if half == Half::Lo || self.iconst(b).is_some_and(|mask| mask as u32 == 0) {
                        let rn = self.half_reg(a, half);
                        let op2 = self.op2_imm(mask as u32);
                        return self.cmp(CmpOp::Tst, rn, op2);
                    }
                }
                Some(mask) => {
                    let rn = self.gpr(a);
                    let op2 = self.op2_imm(mask as u32);
                    return self.cmp(CmpOp::Tst, rn, op2);
                }
                None if ty == types::I32 => {
                    let rn = self.gpr(a);
                    let op2 = self.op2(b);
                    return self.cmp(CmpOp::Tst, rn, op2);
                }
                None => {}
            }
        }
        match ty {
            types::I64 => {
                let rn = self.half_reg(value, Half::Lo);
                let op2 = self.half_op2(value, Half::Hi);
                self.alu_flags(AluOp::Orr, rn, op2);
            }
            types::I8 if !self.is_zero_extended(value) => {
                let rn = self.gpr(value);
                self.cmp(CmpOp::Tst, rn, Op2::Imm(0xff));
            }
            types::I16 if !self.is_zero_extended(value) => {
                let op2 = Op2::Shift(self.gpr(value), Shift::Lsl, 16);
                let rd = self.vcode.new_gpr();
                self.push(Inst::Mov { not: false, flags: true, rd, op2 });
            }
            _ => {
                let rn = self.gpr(value);
                self.cmp(CmpOp::Cmp, rn, Op2::Imm(0));
            }
        }
    }

    /// Sets the flags for a comparison of integers.
    pub(super) fn icmp(&mut self, cc: IntCC, a: Value, b: Value) -> Conds {
        if self.iconst(a).is_some() && self.iconst(b).is_none() {
            return self.icmp(cc.swap_args(), b, a);
        }
        let ty = self.ty(a);
        let constant = self.iconst(b);
        if is_equality(cc) && constant == Some(0) {
            self.test(a);
            return (int_cond(cc), None);
        }
        if ty == types::I64 {
            return (self.icmp64(cc, a, b), None);
        }
        if ty == types::I32 {
            let rn = self.base(a);
            match constant.map(|constant| constant as u32) {
                Some(constant) => self.compare_constant(rn, constant),
                None => {
                    let op2 = self.op2(b);
                    self.cmp(CmpOp::Cmp, rn, op2);
                }
            }
            return (int_cond(cc), None);
        }
        if !is_signed(cc) && self.is_zero_extended(a) && (constant.is_some() || self.is_zero_extended(b)) {
            let rn = self.gpr(a);
            match constant {
                Some(constant) => self.compare_constant(rn, constant as u32),
                None => {
                    let op2 = Op2::Reg(self.gpr(b));
                    self.cmp(CmpOp::Cmp, rn, op2);
                }
            }
            return (int_cond(cc), None);
        }
        // In the upper bits of registers, narrow integers compare like wide ones.
        let up = (32 - ty.bits()) as u8;
        let rm = self.gpr(a);
        let rn = self.mov(Op2::Shift(rm, Shift::Lsl, up));
        match constant {
            Some(constant) => self.compare_constant(rn, (constant as u32) << up),
            None => {
                let op2 = Op2::Shift(self.gpr(b), Shift::Lsl, up);
                self.cmp(CmpOp::Cmp, rn, op2);
            }
        }
        (int_cond(cc), None)
    }

    fn compare_constant(&mut self, rn: Reg, constant: u32) {
        if let Some(op2) = Op2::imm(constant) {
            self.cmp(CmpOp::Cmp, rn, op2);
        } else if let Some(op2) = Op2::imm(constant.wrapping_neg()) {
            // The same flags, as the constant is neither 0 nor the least integer: those are operands of their own.
            self.cmp(CmpOp::Cmn, rn, op2);
        } else {
            let op2 = self.op2_imm(constant);
            self.cmp(CmpOp::Cmp, rn, op2);
        }
    }

    /// An `i64` as the extension of an `i32` of the given kind.
    fn as_word(&self, value: Value, signed: bool) -> Option<Word> {
        match self.iconst(value) {
            Some(constant) if signed => {
                (constant as i32 as u64 == constant).then_some(Word::Constant(constant as u32))
            }
            Some(constant) => u32::try_from(constant).ok().map(Word::Constant),
            None => {
                let (narrow, kind) = self.extended_word(value)?;
                (kind == signed).then_some(Word::Value(narrow))
            }
        }
    }

    /// A comparison of two `i64` that are extensions of the same kind, as one of 32 bits.
    fn icmp_words(&mut self, cc: IntCC, a: Value, b: Value) -> Option<Cond> {
        let (narrow, signed) = self.extended_word(a)?;
        let other = self.as_word(b, signed)?;
        let rn = self.gpr(narrow);
        match other {
            Word::Constant(constant) => self.compare_constant(rn, constant),
            Word::Value(value) => {
                let op2 = self.op2(value);
                self.cmp(CmpOp::Cmp, rn, op2);
            }
        }
        // Extension with zeros makes all of them positive; extension with signs keeps both orders.
        Some(int_cond(if signed { cc } else { cc.unsigned() }))
    }

    fn icmp64(&mut self, cc: IntCC, a: Value, b: Value) -> Cond {
        if let Some(cond) = self.icmp_words(cc, a, b) {
            return cond;
        }
        if is_equality(cc) {
            // What can be absorbed is best second.
            let (a, b) =
                if self.high_half(a).is_some() && self.iconst(b).is_none() { (b, a) } else { (a, b) };
            let (lo, hi) = self.pair(a);
            let (lo2, hi2) = (self.half_op2(b, Half::Lo), self.half_op2(b, Half::Hi));
            self.cmp(CmpOp::Cmp, lo, lo2);
            self.push(Inst::CondCmp { op: CmpOp::Cmp, cond: Cond::Eq, rn: hi, op2: hi2 });
            return int_cond(cc);
        }
        let strict = cc.without_equal() == cc;
        let greater = matches!(
            cc,
            IntCC::SignedGreaterThan
                | IntCC::SignedGreaterThanOrEqual
                | IntCC::UnsignedGreaterThan
                | IntCC::UnsignedGreaterThanOrEqual
        );
        if greater != strict {
            // `<` and `>=` are what a subtraction tells.
            if let Some(constant) = self.iconst(b)
                && constant << 32 == 0
                && is_signed(cc)
            {
                // The low half decides nothing.
                let rn = self.half_reg(a, Half::Hi);
                self.compare_constant(rn, (constant >> 32) as u32);
                return int_cond(cc);
            }
            return self.subtract_for_flags(int_cond(cc), a, b);
        }
        let (flipped, last) = match cc {
            IntCC::SignedGreaterThan => (IntCC::SignedGreaterThanOrEqual, i64::MAX as u64),
            IntCC::SignedLessThanOrEqual => (IntCC::SignedLessThan, i64::MAX as u64),
            IntCC::UnsignedGreaterThan => (IntCC::UnsignedGreaterThanOrEqual, u64::MAX),
            _ => (IntCC::UnsignedLessThan, u64::MAX),
        };
        match self.iconst(b) {
            // The same as a comparison with the next number, if there is one.
            Some(constant) if constant != last => {
                let (lo, hi) = self.pair(a);
                let next = constant.wrapping_add(1);
                let lo2 = self.op2_imm(next as u32);
                let hi2 = self.op2_imm((next >> 32) as u32);
                self.cmp(CmpOp::Cmp, lo, lo2);
                self.alu_flags(AluOp::Sbc, hi, hi2);
                int_cond(flipped)
            }
            _ => self.subtract_for_flags(int_cond(cc.swap_args()), b, a),
        }
    }

    fn subtract_for_flags(&mut self, cond: Cond, a: Value, b: Value) -> Cond {
        let (lo, hi) = self.pair(a);
        let (lo2, hi2) = (self.half_op2(b, Half::Lo), self.half_op2(b, Half::Hi));
        self.cmp(CmpOp::Cmp, lo, lo2);
        self.alu_flags(AluOp::Sbc, hi, hi2);
        cond
    }

    /// `rd` = whether a comparison holds.
    pub(super) fn set_cond(&mut self, inst: ClifInst) {
        let result = self.func.dfg.first_result(inst);
        let (cond, or) = self.conds(result, true);
        let rd = self.result(result);
        self.push(Inst::SetCond { rd, cond, or });
    }

    /// A trap if a condition holds.
    pub(super) fn trap_if(&mut self, (cond, or): Conds) {
        self.push(Inst::TrapIf { cond, or });
    }

    pub(super) fn no_such_convention(&self) -> Error {
        unsupported(self.func, format!("tail call in a function of convention {}", self.vcode.conv))
    }
}
