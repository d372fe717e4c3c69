//! Instructions of machine code: A32 and VFP with virtual registers, and pseudo-instructions.
//!
//! Most variants are one machine instruction. The others expand at emission, using `r12` as scratch register, which therefore never
//! holds a value between two instructions.
//!
//! # Flags
//!
//! The condition flags are invisible to the register allocator. They are safe all the same, because nothing that is inserted between two
//! instructions (moves, spills, reloads) and no expansion but those that say so in their description changes them. A producer of flags
//! and its consumers must simply follow each other with no other producer in between, within the group of one CLIF instruction
//! or of CLIF instructions that selection joins.
//!
//! # Conditional execution
//!
//! An instruction that takes effect conditionally has an operand `old`, the result if the condition does not hold; it is in the same
//! register as the result.
//!
//! # Operands
//!
//! [`Inst::visit`] is the one description of what each instruction reads and writes: the allocator's view and the substitution of
//! its results both come from it. A new variant needs an arm there, one in the `Display` implementation and one in `emit.rs`.

use std::fmt;

use cranelift_codegen::ir::{self, SourceLoc, StackSlot};
use cranelift_codegen::isa::CallConv;
use regalloc2::{PReg, RegClass, VReg};

pub use crate::encode::{BitOp as UnaryOp, CmpOp, DataOp as AluOp};
use crate::metadata::RelocTarget;
use crate::regs::{Cond, Dpr, Gpr, Shift};

/// A register: virtual until allocation, physical afterwards. `THR`, `FP` and `SP` may be used at any time; other physical registers
/// appear only in the lists of [`RegPair`]s.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reg(VReg);

/// Numbers below stand for physical registers: 0 to 15 for core, 16 to 31 for double registers.
pub(crate) const FIRST_VIRTUAL: usize = 32;

impl Reg {
    /// The thread.
    pub const THR: Reg = Reg::gpr(Gpr::THR);
    /// Frame pointer.
    pub const FP: Reg = Reg::gpr(Gpr::FP);
    /// Stack pointer.
    pub const SP: Reg = Reg::gpr(Gpr::SP);

    /// A physical core register.
    pub const fn gpr(reg: Gpr) -> Reg {
        Reg(VReg::new(reg.0 as usize, RegClass::Int))
    }

    /// A physical double register.
    pub const fn dpr(reg: Dpr) -> Reg {
        Reg(VReg::new(16 + reg.0 as usize, RegClass::Float))
    }

    pub(crate) fn from_vreg(vreg: VReg) -> Reg {
        Reg(vreg)
    }

    pub(crate) fn from_preg(preg: PReg) -> Reg {
        match preg.class() {
            RegClass::Int => Reg::gpr(Gpr(preg.hw_enc() as u8)),
            RegClass::Float => Reg::dpr(Dpr(preg.hw_enc() as u8)),
            RegClass::Vector => unreachable!("no vector registers"),
        }
    }

    pub(crate) fn vreg(self) -> VReg {
        self.0
    }

    pub(crate) fn index(self) -> usize {
        self.0.vreg()
    }

    /// Whether it is still to be allocated.
    pub fn is_virtual(self) -> bool {
        self.0.vreg() >= FIRST_VIRTUAL
    }

    /// Whether it holds floats.
    pub fn is_float(self) -> bool {
        self.0.class() == RegClass::Float
    }

    /// The allocator's name of a physical register.
    pub(crate) fn preg(self) -> PReg {
        debug_assert!(!self.is_virtual());
        match self.0.class() {
            RegClass::Float => PReg::new(self.0.vreg() - 16, RegClass::Float),
            _ => PReg::new(self.0.vreg(), RegClass::Int),
        }
    }

    /// The core register, after allocation.
    pub(crate) fn to_gpr(self) -> Gpr {
        debug_assert!(!self.is_virtual() && !self.is_float());
        Gpr(self.0.vreg() as u8)
    }

    /// The double register, after allocation.
    pub(crate) fn to_dpr(self) -> Dpr {
        debug_assert!(!self.is_virtual() && self.is_float());
        Dpr((self.0.vreg() - 16) as u8)
    }
}

impl fmt::Display for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_virtual(), self.is_float()) {
            (true, false) => write!(f, "v{}", self.index() - FIRST_VIRTUAL),
            (true, true) => write!(f, "f{}", self.index() - FIRST_VIRTUAL),
            (false, false) => write!(f, "{}", self.to_gpr()),
            (false, true) => write!(f, "{}", self.to_dpr()),
        }
    }
}

