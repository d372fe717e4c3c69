//! A mini-assembler for the A64 instructions that stubs use.
//!
//! One method per instruction form, named after what it does and the operand kinds: `r` register, `i` immediate. An operand that has no
//! encoding is a defect of the caller and panics; stubs are assembled in every compilation, so none goes unnoticed. What is
//! not a matter of the instructions is in [`crate::asm`].

use super::regs::{Fpr, Gpr};
pub use crate::asm::{Label, Width};
use crate::asm::{Reference, edit_word};
use crate::code::{RelocKind, RelocTarget, StubRef};

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

/// Where the word distance to a label goes in an instruction: number of bits, and position of the lowest.
#[derive(Clone, Copy, Debug)]
pub struct BranchField {
    bits: u32,
    shift: u32,
}

const BRANCH_26: BranchField = BranchField { bits: 26, shift: 0 };
const BRANCH_19: BranchField = BranchField { bits: 19, shift: 5 };
const BRANCH_14: BranchField = BranchField { bits: 14, shift: 5 };

/// Assembles one piece of code.
pub type Assembler = crate::asm::Assembler<BranchField>;

impl Reference for BranchField {
    fn resolve(self, code: &mut [u8], distance: i64) {
        let words = distance / 4;
        let limit = 1_i64 << (self.bits - 1);
        assert!((-limit..limit).contains(&words), "stub code is small");
        let field = (words as u32 & (u32::MAX >> (32 - self.bits))) << self.shift;
        edit_word(code, |instruction| instruction | field);
    }
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
    // Encoding.

    fn branch(&mut self, instruction: u32, label: Label, field: BranchField) {
        self.refer(label, field);
        self.word(instruction);
    }

