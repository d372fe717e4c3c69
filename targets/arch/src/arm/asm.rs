//! A mini-assembler for the A32 instructions that stubs use.
//!
//! One method per instruction form on top of the encoders of [`snapcrane_armv7::encode`]. All instructions are one
//! word; constants that an instruction cannot hold are defects of the stub and panic, so that every method emits exactly
//! the instruction that it is named after. The exception is [`Assembler::mov_constant`], whose length depends on the value. What
//! is not a matter of the instructions is in [`crate::asm`].

use super::regs::{Cond, Dpr, Gpr};
pub use crate::asm::Label;
use crate::asm::{Reference, edit_word};
use crate::code::{RelocKind, RelocTarget, StubRef};
use snapcrane_armv7::encode::{self, CmpOp, DataOp, Flags, Mem, Operand2, RegList, Shift, WordOp};

/// How an instruction refers to a label.
#[derive(Clone, Copy, Debug)]
pub enum LabelField {
    /// The field of a `b` or `bl`.
    Branch,
    /// The constant of an `add rd, pc, #n`.
    Address,
}

impl Reference for LabelField {
    fn resolve(self, code: &mut [u8], distance: i64) {
        edit_word(code, |instruction| match self {
            LabelField::Branch => encode::with_branch_distance(instruction, distance),
            LabelField::Address => {
                let forward = u32::try_from(distance - 8).expect("only labels further down have addresses");
                let rd = Gpr((instruction >> 12 & 0xf) as u8);
                encode::data(Cond::Al, DataOp::Add, Flags::Keep, rd, Gpr::PC, constant(forward))
            }
        });
    }
}

/// Assembles one piece of code.
pub type Assembler = crate::asm::Assembler<LabelField>;

/// A constant as an operand.
///
/// # Panics
/// If it has no encoding.
pub fn constant(value: u32) -> Operand2 {
    Operand2::constant(value).unwrap_or_else(|| panic!("{value:#x} is no immediate"))
}

impl Assembler {
    fn label_branch(&mut self, instruction: u32, label: Label) {
        self.refer(label, LabelField::Branch);
        self.word(instruction);
    }

    fn stub_branch(&mut self, instruction: u32, stub: StubRef) {
        self.relocate(self.offset(), RelocKind::A32Branch24, RelocTarget::Stub(stub), 0);
        self.word(instruction);
    }

    // Moves.

    /// `mov dst, src`
    pub fn mov(&mut self, dst: Gpr, src: impl Into<Operand2>) {
        self.word(encode::mov(Cond::Al, Flags::Keep, dst, src.into()));
    }

    /// Sets a register to a constant: one `mov`, `mvn` or `movw`, or a `movw` and a `movt`.
    pub fn mov_constant(&mut self, dst: Gpr, value: u32) {
        if let Some(operand) = Operand2::constant(value) {
            self.mov(dst, operand);
        } else if let Some(operand) = Operand2::constant(!value) {
            self.word(encode::mvn(Cond::Al, Flags::Keep, dst, operand));
        } else {
            self.word(encode::movw(Cond::Al, dst, value as u16));
            if value >> 16 != 0 {
                self.word(encode::movt(Cond::Al, dst, (value >> 16) as u16));
            }
        }
    }

    /// `shift dst, src, #amount`
    pub fn shift(&mut self, shift: Shift, dst: Gpr, src: Gpr, amount: u8) {
        self.mov(dst, Operand2::Shifted(src, shift, amount));
    }

    /// `ldr dst, [mem]`
    pub fn load(&mut self, dst: Gpr, mem: Mem) {
        self.load_if(Cond::Al, dst, mem);
    }

    /// `ldr{cond} dst, [mem]`
    pub fn load_if(&mut self, cond: Cond, dst: Gpr, mem: Mem) {
        self.word(encode::word(cond, WordOp::Ldr, dst, mem));
    }

    /// `movw dst, #lo; movt dst, #hi; add dst, base, dst; ldr dst, [dst]`, where the linker sets the two halves to the
    /// offset of a pool slot in the tagged ObjectPool that `base` holds.
    pub fn load_pool_slot(&mut self, dst: Gpr, base: Gpr, slot: u32) {
        let target = RelocTarget::PoolSlot(slot);
        self.relocate(self.offset(), RelocKind::A32PoolOffsetMov, target, -1);
        self.word(encode::movw(Cond::Al, dst, 0));
        self.word(encode::movt(Cond::Al, dst, 0));
        self.alu(DataOp::Add, dst, base, dst);
        self.load(dst, Mem::new(dst, 0));
    }

    /// `str src, [mem]`
    pub fn store(&mut self, mem: Mem, src: Gpr) {
        self.word(encode::word(Cond::Al, WordOp::Str, src, mem));
    }

    /// `add dst, pc, #distance`, to an address further down.
    pub fn address_of(&mut self, dst: Gpr, label: Label) {
        self.refer(label, LabelField::Address);
        self.word(encode::data(Cond::Al, DataOp::Add, Flags::Keep, dst, Gpr::PC, constant(0)));
    }

    /// `push {regs}`; lower registers at lower addresses.
    pub fn push(&mut self, regs: &[Gpr]) {
        self.word(encode::push(Cond::Al, RegList::of(regs)));
    }