impl fmt::Debug for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A virtual register tied to a physical one at an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegPair {
    /// The value.
    pub reg: Reg,
    /// Where it is.
    pub at: Reg,
}

/// The flexible second operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op2 {
    /// A constant that [`fits_imm12`].
    Imm(u32),
    /// A register.
    Reg(Reg),
    /// A register shifted by a constant: 1 to 31; 32 is possible for `lsr` and `asr`.
    Shift(Reg, Shift, u8),
    /// A register shifted by the low byte of another.
    ShiftReg(Reg, Shift, Reg),
    /// A register shifted right by one, the carry entering.
    Rrx(Reg),
}

impl Op2 {
    /// The constant as an operand, if it can be one.
    pub fn imm(value: u32) -> Option<Op2> {
        fits_imm12(value).then_some(Op2::Imm(value))
    }
}

/// Whether a constant is eight bits rotated right by an even number.
pub fn fits_imm12(value: u32) -> bool {
    value < 256 || (0..16).any(|i| value.rotate_left(2 * i) < 256)
}

/// The address of a memory operand. Constants may be of any size; what does not fit the instruction goes through a scratch register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mem {
    /// `[base + offset]`
    Offset(Reg, i32),
    /// `[base + (index << shift)]`, shift 0 to 31. `ldr`, `ldrb`, `str`, `strb` take any shift, other core accesses none;
    /// floats need [`Inst::Address`] or an addition first.
    Index(Reg, Reg, u8),
    /// In a stack slot.
    Slot(StackSlot, i32),
    /// In the area of incoming stack arguments.
    Incoming(i32),
    /// In the area of outgoing stack arguments, at the bottom of the frame. The area grows to fit ([`crate::vcode::VCode::push`]).
    Outgoing(i32),
}

/// Kinds of loads of core registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadOp {
    /// Word.
    Ldr,
    /// Byte.
    Ldrb,
    /// Half.
    Ldrh,
    /// Byte with sign.
    Ldrsb,
    /// Half with sign.
    Ldrsh,
}

/// Kinds of stores of core registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreOp {
    /// Word.
    Str,
    /// Byte.
    Strb,
    /// Half.
    Strh,
}

/// Size of a float. Singles live in the lower half of a double register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatSize {
    /// `f32`
    Single,
    /// `f64`
    Double,
}

/// Float operations with two sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VAluOp {
    /// `rn + rm`
    Add,
    /// `rn - rm`
    Sub,
    /// `rn * rm`
    Mul,
    /// `-(rn * rm)`
    Nmul,
    /// `rn / rm`
    Div,
}

/// Float operations with one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VUnaryOp {
    /// Sign cleared.
    Abs,
    /// Sign flipped.
    Neg,
    /// Square root.
    Sqrt,
}

/// Multiplication with accumulation; rounds twice, like the two operations that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VMulAccOp {
    /// `acc + rn * rm`
    Mla,
    /// `acc - rn * rm`
    Mls,
}

/// A call's description, by its number in [`crate::vcode::VCode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallId(pub(crate) u32);

/// A list of [`RegPair`]s in [`crate::vcode::VCode`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pairs {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

/// Who is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallDest {
    /// Code with a known place.
    Direct(RelocTarget),
    /// An address in a register.
    Indirect(Reg),
}

/// What the machine code of a call needs to know.
#[derive(Clone, Copy, Debug)]
pub struct CallInfo {
    /// The callee.
    pub dest: CallDest,
    /// Its convention: what it clobbers. For `return_call`, [`CallConv::Tail`].
    pub conv: CallConv,
    /// Arguments in registers.
    pub uses: Pairs,
    /// Results in registers.
    pub defs: Pairs,
    /// The CLIF call, whose stack map and exception table are looked up; `None` for calls of routines, which get no call site.
    pub inst: Option<ir::Inst>,
    /// Its source location.
    pub srcloc: SourceLoc,
}

