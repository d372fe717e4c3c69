//! 32-bit ARM for the tests of stubs, see [`crate::machine`].

use super::Arm;
use super::asm::{Assembler, Label};
use super::regs::{C_CALLEE_SAVED_DOUBLES, Cond, Dpr, Gpr, INT_ARGS, RESULT, RESULT_HIGH, THR};
use crate::StubRef;
use crate::machine::{Emulated, Machine, PROGRAM, PROGRAM_FILE, PROGRAM_SIZE, Processor, RegisterFormat};
use snapcrane_armv7::encode::{self, CmpOp, DataOp, Mem, Operand2};

static FORMAT: RegisterFormat = RegisterFormat { word_bytes: 4, pc: 15, first_vector: 26, vector_bytes: 8 };

impl Processor for Arm {
    type Cpu = Emulated;

    const TARGET: &'static str = "linux-arm";
    const SAME_STUBS: &'static [&'static str] = &["android-arm"];
    const PC: u32 = FORMAT.pc;
    const SP: Gpr = Gpr::SP;
    const LINK: Option<Gpr> = Some(Gpr::LR);
    const GENERAL: &'static [Gpr] = &[
        Gpr(0),
        Gpr(1),
        Gpr(2),
        Gpr(3),
        Gpr(4),
        Gpr(5),
        Gpr(6),
        Gpr(7),
        Gpr(8),
        Gpr(9),
        Gpr(10),
        Gpr(11),
        Gpr(12),
        Gpr(14),
    ];
    const C_PRESERVED: &'static [Gpr] = &[Gpr(4), Gpr(5), Gpr(6), Gpr(7), Gpr(8), Gpr(9), Gpr(10), Gpr(11)];
    const C_ARGS: [Gpr; 4] = INT_ARGS;
    const C_RESULT: Gpr = RESULT;
    const TAIL_RESULT: Gpr = RESULT;
    const UPPER_RESULT: Option<Gpr> = Some(RESULT_HIGH);
    const TAIL_PRESERVED: Option<Gpr> = None;
    const CALLER_OWNS_STACK_ARGUMENTS: bool = true;
    const TEMPS: [Gpr; 3] = [Gpr::R8, Gpr::R9, Gpr::SCRATCH];
    const SCRATCH: &'static [Gpr] = &[Gpr::SCRATCH, Gpr::LR];
    const VECTORS: u32 = 16;
    const VECTOR_MASK: u128 = u64::MAX as u128;
    const STACK_ALIGNMENT: u64 = 8;
    const FRAME_ALIGNMENT: usize = 1;
    const MOST_PARAMETERS: u32 = (1 << 10) - 1;

    fn start() -> Option<Emulated> {
        // A Cortex-A9 has neither division instructions nor anything of later architectures.
        Emulated::start(&["qemu-arm", "-cpu", "cortex-a9"], &elf(), &FORMAT)
    }

    fn number(reg: Gpr) -> u32 {
        u32::from(reg.0)
    }

    fn c_preserves(vector: u32) -> u128 {
        let (first, count) = C_CALLEE_SAVED_DOUBLES;
        let preserved = u32::from(first.0)..u32::from(first.0 + count);
        if preserved.contains(&vector) { Self::VECTOR_MASK } else { 0 }
    }

    /// In the four argument registers.
    fn arguments_by_value(machine: &mut Machine<Arm>) -> Vec<u64> {
        INT_ARGS.into_iter().map(|reg| machine.reg(reg)).collect()
    }

    fn mov(a: &mut Assembler, dst: Gpr, src: Gpr) {
        a.mov(dst, src);
    }

    fn constant(a: &mut Assembler, dst: Gpr, value: i64) {
        a.mov_constant(dst, value as u32);
    }

    fn add(a: &mut Assembler, dst: Gpr, src: Gpr, value: i32) {
        let op = if value < 0 { DataOp::Sub } else { DataOp::Add };
        a.alu(op, dst, src, Operand2::constant(value.unsigned_abs()).expect("a small value"));
    }

    fn load(a: &mut Assembler, dst: Gpr, mem: Mem) {
        a.load(dst, mem);
    }

    fn store(a: &mut Assembler, mem: Mem, src: Gpr) {
        a.store(mem, src);
    }

    fn address_of(a: &mut Assembler, dst: Gpr, label: Label) {
        a.address_of(dst, label);
    }

    fn branch_if_different(a: &mut Assembler, x: Gpr, y: Gpr, label: Label) {
        a.compare(CmpOp::Cmp, x, y);
        a.b_if(Cond::Ne, label);
    }

    fn call(a: &mut Assembler, target: Gpr) {
        a.blx(target);
    }

    fn call_stub(a: &mut Assembler, stub: StubRef) {
        a.bl_stub(stub);
    }

    fn jump_to_stub(a: &mut Assembler, stub: StubRef) {
        a.b_stub(stub);
    }

    fn clobber_vectors(a: &mut Assembler) {
        for double in 0..16 {
            a.word(encode::vmov_d_core(Cond::Al, Dpr(double), THR, Gpr::FP));
        }
    }
}

/// A program of zeroed memory that may be read, written and executed.
fn elf() -> Vec<u8> {
    let mut file = Vec::new();
    let mut half = |value: u16| file.extend_from_slice(&value.to_le_bytes());
    // e_ident: 32 bits, little endian, version 1.
    [0x457f, 0x464c, 0x0101, 1, 0, 0, 0, 0].into_iter().for_each(&mut half);
    // ET_EXEC, EM_ARM.
    [2, 40].into_iter().for_each(&mut half);
    let mut word = |value: u64| file.extend_from_slice(&(value as u32).to_le_bytes());
    // Version, entry, program headers right behind this header, no sections; EABI 5.
    [1, PROGRAM + 0x100, 52, 0, 0x0500_0000].into_iter().for_each(&mut word);
    let mut half = |value: u16| file.extend_from_slice(&value.to_le_bytes());
    // Sizes of this header and of program headers; one of them; sections: none.
    [52, 32, 1, 40, 0, 0].into_iter().for_each(&mut half);
    let mut word = |value: u64| file.extend_from_slice(&(value as u32).to_le_bytes());
    // PT_LOAD of the whole file and zeros behind it; read, write, execute.
    [1, 0, PROGRAM, PROGRAM, PROGRAM_FILE, PROGRAM_SIZE, 7, 0x1000].into_iter().for_each(&mut word);
    file
}
