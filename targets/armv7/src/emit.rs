//! From allocated instructions to code.
//!
//! # Order of blocks
//!
//! Blocks are emitted in their order, cold ones last. A block that only jumps is no code at all: whoever goes there goes where it
//! leads; that is what most edge blocks are. Jumps to the block that comes next are left out, and conditional branches turned around where that saves a jump.
//!
//! # Conditional execution
//!
//! Where a conditional branch only jumps over the few instructions of the block that comes next, or chooses between two such blocks, these are
//! executed under a condition instead. All instructions that change neither flags nor control can be: the condition is a field that
//! all of them have.
//!
//! # Scratch registers
//!
//! An instruction may use `r12`. A spill or reload between instructions may use only `lr`, as `r12` can be what is moved; `lr` holds the
//! return address of functions without a frame, which spill nothing.

use cranelift_codegen::ir;

use crate::buffer::Buffer;
use crate::encode::{
    self, CmpOp, Cond, DataOp, Flags, FpBinary, FpImm, FpUnary, HalfOp, LongMul, MemOffset, Operand2, Shift,
    WordOp,
};
use crate::frame::{Frame, constant, constant_operand};
use crate::inst::{
    CallDest, CallId, FloatSize, Inst, LoadOp, Mem, Op2, Reg, StoreOp, VAluOp, VMulAccOp, VUnaryOp,
};
use crate::metadata::{CallSite, RelocKind};
use crate::order::Label;
use crate::regalloc::Allocator;
use crate::regs::Gpr;
use crate::steps::{Place, Step};
use crate::vcode::VCode;

const AL: Cond = Cond::Al;
/// More than any instruction's expansion but a jump table's, in bytes.
const MAX_EXPANSION: usize = 128;
/// Most instructions and moves of a block that is executed under a condition.
const MAX_CONDITIONAL: usize = 3;
/// The most bytes that one of them takes: an access at an offset in a scratch register.
const CONDITIONAL_EXPANSION: usize = 16;
/// Immediate of the undefined instruction that traps are.
const TRAP: u16 = 0;

/// Emits functions. It keeps its memory from one to the next.
#[derive(Default)]
pub(crate) struct Emitter {
    buffer: Buffer,
    /// Where a branch to each block really goes.
    redirect: Vec<Label>,
    /// Number of edges that lead to each block in the end.
    arrivals: Vec<u32>,
    /// The blocks that are code, in the order of emission.
    sequence: Vec<Label>,
    pub(crate) frame: Frame,
    calls: Vec<PendingCall>,
}

/// A call whose handlers may not be placed yet.
#[derive(Clone, Copy)]
struct PendingCall {
    return_offset: u32,
    id: CallId,
    /// The block that a `try_call` ends.
    catches: Option<Label>,
}

/// Code and tables of one function.
pub(crate) struct Emitted {
    pub(crate) code: Vec<u8>,
    pub(crate) calls: Vec<CallSite>,
}

/// What emission of a function reads.
#[derive(Clone, Copy)]
struct Input<'a> {
    func: &'a ir::Function,
    vcode: &'a VCode,
    allocator: &'a Allocator,
}

impl Emitter {
    /// Emits a function. The error names what is impossible.
    pub(crate) fn run(
        &mut self,
        func: &ir::Function,
        vcode: &VCode,
        allocator: &Allocator,
    ) -> Result<Emitted, String> {
        self.frame.layout(func, vcode, allocator)?;
        self.calls.clear();
        self.buffer.start(vcode.order.len());
        let input = Input { func, vcode, allocator };
        self.find_sequence(&input);
        let buffer = &mut self.buffer;
        self.frame.prologue(&mut |word| buffer.put(word));
        let mut index = 0;
        while index < self.sequence.len() {
            index += 1 + self.block(&input, index);
        }
        let code = self.buffer.finish()?;
        let calls = self.call_sites(&input)?;
        Ok(Emitted { code, calls })
    }

    /// Relocations of the function that was emitted last.
    pub(crate) fn relocs(&self) -> &[crate::metadata::Reloc] {
        &self.buffer.relocs
    }