/// An instruction.
///
/// Names of fields: `rd` result; `rn`, `rm` sources; `old` what `rd` holds before (same register); `rt` the register that a store or a
/// transfer reads or a load writes.
#[derive(Clone, Copy, Debug)]
pub enum Inst {
    // Core.
    /// Data processing.
    Alu { op: AluOp, flags: bool, rd: Reg, rn: Reg, op2: Op2 },
    /// Data processing under a condition.
    CondAlu { op: AluOp, cond: Cond, rd: Reg, old: Reg, rn: Reg, op2: Op2 },
    /// `rd = op2`, or its complement. Shifts by a variable or constant amount are this with a shifted operand. With `flags`, C is the
    /// last bit shifted out.
    Mov { not: bool, flags: bool, rd: Reg, op2: Op2 },
    /// [`Inst::Mov`] under a condition.
    CondMov { not: bool, cond: Cond, rd: Reg, old: Reg, op2: Op2 },
    /// Any constant, in one or two instructions.
    MovImm { rd: Reg, imm: u32 },
    /// Comparison.
    Cmp { op: CmpOp, rn: Reg, op2: Op2 },
    /// Comparison under a condition: keeps the flags where it does not hold.
    CondCmp { op: CmpOp, cond: Cond, rn: Reg, op2: Op2 },
    /// `rd = cond || or ? 1 : 0`
    SetCond { rd: Reg, cond: Cond, or: Option<Cond> },
    /// `rd = rn * rm`
    Mul { rd: Reg, rn: Reg, rm: Reg },
    /// `rd = ra + rn * rm`, or `ra - rn * rm` if `sub`.
    Mla { sub: bool, rd: Reg, rn: Reg, rm: Reg, ra: Reg },
    /// `hi:lo = rn * rm`
    MulLong { signed: bool, lo: Reg, hi: Reg, rn: Reg, rm: Reg },
    /// `hi:lo = old_hi:old_lo + rn * rm`
    MulAccLong { signed: bool, lo: Reg, hi: Reg, old_lo: Reg, old_hi: Reg, rn: Reg, rm: Reg },
    /// One source.
    Unary { op: UnaryOp, rd: Reg, rm: Reg },
    /// `width` bits of `rn` from bit `lsb`, extended.
    BitField { signed: bool, rd: Reg, rn: Reg, lsb: u8, width: u8 },
    /// `old` with `width` bits from bit `lsb` replaced by the low bits of `rn`; by zeros if there is none.
    BitInsert { rd: Reg, old: Reg, rn: Option<Reg>, lsb: u8, width: u8 },

    // Memory.
    /// Load of a core register. A word may be at any address if the processor allows unaligned accesses, which Dart's targets do.
    Load { op: LoadOp, rt: Reg, mem: Mem },
    /// Store of a core register.
    Store { op: StoreOp, rt: Reg, mem: Mem },
    /// `rd` = the address that `mem` means.
    Address { rd: Reg, mem: Mem },
    /// The address of code or data.
    SymbolAddress { rd: Reg, target: RelocTarget, addend: i32 },
    /// Load of a float; the address must be a multiple of 4.
    VLoad { size: FloatSize, rt: Reg, mem: Mem },
    /// Store of a float; the address must be a multiple of 4.
    VStore { size: FloatSize, rt: Reg, mem: Mem },
    /// `hi:lo` = the integer that a tagged word means: `rn >> 1` if its lowest bit is 0, else what is in memory at `rn + offset`. Halves
    /// that nothing uses are missing. Changes flags.
    IntOfTagged { lo: Option<Reg>, hi: Option<Reg>, rn: Reg, offset: i32 },
    /// `rd` = the class id of a tagged word: `smi`, which fits an operand, if its lowest bit is 0, else the bits from `shift` on of the word in memory at
    /// `rn + offset`. Changes flags.
    ClassIdOfTagged { rd: Reg, rn: Reg, offset: i32, shift: u8, smi: u32 },
    /// `dmb ish`
    Fence,

