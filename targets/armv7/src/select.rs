//! Instruction selection: CLIF to [`VCode`].
//!
//! Blocks are visited from the last to the first, and so are the instructions of each: all uses of a value have been seen when its definition
//! comes. A definition that nothing has asked for is not selected. That is how operands are absorbed: a user that can do the work of
//! the definition itself (an address, a shift, a comparison before a branch, an extension) asks for the operands of the definition instead
//! of its result.
//!
//! Whether the work is done again by each user is a matter of cost only, as absorbed definitions are pure. Comparisons, constant
//! offsets, extensions to `i64` and constants are absorbed by all users, wherever they are; shifts and sums only by users in the same
//! block, and products only by the only user.
//!
//! Constants and the fixed registers are not kept in registers: each user makes them anew, mostly for free.

mod calls;
mod control;
mod float;
mod integer;
mod memory;
mod opcodes;
#[cfg(test)]
mod tests;

use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{
    self, Block, BlockArg, Inst as ClifInst, InstructionData, Opcode, Type, Value, ValueDef, types,
};
use smallvec::SmallVec;

use crate::error::Error;
use crate::inst::{AluOp, CmpOp, Inst, Mem, Op2, Reg, RegPair};
use crate::intrinsics::{self, Intrinsic};
use crate::legalize::{Regs, float_size, is_supported};
use crate::order::LoweredBlock;
use crate::regs::{Cond, Shift};
use crate::vcode::VCode;

use opcodes::Group;
pub use opcodes::supports;

/// Memory that selection keeps from function to function.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    values: SecondaryMap<Value, Regs>,
    uses: SecondaryMap<Value, u8>,
    try_results: SecondaryMap<ClifInst, Regs>,
}

/// Fills `vcode`, whose order is computed, with the machine code of a function.
///
/// # Errors
/// [`Error::Unsupported`] names the first instruction that cannot be selected.
pub(crate) fn select(func: &ir::Function, vcode: &mut VCode, buffers: &mut Buffers) -> Result<(), Error> {
    vcode.start(func.signature.call_conv);
    buffers.values.clear();
    buffers.uses.clear();
    buffers.try_results.clear();
    let mut selector = Selector {
        func,
        vcode,
        values: &mut buffers.values,
        uses: &mut buffers.uses,
        try_results: &mut buffers.try_results,
        block: None,
        writes_thread: false,
    };
    selector.survey()?;
    selector.run()
}

/// The flags that hold for a condition, and an alternative: either is enough.
type Conds = (Cond, Option<Cond>);

/// The half of an `i64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Lo,
    Hi,
}

/// The high half of an `i64` that is the extension of its low half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum High {
    Zero,
    /// Copies of the sign.
    Sign,
}

struct Selector<'a> {
    func: &'a ir::Function,
    vcode: &'a mut VCode,
    values: &'a mut SecondaryMap<Value, Regs>,
    /// Number of uses of each value, up to 2.
    uses: &'a mut SecondaryMap<Value, u8>,
    /// Registers of the result of each `try_call`.
    try_results: &'a mut SecondaryMap<ClifInst, Regs>,
    /// The block that is being selected.
    block: Option<Block>,
    /// Whether the function has a `set_pinned_reg`.
    writes_thread: bool,
}

/// An error about an instruction.
fn unsupported(func: &ir::Function, what: impl Into<String>) -> Error {
    Error::Unsupported { what: what.into(), function: func.name.to_string() }
}

impl<'a> Selector<'a> {
    fn unsupported(&self, inst: ClifInst) -> Error {
        let opcode = self.func.dfg.insts[inst].opcode();
        let ty = self.func.dfg.ctrl_typevar(inst);
        let what = if ty.is_invalid() { opcode.to_string() } else { format!("{opcode}.{ty}") };
        unsupported(self.func, what)
    }

