//! A mini-assembler for the A64 instructions that stubs use.
//!
//! One method per instruction form, named after what it does and the operand kinds: `r` register, `i` immediate. An operand that has no
//! encoding is a defect of the caller and panics; stubs are assembled in every compilation, so none goes unnoticed. Branches to
//! labels are patched when the code is finished.

use super::regs::{Fpr, Gpr};
use crate::code::{RawCode, Reloc, RelocKind, RelocTarget, StubRef};

/// The width of an integer operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Width {
    /// 32 bits; results are zero-extended into the whole register.
    W32,
    /// 64 bits.
    W64,
}

impl Width {
    /// The bit that selects 64-bit operands in arithmetic instructions.
    fn flag(self) -> u32 {
        u32::from(self == Width::W64) << 31
    }

    fn bits(self) -> u32 {
        match self {
            Width::W32 => 32,
            Width::W64 => 64,
        }
    }
}

/// A memory operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mem {
    base: Gpr,
    disp: i32,
}

impl Mem {
    /// `base + disp`.
    pub fn new(base: Gpr, disp: i32) -> Mem {
        Mem { base, disp }
    }
}

/// How a pair access changes its base register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Update {
    /// The base register keeps its value.
    None,
    /// The displacement is added before the access.
    Before,
    /// The displacement is added after the access, which is at the base.
    After,
}

/// Additions and subtractions; the discriminant is the opcode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Arith {
    /// Addition.
    Add = 0,
    /// Subtraction.
    Sub = 2,
    /// Subtraction that sets the condition flags.
    Subs = 3,
}

/// Bitwise operations; the discriminant is the opcode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Logic {
    /// Conjunction.
    And = 0,
    /// Disjunction.
    Or = 1,
    /// Conjunction that sets the condition flags.
    Ands = 3,
}

/// Shift operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Shift {
    Lsl,
    Lsr,
    Asr,
}

/// Branch conditions; the discriminant is the condition code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Cond {
    /// Equal, or zero.
    Equal = 0,
    /// Not equal, or not zero.
    NotEqual = 1,
    /// Unsigned greater or equal.
    AboveEqual = 2,
    /// Unsigned less.
    Below = 3,
}

/// A position in the code, possibly not reached yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Label(u32);

/// Where the word distance to a label goes in an instruction: number of bits, and position of the lowest.
#[derive(Clone, Copy, Debug)]
struct BranchField {
    bits: u32,
    shift: u32,
}

const BRANCH_26: BranchField = BranchField { bits: 26, shift: 0 };
const BRANCH_19: BranchField = BranchField { bits: 19, shift: 5 };
const BRANCH_14: BranchField = BranchField { bits: 14, shift: 5 };

/// Assembles one piece of code.
#[derive(Debug, Default)]
pub struct Assembler {
    bytes: Vec<u8>,
    relocs: Vec<Reloc>,
    labels: Vec<Option<u32>>,
    fixups: Vec<(u32, Label, BranchField)>,
}

/// The 13 bits `N:immr:imms` that make a logical instruction's immediate of a value, `None` if it has none: such values are a run of ones,
/// rotated in an element of 2 to 64 bits that is repeated over the register.
fn logical_immediate(width: Width, value: u64) -> Option<u32> {
    let value = match width {
        Width::W64 => value,
        Width::W32 => value & 0xffff_ffff | value << 32,
    };
    if value == 0 || value == u64::MAX {
        return None;
    }
    let repeats = |bits: u32| value.rotate_right(bits) == value;
    let mut element = 64;
    while element > 2 && repeats(element / 2) {
        element /= 2;
    }
    let mask = u64::MAX >> (64 - element);
    let ones = (value & mask).count_ones();
    // The rotation that puts the run of ones at the bottom of each element.
    let run = u64::MAX >> (64 - ones);
    let rotation = (0..element).find(|&rotation| value.rotate_right(rotation) & mask == run)?;
    let immr = (element - rotation) % element;
    // The element's size is a prefix of `imms`, of ones down to a zero.
    let imms = !(element * 2 - 1) & 0x3f | (ones - 1);
    Some(u32::from(element == 64) << 12 | immr << 6 | imms)
}