    // Floats.
    /// Two sources.
    VAlu { op: VAluOp, size: FloatSize, rd: Reg, rn: Reg, rm: Reg },
    /// Multiplication with accumulation.
    VMulAcc { op: VMulAccOp, size: FloatSize, rd: Reg, acc: Reg, rn: Reg, rm: Reg },
    /// One source.
    VUnary { op: VUnaryOp, size: FloatSize, rd: Reg, rm: Reg },
    /// Copy under a condition.
    CondVMov { cond: Cond, size: FloatSize, rd: Reg, old: Reg, rm: Reg },
    /// Comparison, quiet for quiet NaNs, flags moved to the core; with 0.0 if there is no `rm`.
    VCmp { size: FloatSize, rn: Reg, rm: Option<Reg> },
    /// From the other size to `to`.
    VCvt { to: FloatSize, rd: Reg, rm: Reg },
    /// To a 32-bit integer in the lower half of `rd`, towards zero, saturating, NaN to 0.
    VToInt { signed: bool, from: FloatSize, rd: Reg, rm: Reg },
    /// From a 32-bit integer in the lower half of `rm`.
    VFromInt { signed: bool, to: FloatSize, rd: Reg, rm: Reg },
    /// A constant, by its bits.
    VConst { size: FloatSize, rd: Reg, bits: u64 },
    /// Half of a double register, or a single, to the core.
    VToCore { high: bool, rt: Reg, rn: Reg },
    /// From the core to the lower half; the upper half becomes undefined.
    VFromCore { rd: Reg, rt: Reg },
    /// `old` with a half replaced by a core register.
    VSetHalf { high: bool, rd: Reg, old: Reg, rt: Reg },
    /// A double register to two core registers.
    VToCorePair { lo: Reg, hi: Reg, rn: Reg },
    /// Two core registers to a double register.
    VFromCorePair { rd: Reg, lo: Reg, hi: Reg },

    // Calls and control.
    /// Parameters in registers: the first instruction of the function, if it has any.
    Args { defs: Pairs },
    /// A call that returns here.
    Call { id: CallId },
    /// Traps if a condition holds.
    TrapIf { cond: Cond, or: Option<Cond> },
    /// `udf`: ends a block with no successors.
    Trap,
    /// Return: ends a block.
    Ret { uses: Pairs },
    /// Tail call: ends a block. [`CallConv::Tail`] only; arguments on the stack are already in the incoming area.
    ReturnCall { id: CallId },
    /// A call whose exceptions are caught: ends a block. The successors are those of CLIF's `try_call`.
    TryCall { id: CallId },
    /// Ends a block with one successor.
    Jump,
    /// Goes to the first successor if `cond` or `or` holds, else to the second: ends a block.
    Branch { cond: Cond, or: Option<Cond> },
    /// Goes to the successor with number `1 + index`, or to successor 0 if there is none: ends a block. Changes flags.
    BrTable { index: Reg },
}

/// What is done with an operand of an instruction. Physical registers are visited too; visitors leave them alone.
pub(crate) trait Visitor {
    /// Read, at the start.
    fn read(&mut self, reg: &mut Reg);
    /// Written, at the end: may share a register with what is read.
    fn write(&mut self, reg: &mut Reg);
    /// Written before everything is read: shares a register with nothing.
    fn write_early(&mut self, reg: &mut Reg);
    /// Written, into the register of operand number `index` of the instruction.
    fn rewrite(&mut self, reg: &mut Reg, index: usize);
}

impl Op2 {
    fn visit(&mut self, v: &mut impl Visitor) {
        match self {
            Op2::Imm(_) => {}
            Op2::Reg(reg) | Op2::Shift(reg, ..) | Op2::Rrx(reg) => v.read(reg),
            Op2::ShiftReg(reg, _, amount) => {
                v.read(reg);
                v.read(amount);
            }
        }
    }
}

impl Mem {
    fn visit(&mut self, v: &mut impl Visitor) {
        match self {
            Mem::Offset(base, _) => v.read(base),
            Mem::Index(base, index, _) => {
                v.read(base);
                v.read(index);
            }
            Mem::Slot(..) | Mem::Incoming(_) | Mem::Outgoing(_) => {}
        }
    }
}