    /// Counts uses and refuses types that have no registers.
    fn survey(&mut self) -> Result<(), Error> {
        let dfg = &self.func.dfg;
        for label in self.vcode.order.labels() {
            let LoweredBlock::Block(block) = self.vcode.order.block(label) else { continue };
            for &param in dfg.block_params(block) {
                if !is_supported(dfg.value_type(param)) {
                    return Err(unsupported(
                        self.func,
                        format!("parameter of type {}", dfg.value_type(param)),
                    ));
                }
            }
            for inst in self.func.layout.block_insts(block) {
                if !dfg.inst_results(inst).iter().all(|&result| is_supported(dfg.value_type(result)))
                    || self.address(inst).is_some_and(|address| dfg.value_type(address) != types::I32)
                {
                    return Err(self.unsupported(inst));
                }
                let opcode = dfg.insts[inst].opcode();
                let mut count = |value: Value| self.uses[value] = self.uses[value].saturating_add(1);
                if opcode.is_terminator() {
                    // With the arguments of blocks.
                    dfg.inst_values(inst).for_each(&mut count);
                } else {
                    dfg.inst_args(inst).iter().copied().for_each(&mut count);
                }
                self.writes_thread |= opcode == Opcode::SetPinnedReg;
            }
        }
        Ok(())
    }

    /// The value of an instruction that is an address, and so must have 32 bits.
    fn address(&self, inst: ClifInst) -> Option<Value> {
        let dfg = &self.func.dfg;
        match dfg.insts[inst].opcode() {
            Opcode::GetPinnedReg
            | Opcode::GetFramePointer
            | Opcode::GetStackPointer
            | Opcode::GetReturnAddress
            | Opcode::StackAddr
            | Opcode::FuncAddr
            | Opcode::SymbolValue => Some(dfg.first_result(inst)),
            Opcode::SetPinnedReg
            | Opcode::CallIndirect
            | Opcode::TryCallIndirect
            | Opcode::ReturnCallIndirect => Some(dfg.inst_args(inst)[0]),
            _ => match dfg.insts[inst] {
                InstructionData::Load { arg, .. } | InstructionData::LoadNoOffset { arg, .. }
                    if dfg.insts[inst].opcode().can_load() =>
                {
                    Some(arg)
                }
                InstructionData::Store { args, .. } | InstructionData::StoreNoOffset { args, .. } => {
                    Some(args[1])
                }
                _ => None,
            },
        }
    }

    fn run(&mut self) -> Result<(), Error> {
        let func = self.func;
        for label in self.vcode.order.labels().rev() {
            match self.vcode.order.block(label) {
                LoweredBlock::Edge { from, index, .. } => {
                    self.block = None;
                    let branch = func.layout.last_inst(from).expect("a branch leads here");
                    let args = self.edge_args(branch, index as usize)?;
                    self.push(Inst::Jump);
                    self.vcode.branch_args(0, &args);
                    self.vcode.end_group();
                }
                LoweredBlock::Block(block) => {
                    self.block = Some(block);
                    let mut next = func.layout.last_inst(block);
                    while let Some(inst) = next {
                        if self.is_wanted(inst) {
                            self.inst(inst)?;
                            self.vcode.end_group();
                        }
                        next = func.layout.prev_inst(inst);
                    }
                    if func.layout.entry_block() == Some(block) {
                        self.parameters(block)?;
                        self.vcode.end_group();
                    } else {
                        let mut params = SmallVec::<[Reg; 16]>::new();
                        for &param in func.dfg.block_params(block) {
                            self.push_defined(param, &mut params);
                        }
                        self.vcode.block_params(&params);
                    }
                }
            }
            self.vcode.end_block();
        }
        Ok(())
    }

    /// The intrinsic that an instruction calls.
    fn intrinsic(&self, inst: ClifInst) -> Option<Intrinsic> {
        match self.func.dfg.insts[inst] {
            InstructionData::Call { opcode: Opcode::Call, func_ref, .. } => {
                intrinsics::intrinsic(self.func, func_ref)
            }
            _ => None,
        }
    }

    /// Whether an instruction has an effect or its results are used.
    fn is_wanted(&self, inst: ClifInst) -> bool {
        let opcode = self.func.dfg.insts[inst].opcode();
        opcode.is_terminator()
            || opcode.is_call() && self.intrinsic(inst).is_none()
            || opcode.can_store()
            || opcode.other_side_effects()
            || opcode.can_trap() && !opcode.can_load()
            || self.func.dfg.inst_results(inst).iter().any(|&result| self.values[result].is_used())
    }

    /// Selects an instruction.
    fn inst(&mut self, inst: ClifInst) -> Result<(), Error> {
        match opcodes::group(self.func.dfg.insts[inst].opcode()) {
            Some(Group::Absorbed) => Ok(()),
            Some(Group::Fixed) => self.fixed(inst),
            Some(Group::Memory) => self.memory(inst),
            Some(Group::Control) => self.control(inst),
            Some(Group::Call) => self.call(inst),
            Some(Group::Float) => self.float(inst),
            Some(Group::Integer) => self.integer(inst),
            None => Err(self.unsupported(inst)),
        }
    }