/// The encoding of a register in a place where 31 means the zero register.
fn general(reg: Gpr) -> u32 {
    assert!(reg != Gpr::Sp, "the stack pointer is no operand here");
    reg.code()
}

/// The encoding of a register in a place where 31 means the stack pointer.
fn address(reg: Gpr) -> u32 {
    assert!(reg != Gpr::Zr, "the zero register is no operand here");
    reg.code()
}

impl Assembler {
    /// An assembler without code.
    pub fn new() -> Self {
        Self::default()
    }

    /// Current offset from the start of the code.
    pub fn offset(&self) -> u32 {
        u32::try_from(self.bytes.len()).expect("code below 4 GB")
    }

    /// A label to be placed later with [`Self::bind`].
    pub fn label(&mut self) -> Label {
        let label = Label(u32::try_from(self.labels.len()).expect("labels below 2^32"));
        self.labels.push(None);
        label
    }

    /// Places a label here.
    ///
    /// # Panics
    /// If the label has been placed before.
    pub fn bind(&mut self, label: Label) {
        let here = self.offset();
        let place = &mut self.labels[label.0 as usize];
        assert!(place.is_none(), "label placed twice");
        *place = Some(here);
    }

    /// Resolves label references and returns the code and its relocations, in ascending order of offsets.
    ///
    /// # Panics
    /// If a label is used but was never placed, or is out of a branch's reach.
    pub(crate) fn finish(mut self) -> RawCode {
        for (at, label, field) in self.fixups {
            let target = self.labels[label.0 as usize].expect("every used label is placed");
            let distance = (i64::from(target) - i64::from(at)) / 4;
            let limit = 1_i64 << (field.bits - 1);
            assert!((-limit..limit).contains(&distance), "stub code is small");
            let bits = (distance as u32 & (u32::MAX >> (32 - field.bits))) << field.shift;
            let word = &mut self.bytes[at as usize..at as usize + 4];
            let instruction = u32::from_le_bytes([word[0], word[1], word[2], word[3]]) | bits;
            word.copy_from_slice(&instruction.to_le_bytes());
        }
        RawCode { bytes: self.bytes, relocs: self.relocs }
    }

    // Encoding.

    fn word(&mut self, instruction: u32) {
        self.bytes.extend_from_slice(&instruction.to_le_bytes());
    }

    fn branch(&mut self, instruction: u32, label: Label, field: BranchField) {
        let at = self.offset();
        self.fixups.push((at, label, field));
        self.word(instruction);
    }

    fn stub_branch(&mut self, instruction: u32, stub: StubRef) {
        let offset = self.offset();
        let target = RelocTarget::Stub(stub);
        self.relocs.push(Reloc { offset, kind: RelocKind::A64Branch26, target, addend: 0 });
        self.word(instruction);
    }

    /// A load or store of one register: with a scaled unsigned displacement if it has one, with an unscaled signed one if not. `opcode` is
    /// the instruction with the first form and operands of zero; `size_log2` the logarithm of the access size.
    fn access(&mut self, opcode: u32, size_log2: u32, reg: u32, mem: Mem) {
        let operands = address(mem.base) << 5 | reg;
        let scaled = mem.disp >> size_log2;
        if mem.disp >= 0 && scaled << size_log2 == mem.disp && scaled < 1 << 12 {
            self.word(opcode | (scaled as u32) << 10 | operands);
        } else {
            assert!((-256..256).contains(&mem.disp), "displacement {} has no encoding", mem.disp);
            self.word(opcode & !(1 << 24) | (mem.disp as u32 & 0x1ff) << 12 | operands);
        }
    }

