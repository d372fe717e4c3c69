//! A mini-assembler for the x86-64 instructions that stubs use.
//!
//! One method per instruction form, named after the mnemonic and the operand kinds: `r` register, `i` immediate,
//! `m` memory. Encodings are deterministic: the shortest form for immediates and displacements, except where a
//! method says otherwise; branches always have 32-bit displacements, so a label's address never depends on other
//! branches and one pass suffices. What is not a matter of the instructions is in [`crate::asm`].

use super::regs::{Gpr, Xmm};
use crate::asm::Reference;
pub use crate::asm::{Label, Width};
use crate::code::{RelocKind, RelocTarget, StubRef};

/// A memory operand: `base + index * scale + disp`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mem {
    base: Gpr,
    index: Option<(Gpr, u8)>,
    disp: i32,
    wide_disp: bool,
}

impl Mem {
    /// `base + disp`.
    pub fn new(base: Gpr, disp: i32) -> Mem {
        Mem { base, index: None, disp, wide_disp: false }
    }

    /// `base + index * 8 + disp`. The index cannot be `rsp`.
    pub fn indexed(base: Gpr, index: Gpr, disp: i32) -> Mem {
        assert!(index != Gpr::Rsp, "rsp cannot be an index register");
        Mem { base, index: Some((index, 3)), disp, wide_disp: false }
    }

    /// `base + disp` with a 32-bit displacement even if eight bits would do.
    pub fn wide(base: Gpr, disp: i32) -> Mem {
        Mem { base, index: None, disp, wide_disp: true }
    }
}

/// The two-operand operations with a common encoding; the discriminant is the opcode extension.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Alu {
    Add = 0,
    Or = 1,
    And = 4,
    Sub = 5,
    Xor = 6,
    Cmp = 7,
}

/// Shift operations; the discriminant is the opcode extension.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Shift {
    Shl = 4,
    Shr = 5,
    Sar = 7,
}

/// Operations on one bit of a memory operand; the discriminant is the opcode extension. The carry flag receives
/// the old value of the bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum BitOp {
    /// Set the bit.
    Set = 5,
    /// Clear the bit.
    Reset = 6,
}

/// Branch conditions; the discriminant is the condition code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Cond {
    /// Unsigned less, or carry set.
    Below = 2,
    /// Unsigned greater or equal, or carry clear.
    AboveEqual = 3,
    /// Equal, or zero.
    Equal = 4,
    /// Not equal, or not zero.
    NotEqual = 5,
    /// Unsigned less or equal.
    BelowEqual = 6,
    /// Unsigned greater.
    Above = 7,
    /// Signed less.
    Less = 12,
    /// Signed greater or equal.
    GreaterEqual = 13,
}

/// A field of 32 bits with the distance from its end to a label.
#[derive(Clone, Copy, Debug)]
pub struct LabelField;

impl Reference for LabelField {
    fn resolve(self, code: &mut [u8], distance: i64) {
        let distance = i32::try_from(distance - 4).expect("stub code is small");
        code[..4].copy_from_slice(&distance.to_le_bytes());
    }
}

/// Assembles one piece of code.
pub type Assembler = crate::asm::Assembler<LabelField>;

impl Assembler {
    // Encoding.

    fn byte(&mut self, byte: u8) {
        self.emit(&[byte]);
    }

    fn imm32(&mut self, imm: i32) {
        self.emit(&imm.to_le_bytes());
    }