    /// Finds the blocks that need code, and their order.
    fn find_sequence(&mut self, input: &Input<'_>) {
        let order = &input.vcode.order;
        let only_jumps = |label: Label| {
            let mut steps = input.allocator.steps(label);
            match (steps.next(), steps.next()) {
                (Some(Step::Inst(index)), None) => matches!(input.vcode.insts[index], Inst::Jump),
                _ => false,
            }
        };
        self.redirect.clear();
        // While this runs, where each block leads that only jumps; the entry is code in any case.
        self.redirect.extend(
            order.labels().map(|label| {
                if label.index() > 0 && only_jumps(label) { order.succs(label)[0] } else { label }
            }),
        );
        for label in order.labels() {
            let mut to = self.redirect[label.index()];
            let mut hops = 0;
            while self.redirect[to.index()] != to && hops < order.len() {
                to = self.redirect[to.index()];
                hops += 1;
            }
            // A cycle of jumps stays code.
            self.redirect[label.index()] = if hops < order.len() { to } else { label };
        }
        self.sequence.clear();
        let coded = |label: &Label| self.redirect[label.index()] == *label;
        self.sequence.extend(order.labels().filter(coded).filter(|&label| !order.is_cold(label)));
        self.sequence.extend(order.labels().filter(coded).filter(|&label| order.is_cold(label)));
        self.arrivals.clear();
        self.arrivals.resize(order.len(), 0);
        for &label in &self.sequence {
            for succ in order.succs(label) {
                self.arrivals[self.redirect[succ.index()].index()] += 1;
            }
        }
        // The entry comes first, even if it is cold.
        if let Some(place) = self.sequence.iter().position(|label| label.index() == 0) {
            self.sequence[..=place].rotate_right(1);
        }
    }

    fn target(&self, input: &Input<'_>, label: Label, succ: usize) -> Label {
        self.redirect[input.vcode.order.succs(label)[succ].index()]
    }

    /// Emits the block at a place of the sequence. Returns how many of those after it are emitted too.
    fn block(&mut self, input: &Input<'_>, place: usize) -> usize {
        let label = self.sequence[place];
        let next = self.sequence.get(place + 1).copied();
        self.buffer.bind(label);
        for step in input.allocator.steps(label) {
            match step {
                Step::MoveInt(from, to) => {
                    self.buffer.make_room(MAX_EXPANSION, true);
                    self.move_int(from, to);
                }
                Step::MoveFloat(from, to) => {
                    self.buffer.make_room(MAX_EXPANSION, true);
                    self.move_float(from, to);
                }
                Step::Inst(index) => {
                    let mut inst = input.vcode.insts[index];
                    input.allocator.assign(index, &mut inst);
                    let table = match inst {
                        Inst::BrTable { .. } => 4 * input.vcode.order.succs(label).len(),
                        _ => 0,
                    };
                    self.buffer.make_room(MAX_EXPANSION + table, true);
                    if let Inst::Branch { cond, or: None } = inst {
                        let absorbed = self.conditional_blocks(input, place, cond);
                        if absorbed > 0 {
                            return absorbed;
                        }
                    }
                    self.inst(input, label, index, inst, next);
                    let falls = match inst {
                        Inst::Jump | Inst::Branch { .. } | Inst::TryCall { .. } => {
                            let succs = input.vcode.order.succs(label).len();
                            (0..succs).any(|succ| next == Some(self.target(input, label, succ)))
                        }
                        _ => !inst.is_exit() && !inst.is_branch(),
                    };
                    if !falls {
                        self.buffer.make_room(MAX_EXPANSION, false);
                    }
                }
            }
        }
        0
    }

    /// Emits the one or two blocks after a conditional branch under conditions, instead of the branch, if the branch only decides
    /// whether they are executed. Returns how many there are.
    fn conditional_blocks(&mut self, input: &Input<'_>, place: usize, cond: Cond) -> usize {
        let label = self.sequence[place];
        let (taken, other) = (self.target(input, label, 0), self.target(input, label, 1));
        let Some(&first) = self.sequence.get(place + 1) else { return 0 };
        let (cond, around) = match first {
            _ if taken == other => return 0,
            first if first == taken => (cond, other),
            first if first == other => (cond.invert(), taken),
            _ => return 0,
        };
        let Some(end) = self.conditional_end(input, first) else { return 0 };
        let count = if end == around {
            1
        } else if self.sequence.get(place + 2) == Some(&around)
            && self.conditional_end(input, around) == Some(end)
        {
            2
        } else {
            return 0;
        };
        // No island may come in between.
        self.buffer.make_room(2 * MAX_CONDITIONAL * CONDITIONAL_EXPANSION + 4, true);
        self.conditional_block(input, first, cond);
        if count == 2 {
            self.conditional_block(input, around, cond.invert());
        }
        self.jump(end, self.sequence.get(place + 1 + count).copied());
        count
    }

    /// Where a block leads that can be executed under a condition by its only predecessor, and is short enough for that.
    fn conditional_end(&self, input: &Input<'_>, label: Label) -> Option<Label> {
        let order = &input.vcode.order;
        let short = || {
            input.allocator.steps(label).enumerate().all(|(count, step)| match step {
                Step::Inst(index) => {
                    let inst = &input.vcode.insts[index];
                    matches!(inst, Inst::Jump) || count < MAX_CONDITIONAL && can_be_conditional(inst)
                }
                Step::MoveInt(..) | Step::MoveFloat(..) => count < MAX_CONDITIONAL,
            })
        };
        (self.arrivals[label.index()] == 1 && order.succs(label).len() == 1 && short())
            .then(|| self.target(input, label, 0))
    }