impl Inst {
    /// Visits the registers that are operands, in an order that never changes. Those of calls, parameters and returns are in lists
    /// outside of the instruction and are not visited. `old` operands come first, so that their numbers are known.
    pub(crate) fn visit(&mut self, v: &mut impl Visitor) {
        match self {
            Inst::Alu { rd, rn, op2, .. } => {
                v.read(rn);
                op2.visit(v);
                v.write(rd);
            }
            Inst::CondAlu { rd, old, rn, op2, .. } => {
                v.read(old);
                v.read(rn);
                op2.visit(v);
                v.rewrite(rd, 0);
            }
            Inst::Mov { rd, op2, .. } => {
                op2.visit(v);
                v.write(rd);
            }
            Inst::CondMov { rd, old, op2, .. } => {
                v.read(old);
                op2.visit(v);
                v.rewrite(rd, 0);
            }
            Inst::MovImm { rd, .. }
            | Inst::SetCond { rd, .. }
            | Inst::SymbolAddress { rd, .. }
            | Inst::VConst { rd, .. } => v.write(rd),
            Inst::Cmp { rn, op2, .. } | Inst::CondCmp { rn, op2, .. } => {
                v.read(rn);
                op2.visit(v);
            }
            Inst::Mul { rd, rn, rm } => {
                v.read(rn);
                v.read(rm);
                v.write(rd);
            }
            Inst::Mla { rd, rn, rm, ra, .. } => {
                v.read(rn);
                v.read(rm);
                v.read(ra);
                v.write(rd);
            }
            Inst::MulLong { lo, hi, rn, rm, .. } => {
                v.read(rn);
                v.read(rm);
                v.write(lo);
                v.write(hi);
            }
            Inst::MulAccLong { lo, hi, old_lo, old_hi, rn, rm, .. } => {
                v.read(old_lo);
                v.read(old_hi);
                v.read(rn);
                v.read(rm);
                v.rewrite(lo, 0);
                v.rewrite(hi, 1);
            }
            Inst::Unary { rd, rm, .. } => {
                v.read(rm);
                v.write(rd);
            }
            Inst::BitField { rd, rn, .. } | Inst::ClassIdOfTagged { rd, rn, .. } => {
                v.read(rn);
                v.write(rd);
            }
            Inst::BitInsert { rd, old, rn, .. } => {
                v.read(old);
                if let Some(rn) = rn {
                    v.read(rn);
                }
                v.rewrite(rd, 0);
            }
            Inst::Load { rt, mem, .. } | Inst::VLoad { rt, mem, .. } => {
                mem.visit(v);
                v.write(rt);
            }
            Inst::Store { rt, mem, .. } | Inst::VStore { rt, mem, .. } => {
                v.read(rt);
                mem.visit(v);
            }
            Inst::Address { rd, mem } => {
                mem.visit(v);
                v.write(rd);
            }
            Inst::IntOfTagged { lo, hi, rn, .. } => {
                v.read(rn);
                if let Some(lo) = lo {
                    v.write_early(lo);
                }
                if let Some(hi) = hi {
                    v.write(hi);
                }
            }
            Inst::VAlu { rd, rn, rm, .. } => {
                v.read(rn);
                v.read(rm);
                v.write(rd);
            }
            Inst::VMulAcc { rd, acc, rn, rm, .. } => {
                v.read(acc);
                v.read(rn);
                v.read(rm);
                v.rewrite(rd, 0);
            }
            Inst::VUnary { rd, rm, .. }
            | Inst::VCvt { rd, rm, .. }
            | Inst::VToInt { rd, rm, .. }
            | Inst::VFromInt { rd, rm, .. } => {
                v.read(rm);
                v.write(rd);
            }
            Inst::CondVMov { rd, old, rm, .. } => {
                v.read(old);
                v.read(rm);
                v.rewrite(rd, 0);
            }
            Inst::VCmp { rn, rm, .. } => {
                v.read(rn);
                if let Some(rm) = rm {
                    v.read(rm);
                }
            }
            Inst::VToCore { rt, rn, .. } => {
                v.read(rn);
                v.write(rt);
            }
            Inst::VFromCore { rd, rt } => {
                v.read(rt);
                v.write(rd);
            }
            Inst::VSetHalf { rd, old, rt, .. } => {
                v.read(old);
                v.read(rt);
                v.rewrite(rd, 0);
            }
            Inst::VToCorePair { lo, hi, rn } => {
                v.read(rn);
                v.write(lo);
                v.write(hi);
            }
            Inst::VFromCorePair { rd, lo, hi } => {
                v.read(lo);
                v.read(hi);
                v.write(rd);
            }
            Inst::BrTable { index } => v.read(index),
            Inst::Fence
            | Inst::Args { .. }
            | Inst::Call { .. }
            | Inst::TrapIf { .. }
            | Inst::Trap
            | Inst::Ret { .. }
            | Inst::ReturnCall { .. }
            | Inst::TryCall { .. }
            | Inst::Jump
            | Inst::Branch { .. } => {}
        }
    }

