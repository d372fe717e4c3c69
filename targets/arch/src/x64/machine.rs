//! x86-64 for the tests of stubs, see [`crate::machine`]: the host's own processor.
//!
//! The code under test has registers and a stack of its own. To run it is to switch to it, and what
//! stands for a C++ function is code that switches back: it stores all registers to the context and returns to the test as if
//! the switch had been a call. So no frames of Rust lie between those of the code, and nothing unwinds through them.

// Running generated code is what these tests are for.
#![allow(unsafe_code)]

use super::X64;
use super::asm::{Alu, Assembler, Cond, Label, Mem, Width::*};
use super::regs::{C_CALLEE_SAVED, Gpr, Gpr::*, INT_ARGS, RESULT, XMM_COUNT, Xmm};
use crate::StubRef;
use crate::machine::{Cpu, HOST_FUNCTIONS, MEMORY_SIZE, Machine, Processor};
use memmap2::{Mmap, MmapMut};

/// The general-purpose registers in the order of their codes.
const GENERAL: [Gpr; 16] = [Rax, Rcx, Rdx, Rbx, Rsp, Rbp, Rsi, Rdi, R8, R9, R10, R11, R12, R13, R14, R15];

// The state of the code under test while it is stopped, in the host's memory behind that of the tests: offsets from its start.
const GENERAL_REGISTERS: i32 = 0;
const PC: i32 = GENERAL_REGISTERS + GENERAL.len() as i32 * 8;
/// The C++ function it has got to.
const FUNCTION: i32 = PC + 8;
/// The test's stack pointer while the code runs.
const TEST_SP: i32 = FUNCTION + 8;
const VECTORS: i32 = TEST_SP + 8;
const CONTEXT_SIZE: i32 = VECTORS + XMM_COUNT as i32 * 16;

fn general(context: Gpr, reg: Gpr) -> Mem {
    Mem::new(context, GENERAL_REGISTERS + i32::from(reg.code()) * 8)
}

fn vector(context: Gpr, number: u8) -> Mem {
    Mem::new(context, VECTORS + i32::from(number) * 16)
}

/// The host's processor.
pub(crate) struct Native {
    memory: MmapMut,
    /// The switch, as a C function that takes the context, and what stands for C++ functions.
    switch: Mmap,
    /// Offsets of the latter.
    hosts: Vec<u64>,
    code: Vec<Mmap>,
}

impl Native {
    fn start() -> Native {
        let size = MEMORY_SIZE as usize + CONTEXT_SIZE as usize;
        let memory = MmapMut::map_anon(size).expect("memory");
        let context = memory.as_ptr() as u64 + MEMORY_SIZE;
        let mut asm = Assembler::new();
        let a = &mut asm;
        C_CALLEE_SAVED.into_iter().chain([Rbp]).for_each(|reg| a.push_r(reg));
        a.store(W64, Mem::new(Rdi, TEST_SP), Rsp);
        for number in 0..XMM_COUNT {
            a.movups_load(Xmm(number), vector(Rdi, number));
        }
        a.load(W64, Rsp, general(Rdi, Rsp));
        a.push_m(Mem::new(Rdi, PC));
        for reg in GENERAL.into_iter().filter(|&reg| reg != Rsp && reg != Rdi) {
            a.load(W64, reg, general(Rdi, reg));
        }
        a.load(W64, Rdi, general(Rdi, Rdi));
        a.ret();

        let stop = a.label();
        let mut hosts = Vec::new();
        for function in 0..HOST_FUNCTIONS {
            hosts.push(a.offset().into());
            a.push_r(Rax);
            a.mov_ri(Rax, context as i64);
            a.store_i(W64, Mem::new(Rax, FUNCTION), function as i32);
            a.jmp_label(stop);
        }
        a.bind(stop);
        for reg in GENERAL.into_iter().filter(|&reg| reg != Rsp && reg != Rax) {
            a.store(W64, general(Rax, reg), reg);
        }
        a.pop_m(general(Rax, Rax));
        a.store(W64, general(Rax, Rsp), Rsp);
        for number in 0..XMM_COUNT {
            a.movups_store(vector(Rax, number), Xmm(number));
        }
        a.load(W64, Rsp, Mem::new(Rax, TEST_SP));
        [Rbp].into_iter().chain(C_CALLEE_SAVED.into_iter().rev()).for_each(|reg| a.pop_r(reg));
        a.ret();

        Native { memory, switch: executable(&asm.finish().bytes), hosts, code: Vec::new() }
    }

    /// The address of a part of the context.
    fn context(&self, offset: i32) -> u64 {
        self.memory() + MEMORY_SIZE + offset as u64
    }

    /// Where an address is in the memory of tests, or in the context behind it.
    fn range(&self, address: u64, length: u64) -> std::ops::Range<usize> {
        let start = address.checked_sub(self.memory()).expect("an address in memory");
        start as usize..(start + length) as usize
    }
}

fn executable(code: &[u8]) -> Mmap {
    let mut map = MmapMut::map_anon(code.len()).expect("memory");
    map.copy_from_slice(code);
    map.make_exec().expect("executable memory")
}

impl Cpu for Native {
    fn memory(&self) -> u64 {
        self.memory.as_ptr() as u64
    }