    fn conditional_block(&mut self, input: &Input<'_>, label: Label, cond: Cond) {
        self.buffer.bind(label);
        let start = self.buffer.offset();
        for step in input.allocator.steps(label) {
            match step {
                Step::MoveInt(from, to) => self.move_int(from, to),
                Step::MoveFloat(from, to) => self.move_float(from, to),
                Step::Inst(index) => {
                    let mut inst = input.vcode.insts[index];
                    input.allocator.assign(index, &mut inst);
                    if !matches!(inst, Inst::Jump) {
                        self.inst(input, label, index, inst, None);
                    }
                }
            }
        }
        debug_assert!(self.buffer.offset() - start <= (MAX_CONDITIONAL * CONDITIONAL_EXPANSION) as u32);
        self.buffer.set_condition(start, cond);
    }

    fn put(&mut self, word: u32) {
        self.buffer.put(word);
    }

    fn spill_offset(&self, slot: u32) -> i32 {
        (self.frame.spills + 4 * slot) as i32
    }

    fn move_int(&mut self, from: Place, to: Place) {
        match (from, to) {
            (Place::Reg(from), Place::Reg(to)) => {
                if from != to {
                    self.put(encode::mov(AL, Flags::Keep, to.to_gpr(), from.to_gpr().into()));
                }
            }
            (Place::Spill(slot), Place::Reg(to)) => {
                let mem = self.far(Gpr::SP, self.spill_offset(slot), Gpr::LR, encode::fits_word_offset);
                self.put(encode::word(AL, WordOp::Ldr, to.to_gpr(), mem));
            }
            (Place::Reg(from), Place::Spill(slot)) => {
                let mem = self.far(Gpr::SP, self.spill_offset(slot), Gpr::LR, encode::fits_word_offset);
                self.put(encode::word(AL, WordOp::Str, from.to_gpr(), mem));
            }
            (Place::Spill(_), Place::Spill(_)) => unreachable!("the allocator moves through registers"),
        }
    }

    fn move_float(&mut self, from: Place, to: Place) {
        match (from, to) {
            (Place::Reg(from), Place::Reg(to)) => {
                if from != to {
                    self.put(encode::fp_unary(AL, FpUnary::Vmov, to.to_dpr(), from.to_dpr()));
                }
            }
            (Place::Spill(slot), Place::Reg(to)) => {
                let (base, offset) = self.far_float(Gpr::SP, self.spill_offset(slot), Gpr::LR);
                self.put(encode::vldr(AL, to.to_dpr(), base, offset));
            }
            (Place::Reg(from), Place::Spill(slot)) => {
                let (base, offset) = self.far_float(Gpr::SP, self.spill_offset(slot), Gpr::LR);
                self.put(encode::vstr(AL, from.to_dpr(), base, offset));
            }
            (Place::Spill(_), Place::Spill(_)) => unreachable!("the allocator moves through registers"),
        }
    }

    fn constant(&mut self, rd: Gpr, value: u32) {
        let buffer = &mut self.buffer;
        constant(rd, value, &mut |word| buffer.put(word));
    }

    fn constant_operand(&mut self, value: u32, scratch: Gpr) -> Operand2 {
        let buffer = &mut self.buffer;
        constant_operand(value, scratch, &mut |word| buffer.put(word))
    }

    /// `rd = base + offset`. Only the scratch register is changed besides `rd`.
    fn add_constant(&mut self, rd: Gpr, base: Gpr, offset: i32, scratch: Gpr) {
        if offset == 0 {
            if rd != base {
                self.put(encode::mov(AL, Flags::Keep, rd, base.into()));
            }
            return;
        }
        let (op, magnitude) = sign(offset);
        let amount = self.constant_operand(magnitude, scratch);
        self.put(encode::data(AL, op, Flags::Keep, rd, base, amount));
    }

    /// A memory operand at any offset from a base, for accesses of core registers.
    fn far(&mut self, base: Gpr, offset: i32, scratch: Gpr, fits: fn(i32) -> bool) -> encode::Mem {
        if fits(offset) {
            return encode::Mem::new(base, offset);
        }
        let magnitude = offset.unsigned_abs();
        self.constant(scratch, magnitude);
        let offset = if offset < 0 {
            MemOffset::Sub(scratch, Shift::Lsl, 0)
        } else {
            MemOffset::Add(scratch, Shift::Lsl, 0)
        };
        encode::Mem { offset, ..encode::Mem::new(base, 0) }
    }

    /// The same for floats: base and offset.
    fn far_float(&mut self, base: Gpr, offset: i32, scratch: Gpr) -> (Gpr, i32) {
        if encode::fits_fp_offset(offset) {
            return (base, offset);
        }
        self.add_constant(scratch, base, offset, scratch);
        (scratch, 0)
    }