    /// A load or store of two registers; `opcode` is the instruction with operands of zero and without the bits of the base's update.
    fn access_pair(&mut self, opcode: u32, size_log2: u32, regs: [u32; 2], mem: Mem, update: Update) {
        let scaled = mem.disp >> size_log2;
        assert!(scaled << size_log2 == mem.disp && (-64..64).contains(&scaled), "displacement {}", mem.disp);
        let mode = match update {
            Update::After => 1,
            Update::None => 2,
            Update::Before => 3,
        };
        let operands = regs[1] << 10 | address(mem.base) << 5 | regs[0];
        self.word(opcode | mode << 23 | (scaled as u32 & 0x7f) << 15 | operands);
    }

    // Moves.

    /// `mov dst, src`; either may be the stack pointer.
    pub fn mov_rr(&mut self, dst: Gpr, src: Gpr) {
        if dst == Gpr::Sp || src == Gpr::Sp {
            self.arith_ri(Arith::Add, Width::W64, dst, src, 0);
        } else {
            self.word(0xaa00_03e0 | general(src) << 16 | general(dst));
        }
    }

    /// Sets all 64 bits of `dst`, with as few `movz`, `movn` and `movk` as it takes.
    pub fn mov_ri(&mut self, dst: Gpr, imm: i64) {
        let part = |half: u32| (imm as u64 >> (16 * half)) as u16;
        let count = |value: u16| (0..4).filter(|&half| part(half) == value).count();
        let (opcode, filler, invert) =
            if count(0xffff) > count(0) { (0x9280_0000, 0xffff, 0xffff) } else { (0xd280_0000, 0, 0) };
        let first = (0..4).find(|&half| part(half) != filler).unwrap_or(0);
        let operands = |half: u32, value: u16| half << 21 | u32::from(value) << 5 | general(dst);
        self.word(opcode | operands(first, part(first) ^ invert));
        for half in (first + 1..4).filter(|&half| part(half) != filler) {
            self.word(0xf280_0000 | operands(half, part(half)));
        }
    }

    /// `adr dst, label`
    pub fn adr(&mut self, dst: Gpr, label: Label) {
        // The distance's two lowest bits have a field of their own, and are zero.
        self.branch(0x1000_0000 | general(dst), label, BRANCH_19);
    }

    /// `ldr dst, [mem]`
    pub fn load(&mut self, width: Width, dst: Gpr, mem: Mem) {
        match width {
            Width::W32 => self.access(0xb940_0000, 2, general(dst), mem),
            Width::W64 => self.access(0xf940_0000, 3, general(dst), mem),
        }
    }

    /// `ldr dst, [base, index]`
    pub fn load_indexed(&mut self, dst: Gpr, base: Gpr, index: Gpr) {
        self.word(0xf860_6800 | general(index) << 16 | address(base) << 5 | general(dst));
    }

    /// `movz dst, #lo; movk dst, #hi, lsl 16; ldr dst, [base, dst]`, where the linker sets the two halves to the offset of a pool slot
    /// in the ObjectPool whose untagged address is `base`.
    pub fn load_pool_slot(&mut self, dst: Gpr, base: Gpr, slot: u32) {
        let offset = self.offset();
        let target = RelocTarget::PoolSlot(slot);
        self.relocs.push(Reloc { offset, kind: RelocKind::A64PoolOffsetMov, target, addend: 0 });
        self.word(0xd280_0000 | general(dst));
        self.word(0xf2a0_0000 | general(dst));
        self.load_indexed(dst, base, dst);
    }

    /// `str src, [mem]`
    pub fn store(&mut self, width: Width, mem: Mem, src: Gpr) {
        match width {
            Width::W32 => self.access(0xb900_0000, 2, general(src), mem),
            Width::W64 => self.access(0xf900_0000, 3, general(src), mem),
        }
    }

    /// `ldp a, b, [mem]`
    pub fn load_pair(&mut self, a: Gpr, b: Gpr, mem: Mem, update: Update) {
        self.access_pair(0xa840_0000, 3, [general(a), general(b)], mem, update);
    }