    /// Selects an instruction about a register that has a fixed purpose.
    fn fixed(&mut self, inst: ClifInst) -> Result<(), Error> {
        let func = self.func;
        match func.dfg.insts[inst].opcode() {
            // Made by each user.
            Opcode::GetPinnedReg if !self.writes_thread => {}
            Opcode::GetFramePointer | Opcode::GetStackPointer => {}

            Opcode::GetPinnedReg => {
                if let Some(rd) = self.values[func.dfg.first_result(inst)].lo {
                    self.mov_to(rd, Op2::Reg(Reg::THR));
                }
            }
            Opcode::SetPinnedReg => {
                let op2 = self.op2(func.dfg.inst_args(inst)[0]);
                self.mov_to(Reg::THR, op2);
            }
            Opcode::GetReturnAddress => {
                if let Some(rt) = self.values[func.dfg.first_result(inst)].lo {
                    self.push(Inst::Load { op: crate::inst::LoadOp::Ldr, rt, mem: Mem::Offset(Reg::FP, 4) });
                }
            }
            _ => return Err(self.unsupported(inst)),
        }
        Ok(())
    }

    // Definitions.

    fn ty(&self, value: Value) -> Type {
        self.func.dfg.value_type(value)
    }

    /// Operands of the current instruction, one or two.
    fn arg(&self, inst: ClifInst, index: usize) -> Value {
        self.func.dfg.inst_args(inst)[index]
    }

    fn args2(&self, inst: ClifInst) -> (Value, Value) {
        (self.arg(inst, 0), self.arg(inst, 1))
    }

    /// The instruction whose first result a value is.
    fn def(&self, value: Value) -> Option<(ClifInst, Opcode)> {
        match self.func.dfg.value_def(value) {
            ValueDef::Result(inst, 0) => Some((inst, self.func.dfg.insts[inst].opcode())),
            _ => None,
        }
    }

    /// The same if it is in the block that is being selected.
    fn local_def(&self, value: Value) -> Option<(ClifInst, Opcode)> {
        self.def(value).filter(|&(inst, _)| self.func.layout.inst_block(inst) == self.block)
    }

    /// An integer constant; bits beyond its type are 0.
    fn iconst(&self, value: Value) -> Option<u64> {
        let (inst, Opcode::Iconst) = self.def(value)? else { return None };
        let InstructionData::UnaryImm { imm, .. } = self.func.dfg.insts[inst] else { return None };
        let bits = self.ty(value).bits();
        Some(imm.bits() as u64 & (u64::MAX >> (64 - bits)))
    }

    /// A constant of at most 32 bits.
    fn iconst32(&self, value: Value) -> Option<u32> {
        self.iconst(value).map(|constant| constant as u32)
    }

    /// The fixed register that a value always is.
    fn fixed_reg(&self, value: Value) -> Option<Reg> {
        match self.def(value)?.1 {
            Opcode::GetPinnedReg if !self.writes_thread => Some(Reg::THR),
            Opcode::GetFramePointer => Some(Reg::FP),
            Opcode::GetStackPointer => Some(Reg::SP),
            _ => None,
        }
    }

    // Registers of values.

    fn push(&mut self, inst: Inst) {
        self.vcode.push(inst);
    }

    /// The register that the definition of a value of one register must write.
    fn result(&mut self, value: Value) -> Reg {
        self.half(value, Half::Lo)
    }

    /// The registers that the definition of an `i64` must write.
    fn result_pair(&mut self, value: Value) -> (Reg, Reg) {
        (self.half(value, Half::Lo), self.half(value, Half::Hi))
    }

    fn is_used(&self, value: Value) -> bool {
        self.values[value].is_used()
    }

    /// Whether the high half of an `i64` is used.
    fn is_high_used(&self, value: Value) -> bool {
        self.values[value].hi.is_some()
    }

    fn half(&mut self, value: Value, half: Half) -> Reg {
        let regs = self.values[value];
        let known = if half == Half::Lo { regs.lo } else { regs.hi };
        known.unwrap_or_else(|| {
            let reg = if self.ty(value).is_int() { self.vcode.new_gpr() } else { self.vcode.new_dpr() };
            let regs = &mut self.values[value];
            *(if half == Half::Lo { &mut regs.lo } else { &mut regs.hi }) = Some(reg);
            reg
        })
    }