    /// Whether it ends a block that has successors.
    pub(crate) fn is_branch(&self) -> bool {
        matches!(self, Inst::Jump | Inst::Branch { .. } | Inst::BrTable { .. } | Inst::TryCall { .. })
    }

    /// Whether it ends a block that has none.
    pub(crate) fn is_exit(&self) -> bool {
        matches!(self, Inst::Trap | Inst::Ret { .. } | Inst::ReturnCall { .. })
    }
}

impl fmt::Display for Op2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op2::Imm(value) => write!(f, "#{value:#x}"),
            Op2::Reg(reg) => write!(f, "{reg}"),
            Op2::Shift(reg, shift, amount) => write!(f, "{reg} {shift} #{amount}"),
            Op2::ShiftReg(reg, shift, amount) => write!(f, "{reg} {shift} {amount}"),
            Op2::Rrx(reg) => write!(f, "{reg} rrx"),
        }
    }
}

impl fmt::Display for Mem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mem::Offset(base, 0) => write!(f, "[{base}]"),
            Mem::Offset(base, offset) => write!(f, "[{base}, #{offset}]"),
            Mem::Index(base, index, 0) => write!(f, "[{base}, {index}]"),
            Mem::Index(base, index, shift) => write!(f, "[{base}, {index} lsl #{shift}]"),
            Mem::Slot(slot, 0) => write!(f, "[{slot}]"),
            Mem::Slot(slot, offset) => write!(f, "[{slot}, #{offset}]"),
            Mem::Incoming(offset) => write!(f, "[in, #{offset}]"),
            Mem::Outgoing(offset) => write!(f, "[out, #{offset}]"),
        }
    }
}

/// Name of a variant without fields, in lower case.
struct Name<T>(T);

impl<T: fmt::Debug> fmt::Display for Name<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{:?}", self.0).to_ascii_lowercase())
    }
}

impl fmt::Display for FloatSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == FloatSize::Single { "f32" } else { "f64" })
    }
}

/// A condition and an alternative to it.
struct Conds(Cond, Option<Cond>);