    /// `stp a, b, [mem]`
    pub fn store_pair(&mut self, mem: Mem, update: Update, a: Gpr, b: Gpr) {
        self.access_pair(0xa800_0000, 3, [general(a), general(b)], mem, update);
    }

    /// `ldr dst, [mem]` of the lower half of a vector register.
    pub fn load_d(&mut self, dst: Fpr, mem: Mem) {
        self.access(0xfd40_0000, 3, u32::from(dst.0), mem);
    }

    /// `str src, [mem]` of the lower half of a vector register.
    pub fn store_d(&mut self, mem: Mem, src: Fpr) {
        self.access(0xfd00_0000, 3, u32::from(src.0), mem);
    }

    /// `ldp a, b, [mem]` of whole vector registers.
    pub fn load_q_pair(&mut self, a: Fpr, b: Fpr, mem: Mem, update: Update) {
        self.access_pair(0xac40_0000, 4, [u32::from(a.0), u32::from(b.0)], mem, update);
    }

    /// `stp a, b, [mem]` of whole vector registers.
    pub fn store_q_pair(&mut self, mem: Mem, update: Update, a: Fpr, b: Fpr) {
        self.access_pair(0xac00_0000, 4, [u32::from(a.0), u32::from(b.0)], mem, update);
    }

    // Arithmetic.

    /// `op dst, a, imm`, where the immediate has twelve bits that may be shifted by twelve. [`Arith::Add`] and [`Arith::Sub`] may name the
    /// stack pointer.
    pub fn arith_ri(&mut self, op: Arith, width: Width, dst: Gpr, a: Gpr, imm: u32) {
        let (shift, imm) = if imm < 1 << 12 {
            (0, imm)
        } else {
            assert!(imm & 0xfff == 0 && imm < 1 << 24, "immediate {imm} has no encoding");
            (1, imm >> 12)
        };
        let dst = if op == Arith::Subs { general(dst) } else { address(dst) };
        let opcode = width.flag() | (op as u32) << 29 | 0x1100_0000;
        self.word(opcode | shift << 22 | imm << 10 | address(a) << 5 | dst);
    }

    /// `op dst, a, b, lsl amount`
    pub fn arith_rr(&mut self, op: Arith, width: Width, dst: Gpr, a: Gpr, b: Gpr, amount: u32) {
        assert!(amount < width.bits(), "shift inside the word");
        let opcode = width.flag() | (op as u32) << 29 | 0x0b00_0000;
        self.word(opcode | general(b) << 16 | amount << 10 | general(a) << 5 | general(dst));
    }

    /// `cmp a, imm`
    pub fn cmp_ri(&mut self, width: Width, a: Gpr, imm: u32) {
        self.arith_ri(Arith::Subs, width, Gpr::Zr, a, imm);
    }

    /// `op dst, a, imm`
    pub fn logic_ri(&mut self, op: Logic, width: Width, dst: Gpr, a: Gpr, imm: u64) {
        let fields = logical_immediate(width, imm).expect("the immediate is a repeated run of ones");
        let dst = if op == Logic::Ands { general(dst) } else { address(dst) };
        let opcode = width.flag() | (op as u32) << 29 | 0x1200_0000;
        self.word(opcode | fields << 10 | general(a) << 5 | dst);
    }

    /// `op dst, a, b`
    pub fn logic_rr(&mut self, op: Logic, width: Width, dst: Gpr, a: Gpr, b: Gpr) {
        let opcode = width.flag() | (op as u32) << 29 | 0x0a00_0000;
        self.word(opcode | general(b) << 16 | general(a) << 5 | general(dst));
    }

    /// `tst a, imm`
    pub fn tst_ri(&mut self, width: Width, a: Gpr, imm: u64) {
        self.logic_ri(Logic::Ands, width, Gpr::Zr, a, imm);
    }