    /// Appends the registers that a block parameter or result has, all of them.
    fn push_defined(&mut self, value: Value, regs: &mut SmallVec<[Reg; 16]>) {
        regs.push(self.half(value, Half::Lo));
        if self.ty(value) == types::I64 {
            regs.push(self.half(value, Half::Hi));
        }
    }

    /// A virtual register that holds an integer of at most 32 bits, or the low half of an `i64`.
    fn gpr(&mut self, value: Value) -> Reg {
        if let Some(constant) = self.iconst(value) {
            return self.imm(constant as u32);
        }
        if let Some(fixed) = self.fixed_reg(value) {
            return self.mov(Op2::Reg(fixed));
        }
        self.half(value, Half::Lo)
    }

    /// The same, or a fixed register.
    fn base(&mut self, value: Value) -> Reg {
        self.fixed_reg(value).unwrap_or_else(|| self.gpr(value))
    }

    /// A virtual register that holds half of an `i64`.
    fn half_reg(&mut self, value: Value, half: Half) -> Reg {
        if half == Half::Lo
            && let Some((narrow, _)) = self.extended_word(value)
        {
            return self.gpr(narrow);
        }
        match self.half_op2(value, half) {
            Op2::Reg(reg) if reg.is_virtual() => reg,
            Op2::Imm(constant) => self.imm(constant),
            op2 => self.mov(op2),
        }
    }

    fn pair(&mut self, value: Value) -> (Reg, Reg) {
        (self.half_reg(value, Half::Lo), self.half_reg(value, Half::Hi))
    }

    /// Half of an `i64` as second operand.
    fn half_op2(&mut self, value: Value, half: Half) -> Op2 {
        if let Some(constant) = self.iconst(value) {
            return self.op2_imm(if half == Half::Lo { constant as u32 } else { (constant >> 32) as u32 });
        }
        match (half, self.extended_word(value), self.high_half(value)) {
            (Half::Lo, Some((narrow, _)), _) => self.op2(narrow),
            (Half::Lo, None, _) | (Half::Hi, _, None) => Op2::Reg(self.half(value, half)),
            (Half::Hi, _, Some(High::Zero)) => Op2::Imm(0),
            (Half::Hi, Some((narrow, _)), Some(High::Sign)) => {
                // The sign does not change when it is shifted in.
                let source = match self.const_shift(narrow) {
                    Some((source, Shift::Asr, _)) => source,
                    _ => narrow,
                };
                Op2::Shift(self.gpr(source), Shift::Asr, 31)
            }
            (Half::Hi, None, Some(High::Sign)) => Op2::Shift(self.half(value, Half::Lo), Shift::Asr, 31),
        }
    }

    /// The `i32` that an `i64` is the extension of, and whether it is a signed one.
    fn extended_word(&self, value: Value) -> Option<(Value, bool)> {
        let (inst, opcode @ (Opcode::Uextend | Opcode::Sextend)) = self.def(value)? else { return None };
        let narrow = self.arg(inst, 0);
        (self.ty(narrow) == types::I32).then_some((narrow, opcode == Opcode::Sextend))
    }

    /// What the high half of an `i64` is if the low half tells.
    fn high_half(&self, value: Value) -> Option<High> {
        let (inst, opcode) = self.def(value)?;
        match opcode {
            Opcode::Uextend | Opcode::Uload8 | Opcode::Uload16 | Opcode::Uload32 => Some(High::Zero),
            Opcode::Sextend | Opcode::Sload8 | Opcode::Sload16 | Opcode::Sload32 => Some(High::Sign),
            Opcode::Band => {
                let (a, b) = self.args2(inst);
                let mask = self.iconst(b).or_else(|| self.iconst(a))?;
                (mask >> 32 == 0).then_some(High::Zero)
            }
            Opcode::Ushr | Opcode::Sshr => {
                let far = self.iconst(self.arg(inst, 1))? & 63 >= 32;
                far.then_some(if opcode == Opcode::Ushr { High::Zero } else { High::Sign })
            }
            _ => None,
        }
    }