    /// Base and constant offset of an operand without index.
    fn base(&self, mem: Mem) -> Option<(Gpr, i32)> {
        match mem {
            Mem::Offset(base, offset) => Some((base.to_gpr(), offset)),
            Mem::Slot(slot, offset) => {
                Some((Gpr::SP, self.frame.slots[slot.as_u32() as usize] as i32 + offset))
            }
            Mem::Incoming(offset) => Some((Gpr::FP, 8 + offset)),
            Mem::Outgoing(offset) => Some((Gpr::SP, offset)),
            Mem::Index(..) => None,
        }
    }

    /// `rd` = the address of an operand.
    fn address(&mut self, rd: Gpr, mem: Mem) {
        match (self.base(mem), mem) {
            (Some((base, offset)), _) => self.add_constant(rd, base, offset, Gpr::SCRATCH),
            (None, Mem::Index(base, index, shift)) => {
                let index = shifted(index.to_gpr(), Shift::Lsl, shift);
                self.put(encode::data(AL, DataOp::Add, Flags::Keep, rd, base.to_gpr(), index));
            }
            (None, _) => unreachable!("all others have a base"),
        }
    }

    /// The operand of an access to a core register; `wide` ones take greater offsets and shifted indices.
    fn core_mem(&mut self, mem: Mem, wide: bool) -> encode::Mem {
        let fits = if wide { encode::fits_word_offset } else { encode::fits_half_offset };
        match (self.base(mem), mem) {
            (Some((base, offset)), _) => self.far(base, offset, Gpr::SCRATCH, fits),
            (None, Mem::Index(base, index, shift)) if wide || shift == 0 => {
                encode::Mem::scaled(base.to_gpr(), index.to_gpr(), shift)
            }
            (None, _) => {
                self.address(Gpr::SCRATCH, mem);
                encode::Mem::new(Gpr::SCRATCH, 0)
            }
        }
    }

    /// The operand of an access to a float.
    fn float_mem(&mut self, mem: Mem) -> (Gpr, i32) {
        match self.base(mem) {
            Some((base, offset)) => self.far_float(base, offset, Gpr::SCRATCH),
            None => {
                self.address(Gpr::SCRATCH, mem);
                (Gpr::SCRATCH, 0)
            }
        }
    }

    /// See [`Inst::IntOfTagged`]. The shift of the low half moves the tag to the carry. The high half may be where the word is: it is
    /// written under one of two conditions, by the last instruction that needs the word or where none follows.
    fn int_of_tagged(&mut self, lo: Option<Gpr>, hi: Option<Gpr>, rn: Gpr, offset: i32) {
        let load = |cond, rt, offset| encode::word(cond, WordOp::Ldr, rt, encode::Mem::new(rn, offset));
        let sign = |rm| Operand2::Shifted(rm, Shift::Asr, 31);
        let (is_smi, is_address) = if let Some(lo) = lo {
            self.put(encode::mov(AL, Flags::Set, lo, Operand2::Shifted(rn, Shift::Asr, 1)));
            self.put(load(Cond::Hs, lo, offset));
            (Cond::Lo, Cond::Hs)
        } else {
            self.put(encode::compare(AL, CmpOp::Tst, rn, Operand2::constant(1).expect("a small number")));
            (Cond::Eq, Cond::Ne)
        };
        if let Some(hi) = hi {
            self.put(encode::mov(is_smi, Flags::Keep, hi, sign(lo.unwrap_or(rn))));
            self.put(load(is_address, hi, offset + 4));
        }
    }

    fn load(&mut self, op: LoadOp, rt: Gpr, mem: Mem) {
        let wide = matches!(op, LoadOp::Ldr | LoadOp::Ldrb);
        let mem = self.core_mem(mem, wide);
        self.put(match op {
            LoadOp::Ldr => encode::word(AL, WordOp::Ldr, rt, mem),
            LoadOp::Ldrb => encode::word(AL, WordOp::Ldrb, rt, mem),
            LoadOp::Ldrh => encode::half(AL, HalfOp::Ldrh, rt, mem),
            LoadOp::Ldrsb => encode::half(AL, HalfOp::Ldrsb, rt, mem),
            LoadOp::Ldrsh => encode::half(AL, HalfOp::Ldrsh, rt, mem),
        });
    }

    fn store(&mut self, op: StoreOp, rt: Gpr, mem: Mem) {
        let mem = self.core_mem(mem, op != StoreOp::Strh);
        self.put(match op {
            StoreOp::Str => encode::word(AL, WordOp::Str, rt, mem),
            StoreOp::Strb => encode::word(AL, WordOp::Strb, rt, mem),
            StoreOp::Strh => encode::half(AL, HalfOp::Strh, rt, mem),
        });
    }