impl fmt::Display for Conds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(or) => write!(f, "{}|{or}", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

/// The instruction alone; [`crate::vcode::VCode`] adds what is in its lists.
impl fmt::Display for Inst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = |flags: bool| if flags { "s" } else { "" };
        let mv = |not: bool| if not { "mvn" } else { "mov" };
        let sign = |signed: bool| if signed { "s" } else { "u" };
        match self {
            Inst::Alu { op, flags, rd, rn, op2 } => write!(f, "{rd} = {}{} {rn}, {op2}", Name(op), s(*flags)),
            Inst::CondAlu { op, cond, rd, old, rn, op2 } => {
                write!(f, "{rd} = {}.{cond} {rn}, {op2} else {old}", Name(op))
            }
            Inst::Mov { not, flags, rd, op2 } => write!(f, "{rd} = {}{} {op2}", mv(*not), s(*flags)),
            Inst::CondMov { not, cond, rd, old, op2 } => {
                write!(f, "{rd} = {}.{cond} {op2} else {old}", mv(*not))
            }
            Inst::MovImm { rd, imm } => write!(f, "{rd} = {imm:#x}"),
            Inst::Cmp { op, rn, op2 } => write!(f, "{} {rn}, {op2}", Name(op)),
            Inst::CondCmp { op, cond, rn, op2 } => write!(f, "{}.{cond} {rn}, {op2}", Name(op)),
            Inst::SetCond { rd, cond, or } => write!(f, "{rd} = set.{}", Conds(*cond, *or)),
            Inst::Mul { rd, rn, rm } => write!(f, "{rd} = mul {rn}, {rm}"),
            Inst::Mla { sub, rd, rn, rm, ra } => {
                write!(f, "{rd} = {} {rn}, {rm}, {ra}", if *sub { "mls" } else { "mla" })
            }
            Inst::MulLong { signed, lo, hi, rn, rm } => {
                write!(f, "{lo}, {hi} = {}mull {rn}, {rm}", sign(*signed))
            }
            Inst::MulAccLong { signed, lo, hi, old_lo, old_hi, rn, rm } => {
                write!(f, "{lo}, {hi} = {}mlal {rn}, {rm}, {old_lo}, {old_hi}", sign(*signed))
            }
            Inst::Unary { op, rd, rm } => write!(f, "{rd} = {} {rm}", Name(op)),
            Inst::BitField { signed, rd, rn, lsb, width } => {
                write!(f, "{rd} = {}bfx {rn}, #{lsb}, #{width}", sign(*signed))
            }
            Inst::BitInsert { rd, old, rn: Some(rn), lsb, width } => {
                write!(f, "{rd} = bfi {old}, {rn}, #{lsb}, #{width}")
            }
            Inst::BitInsert { rd, old, rn: None, lsb, width } => {
                write!(f, "{rd} = bfc {old}, #{lsb}, #{width}")
            }
            Inst::Load { op, rt, mem } => write!(f, "{rt} = {} {mem}", Name(op)),
            Inst::Store { op, rt, mem } => write!(f, "{} {rt}, {mem}", Name(op)),
            Inst::Address { rd, mem } => write!(f, "{rd} = address {mem}"),
            Inst::SymbolAddress { rd, target, addend } => write!(f, "{rd} = symbol {target}+{addend}"),
            Inst::VLoad { size, rt, mem } => write!(f, "{rt} = vldr.{size} {mem}"),
            Inst::VStore { size, rt, mem } => write!(f, "vstr.{size} {rt}, {mem}"),
            Inst::IntOfTagged { lo, hi, rn, offset } => {
                let half = |reg: &Option<Reg>| reg.map_or("_".into(), |reg| reg.to_string());
                write!(f, "{}, {} = int_of_tagged {rn}, #{offset}", half(lo), half(hi))
            }
            Inst::ClassIdOfTagged { rd, rn, offset, shift, smi } => {
                write!(f, "{rd} = class_id_of_tagged {rn}, #{offset} lsr #{shift} else #{smi}")
            }
            Inst::Fence => f.write_str("dmb"),
            Inst::VAlu { op, size, rd, rn, rm } => write!(f, "{rd} = v{}.{size} {rn}, {rm}", Name(op)),
            Inst::VMulAcc { op, size, rd, acc, rn, rm } => {
                write!(f, "{rd} = v{}.{size} {rn}, {rm}, {acc}", Name(op))
            }
            Inst::VUnary { op, size, rd, rm } => write!(f, "{rd} = v{}.{size} {rm}", Name(op)),
            Inst::CondVMov { cond, size, rd, old, rm } => {
                write!(f, "{rd} = vmov.{cond}.{size} {rm} else {old}")
            }
            Inst::VCmp { size, rn, rm: Some(rm) } => write!(f, "vcmp.{size} {rn}, {rm}"),
            Inst::VCmp { size, rn, rm: None } => write!(f, "vcmp.{size} {rn}, #0"),
            Inst::VCvt { to, rd, rm } => write!(f, "{rd} = vcvt.{to} {rm}"),
            Inst::VToInt { signed, from, rd, rm } => write!(f, "{rd} = vcvt.{}32.{from} {rm}", sign(*signed)),
            Inst::VFromInt { signed, to, rd, rm } => write!(f, "{rd} = vcvt.{to}.{}32 {rm}", sign(*signed)),
            Inst::VConst { size, rd, bits } => write!(f, "{rd} = {bits:#x}.{size}"),
            Inst::VToCore { high, rt, rn } => write!(f, "{rt} = vmov {rn}.{}", *high as u8),
            Inst::VFromCore { rd, rt } => write!(f, "{rd} = vmov {rt}"),
            Inst::VSetHalf { high, rd, old, rt } => write!(f, "{rd}.{} = vmov {rt} else {old}", *high as u8),
            Inst::VToCorePair { lo, hi, rn } => write!(f, "{lo}, {hi} = vmov {rn}"),
            Inst::VFromCorePair { rd, lo, hi } => write!(f, "{rd} = vmov {lo}, {hi}"),
            Inst::Args { .. } => f.write_str("args"),
            Inst::Call { .. } => f.write_str("call"),
            Inst::TrapIf { cond, or } => write!(f, "trap.{}", Conds(*cond, *or)),
            Inst::Trap => f.write_str("trap"),
            Inst::Ret { .. } => f.write_str("ret"),
            Inst::ReturnCall { .. } => f.write_str("return_call"),
            Inst::TryCall { .. } => f.write_str("try_call"),
            Inst::Jump => f.write_str("jump"),
            Inst::Branch { cond, or } => write!(f, "branch.{}", Conds(*cond, *or)),
            Inst::BrTable { index } => write!(f, "br_table {index}"),
        }
    }
}