    /// A double register that holds a float.
    fn dpr(&mut self, value: Value) -> Reg {
        let bits = match self.def(value).map(|(inst, _)| self.func.dfg.insts[inst]) {
            Some(InstructionData::UnaryIeee32 { imm, .. }) => u64::from(imm.bits()),
            Some(InstructionData::UnaryIeee64 { imm, .. }) => imm.bits(),
            _ => return self.half(value, Half::Lo),
        };
        let rd = self.vcode.new_dpr();
        self.push(Inst::VConst { size: float_size(self.ty(value)), rd, bits });
        rd
    }

    /// Appends all registers of a value.
    fn push_regs(&mut self, value: Value, regs: &mut SmallVec<[Reg; 16]>) {
        match self.ty(value) {
            types::I64 => {
                let (lo, hi) = self.pair(value);
                regs.extend([lo, hi]);
            }
            ty if ty.is_int() => {
                let reg = self.gpr(value);
                regs.push(reg);
            }
            _ => {
                let reg = self.dpr(value);
                regs.push(reg);
            }
        }
    }

    /// The registers that a branch passes along one of its edges.
    fn edge_args(&mut self, branch: ClifInst, succ: usize) -> Result<SmallVec<[Reg; 16]>, Error> {
        let dfg = &self.func.dfg;
        let call = dfg.insts[branch].branch_destination(&dfg.jump_tables, &dfg.exception_tables)[succ];
        let params = dfg.block_params(call.block(&dfg.value_lists));
        let mut regs = SmallVec::new();
        for (index, arg) in call.args(&dfg.value_lists).enumerate() {
            match arg {
                BlockArg::Value(value) => self.push_regs(value, &mut regs),
                BlockArg::TryCallRet(0) => {
                    let result = self.try_result(branch, self.ty(params[index]));
                    regs.extend(result.lo);
                    regs.extend(result.hi);
                }
                BlockArg::TryCallRet(_) => {
                    return Err(unsupported(self.func, "try_call with several results"));
                }
                BlockArg::TryCallExn(_) => return Err(unsupported(self.func, "payload of an exception")),
            }
        }
        Ok(regs)
    }

    /// The registers of the result of a `try_call`.
    fn try_result(&mut self, inst: ClifInst, ty: Type) -> Regs {
        if !self.try_results[inst].is_used() {
            let lo = if ty.is_int() { self.vcode.new_gpr() } else { self.vcode.new_dpr() };
            let hi = (ty == types::I64).then(|| self.vcode.new_gpr());
            self.try_results[inst] = Regs { lo: Some(lo), hi };
        }
        self.try_results[inst]
    }

    // Operands.

    /// A constant as second operand.
    fn op2_imm(&mut self, constant: u32) -> Op2 {
        Op2::imm(constant).unwrap_or_else(|| Op2::Reg(self.imm(constant)))
    }

    /// A value of at most 32 bits as second operand.
    fn op2(&mut self, value: Value) -> Op2 {
        if let Some(constant) = self.iconst32(value) {
            return self.op2_imm(constant);
        }
        match self.shifted(value) {
            Some(op2) => op2,
            None => Op2::Reg(self.base(value)),
        }
    }

    /// A shift by a constant as second operand.
    fn shifted(&mut self, value: Value) -> Option<Op2> {
        let (source, shift, amount) = self.const_shift(value)?;
        Some(Op2::Shift(self.gpr(source), shift, amount))
    }

    /// The parts of a shift in this block by a constant other than 0.
    fn const_shift(&self, value: Value) -> Option<(Value, Shift, u8)> {
        let (inst, opcode) = self.local_def(value)?;
        let ty = self.ty(value);
        let shift = match opcode {
            Opcode::Ishl if ty != types::I64 => Shift::Lsl,
            Opcode::Ushr if ty == types::I32 => Shift::Lsr,
            Opcode::Sshr if ty == types::I32 => Shift::Asr,
            _ => return None,
        };
        let (source, amount) = self.args2(inst);
        let amount = self.iconst(amount)? as u32 & (ty.bits() - 1);
        (amount != 0).then_some((source, shift, amount as u8))
    }

    /// A narrow integer with zeros above, or an `i32`.
    fn zero_extended(&mut self, value: Value) -> Reg {
        let op = match self.ty(value) {
            types::I8 => crate::inst::UnaryOp::Uxtb,
            types::I16 => crate::inst::UnaryOp::Uxth,
            _ => return self.gpr(value),
        };
        if self.is_zero_extended(value) {
            return self.gpr(value);
        }
        let rm = self.gpr(value);
        self.unary(op, rm)
    }