    /// Emits an instruction of `label`, whose registers are assigned. `next` is the block that follows in the code.
    fn inst(&mut self, input: &Input<'_>, label: Label, index: usize, inst: Inst, next: Option<Label>) {
        match inst {
            Inst::Alu { op, flags, rd, rn, op2 } => {
                self.put(encode::data(AL, op, set(flags), rd.to_gpr(), rn.to_gpr(), operand(op2)));
            }
            Inst::CondAlu { op, cond, rd, rn, op2, .. } => {
                self.put(encode::data(cond, op, Flags::Keep, rd.to_gpr(), rn.to_gpr(), operand(op2)));
            }
            Inst::Mov { not, flags, rd, op2 } => {
                if not || flags || op2 != Op2::Reg(rd) {
                    self.put(mov(AL, not, set(flags), rd.to_gpr(), operand(op2)));
                }
            }
            Inst::CondMov { not, cond, rd, op2, .. } => {
                if not || op2 != Op2::Reg(rd) {
                    self.put(mov(cond, not, Flags::Keep, rd.to_gpr(), operand(op2)));
                }
            }
            Inst::MovImm { rd, imm } => self.constant(rd.to_gpr(), imm),
            Inst::Cmp { op, rn, op2 } => self.put(encode::compare(AL, op, rn.to_gpr(), operand(op2))),
            Inst::CondCmp { op, cond, rn, op2 } => {
                self.put(encode::compare(cond, op, rn.to_gpr(), operand(op2)));
            }
            Inst::SetCond { rd, cond, or } => {
                let imm = |value| Operand2::constant(value).expect("0 and 1 fit");
                self.put(encode::mov(AL, Flags::Keep, rd.to_gpr(), imm(0)));
                for cond in std::iter::once(cond).chain(or) {
                    self.put(encode::mov(cond, Flags::Keep, rd.to_gpr(), imm(1)));
                }
            }
            Inst::Mul { rd, rn, rm } => {
                self.put(encode::mul(AL, Flags::Keep, rd.to_gpr(), rn.to_gpr(), rm.to_gpr()));
            }
            Inst::Mla { sub, rd, rn, rm, ra } => {
                let encode = if sub { encode::mls } else { encode::mla };
                self.put(encode(AL, rd.to_gpr(), rn.to_gpr(), rm.to_gpr(), ra.to_gpr()));
            }
            Inst::MulLong { signed, lo, hi, rn, rm } => {
                let op = if signed { LongMul::Smull } else { LongMul::Umull };
                self.put(encode::long_mul(AL, op, lo.to_gpr(), hi.to_gpr(), rn.to_gpr(), rm.to_gpr()));
            }
            Inst::MulAccLong { signed, lo, hi, rn, rm, .. } => {
                let op = if signed { LongMul::Smlal } else { LongMul::Umlal };
                self.put(encode::long_mul(AL, op, lo.to_gpr(), hi.to_gpr(), rn.to_gpr(), rm.to_gpr()));
            }
            Inst::Unary { op, rd, rm } => self.put(encode::bit_op(AL, op, rd.to_gpr(), rm.to_gpr())),
            Inst::BitField { signed, rd, rn, lsb, width } => {
                let encode = if signed { encode::sbfx } else { encode::ubfx };
                self.put(encode(AL, rd.to_gpr(), rn.to_gpr(), lsb, width));
            }
            Inst::BitInsert { rd, rn: Some(rn), lsb, width, .. } => {
                self.put(encode::bfi(AL, rd.to_gpr(), rn.to_gpr(), lsb, width));
            }
            Inst::BitInsert { rd, rn: None, lsb, width, .. } => {
                self.put(encode::bfc(AL, rd.to_gpr(), lsb, width));
            }
            Inst::Load { op, rt, mem } => self.load(op, rt.to_gpr(), mem),
            Inst::Store { op, rt, mem } => self.store(op, rt.to_gpr(), mem),
            Inst::ClassIdOfTagged { rd, rn, offset, shift, smi } => {
                let (rd, rn) = (rd.to_gpr(), rn.to_gpr());
                let smi = Operand2::constant(smi).expect("a constant that fits");
                self.put(encode::compare(AL, CmpOp::Tst, rn, Operand2::constant(1).expect("a small number")));
                self.put(encode::word(Cond::Ne, WordOp::Ldr, rd, encode::Mem::new(rn, offset)));
                self.put(encode::mov(Cond::Ne, Flags::Keep, rd, Operand2::Shifted(rd, Shift::Lsr, shift)));
                self.put(encode::mov(Cond::Eq, Flags::Keep, rd, smi));
            }
            Inst::IntOfTagged { lo, hi, rn, offset } => {
                self.int_of_tagged(lo.map(Reg::to_gpr), hi.map(Reg::to_gpr), rn.to_gpr(), offset);
            }
            Inst::Address { rd, mem } => self.address(rd.to_gpr(), mem),
            Inst::SymbolAddress { rd, target, addend } => {
                self.buffer.load_symbol(rd.to_gpr(), target, addend);
            }
            Inst::VLoad { size, rt, mem } => {
                let (base, offset) = self.float_mem(mem);
                self.put(match size {
                    FloatSize::Single => encode::vldr(AL, rt.to_dpr().low(), base, offset),
                    FloatSize::Double => encode::vldr(AL, rt.to_dpr(), base, offset),
                });
            }
            Inst::VStore { size, rt, mem } => {
                let (base, offset) = self.float_mem(mem);
                self.put(match size {
                    FloatSize::Single => encode::vstr(AL, rt.to_dpr().low(), base, offset),
                    FloatSize::Double => encode::vstr(AL, rt.to_dpr(), base, offset),
                });
            }
            Inst::Fence => self.put(encode::dmb(encode::Barrier::Ish)),

            Inst::VAlu { op, size, rd, rn, rm } => {
                let op = match op {
                    VAluOp::Add => FpBinary::Vadd,
                    VAluOp::Sub => FpBinary::Vsub,
                    VAluOp::Mul => FpBinary::Vmul,
                    VAluOp::Nmul => FpBinary::Vnmul,
                    VAluOp::Div => FpBinary::Vdiv,
                };
                self.put(float_binary(op, size, rd, rn, rm));
            }
            Inst::VMulAcc { op, size, rd, rn, rm, .. } => {
                let op = match op {
                    VMulAccOp::Mla => FpBinary::Vmla,
                    VMulAccOp::Mls => FpBinary::Vmls,
                };
                self.put(float_binary(op, size, rd, rn, rm));
            }
            Inst::VUnary { op, size, rd, rm } => {
                let op = match op {
                    VUnaryOp::Abs => FpUnary::Vabs,
                    VUnaryOp::Neg => FpUnary::Vneg,
                    VUnaryOp::Sqrt => FpUnary::Vsqrt,
                };
                self.put(float_unary(AL, op, size, rd, rm));
            }
            Inst::CondVMov { cond, size, rd, rm, .. } => {
                if rd != rm {
                    self.put(float_unary(cond, FpUnary::Vmov, size, rd, rm));
                }
            }
            Inst::VCmp { size, rn, rm } => {
                let rn = rn.to_dpr();
                self.put(match (size, rm.map(Reg::to_dpr)) {
                    (FloatSize::Single, Some(rm)) => encode::vcmp(AL, false, rn.low(), rm.low()),
                    (FloatSize::Double, Some(rm)) => encode::vcmp(AL, false, rn, rm),
                    (FloatSize::Single, None) => encode::vcmp_zero(AL, false, rn.low()),
                    (FloatSize::Double, None) => encode::vcmp_zero(AL, false, rn),
                });
                self.put(encode::vmrs_flags(AL));
            }
            Inst::VCvt { to, rd, rm } => self.put(match to {
                FloatSize::Single => encode::vcvt_f32_f64(AL, rd.to_dpr().low(), rm.to_dpr()),
                FloatSize::Double => encode::vcvt_f64_f32(AL, rd.to_dpr(), rm.to_dpr().low()),
            }),
            Inst::VToInt { signed, from, rd, rm } => self.put(match from {
                FloatSize::Single => encode::vcvt_to_int(AL, signed, rd.to_dpr().low(), rm.to_dpr().low()),
                FloatSize::Double => encode::vcvt_to_int(AL, signed, rd.to_dpr().low(), rm.to_dpr()),
            }),
            Inst::VFromInt { signed, to, rd, rm } => self.put(match to {
                FloatSize::Single => encode::vcvt_from_int(AL, signed, rd.to_dpr().low(), rm.to_dpr().low()),
                FloatSize::Double => encode::vcvt_from_int(AL, signed, rd.to_dpr(), rm.to_dpr().low()),
            }),
            Inst::VConst { size, rd, bits } => self.float_constant(size, rd, bits),
            Inst::VToCore { high, rt, rn } => {
                let rn = rn.to_dpr();
                self.put(encode::vmov_core_s(AL, rt.to_gpr(), if high { rn.high() } else { rn.low() }));
            }
            Inst::VFromCore { rd, rt } => {
                self.put(encode::vmov_s_core(AL, rd.to_dpr().low(), rt.to_gpr()));
            }
            Inst::VSetHalf { high, rd, rt, .. } => {
                let rd = rd.to_dpr();
                self.put(encode::vmov_s_core(AL, if high { rd.high() } else { rd.low() }, rt.to_gpr()));
            }
            Inst::VToCorePair { lo, hi, rn } => {
                self.put(encode::vmov_core_d(AL, lo.to_gpr(), hi.to_gpr(), rn.to_dpr()));
            }
            Inst::VFromCorePair { rd, lo, hi } => {
                self.put(encode::vmov_d_core(AL, rd.to_dpr(), lo.to_gpr(), hi.to_gpr()));
            }

            Inst::Args { .. } => {}
            Inst::Call { id } => self.call(input, index, id, None),
            Inst::TrapIf { cond, or } => self.trap_if(cond, or),
            Inst::Trap => self.put(encode::udf(TRAP)),
            Inst::Ret { .. } => {
                let buffer = &mut self.buffer;
                self.frame.epilogue(true, &mut |word| buffer.put(word));
            }
            Inst::ReturnCall { id } => self.return_call(input, index, id),
            Inst::TryCall { id } => {
                self.call(input, index, id, Some(label));
                let normal = input.vcode.order.succs(label).len() - 1;
                self.jump(self.target(input, label, normal), next);
            }
            Inst::Jump => self.jump(self.target(input, label, 0), next),
            Inst::Branch { cond, or } => {
                let taken = self.target(input, label, 0);
                let other = self.target(input, label, 1);
                self.conditional(cond, or, taken, other, next);
            }
            Inst::BrTable { index } => self.br_table(input, label, index.to_gpr()),
        }
    }