    fn stub_branch(&mut self, instruction: u32, stub: StubRef) {
        self.relocate(self.offset(), RelocKind::A64Branch26, RelocTarget::Stub(stub), 0);
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
        let target = RelocTarget::PoolSlot(slot);
        self.relocate(self.offset(), RelocKind::A64PoolOffsetMov, target, 0);
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

#[cfg(test)]
mod tests {
    use super::Width::{W32, W64};
    use super::*;
    use crate::arm64::regs::Gpr::*;
    use crate::asm::assembled;
    use crate::asm::tests::jump_to_itself;
    use crate::code::{ExtraStub, RawCode, Reloc};
    use yaxpeax_arch::{Decoder, U8Reader};
    use yaxpeax_arm::armv8::a64::InstDecoder;

    fn disassemble(code: &[u8]) -> Vec<String> {
        let decode = |word: &[u8]| InstDecoder::default().decode(&mut U8Reader::new(word));
        code.chunks(4).map(|word| decode(word).expect("an instruction").to_string()).collect()
    }

    fn check(build: impl Fn(&mut Assembler), expected: &[&str]) {
        assert_eq!(disassemble(&assembled(build).bytes), expected);
    }

    /// All registers that an instruction can name in a general place.
    const ALL: [Gpr; 32] = [
        X0, X1, X2, X3, X4, X5, X6, X7, X8, X9, X10, X11, X12, X13, X14, X15, X16, X17, X18, X19, X20, X21,
        X22, X23, X24, X25, X26, X27, X28, Fp, Lr, Zr,
    ];

    fn name(reg: Gpr) -> String {
        match reg {
            Fp => "x29".into(),
            Lr => "x30".into(),
            Zr => "xzr".into(),
            _ => format!("{reg:?}").to_lowercase(),
        }
    }

    #[test]
    fn every_register_is_encoded_in_every_position() {
        for (index, &reg) in ALL.iter().enumerate() {
            assert_eq!(reg.code() as usize, index);
            // Neither the same register nor the zero register, and none that shares a bit pattern's symmetry with it.
            let (b, c) = (ALL[(index + 5) % 31], ALL[(index + 18) % 31]);
            let [r, b_name, c_name] = [reg, b, c].map(name);
            let mut asm = Assembler::new();
            asm.mov_rr(b, reg);
            asm.arith_rr(Arith::Add, W64, b, reg, c, 3);
            asm.arith_rr(Arith::Sub, W64, b, c, reg, 1);
            asm.lsl_rr(b, c, reg);
            asm.store(W64, Mem::new(c, 8), reg);
            asm.load_pair(b, reg, Mem::new(c, 16), Update::None);
            let mut expected = vec![
                format!("mov {b_name}, {r}"),
                format!("add {b_name}, {r}, {c_name}, lsl #3"),
                format!("sub {b_name}, {c_name}, {r}, lsl #1"),
                format!("lsl {b_name}, {c_name}, {r}"),
                format!("str {r}, [{c_name}, #0x8]"),
                format!("ldp {b_name}, {r}, [{c_name}, #0x10]"),
            ];
            if reg != Zr {
                asm.load(W64, reg, Mem::new(reg, 0));
                asm.load_indexed(b, reg, c);
                asm.store_exclusive(b, c, reg);
                asm.call_r(reg);
                asm.jmp_r(reg);
                let w = |reg: Gpr| name(reg).replace('x', "w");
                expected.extend([
                    format!("ldr {r}, [{r}]"),
                    format!("ldr {b_name}, [{r}, {c_name}]"),
                    format!("stxr {}, {c_name}, [{r}]", w(b)),
                    format!("blr {r}"),
                    format!("br {r}"),
                ]);
            }
            assert_eq!(disassemble(&asm.finish().bytes), expected);
        }
    }

    #[test]
    fn moves() {
        check(
            |a| {
                a.mov_rr(Fp, Sp);
                a.mov_rr(Sp, X1);
                a.mov_rr(X3, Zr);
                a.load(W32, X16, Mem::new(X1, -1));
                a.load(W64, Lr, Mem::new(Lr, 7));
                a.load(W64, X9, Mem::new(X21, 0x7ff8));
                a.load(W64, X9, Mem::new(Fp, -256));
                a.store(W32, Mem::new(X16, 0x3ffc), X17);
                a.store(W64, Mem::new(Sp, 0), Zr);
                a.store(W64, Mem::new(Fp, 255), X2);
                a.store_pair(Mem::new(Sp, -16), Update::Before, Fp, Lr);
                a.load_pair(Fp, Lr, Mem::new(Sp, 16), Update::After);
                a.store_pair(Mem::new(Sp, 504), Update::None, X0, X1);
                a.load_pair(X0, X1, Mem::new(X2, -512), Update::None);
                a.load_d(Fpr(8), Mem::new(Fp, -96));
                a.store_d(Mem::new(Fp, 96), Fpr(31));
                a.store_q_pair(Mem::new(Sp, 480), Update::None, Fpr(30), Fpr(31));
                a.load_q_pair(Fpr(0), Fpr(1), Mem::new(Sp, 0), Update::None);
            },
            &[
                "mov x29, sp",
                "mov sp, x1",
                "mov x3, xzr",
                "ldur w16, [x1, #-0x1]",
                "ldur x30, [x30, #0x7]",
                "ldr x9, [x21, #0x7ff8]",
                "ldur x9, [x29, #-0x100]",
                "str w17, [x16, #0x3ffc]",
                "str xzr, [sp]",
                "stur x2, [x29, #0xff]",
                "stp x29, x30, [sp, #-0x10]!",
                "ldp x29, x30, [sp], #0x10",
                "stp x0, x1, [sp, #0x1f8]",
                "ldp x0, x1, [x2, #-0x200]",
                "ldur d8, [x29, #-0x60]",
                "str d31, [x29, #0x60]",
                "stp q30, q31, [sp, #0x1e0]",
                "ldp q0, q1, [sp]",
            ],
        );
    }

    #[test]
    fn arithmetic() {
        check(
            |a| {
                a.arith_ri(Arith::Sub, W64, Sp, Sp, 512);
                a.arith_ri(Arith::Add, W64, X11, Fp, 0x5000);
                a.arith_ri(Arith::Add, W32, X17, X17, 1);
                a.cmp_ri(W32, X17, 1024);
                a.arith_rr(Arith::Sub, W64, X17, X2, X16, 0);
                a.logic_rr(Logic::And, W64, X16, X16, X17);
                a.logic_rr(Logic::Or, W32, X3, X3, X17);
                a.logic_ri(Logic::And, W64, X16, X0, -0x80000_i64 as u64);
                a.logic_ri(Logic::And, W64, X3, X3, !(1 << 5));
                a.logic_ri(Logic::Or, W64, X3, X4, 0x5555_5555_5555_5555);
                a.logic_ri(Logic::Or, W64, X3, X4, 0x00ff_00ff_00ff_00ff);
                a.logic_ri(Logic::And, W32, X3, X4, 0xf000_000f);
                a.tst_ri(W64, X16, 8);
                a.tst_ri(W32, X16, 1);
                a.shift_ri(Shift::Asr, W64, X2, X2, 1);
                a.shift_ri(Shift::Lsr, W32, X3, X16, 2);
                a.shift_ri(Shift::Lsr, W64, X3, X17, 6);
                a.shift_ri(Shift::Lsl, W64, X3, X17, 60);
                a.shift_ri(Shift::Lsl, W32, X3, X17, 3);
            },
            &[
                "sub sp, sp, #0x200",
                "add x11, x29, #0x5, lsl #12",
                "add w17, w17, #0x1",
                "cmp w17, #0x400",
                "sub x17, x2, x16",
                "and x16, x16, x17",
                "orr w3, w3, w17",
                "and x16, x0, #0xfffffffffff80000",
                "and x3, x3, #0xffffffffffffffdf",
                "orr x3, x4, #0x5555555555555555",
                "orr x3, x4, #0xff00ff00ff00ff",
                "and w3, w4, #0xf000000f",
                "tst x16, #0x8",
                "tst w16, #0x1",
                "asr x2, x2, #0x1",
                "lsr w3, w16, #0x2",
                "lsr x3, x17, #0x6",
                "lsl x3, x17, #0x3c",
                "lsl w3, w17, #0x3",
            ],
        );
    }

    /// The meaning of `N:immr:imms`, by the definition in the architecture's manual (`DecodeBitMasks`).
    fn logical_value(fields: u32) -> u64 {
        let (n, immr, imms) = (fields >> 12, fields >> 6 & 0x3f, fields & 0x3f);
        let length = 31 - (n << 6 | !imms & 0x3f).leading_zeros();
        let element = 1 << length;
        let (ones, rotation) = ((imms & (element - 1)) + 1, immr & (element - 1));
        let run = u64::MAX >> (64 - ones);
        let mask = u64::MAX >> (64 - element);
        let rotated = (run >> rotation | run << ((element - rotation) % element)) & mask;
        (0..64).step_by(element as usize).fold(0, |value, at| value | rotated << at)
    }

    #[test]
    fn logical_immediates_mean_their_value() {
        let mut count = 0;
        for element in [2, 4, 8, 16, 32, 64] {
            for ones in 1..element {
                for rotation in 0..element {
                    let run = (u64::MAX >> (64 - ones)) as u128;
                    let rotated = (run << rotation | run << rotation >> element) as u64;
                    let rotated = rotated & (u64::MAX >> (64 - element));
                    let value = (0..64).step_by(element).fold(0, |value, at| value | rotated << at);
                    let fields = logical_immediate(W64, value).expect("an encoding");
                    assert_eq!(logical_value(fields), value);
                    count += 1;
                    if element <= 32 {
                        assert_eq!(logical_immediate(W32, value & 0xffff_ffff), Some(fields));
                    }
                }
            }
        }
        assert_eq!(count, 5334, "the architecture has so many");
        for value in [0, u64::MAX, 5, 0xff00_0000_0000_0f00, 0x1234_5678] {
            assert_eq!(logical_immediate(W64, value), None, "{value:#x}");
        }
        assert_eq!(logical_immediate(W32, 0xffff_ffff), None);
    }

    #[test]
    fn constants_take_as_few_instructions_as_they_can() {
        check(
            |a| {
                a.mov_ri(X16, 0);
                a.mov_ri(X16, 8);
                a.mov_ri(X16, 0x1234_0000);
                a.mov_ri(X16, 0x1_0000_0001);
                a.mov_ri(X16, -1);
                a.mov_ri(X16, -2);
                a.mov_ri(X16, -0x1234_0001);
                a.mov_ri(X16, 0x1122_3344_5566_7788);
            },
            &[
                "mov x16, #0x0",
                "mov x16, #0x8",
                "mov x16, #0x12340000",
                "mov x16, #0x1",
                "movk x16, #0x1, lsl #32",
                "mov x16, #0xffffffffffffffff",
                "mov x16, #0xfffffffffffffffe",
                "mov x16, #0xffffffffedcbffff",
                "mov x16, #0x7788",
                "movk x16, #0x5566, lsl #16",
                "movk x16, #0x3344, lsl #32",
                "movk x16, #0x1122, lsl #48",
            ],
        );
    }

    #[test]
    fn control_flow_and_labels() {
        check(
            |a| {
                let (back, ahead) = (a.label(), a.label());
                a.bind(back);
                a.jcc(Cond::NotEqual, ahead);
                a.jcc(Cond::Below, back);
                a.call_label(ahead);
                a.jmp_label(back);
                a.adr(X9, ahead);
                a.jump_if_not_zero(W32, X4, back);
                a.jump_if_not_zero(W64, X4, ahead);
                a.jump_if_clear(X3, 5, ahead);
                a.jump_if_set(X1, 35, back);
                a.bind(ahead);
                a.load_exclusive(X3, X16);
                a.ret();
                a.ret_pop(0);
                a.ret_pop(16);
                a.brk();
            },
            &[
                "b.ne $+0x24",
                "b.lo $-0x4",
                "bl $+0x1c",
                "b $-0xc",
                "adr x9, $+0x14",
                "cbnz w4, $-0x14",
                "cbnz x4, $+0xc",
                "tbz w3, #0x5, $+0x8",
                "tbnz x1, #0x23, $-0x20",
                "ldxr x3, [x16]",
                "ret",
                "ret",
                "add sp, sp, #0x10",
                "ret",
                "brk #0x0",
            ],
        );
    }

    #[test]
    fn every_condition_has_its_code() {
        for (cond, text) in [
            (Cond::Equal, "b.eq"),
            (Cond::NotEqual, "b.ne"),
            (Cond::AboveEqual, "b.hs"),
            (Cond::Below, "b.lo"),
        ] {
            check(|a| jump_to_itself(a, |a, here| a.jcc(cond, here)), &[&format!("{text} $+0x0")]);
        }
    }

    #[test]
    fn operands_without_an_encoding_are_refused() {
        let refused = |build: fn(&mut Assembler)| {
            std::panic::catch_unwind(|| build(&mut Assembler::new())).expect_err("no encoding");
        };
        refused(|a| a.load(W64, X0, Mem::new(X1, -257)));
        refused(|a| a.load(W64, X0, Mem::new(X1, 0x8000)));
        refused(|a| a.load_pair(X0, X1, Mem::new(X2, 4), Update::None));
        refused(|a| a.arith_ri(Arith::Add, W64, X0, X1, 0x1001));
        refused(|a| a.logic_ri(Logic::And, W64, X0, X1, 5));
        refused(|a| a.store(W64, Mem::new(X0, 0), Sp));
        refused(|a| a.load(W64, X0, Mem::new(Zr, 0)));
        refused(|a| a.store_exclusive(X1, X1, X2));
    }

    #[test]
    fn relocations_name_field_and_target() {
        let mut asm = Assembler::new();
        asm.load_pool_slot(Lr, X27, 7);
        let callee = StubRef::Extra(ExtraStub::RuntimeCall(1));
        let next = StubRef::Extra(ExtraStub::RuntimeCall(2));
        asm.call_stub(callee);
        asm.jmp_stub(next);
        let RawCode { bytes, relocs } = asm.finish();
        let expected =
            ["mov x30, #0x0", "movk x30, #0x0, lsl #16", "ldr x30, [x27, x30]", "bl $+0x0", "b $+0x0"];
        assert_eq!(disassemble(&bytes), expected);
        let stub = |offset, stub| Reloc {
            offset,
            kind: RelocKind::A64Branch26,
            target: RelocTarget::Stub(stub),
            addend: 0,
        };
        let pool = Reloc {
            offset: 0,
            kind: RelocKind::A64PoolOffsetMov,
            target: RelocTarget::PoolSlot(7),
            addend: 0,
        };
        assert_eq!(relocs, [pool, stub(12, callee), stub(16, next)]);
    }
}
