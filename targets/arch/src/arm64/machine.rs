//! AArch64 for the tests of stubs, see [`crate::machine`].

use super::Arm64;
use super::asm::{Arith, Assembler, Cond, Label, Mem, Update, Width::*};
use super::regs::{C_ARGS, C_RESULT, FPR_COUNT, Fpr, Gpr, Gpr::*, RESULT};
use crate::StubRef;
use crate::machine::{Emulated, Machine, PROGRAM, PROGRAM_FILE, PROGRAM_SIZE, Processor, RegisterFormat};

static FORMAT: RegisterFormat = RegisterFormat { word_bytes: 8, pc: 32, first_vector: 34, vector_bytes: 16 };

impl Processor for Arm64 {
    type Cpu = Emulated;

    const TARGET: &'static str = "linux-arm64";
    const SAME_STUBS: &'static [&'static str] = &["android-arm64", "macos-arm64", "windows-arm64"];
    const PC: u32 = FORMAT.pc;
    const SP: Gpr = Sp;
    const LINK: Option<Gpr> = Some(Lr);
    const GENERAL: &'static [Gpr] = &[
        X0, X1, X2, X3, X4, X5, X6, X7, X8, X9, X10, X11, X12, X13, X14, X15, X16, X17, X18, X19, X20, X21,
        X22, X23, X24, X25, X26, X27, X28, Fp, Lr,
    ];
    const C_PRESERVED: &'static [Gpr] = &[X19, X20, X21, X22, X23, X24, X25, X26, X27, X28, Fp];
    const C_ARGS: [Gpr; 4] = C_ARGS;
    const C_RESULT: Gpr = C_RESULT;
    const TAIL_RESULT: Gpr = RESULT;
    const UPPER_RESULT: Option<Gpr> = None;
    const TAIL_PRESERVED: Option<Gpr> = Some(X27);
    const CALLER_OWNS_STACK_ARGUMENTS: bool = false;
    const TEMPS: [Gpr; 3] = [X8, X9, X16];
    const SCRATCH: &'static [Gpr] = &[X16, X17, X18, Lr];
    const VECTORS: u32 = FPR_COUNT as u32;
    const VECTOR_MASK: u128 = u128::MAX;
    const STACK_ALIGNMENT: u64 = 16;
    const FRAME_ALIGNMENT: usize = 2;
    const MOST_PARAMETERS: u32 = 30;

    fn start() -> Option<Emulated> {
        // A Cortex-A53 has the first version of the architecture, without atomic instructions other than exclusive accesses.
        Emulated::start(&["qemu-aarch64", "-cpu", "cortex-a53"], &elf(), &FORMAT)
    }

    /// The emulator counts as the encoding does.
    fn number(reg: Gpr) -> u32 {
        reg.code()
    }

    /// The lower halves of v8 to v15.
    fn c_preserves(vector: u32) -> u128 {
        if (8..16).contains(&vector) { u64::MAX.into() } else { 0 }
    }

    /// By address of a copy.
    fn arguments_by_value(machine: &mut Machine<Arm64>) -> Vec<u64> {
        let structure = machine.reg(X0);
        assert!(structure >= machine.reg(Sp) && structure + 32 <= machine.fp());
        machine.words(structure, structure + 32)
    }

    fn mov(a: &mut Assembler, dst: Gpr, src: Gpr) {
        a.mov_rr(dst, src);
    }

    fn constant(a: &mut Assembler, dst: Gpr, value: i64) {
        a.mov_ri(dst, value);
    }

    fn add(a: &mut Assembler, dst: Gpr, src: Gpr, value: i32) {
        let op = if value < 0 { Arith::Sub } else { Arith::Add };
        a.arith_ri(op, W64, dst, src, value.unsigned_abs());
    }

    fn load(a: &mut Assembler, dst: Gpr, mem: Mem) {
        a.load(W64, dst, mem);
    }

    fn store(a: &mut Assembler, mem: Mem, src: Gpr) {
        a.store(W64, mem, src);
    }

    fn address_of(a: &mut Assembler, dst: Gpr, label: Label) {
        a.adr(dst, label);
    }

    fn branch_if_different(a: &mut Assembler, x: Gpr, y: Gpr, label: Label) {
        a.arith_rr(Arith::Subs, W64, Zr, x, y, 0);
        a.jcc(Cond::NotEqual, label);
    }

    fn call(a: &mut Assembler, target: Gpr) {
        a.call_r(target);
    }

    fn call_stub(a: &mut Assembler, stub: StubRef) {
        a.call_stub(stub);
    }

    fn jump_to_stub(a: &mut Assembler, stub: StubRef) {
        a.jmp_stub(stub);
    }

    fn clobber_vectors(a: &mut Assembler) {
        for reg in (0..FPR_COUNT).step_by(2) {
            a.load_q_pair(Fpr(reg), Fpr(reg + 1), Mem::new(Fp, 0), Update::None);
        }
    }
}

/// A program of zeroed memory that may be read, written and executed.
fn elf() -> Vec<u8> {
    let mut file = Vec::new();
    let mut half = |value: u16| file.extend_from_slice(&value.to_le_bytes());
    // e_ident: 64 bits, little endian, version 1; then ET_EXEC, EM_AARCH64.
    [0x457f, 0x464c, 0x0102, 1, 0, 0, 0, 0, 2, 183].into_iter().for_each(&mut half);
    file.extend_from_slice(&1_u32.to_le_bytes());
    // Entry, program headers right behind this header, no sections.
    [PROGRAM + 0x100, 64, 0].into_iter().for_each(|word: u64| file.extend_from_slice(&word.to_le_bytes()));
    // No flags. Sizes of this header and of program headers; one of them; sections: none.
    let mut half = |value: u16| file.extend_from_slice(&value.to_le_bytes());
    [0, 0, 64, 56, 1, 64, 0, 0].into_iter().for_each(&mut half);
    // PT_LOAD, to be read, written and executed: the whole file and zeros behind it.
    [1, 7].into_iter().for_each(|word: u32| file.extend_from_slice(&word.to_le_bytes()));
    let words = [0, PROGRAM, PROGRAM, PROGRAM_FILE, PROGRAM_SIZE, 0x1000];
    words.into_iter().for_each(|word: u64| file.extend_from_slice(&word.to_le_bytes()));
    file
}