    fn float_constant(&mut self, size: FloatSize, rd: Reg, bits: u64) {
        let rd = rd.to_dpr();
        match size {
            FloatSize::Single => match FpImm::from_f32_bits(bits as u32) {
                Some(imm) => self.put(encode::vmov_imm(AL, rd.low(), imm)),
                None if bits as u32 == 0 => {
                    self.constant(Gpr::SCRATCH, 0);
                    self.put(encode::vmov_s_core(AL, rd.low(), Gpr::SCRATCH));
                }
                None => self.buffer.load_single(rd.low(), bits as u32),
            },
            FloatSize::Double => match FpImm::from_f64_bits(bits) {
                Some(imm) => self.put(encode::vmov_imm(AL, rd, imm)),
                None if bits == 0 => {
                    self.constant(Gpr::SCRATCH, 0);
                    self.put(encode::vmov_d_core(AL, rd, Gpr::SCRATCH, Gpr::SCRATCH));
                }
                None => self.buffer.load_double(rd, bits),
            },
        }
    }

    fn trap_if(&mut self, cond: Cond, or: Option<Cond>) {
        // The undefined instruction has no condition: branch around it.
        match or {
            None => self.put(encode::b(cond.invert(), 8)),
            Some(or) => {
                self.put(encode::b(cond, 8));
                self.put(encode::b(or.invert(), 8));
            }
        }
        self.put(encode::udf(TRAP));
    }