    /// A narrow integer with copies of its sign above, or an `i32`.
    fn sign_extended(&mut self, value: Value) -> Reg {
        let ty = self.ty(value);
        if let Some(constant) = self.iconst(value) {
            let unused = 64 - ty.bits();
            return self.imm(((constant << unused) as i64 >> unused) as u32);
        }
        let op = match ty {
            types::I8 => crate::inst::UnaryOp::Sxtb,
            types::I16 => crate::inst::UnaryOp::Sxth,
            _ => return self.gpr(value),
        };
        let rm = self.gpr(value);
        self.unary(op, rm)
    }

    /// Whether the register of a narrow integer has zeros above it.
    fn is_zero_extended(&self, value: Value) -> bool {
        match self.func.dfg.value_def(value) {
            ValueDef::Result(inst, 0) => match self.func.dfg.insts[inst].opcode() {
                Opcode::Iconst | Opcode::Icmp | Opcode::Fcmp | Opcode::Load | Opcode::Uload8 => true,
                Opcode::Band => self.func.dfg.inst_args(inst).iter().any(|&arg| self.iconst(arg).is_some()),
                _ => false,
            },
            ValueDef::Result(inst, 1) => matches!(
                self.func.dfg.insts[inst].opcode(),
                Opcode::UaddOverflow
                    | Opcode::SaddOverflow
                    | Opcode::UsubOverflow
                    | Opcode::SsubOverflow
                    | Opcode::UmulOverflow
                    | Opcode::SmulOverflow
            ),
            _ => false,
        }
    }

    // Instructions with a new register for their result.

    fn imm(&mut self, imm: u32) -> Reg {
        let rd = self.vcode.new_gpr();
        self.push(Inst::MovImm { rd, imm });
        rd
    }

    fn alu_to(&mut self, rd: Reg, op: AluOp, rn: Reg, op2: Op2) {
        self.push(Inst::Alu { op, flags: false, rd, rn, op2 });
    }

    fn alu(&mut self, op: AluOp, rn: Reg, op2: Op2) -> Reg {
        let rd = self.vcode.new_gpr();
        self.alu_to(rd, op, rn, op2);
        rd
    }

    /// With flags.
    fn alu_flags_to(&mut self, rd: Reg, op: AluOp, rn: Reg, op2: Op2) {
        self.push(Inst::Alu { op, flags: true, rd, rn, op2 });
    }

    /// For the flags alone.
    fn alu_flags(&mut self, op: AluOp, rn: Reg, op2: Op2) {
        let rd = self.vcode.new_gpr();
        self.alu_flags_to(rd, op, rn, op2);
    }

    fn mov_to(&mut self, rd: Reg, op2: Op2) {
        self.push(match op2 {
            Op2::Imm(imm) => Inst::MovImm { rd, imm },
            op2 => Inst::Mov { not: false, flags: false, rd, op2 },
        });
    }

    fn mov(&mut self, op2: Op2) -> Reg {
        let rd = self.vcode.new_gpr();
        self.mov_to(rd, op2);
        rd
    }

    fn unary(&mut self, op: crate::inst::UnaryOp, rm: Reg) -> Reg {
        let rd = self.vcode.new_gpr();
        self.push(Inst::Unary { op, rd, rm });
        rd
    }

    fn cmp(&mut self, op: CmpOp, rn: Reg, op2: Op2) {
        self.push(Inst::Cmp { op, rn, op2 });
    }

    /// `rd = conds ? op2 : old`
    fn cond_mov_to(&mut self, rd: Reg, (cond, or): Conds, op2: Op2, old: Reg) {
        let old = match or {
            None => old,
            Some(or) => {
                let first = self.vcode.new_gpr();
                self.push(Inst::CondMov { not: false, cond: or, rd: first, old, op2 });
                first
            }
        };
        self.push(Inst::CondMov { not: false, cond, rd, old, op2 });
    }

    fn cond_mov(&mut self, conds: Conds, op2: Op2, old: Reg) -> Reg {
        let rd = self.vcode.new_gpr();
        self.cond_mov_to(rd, conds, op2, old);
        rd
    }
}

/// A value's register at a fixed place.
fn at(reg: Reg, at: Reg) -> RegPair {
    RegPair { reg, at }
}