    fn host(&self, function: u64) -> u64 {
        self.switch.as_ptr() as u64 + self.hosts[function as usize]
    }

    fn place(&mut self, code: &[u8]) -> u64 {
        let map = executable(code);
        let address = map.as_ptr() as u64;
        self.code.push(map);
        address
    }

    fn read(&mut self, address: u64, length: u64) -> Vec<u8> {
        self.memory[self.range(address, length)].to_vec()
    }

    fn write(&mut self, address: u64, bytes: &[u8]) {
        let range = self.range(address, bytes.len() as u64);
        self.memory[range].copy_from_slice(bytes);
    }

    fn reg(&mut self, number: u32) -> u64 {
        let bytes = self.read(self.context(GENERAL_REGISTERS + number as i32 * 8), 8);
        u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
    }

    /// The program counter's place is behind the other registers.
    fn set_reg(&mut self, number: u32, value: u64) {
        self.write(self.context(GENERAL_REGISTERS + number as i32 * 8), &value.to_le_bytes());
    }

    fn vector(&mut self, number: u32) -> u128 {
        let bytes = self.read(self.context(VECTORS + number as i32 * 16), 16);
        u128::from_le_bytes(bytes.try_into().expect("sixteen bytes"))
    }

    fn set_vector(&mut self, number: u32, value: u128) {
        self.write(self.context(VECTORS + number as i32 * 16), &value.to_le_bytes());
    }

    fn resume(&mut self) -> u64 {
        // Safe: the switch starts its mapping and obeys the C ABI; the code that it runs has memory of its own.
        let switch: extern "C" fn(u64) = unsafe { std::mem::transmute(self.switch.as_ptr()) };
        switch(self.context(0));
        let bytes = self.read(self.context(FUNCTION), 8);
        u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
    }
}

impl Processor for X64 {
    type Cpu = Native;

    const TARGET: &'static str = "linux-x64";
    const SAME_STUBS: &'static [&'static str] = &["android-x64", "macos-x64"];
    const PC: u32 = GENERAL.len() as u32;
    const SP: Gpr = Rsp;
    const LINK: Option<Gpr> = None;
    const GENERAL: &'static [Gpr] =
        &[Rax, Rcx, Rdx, Rbx, Rbp, Rsi, Rdi, R8, R9, R10, R11, R12, R13, R14, R15];
    const C_PRESERVED: &'static [Gpr] = &[Rbx, Rbp, R12, R13, R14, R15];
    const C_ARGS: [Gpr; 4] = [INT_ARGS[0], INT_ARGS[1], INT_ARGS[2], INT_ARGS[3]];
    const C_RESULT: Gpr = RESULT;
    const TAIL_RESULT: Gpr = RESULT;
    const UPPER_RESULT: Option<Gpr> = None;
    const TAIL_PRESERVED: Option<Gpr> = Some(Rbx);
    const CALLER_OWNS_STACK_ARGUMENTS: bool = false;
    const TEMPS: [Gpr; 3] = [R10, R11, Rax];
    const SCRATCH: &'static [Gpr] = &[];
    const VECTORS: u32 = XMM_COUNT as u32;
    const VECTOR_MASK: u128 = u128::MAX;
    const STACK_ALIGNMENT: u64 = 16;
    const FRAME_ALIGNMENT: usize = 1;
    const MOST_PARAMETERS: u32 = 8196;

    /// Hosts with another instruction set or another C ABI cannot run the code.
    fn start() -> Option<Native> {
        let host_can_run = std::env::consts::ARCH == "x86_64" && std::env::consts::OS != "windows";
        if !host_can_run {
            eprintln!("this machine does not run code for {}, so stubs are not executed", Self::TARGET);
        }
        host_can_run.then(Native::start)
    }

    fn number(reg: Gpr) -> u32 {
        reg.code().into()
    }

    fn c_preserves(_vector: u32) -> u128 {
        0
    }

    /// On the stack, above the return address.
    fn arguments_by_value(machine: &mut Machine<X64>) -> Vec<u64> {
        let structure = machine.sp_at_call();
        assert!(structure + 32 <= machine.fp());
        machine.words(structure, structure + 32)
    }

    fn mov(a: &mut Assembler, dst: Gpr, src: Gpr) {
        a.mov_rr(W64, dst, src);
    }

    fn constant(a: &mut Assembler, dst: Gpr, value: i64) {
        a.mov_ri(dst, value);
    }

    fn add(a: &mut Assembler, dst: Gpr, src: Gpr, value: i32) {
        a.lea(dst, Mem::new(src, value));
    }

    fn load(a: &mut Assembler, dst: Gpr, mem: Mem) {
        a.load(W64, dst, mem);
    }

    fn store(a: &mut Assembler, mem: Mem, src: Gpr) {
        a.store(W64, mem, src);
    }

    fn address_of(a: &mut Assembler, dst: Gpr, label: Label) {
        a.lea_label(dst, label);
    }

    fn branch_if_different(a: &mut Assembler, x: Gpr, y: Gpr, label: Label) {
        a.alu_rr(Alu::Cmp, W64, x, y);
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
        for number in 0..XMM_COUNT {
            a.movups_load(Xmm(number), Mem::new(Rbp, 0));
        }
    }
}