    fn jump(&mut self, to: Label, next: Option<Label>) {
        if next != Some(to) {
            self.buffer.branch(AL, to);
        }
    }

    fn conditional(&mut self, cond: Cond, or: Option<Cond>, taken: Label, other: Label, next: Option<Label>) {
        if taken == other {
            self.jump(other, next);
        } else if next == Some(taken) && or.is_none() {
            self.buffer.branch(cond.invert(), other);
        } else {
            self.buffer.branch(cond, taken);
            if let Some(or) = or {
                self.buffer.branch(or, taken);
            }
            self.jump(other, next);
        }
    }

    /// A jump table is a row of branches that the program counter is moved into.
    fn br_table(&mut self, input: &Input<'_>, label: Label, index: Gpr) {
        let entries = input.vcode.order.succs(label).len() - 1;
        if entries > 0 {
            let count = self.constant_operand(entries as u32, Gpr::SCRATCH);
            self.put(encode::compare(AL, CmpOp::Cmp, index, count));
            // The program counter reads as the address of the first entry.
            let offset = Operand2::Shifted(index, Shift::Lsl, 2);
            self.put(encode::data(Cond::Lo, DataOp::Add, Flags::Keep, Gpr::PC, Gpr::PC, offset));
        }
        for succ in 0..=entries {
            self.buffer.branch(AL, self.target(input, label, succ));
        }
    }

    fn call(&mut self, input: &Input<'_>, index: usize, id: CallId, catches: Option<Label>) {
        let info = input.vcode.call_info(id);
        if let CallDest::Direct(target) = info.dest {
            self.buffer.reloc(RelocKind::Call, target, 0);
            self.put(encode::bl(AL, 8));
        }
        if let Some(callee) = input.allocator.callee(index, info) {
            self.put(encode::blx(AL, callee.to_gpr()));
        }
        if info.inst.is_some() {
            self.calls.push(PendingCall { return_offset: self.buffer.offset(), id, catches });
        }
    }

    fn return_call(&mut self, input: &Input<'_>, index: usize, id: CallId) {
        let info = input.vcode.call_info(id);
        let buffer = &mut self.buffer;
        self.frame.epilogue(false, &mut |word| buffer.put(word));
        if let CallDest::Direct(target) = info.dest {
            self.buffer.reloc(RelocKind::Call, target, 0);
            self.put(encode::b(AL, 8));
        }
        if let Some(callee) = input.allocator.callee(index, info) {
            self.put(encode::bx(AL, callee.to_gpr()));
        }
    }