    /// Emits the REX prefix if one is needed: `wide` selects 64-bit operands, the others are register encodings.
    fn rex(&mut self, wide: bool, reg: u8, index: u8, base: u8) {
        let rex = 0x40 | u8::from(wide) << 3 | (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3;
        if rex != 0x40 {
            self.byte(rex);
        }
    }

    fn rex_mem(&mut self, wide: bool, reg: u8, mem: Mem) {
        let index = mem.index.map_or(0, |(index, _)| index.code());
        self.rex(wide, reg, index, mem.base.code());
    }

    fn modrm_reg(&mut self, reg: u8, rm: u8) {
        self.byte(0xc0 | (reg & 7) << 3 | rm & 7);
    }

    fn modrm_mem(&mut self, reg: u8, mem: Mem) {
        let base = mem.base.code() & 7;
        // rbp and r13 as base have no form without a displacement.
        let mode = if mem.wide_disp || i8::try_from(mem.disp).is_err() {
            0x80
        } else if mem.disp != 0 || base == 5 {
            0x40
        } else {
            0
        };
        // rsp and r12 as base need a SIB byte, with index 4 meaning none.
        match mem.index {
            None if base != 4 => self.byte(mode | (reg & 7) << 3 | base),
            None => {
                self.byte(mode | (reg & 7) << 3 | 4);
                self.byte(0x24);
            }
            Some((index, scale)) => {
                self.byte(mode | (reg & 7) << 3 | 4);
                self.byte(scale << 6 | (index.code() & 7) << 3 | base);
            }
        }
        match mode {
            0x80 => self.imm32(mem.disp),
            0x40 => self.byte(mem.disp as i8 as u8),
            _ => {}
        }
    }

    fn op_mem(&mut self, wide: bool, opcode: &[u8], reg: u8, mem: Mem) {
        self.rex_mem(wide, reg, mem);
        self.emit(opcode);
        self.modrm_mem(reg, mem);
    }

    fn op_reg(&mut self, wide: bool, opcode: &[u8], reg: u8, rm: u8) {
        self.rex(wide, reg, 0, rm);
        self.emit(opcode);
        self.modrm_reg(reg, rm);
    }

    fn label_field(&mut self, label: Label) {
        self.refer(label, LabelField);
        self.imm32(0);
    }

    fn stub_field(&mut self, stub: StubRef) {
        self.relocate(self.offset(), RelocKind::PcRel4, RelocTarget::Stub(stub), -4);
        self.imm32(0);
    }

    // Moves.

    /// `mov dst, src`
    pub fn mov_rr(&mut self, width: Width, dst: Gpr, src: Gpr) {
        self.op_reg(width == Width::W64, &[0x89], src.code(), dst.code());
    }

    /// `mov dst, imm`, in the shortest of the three forms that sets all 64 bits.
    pub fn mov_ri(&mut self, dst: Gpr, imm: i64) {
        if let Ok(imm) = u32::try_from(imm) {
            self.rex(false, 0, 0, dst.code());
            self.byte(0xb8 | dst.code() & 7);
            self.imm32(imm as i32);
        } else if let Ok(imm) = i32::try_from(imm) {
            self.op_reg(true, &[0xc7], 0, dst.code());
            self.imm32(imm);
        } else {
            self.rex(true, 0, 0, dst.code());
            self.byte(0xb8 | dst.code() & 7);
            self.emit(&imm.to_le_bytes());
        }
    }

    /// `mov dst, [mem]`
    pub fn load(&mut self, width: Width, dst: Gpr, mem: Mem) {
        self.op_mem(width == Width::W64, &[0x8b], dst.code(), mem);
    }

    /// `movzx dst, byte [mem]`
    pub fn load_u8(&mut self, dst: Gpr, mem: Mem) {
        self.op_mem(false, &[0x0f, 0xb6], dst.code(), mem);
    }

    /// `mov dst, [base + d]` with a 32-bit displacement that the linker sets to the offset of a pool slot in the
    /// tagged ObjectPool that `base` holds.
    pub fn load_pool_slot(&mut self, dst: Gpr, base: Gpr, slot: u32) {
        self.load(Width::W64, dst, Mem::wide(base, 0));
        self.relocate(self.offset() - 4, RelocKind::PoolOffset32, RelocTarget::PoolSlot(slot), -1);
    }

    /// `mov [mem], src`
    pub fn store(&mut self, width: Width, mem: Mem, src: Gpr) {
        self.op_mem(width == Width::W64, &[0x89], src.code(), mem);
    }

    /// `mov byte [mem], src` (the low eight bits of `src`)
    pub fn store_u8(&mut self, mem: Mem, src: Gpr) {
        // Without a REX prefix, encodings 4 to 7 mean ah, ch, dh, bh.
        let index = mem.index.map_or(0, |(index, _)| index.code());
        let rex = 0x40 | (src.code() >> 3) << 2 | (index >> 3) << 1 | mem.base.code() >> 3;
        if rex != 0x40 || src.code() >= 4 {
            self.byte(rex);
        }
        self.byte(0x88);
        self.modrm_mem(src.code(), mem);
    }

    /// `mov [mem], imm`, sign-extended to the width.
    pub fn store_i(&mut self, width: Width, mem: Mem, imm: i32) {
        self.op_mem(width == Width::W64, &[0xc7], 0, mem);
        self.imm32(imm);
    }

    /// `lea dst, [mem]`
    pub fn lea(&mut self, dst: Gpr, mem: Mem) {
        self.op_mem(true, &[0x8d], dst.code(), mem);
    }

    /// `lea dst, [rip + label]`
    pub fn lea_label(&mut self, dst: Gpr, label: Label) {
        self.rex(true, dst.code(), 0, 0);
        self.byte(0x8d);
        self.byte((dst.code() & 7) << 3 | 5);
        self.label_field(label);
    }

    /// `push src`
    pub fn push_r(&mut self, src: Gpr) {
        self.rex(false, 0, 0, src.code());
        self.byte(0x50 | src.code() & 7);
    }

    /// `push imm`, sign-extended to 64 bits.
    pub fn push_i(&mut self, imm: i32) {
        if let Ok(imm) = i8::try_from(imm) {
            self.byte(0x6a);
            self.byte(imm as u8);
        } else {
            self.byte(0x68);
            self.imm32(imm);
        }
    }

    /// `push qword [mem]`
    pub fn push_m(&mut self, mem: Mem) {
        self.op_mem(false, &[0xff], 6, mem);
    }

    /// `pop dst`
    pub fn pop_r(&mut self, dst: Gpr) {
        self.rex(false, 0, 0, dst.code());
        self.byte(0x58 | dst.code() & 7);
    }

    /// `pop qword [mem]`
    pub fn pop_m(&mut self, mem: Mem) {
        self.op_mem(false, &[0x8f], 0, mem);
    }

    // Arithmetic.

    /// `op dst, src`
    pub fn alu_rr(&mut self, op: Alu, width: Width, dst: Gpr, src: Gpr) {
        self.op_reg(width == Width::W64, &[(op as u8) << 3 | 1], src.code(), dst.code());
    }

    /// `op dst, imm`, sign-extended.
    pub fn alu_ri(&mut self, op: Alu, width: Width, dst: Gpr, imm: i32) {
        let wide = width == Width::W64;
        if let Ok(imm) = i8::try_from(imm) {
            self.op_reg(wide, &[0x83], op as u8, dst.code());
            self.byte(imm as u8);
        } else {
            self.op_reg(wide, &[0x81], op as u8, dst.code());
            self.imm32(imm);
        }
    }

    /// `op dst, [mem]`
    pub fn alu_rm(&mut self, op: Alu, width: Width, dst: Gpr, mem: Mem) {
        self.op_mem(width == Width::W64, &[(op as u8) << 3 | 3], dst.code(), mem);
    }

    /// `op [mem], imm`, sign-extended.
    pub fn alu_mi(&mut self, op: Alu, width: Width, mem: Mem, imm: i32) {
        let wide = width == Width::W64;
        if let Ok(imm) = i8::try_from(imm) {
            self.op_mem(wide, &[0x83], op as u8, mem);
            self.byte(imm as u8);
        } else {
            self.op_mem(wide, &[0x81], op as u8, mem);
            self.imm32(imm);
        }
    }

    /// `test a, b`
    pub fn test_rr(&mut self, width: Width, a: Gpr, b: Gpr) {
        self.op_reg(width == Width::W64, &[0x85], b.code(), a.code());
    }

    /// `test a, imm`, 32 bits wide.
    pub fn test_ri(&mut self, a: Gpr, imm: u32) {
        self.op_reg(false, &[0xf7], 0, a.code());
        self.imm32(imm as i32);
    }

    /// `test dword [mem], imm`
    pub fn test_mi(&mut self, mem: Mem, imm: u32) {
        self.op_mem(false, &[0xf7], 0, mem);
        self.imm32(imm as i32);
    }

    /// `op dst, count`
    pub fn shift_ri(&mut self, op: Shift, width: Width, dst: Gpr, count: u8) {
        self.op_reg(width == Width::W64, &[0xc1], op as u8, dst.code());
        self.byte(count);
    }

    /// `op dst, cl`
    pub fn shift_cl(&mut self, op: Shift, width: Width, dst: Gpr) {
        self.op_reg(width == Width::W64, &[0xd3], op as u8, dst.code());
    }

    // Atomic read-modify-write.

    /// `lock op [mem], src`
    pub fn lock_alu_mr(&mut self, op: Alu, width: Width, mem: Mem, src: Gpr) {
        self.byte(0xf0);
        self.op_mem(width == Width::W64, &[(op as u8) << 3 | 1], src.code(), mem);
    }

    /// `lock bts/btr qword [mem], bit`
    pub fn lock_bit_mi(&mut self, op: BitOp, mem: Mem, bit: u8) {
        assert!(bit < 64, "bit inside the word");
        self.byte(0xf0);
        self.op_mem(true, &[0x0f, 0xba], op as u8, mem);
        self.byte(bit);
    }

    /// `lock cmpxchg [mem], src`: if `rax` equals the word, store `src`, else load the word to `rax`.
    pub fn lock_cmpxchg(&mut self, width: Width, mem: Mem, src: Gpr) {
        self.byte(0xf0);
        self.op_mem(width == Width::W64, &[0x0f, 0xb1], src.code(), mem);
    }

    /// `lock xadd [mem], reg`
    pub fn lock_xadd(&mut self, width: Width, mem: Mem, reg: Gpr) {
        self.byte(0xf0);
        self.op_mem(width == Width::W64, &[0x0f, 0xc1], reg.code(), mem);
    }

    // SSE moves.

    /// `movups dst, [mem]`
    pub fn movups_load(&mut self, dst: Xmm, mem: Mem) {
        self.op_mem(false, &[0x0f, 0x10], dst.0, mem);
    }

    /// `movups [mem], src`
    pub fn movups_store(&mut self, mem: Mem, src: Xmm) {
        self.op_mem(false, &[0x0f, 0x11], src.0, mem);
    }

    /// `movsd dst, [mem]`
    pub fn movsd_load(&mut self, dst: Xmm, mem: Mem) {
        self.byte(0xf2);
        self.op_mem(false, &[0x0f, 0x10], dst.0, mem);
    }

    /// `movsd [mem], src`
    pub fn movsd_store(&mut self, mem: Mem, src: Xmm) {
        self.byte(0xf2);
        self.op_mem(false, &[0x0f, 0x11], src.0, mem);
    }

    /// `movq dst, src` from a general-purpose register.
    pub fn movq_xr(&mut self, dst: Xmm, src: Gpr) {
        self.byte(0x66);
        self.op_reg(true, &[0x0f, 0x6e], dst.0, src.code());
    }

    /// `movq dst, src` to a general-purpose register.
    pub fn movq_rx(&mut self, dst: Gpr, src: Xmm) {
        self.byte(0x66);
        self.op_reg(true, &[0x0f, 0x7e], src.0, dst.code());
    }

    // Control flow.

    /// `call target`
    pub fn call_r(&mut self, target: Gpr) {
        self.op_reg(false, &[0xff], 2, target.code());
    }

    /// `call [mem]`
    pub fn call_m(&mut self, mem: Mem) {
        self.op_mem(false, &[0xff], 2, mem);
    }

    /// `call label`
    pub fn call_label(&mut self, label: Label) {
        self.byte(0xe8);
        self.label_field(label);
    }

    /// `call stub`
    pub fn call_stub(&mut self, stub: StubRef) {
        self.byte(0xe8);
        self.stub_field(stub);
    }

    /// `jmp target`
    pub fn jmp_r(&mut self, target: Gpr) {
        self.op_reg(false, &[0xff], 4, target.code());
    }

    /// `jmp [mem]`
    pub fn jmp_m(&mut self, mem: Mem) {
        self.op_mem(false, &[0xff], 4, mem);
    }

    /// `jmp label`
    pub fn jmp_label(&mut self, label: Label) {
        self.byte(0xe9);
        self.label_field(label);
    }

    /// `jmp stub`
    pub fn jmp_stub(&mut self, stub: StubRef) {
        self.byte(0xe9);
        self.stub_field(stub);
    }

    /// `jcc label`
    pub fn jcc(&mut self, cond: Cond, label: Label) {
        self.byte(0x0f);
        self.byte(0x80 | cond as u8);
        self.label_field(label);
    }

    /// `ret`
    pub fn ret(&mut self) {
        self.byte(0xc3);
    }

    /// `ret bytes`: return and remove this many bytes of stack arguments.
    pub fn ret_pop(&mut self, bytes: u16) {
        if bytes == 0 {
            self.ret();
        } else {
            self.byte(0xc2);
            self.emit(&bytes.to_le_bytes());
        }
    }

    /// `ud2`
    pub fn ud2(&mut self) {
        self.emit(&[0x0f, 0x0b]);
    }

    /// `int3`
    pub fn int3(&mut self) {
        self.byte(0xcc);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asm::assembled;
    use crate::asm::tests::jump_to_itself;
    use crate::code::{ExtraStub, RawCode, Reloc};
    use iced_x86::{Decoder, DecoderOptions, Formatter, GasFormatter};

    fn disassemble(code: &[u8]) -> Vec<String> {
        let mut formatter = GasFormatter::new();
        formatter.options_mut().set_uppercase_hex(false);
        formatter.options_mut().set_signed_immediate_operands(true);
        let mut decoder = Decoder::with_ip(64, code, 0x1000, DecoderOptions::NONE);
        let mut lines = Vec::new();
        while decoder.can_decode() {
            let instruction = decoder.decode();
            let mut text = String::new();
            formatter.format(&instruction, &mut text);
            lines.push(text);
        }
        lines
    }

    fn check(build: impl Fn(&mut Assembler), expected: &[&str]) {
        assert_eq!(disassemble(&assembled(build).bytes), expected);
    }

    const ALL: [Gpr; 16] = {
        use Gpr::*;
        [Rax, Rcx, Rdx, Rbx, Rsp, Rbp, Rsi, Rdi, R8, R9, R10, R11, R12, R13, R14, R15]
    };

    fn name(reg: Gpr) -> String {
        format!("%{reg:?}").to_lowercase()
    }

    #[test]
    fn every_register_is_encoded_in_every_position() {
        for (index, &reg) in ALL.iter().enumerate() {
            assert_eq!(usize::from(reg.code()), index);
            let other = ALL[(index + 5) % 16];
            let (r, o) = (name(reg), name(other));
            let mut asm = Assembler::new();
            asm.mov_rr(Width::W64, reg, other);
            asm.push_r(reg);
            asm.pop_r(reg);
            asm.call_r(reg);
            asm.jmp_r(reg);
            asm.alu_ri(Alu::Add, Width::W64, reg, 8);
            asm.shift_ri(Shift::Shr, Width::W64, reg, 3);
            asm.mov_ri(reg, 0x1122334455667788);
            let lines = disassemble(&asm.finish().bytes);
            let expected = [
                format!("mov {o},{r}"),
                format!("push {r}"),
                format!("pop {r}"),
                format!("call *{r}"),
                format!("jmp *{r}"),
                format!("add $8,{r}"),
                format!("shr $3,{r}"),
                format!("movabs $0x1122334455667788,{r}"),
            ];
            assert_eq!(lines, expected);
        }
    }

    #[test]
    fn every_addressing_mode_is_encoded() {
        for &base in &ALL {
            for (disp, text) in [(0, ""), (8, "8"), (-8, "-8"), (0x1234, "0x1234"), (-0x1234, "-0x1234")] {
                for &reg in &[Gpr::Rax, Gpr::Rsp, Gpr::R9] {
                    let mut asm = Assembler::new();
                    asm.load(Width::W64, reg, Mem::new(base, disp));
                    asm.store(Width::W64, Mem::new(base, disp), reg);
                    let (b, r) = (name(base), name(reg));
                    let expected = [format!("mov {text}({b}),{r}"), format!("mov {r},{text}({b})")];
                    assert_eq!(disassemble(&asm.finish().bytes), expected);
                }
                for &index in ALL.iter().filter(|&&index| index != Gpr::Rsp) {
                    let mut asm = Assembler::new();
                    asm.lea(Gpr::R11, Mem::indexed(base, index, disp));
                    let expected = [format!("lea {text}({},{},8),%r11", name(base), name(index))];
                    assert_eq!(disassemble(&asm.finish().bytes), expected);
                }
            }
        }
        let mut asm = Assembler::new();
        asm.load(Width::W64, Gpr::Rbx, Mem::wide(Gpr::R15, 8));
        let bytes = asm.finish().bytes;
        assert_eq!(bytes, [0x49, 0x8b, 0x9f, 8, 0, 0, 0]);
    }

    #[test]
    fn moves() {
        use Gpr::*;
        check(
            |a| {
                a.mov_rr(Width::W32, R8, Rdx);
                a.mov_ri(Rax, 0);
                a.mov_ri(R10, 0xffff_ffff);
                a.mov_ri(R10, -1);
                a.load(Width::W32, Rcx, Mem::new(R11, 8));
                a.load_u8(R9, Mem::new(Rsi, 1));
                a.store(Width::W32, Mem::new(R11, 8), Rcx);
                a.store_u8(Mem::new(Rax, 0), Rsi);
                a.store_u8(Mem::new(R12, 0), Rcx);
                a.store_u8(Mem::new(Rax, 0), Rdx);
                a.store_i(Width::W64, Mem::new(R15, 0x6c8), 2);
                a.store_i(Width::W32, Mem::new(Rbp, 0), -1);
                a.lea(Rax, Mem::new(Rbp, -16));
                a.push_i(0);
                a.push_i(-129);
                a.push_m(Mem::new(R15, 0x20));
                a.pop_m(Mem::new(R15, 0x20));
            },
            &[
                "mov %edx,%r8d",
                "mov $0,%eax",
                "mov $-1,%r10d",
                "mov $-1,%r10",
                "mov 8(%r11),%ecx",
                "movzbl 1(%rsi),%r9d",
                "mov %ecx,8(%r11)",
                "mov %sil,(%rax)",
                "mov %cl,(%r12)",
                "mov %dl,(%rax)",
                "movq $2,0x6c8(%r15)",
                "movl $-1,(%rbp)",
                "lea -0x10(%rbp),%rax",
                "push $0",
                "push $-0x81",
                "pushq 0x20(%r15)",
                "popq 0x20(%r15)",
            ],
        );
    }

    #[test]
    fn arithmetic() {
        use Gpr::*;
        check(
            |a| {
                a.alu_rr(Alu::Sub, Width::W64, Rdx, R11);
                a.alu_ri(Alu::And, Width::W64, Rsp, -16);
                a.alu_ri(Alu::Cmp, Width::W32, Rcx, 1024);
                a.alu_ri(Alu::Or, Width::W32, R9, 1);
                a.alu_rm(Alu::And, Width::W64, Rax, Mem::new(R15, 0x50));
                a.alu_rm(Alu::Xor, Width::W32, R8, Mem::new(Rax, 0));
                a.alu_mi(Alu::Cmp, Width::W64, Mem::new(Rsi, -1), 0);
                a.alu_mi(Alu::Add, Width::W32, Mem::new(Rsi, 0), 0x1000);
                a.test_rr(Width::W64, Rax, R8);
                a.test_ri(R10, 4);
                a.test_ri(Rsi, 0x8000_0000);
                a.test_mi(Mem::new(Rdi, -1), 1);
                a.shift_ri(Shift::Sar, Width::W64, Rax, 1);
                a.shift_cl(Shift::Shl, Width::W64, R8);
                a.shift_cl(Shift::Shr, Width::W32, Rax);
            },
            &[
                "sub %r11,%rdx",
                "and $-0x10,%rsp",
                "cmp $0x400,%ecx",
                "or $1,%r9d",
                "and 0x50(%r15),%rax",
                "xor (%rax),%r8d",
                "cmpq $0,-1(%rsi)",
                "addl $0x1000,(%rsi)",
                "test %r8,%rax",
                "test $4,%r10d",
                "test $-0x80000000,%esi",
                "testl $1,-1(%rdi)",
                "sar $1,%rax",
                "shl %cl,%r8",
                "shr %cl,%eax",
            ],
        );
    }

    #[test]
    fn atomics_and_sse() {
        use Gpr::*;
        check(
            |a| {
                a.lock_alu_mr(Alu::Or, Width::W64, Mem::indexed(Rax, R11, 0), Rcx);
                a.lock_alu_mr(Alu::And, Width::W32, Mem::new(R9, 4), R10);
                a.lock_bit_mi(BitOp::Reset, Mem::new(Rsi, -1), 2);
                a.lock_bit_mi(BitOp::Set, Mem::new(R13, 0), 63);
                a.lock_cmpxchg(Width::W64, Mem::new(R15, 0x6c0), R11);
                a.lock_xadd(Width::W32, Mem::new(Rdi, 0), Rax);
                a.movups_load(Xmm(9), Mem::new(Rsp, 16));
                a.movups_store(Mem::new(Rsp, 0), Xmm(0));
                a.movsd_load(Xmm(1), Mem::new(R15, 0x860));
                a.movsd_store(Mem::new(R15, 0x860), Xmm(15));
                a.movq_xr(Xmm(8), Rax);
                a.movq_rx(R9, Xmm(1));
            },
            &[
                "lock or %rcx,(%rax,%r11,8)",
                "lock and %r10d,4(%r9)",
                "lock btrq $2,-1(%rsi)",
                "lock btsq $0x3f,(%r13)",
                "lock cmpxchg %r11,0x6c0(%r15)",
                "lock xadd %eax,(%rdi)",
                "movups 0x10(%rsp),%xmm9",
                "movups %xmm0,(%rsp)",
                "movsd 0x860(%r15),%xmm1",
                "movsd %xmm15,0x860(%r15)",
                "movq %rax,%xmm8",
                "movq %xmm1,%r9",
            ],
        );
    }

    #[test]
    fn control_flow_and_labels() {
        use Gpr::*;
        check(
            |a| {
                let (back, ahead) = (a.label(), a.label());
                a.bind(back);
                a.jcc(Cond::NotEqual, ahead);
                a.jcc(Cond::BelowEqual, back);
                a.call_label(ahead);
                a.jmp_label(back);
                a.lea_label(R9, ahead);
                a.bind(ahead);
                a.call_m(Mem::new(R11, 7));
                a.jmp_m(Mem::new(R15, 0x270));
                a.ret();
                a.ret_pop(0);
                a.ret_pop(16);
                a.ud2();
                a.int3();
            },
            &[
                "jne 0x000000000000101d",
                "jbe 0x0000000000001000",
                "call 0x000000000000101d",
                "jmp 0x0000000000001000",
                "lea 0x101d,%r9",
                "callq *7(%r11)",
                "jmpq *0x270(%r15)",
                "ret",
                "ret",
                "ret $0x10",
                "ud2",
                "int3",
            ],
        );
    }

    #[test]
    fn every_condition_has_its_code() {
        for (cond, text) in [
            (Cond::Below, "jb"),
            (Cond::AboveEqual, "jae"),
            (Cond::Equal, "je"),
            (Cond::NotEqual, "jne"),
            (Cond::BelowEqual, "jbe"),
            (Cond::Above, "ja"),
            (Cond::Less, "jl"),
            (Cond::GreaterEqual, "jge"),
        ] {
            check(
                |a| jump_to_itself(a, |a, here| a.jcc(cond, here)),
                &[&format!("{text} 0x0000000000001000")],
            );
        }
    }

    #[test]
    fn relocations_name_field_and_target() {
        let mut asm = Assembler::new();
        asm.load_pool_slot(Gpr::R11, Gpr::R15, 7);
        let callee = StubRef::Extra(ExtraStub::RuntimeCall(1));
        let next = StubRef::Extra(ExtraStub::RuntimeCall(2));
        asm.call_stub(callee);
        asm.jmp_stub(next);
        let RawCode { bytes, relocs } = asm.finish();
        assert_eq!(bytes.len(), 17);
        assert_eq!(bytes[..3], [0x4d, 0x8b, 0x9f]);
        let stub = |offset, stub| Reloc {
            offset,
            kind: RelocKind::PcRel4,
            target: RelocTarget::Stub(stub),
            addend: -4,
        };
        let pool =
            Reloc { offset: 3, kind: RelocKind::PoolOffset32, target: RelocTarget::PoolSlot(7), addend: -1 };
        assert_eq!(relocs, [pool, stub(8, callee), stub(13, next)]);
    }
}