    /// `pop {regs}`
    pub fn pop(&mut self, regs: &[Gpr]) {
        self.word(encode::pop(Cond::Al, RegList::of(regs)));
    }

    /// `vpush {first, ...}` of `count` registers; lower registers at lower addresses.
    pub fn vpush(&mut self, first: Dpr, count: u8) {
        self.word(encode::vpush(Cond::Al, first, count));
    }

    /// `vpop {first, ...}`
    pub fn vpop(&mut self, first: Dpr, count: u8) {
        self.word(encode::vpop(Cond::Al, first, count));
    }

    /// `stm base, {regs}`
    pub fn store_all(&mut self, base: Gpr, regs: &[Gpr]) {
        self.word(encode::stm(Cond::Al, encode::Block::Ia, base, false, RegList::of(regs)));
    }

    // Arithmetic.

    /// `op dst, a, b`
    pub fn alu(&mut self, op: DataOp, dst: Gpr, a: Gpr, b: impl Into<Operand2>) {
        self.word(encode::data(Cond::Al, op, Flags::Keep, dst, a, b.into()));
    }

    /// `cmp a, b` and the like.
    pub fn compare(&mut self, op: CmpOp, a: Gpr, b: impl Into<Operand2>) {
        self.word(encode::compare(Cond::Al, op, a, b.into()));
    }

    // Exclusive access.

    /// `ldrex dst, [address]`
    pub fn load_exclusive(&mut self, dst: Gpr, address: Gpr) {
        self.word(encode::ldrex(Cond::Al, encode::Exclusive::Word, dst, address));
    }

    /// `strex status, src, [address]`; status 0 if the word was stored.
    pub fn store_exclusive(&mut self, status: Gpr, src: Gpr, address: Gpr) {
        self.word(encode::strex(Cond::Al, encode::Exclusive::Word, status, src, address));
    }

    // Control.

    /// `b label`
    pub fn b(&mut self, label: Label) {
        self.b_if(Cond::Al, label);
    }

    /// `b{cond} label`
    pub fn b_if(&mut self, cond: Cond, label: Label) {
        self.label_branch(encode::b(cond, 0), label);
    }

    /// `bl label`
    pub fn bl(&mut self, label: Label) {
        self.label_branch(encode::bl(Cond::Al, 0), label);
    }

    /// `b stub`
    pub fn b_stub(&mut self, stub: StubRef) {
        self.stub_branch(encode::b(Cond::Al, 0), stub);
    }

    /// `bl stub`
    pub fn bl_stub(&mut self, stub: StubRef) {
        self.stub_branch(encode::bl(Cond::Al, 0), stub);
    }

    /// `bx target`
    pub fn bx(&mut self, target: Gpr) {
        self.word(encode::bx(Cond::Al, target));
    }

    /// `blx target`
    pub fn blx(&mut self, target: Gpr) {
        self.word(encode::blx(Cond::Al, target));
    }

    /// `udf #0`
    pub fn udf(&mut self) {
        self.word(encode::udf(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::{RawCode, Reloc};

    fn words(code: &RawCode) -> Vec<u32> {
        code.bytes.chunks(4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes"))).collect()
    }

    #[test]
    fn labels_resolve_in_both_directions() {
        let mut asm = Assembler::new();
        let (start, end) = (asm.label(), asm.label());
        asm.bind(start);
        asm.b_if(Cond::Eq, end);
        asm.address_of(Gpr::R3, end);
        asm.bl(start);
        asm.b(end);
        asm.bind(end);
        asm.udf();
        // beq +16, add r3, pc, #4, bl -8, b +4
        let expected = [0x0a00_0002, 0xe28f_3004, 0xebff_fffc, 0xeaff_ffff, 0xe7f0_00f0];
        assert_eq!(words(&asm.finish()), expected);
    }

    #[test]
    fn constants_take_the_shortest_form() {
        let code = |value| {
            let mut asm = Assembler::new();
            asm.mov_constant(Gpr::R1, value);
            words(&asm.finish())
        };
        assert_eq!(code(0xff00), [0xe3a0_1cff]);
        assert_eq!(code(0xffff_fffe), [0xe3e0_1001]);
        assert_eq!(code(0x1234), [0xe301_1234]);
        assert_eq!(code(0x8000_1234), [0xe301_1234, 0xe348_1000]);
    }

    #[test]
    fn references_become_relocations() {
        let stub = StubRef::Extra(crate::ExtraStub::RuntimeCall(3));
        let mut asm = Assembler::new();
        asm.bl_stub(stub);
        asm.load_pool_slot(Gpr::R9, Gpr::R5, 7);
        asm.b_stub(stub);
        let code = asm.finish();
        let expected = [0xebff_fffe, 0xe300_9000, 0xe340_9000, 0xe085_9009, 0xe599_9000, 0xeaff_fffe];
        assert_eq!(words(&code), expected);
        let branch = |offset| Reloc {
            offset,
            kind: RelocKind::A32Branch24,
            target: RelocTarget::Stub(stub),
            addend: 0,
        };
        let kind = RelocKind::A32PoolOffsetMov;
        let pool = Reloc { offset: 4, kind, target: RelocTarget::PoolSlot(7), addend: -1 };
        assert_eq!(code.relocs, [branch(0), pool, branch(20)]);
    }
}