    /// The tables of all calls, when all labels are bound.
    fn call_sites(&self, input: &Input<'_>) -> Result<Vec<CallSite>, String> {
        let site = |call: &PendingCall| {
            let info = input.vcode.call_info(call.id);
            let mut stack_map = Vec::new();
            let entries = info.inst.and_then(|inst| input.func.dfg.user_stack_map_entries(inst));
            for entry in entries.unwrap_or_default() {
                if entry.ty != ir::types::I32 {
                    return Err(format!("stack map entry of type {}", entry.ty));
                }
                stack_map.push(self.frame.slots[entry.slot.as_u32() as usize] + entry.offset);
            }
            stack_map.sort_unstable();
            let handlers = match call.catches {
                Some(label) => (0..input.vcode.order.succs(label).len() - 1)
                    .map(|succ| self.buffer.label_offset(self.target(input, label, succ)))
                    .collect(),
                None => Vec::new(),
            };
            Ok(CallSite { return_offset: call.return_offset, stack_map, handlers, srcloc: info.srcloc })
        };
        self.calls.iter().map(site).collect()
    }
}

/// Whether all words that an instruction is expanded to are executed always, change no flags, and are final when they are put.
fn can_be_conditional(inst: &Inst) -> bool {
    match inst {
        Inst::Alu { flags, .. } | Inst::Mov { flags, .. } => !flags,
        Inst::MovImm { .. }
        | Inst::Mul { .. }
        | Inst::Mla { .. }
        | Inst::MulLong { .. }
        | Inst::MulAccLong { .. }
        | Inst::Unary { .. }
        | Inst::BitField { .. }
        | Inst::BitInsert { .. }
        | Inst::Load { .. }
        | Inst::Store { .. }
        | Inst::Address { .. }
        | Inst::VLoad { .. }
        | Inst::VStore { .. }
        | Inst::VAlu { .. }
        | Inst::VMulAcc { .. }
        | Inst::VUnary { .. }
        | Inst::VCvt { .. }
        | Inst::VToInt { .. }
        | Inst::VFromInt { .. }
        | Inst::VToCore { .. }
        | Inst::VFromCore { .. }
        | Inst::VSetHalf { .. }
        | Inst::VToCorePair { .. }
        | Inst::VFromCorePair { .. } => true,
        _ => false,
    }
}

fn set(flags: bool) -> Flags {
    if flags { Flags::Set } else { Flags::Keep }
}

fn mov(cond: Cond, not: bool, flags: Flags, rd: Gpr, op2: Operand2) -> u32 {
    if not { encode::mvn(cond, flags, rd, op2) } else { encode::mov(cond, flags, rd, op2) }
}

/// Sum or difference, and the magnitude of an offset.
fn sign(offset: i32) -> (DataOp, u32) {
    (if offset < 0 { DataOp::Sub } else { DataOp::Add }, offset.unsigned_abs())
}

fn shifted(reg: Gpr, shift: Shift, amount: u8) -> Operand2 {
    if amount == 0 { Operand2::Reg(reg) } else { Operand2::Shifted(reg, shift, amount) }
}

fn operand(op2: Op2) -> Operand2 {
    match op2 {
        Op2::Imm(value) => {
            Operand2::constant(value).expect("selection makes operands of constants that can be ones")
        }
        Op2::Reg(reg) => Operand2::Reg(reg.to_gpr()),
        Op2::Shift(reg, shift, amount) => shifted(reg.to_gpr(), shift, amount),
        Op2::ShiftReg(reg, shift, amount) => Operand2::ShiftedBy(reg.to_gpr(), shift, amount.to_gpr()),
        Op2::Rrx(reg) => Operand2::Rrx(reg.to_gpr()),
    }
}

fn float_binary(op: FpBinary, size: FloatSize, rd: Reg, rn: Reg, rm: Reg) -> u32 {
    let (rd, rn, rm) = (rd.to_dpr(), rn.to_dpr(), rm.to_dpr());
    match size {
        FloatSize::Single => encode::fp_binary(AL, op, rd.low(), rn.low(), rm.low()),
        FloatSize::Double => encode::fp_binary(AL, op, rd, rn, rm),
    }
}

fn float_unary(cond: Cond, op: FpUnary, size: FloatSize, rd: Reg, rm: Reg) -> u32 {
    let (rd, rm) = (rd.to_dpr(), rm.to_dpr());
    match size {
        FloatSize::Single => encode::fp_unary(cond, op, rd.low(), rm.low()),
        FloatSize::Double => encode::fp_unary(cond, op, rd, rm),
    }
}