    /// `op dst, a, count`
    pub fn shift_ri(&mut self, op: Shift, width: Width, dst: Gpr, a: Gpr, count: u32) {
        let bits = width.bits();
        assert!(count < bits, "shift inside the word");
        let (signed, immr, imms) = match op {
            Shift::Lsl => (false, (bits - count) % bits, bits - 1 - count),
            Shift::Lsr => (false, count, bits - 1),
            Shift::Asr => (true, count, bits - 1),
        };
        let opcode = if signed { 0x1300_0000 } else { 0x5300_0000 };
        let wide = width.flag() | width.flag() >> 9;
        self.word(opcode | wide | immr << 16 | imms << 10 | general(a) << 5 | general(dst));
    }

    /// `lsl dst, a, count`, 64 bits wide; the count is taken modulo 64.
    pub fn lsl_rr(&mut self, dst: Gpr, a: Gpr, count: Gpr) {
        self.word(0x9ac0_2000 | general(count) << 16 | general(a) << 5 | general(dst));
    }

    // Atomic access.

    /// `ldxr dst, [address]`, 64 bits wide.
    pub fn load_exclusive(&mut self, dst: Gpr, at: Gpr) {
        self.word(0xc85f_7c00 | address(at) << 5 | general(dst));
    }

    /// `stxr status, src, [address]`, 64 bits wide: `status` is zero if nobody wrote since [`Self::load_exclusive`].
    pub fn store_exclusive(&mut self, status: Gpr, src: Gpr, at: Gpr) {
        assert!(status != src && status != at, "the status needs a register of its own");
        self.word(0xc800_7c00 | general(status) << 16 | address(at) << 5 | general(src));
    }

    // Control flow.

    /// `blr target`
    pub fn call_r(&mut self, target: Gpr) {
        self.word(0xd63f_0000 | general(target) << 5);
    }

    /// `bl label`
    pub fn call_label(&mut self, label: Label) {
        self.branch(0x9400_0000, label, BRANCH_26);
    }

    /// `bl stub`
    pub fn call_stub(&mut self, stub: StubRef) {
        self.stub_branch(0x9400_0000, stub);
    }

    /// `br target`
    pub fn jmp_r(&mut self, target: Gpr) {
        self.word(0xd61f_0000 | general(target) << 5);
    }

    /// `b label`
    pub fn jmp_label(&mut self, label: Label) {
        self.branch(0x1400_0000, label, BRANCH_26);
    }

    /// `b stub`
    pub fn jmp_stub(&mut self, stub: StubRef) {
        self.stub_branch(0x1400_0000, stub);
    }

    /// `b.cond label`
    pub fn jcc(&mut self, cond: Cond, label: Label) {
        self.branch(0x5400_0000 | cond as u32, label, BRANCH_19);
    }

    /// `cbnz reg, label`
    pub fn jump_if_not_zero(&mut self, width: Width, reg: Gpr, label: Label) {
        self.branch(width.flag() | 0x3500_0000 | general(reg), label, BRANCH_19);
    }

    /// `tbz reg, bit, label`
    pub fn jump_if_clear(&mut self, reg: Gpr, bit: u32, label: Label) {
        self.bit_branch(0x3600_0000, reg, bit, label);
    }

    /// `tbnz reg, bit, label`
    pub fn jump_if_set(&mut self, reg: Gpr, bit: u32, label: Label) {
        self.bit_branch(0x3700_0000, reg, bit, label);
    }

    fn bit_branch(&mut self, opcode: u32, reg: Gpr, bit: u32, label: Label) {
        assert!(bit < 64, "bit inside the word");
        self.branch(opcode | (bit >> 5) << 31 | (bit & 31) << 19 | general(reg), label, BRANCH_14);
    }

    /// `ret`
    pub fn ret(&mut self) {
        self.word(0xd65f_03c0);
    }

    /// Returns and removes this many bytes of stack arguments, which lie at the stack pointer.
    pub fn ret_pop(&mut self, bytes: u32) {
        if bytes != 0 {
            self.arith_ri(Arith::Add, Width::W64, Gpr::Sp, Gpr::Sp, bytes);
        }
        self.ret();
    }

    /// `brk #0`
    pub fn brk(&mut self) {
        self.word(0xd420_0000);
    }
}
