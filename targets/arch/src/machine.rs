//! Machines for the tests of stubs: a processor with memory, whose calls of C++ are played by Rust closures.
//!
//! A [`Machine`] holds the code under test, a thread, some data, and a stack. The C++ functions that the code can call
//! are addresses: when the code gets to one, it stops, the test looks at registers and memory, does what the
//! C++ function would do, and returns for it. Nothing else is needed of the processor, so there are two
//! kinds ([`Cpu`]): emulators, and the host's own, which switches between the contexts of the test and of the code.
//!
//! Values are words of the machine, zero-extended to 64 bits.

use crate::architecture::{Architecture, AssemblerOf, GprOf, Operand};
use crate::emulator::Emulator;
use crate::{StubRef, asm::Label};
use std::fmt::Debug;

/// A processor with memory, stopped.
pub(crate) trait Cpu: Sized {
    /// The address of the memory of tests, which has [`MEMORY_SIZE`] bytes.
    fn memory(&self) -> u64;
    /// The address that stands for a C++ function, of which there are [`HOST_FUNCTIONS`].
    fn host(&self, function: u64) -> u64;
    /// Makes code executable and returns its address.
    fn place(&mut self, code: &[u8]) -> u64;
    fn read(&mut self, address: u64, length: u64) -> Vec<u8>;
    fn write(&mut self, address: u64, bytes: &[u8]);
    fn reg(&mut self, number: u32) -> u64;
    fn set_reg(&mut self, number: u32, value: u64);
    fn vector(&mut self, number: u32) -> u128;
    fn set_vector(&mut self, number: u32, value: u128);
    /// Runs from the current state until the code gets to a C++ function, and returns its number.
    ///
    /// # Panics
    /// If the code stops anywhere else.
    fn resume(&mut self) -> u64;
}

/// What the tests must know about an architecture besides its stubs.
pub(crate) trait Processor: Architecture<Mem: Operand<Gpr: Debug>> {
    /// What runs the code.
    type Cpu: Cpu;

    /// The target whose stubs are tested.
    const TARGET: &'static str;
    /// Targets that have the same stubs.
    const SAME_STUBS: &'static [&'static str];

    /// The number of the program counter.
    const PC: u32;
    /// The stack pointer.
    const SP: GprOf<Self>;
    /// The register that a call sets to the return address, `None` if it pushes it.
    const LINK: Option<GprOf<Self>>;
    /// All general-purpose registers but the stack pointer.
    const GENERAL: &'static [GprOf<Self>];
    /// The registers that the C ABI preserves.
    const C_PRESERVED: &'static [GprOf<Self>];
    /// The first integer argument registers of the C ABI.
    const C_ARGS: [GprOf<Self>; 4];
    /// The result register of the C ABI.
    const C_RESULT: GprOf<Self>;
    /// The result register of `Tail`.
    const TAIL_RESULT: GprOf<Self>;
    /// The register with the upper half of a 64-bit result, in both conventions, if it takes two.
    const UPPER_RESULT: Option<GprOf<Self>>;
    /// A register that `Tail` preserves, other than the thread and the frame pointer.
    const TAIL_PRESERVED: Option<GprOf<Self>>;
    /// Whether the caller of a `Tail` function owns the stack arguments.
    const CALLER_OWNS_STACK_ARGUMENTS: bool;
    /// Registers that are neither arguments of `Tail` nor preserved by it. Only the last may be a result.
    const TEMPS: [GprOf<Self>; 3];
    /// The registers that not even `PreserveAll` preserves.
    const SCRATCH: &'static [GprOf<Self>];
    /// Number of vector registers.
    const VECTORS: u32;
    /// The bits of a vector register.
    const VECTOR_MASK: u128;
    /// Bytes that the stack pointer is a multiple of at calls.
    const STACK_ALIGNMENT: u64;
    /// Words that the size of a stub frame is a multiple of.
    const FRAME_ALIGNMENT: usize;
    /// The largest number of parameters that a native function may have.
    const MOST_PARAMETERS: u32;

    /// Starts a processor; `None`, with a message, if there is none on this machine.
    fn start() -> Option<Self::Cpu>;
    /// A register's number.
    fn number(reg: GprOf<Self>) -> u32;
    /// The bits of a vector register that the C ABI preserves.
    fn c_preserves(vector: u32) -> u128;
    /// The four words of the NativeArguments that the C++ function just called has got by value.
    fn arguments_by_value(machine: &mut Machine<Self>) -> Vec<u64>;

    // Instructions.

    fn mov(a: &mut AssemblerOf<Self>, dst: GprOf<Self>, src: GprOf<Self>);
    fn constant(a: &mut AssemblerOf<Self>, dst: GprOf<Self>, value: i64);
    /// `dst = src + value`; both may be the stack pointer.
    fn add(a: &mut AssemblerOf<Self>, dst: GprOf<Self>, src: GprOf<Self>, value: i32);
    fn load(a: &mut AssemblerOf<Self>, dst: GprOf<Self>, mem: Self::Mem);
    fn store(a: &mut AssemblerOf<Self>, mem: Self::Mem, src: GprOf<Self>);
    /// Sets a register to the address of a label further down.
    fn address_of(a: &mut AssemblerOf<Self>, dst: GprOf<Self>, label: Label);
    fn branch_if_different(a: &mut AssemblerOf<Self>, x: GprOf<Self>, y: GprOf<Self>, label: Label);
    fn call(a: &mut AssemblerOf<Self>, target: GprOf<Self>);
    fn call_stub(a: &mut AssemblerOf<Self>, stub: StubRef);
    fn jump_to_stub(a: &mut AssemblerOf<Self>, stub: StubRef);
    /// Overwrites every vector register.
    fn clobber_vectors(a: &mut AssemblerOf<Self>);
}

/// Bytes of the memory of tests: zeros at first.
pub(crate) const MEMORY_SIZE: u64 = 0x7c_0000;

// Offsets in it. The first is that of the engine's thread.
const DATA: u64 = 0x1_0000;
const STACK: u64 = 0x8_0000;
const PAGES: u64 = 0xc_0000;

/// The number of C++ functions. Function 0 is where calls from C return to.
pub(crate) const HOST_FUNCTIONS: u64 = 16;

/// How a fake C++ function ends.
pub(crate) enum Exit {
    /// Returns this.
    Return(u64),
    /// Registers are set: go on at the program counter.
    Jump,
}

/// A processor and the places in its memory.
pub(crate) struct Machine<P: Processor + ?Sized> {
    pub(crate) cpu: P::Cpu,
    /// The engine's thread.
    pub(crate) thread: u64,
    /// Data of tests.
    pub(crate) data: u64,
    /// The stack grows down from here.
    pub(crate) stack: u64,
    /// More data, up to the end of memory.
    pub(crate) pages: u64,
}

/// A C++ function as tests play it: gets its number.
pub(crate) type Cpp<'a, P> = dyn FnMut(&mut Machine<P>, u64) -> Exit + 'a;

/// The bits of a word.
pub(crate) fn word_mask<P: Processor + ?Sized>() -> u64 {
    u64::MAX >> (64 - 8 * P::Mem::WORD)
}

impl<P: Processor + ?Sized> Machine<P> {
    /// Starts a machine; `None`, with a message, if there is no such processor.
    pub(crate) fn start() -> Option<Machine<P>> {
        let cpu = P::start()?;
        let memory = cpu.memory();
        let (data, stack, pages) = (memory + DATA, memory + STACK, memory + PAGES);
        Some(Machine { cpu, thread: memory, data, stack, pages })
    }

    pub(crate) fn word(&mut self, address: u64) -> u64 {
        little_endian(&self.cpu.read(address, P::Mem::WORD as u64)) as u64
    }

    /// 32 bits.
    pub(crate) fn u32_at(&mut self, address: u64) -> u64 {
        little_endian(&self.cpu.read(address, 4)) as u64
    }

    /// The words from one address up to another.
    pub(crate) fn words(&mut self, from: u64, to: u64) -> Vec<u64> {
        let bytes = self.cpu.read(from, to - from);
        bytes.chunks(P::Mem::WORD as usize).map(|word| little_endian(word) as u64).collect()
    }

    pub(crate) fn set_word(&mut self, address: u64, value: u64) {
        self.cpu.write(address, &value.to_le_bytes()[..P::Mem::WORD as usize]);
    }

    pub(crate) fn set_words(&mut self, address: u64, values: &[u64]) {
        for (address, &value) in (address..).step_by(P::Mem::WORD as usize).zip(values) {
            self.set_word(address, value);
        }
    }

    pub(crate) fn set_bytes(&mut self, address: u64, bytes: &[u8]) {
        self.cpu.write(address, bytes);
    }

    /// A field of the engine's thread.
    pub(crate) fn thread_field(&mut self, offset: i32) -> u64 {
        self.word(self.thread + offset as u64)
    }

    pub(crate) fn set_thread_field(&mut self, offset: i32, value: u64) {
        self.set_word(self.thread + offset as u64, value);
    }

    pub(crate) fn reg(&mut self, reg: GprOf<P>) -> u64 {
        self.cpu.reg(P::number(reg))
    }

    pub(crate) fn set_reg(&mut self, reg: GprOf<P>, value: u64) {
        self.cpu.set_reg(P::number(reg), value & word_mask::<P>());
    }

    pub(crate) fn set_pc(&mut self, address: u64) {
        self.cpu.set_reg(P::PC, address);
    }

    /// The frame pointer.
    pub(crate) fn fp(&mut self) -> u64 {
        self.reg(P::Mem::FRAME_POINTER)
    }

    /// The stack pointer at the call of the C++ function that has just been entered.
    pub(crate) fn sp_at_call(&mut self) -> u64 {
        let pushed = if P::LINK.is_none() { P::Mem::WORD as u64 } else { 0 };
        self.reg(P::SP) + pushed
    }

    /// Makes a C function return to an address.
    fn set_return_address(&mut self, address: u64) {
        match P::LINK {
            Some(link) => self.set_reg(link, address),
            None => {
                let sp = self.reg(P::SP) - P::Mem::WORD as u64;
                self.set_reg(P::SP, sp);
                self.set_word(sp, address);
            }
        }
    }

    /// Where the C++ function that has just been entered returns to, as far as the stack is concerned.
    fn take_return_address(&mut self) -> u64 {
        match P::LINK {
            Some(link) => self.reg(link),
            None => {
                let sp = self.reg(P::SP);
                self.set_reg(P::SP, sp + P::Mem::WORD as u64);
                self.word(sp)
            }
        }
    }

    /// Overwrites the registers that a C function may overwrite.
    pub(crate) fn destroy_volatile(&mut self) {
        for &reg in P::GENERAL.iter().filter(|&reg| !P::C_PRESERVED.contains(reg)) {
            self.set_reg(reg, 0x0bad_0bad_0bad_0bad);
        }
        for number in 0..P::VECTORS {
            let kept = P::c_preserves(number);
            let value = if kept == 0 { 0 } else { self.cpu.vector(number) & kept };
            self.cpu.set_vector(number, value | 0x0bad_0000_0000_0bad_0000_0bad & P::VECTOR_MASK & !kept);
        }
    }

    /// Overwrites the registers that a C function preserves.
    pub(crate) fn destroy_preserved(&mut self) {
        P::C_PRESERVED.iter().for_each(|&reg| self.set_reg(reg, 0x0bad_0bad));
        for number in (0..P::VECTORS).filter(|&number| P::c_preserves(number) != 0) {
            self.cpu.set_vector(number, 0x0bad);
        }
    }

    /// Calls code as C does: enters it with an empty stack, and stops when it has returned. `cpp` plays the C++ functions.
    pub(crate) fn run(&mut self, code: u64, cpp: &mut Cpp<'_, P>) {
        self.set_reg(P::SP, self.stack);
        self.set_return_address(self.cpu.host(0));
        self.set_pc(code);
        loop {
            let function = self.cpu.resume();
            if function == 0 {
                break;
            }
            if let Exit::Return(result) = cpp(self, function) {
                let address = self.take_return_address();
                self.destroy_volatile();
                self.set_reg(P::C_RESULT, result);
                self.set_pc(address);
            }
        }
        assert_eq!(self.reg(P::SP), self.stack, "stack pointer");
    }

    /// Calls a function of C, and checks that it keeps what it must. Returns its 64-bit result.
    pub(crate) fn call(&mut self, function: u64, args: [u64; 4], cpp: &mut Cpp<'_, P>) -> u64 {
        let pattern = |index: usize| ((index as u64 + 4) * 0x0101_0101_0101_0101) & word_mask::<P>();
        let vector_pattern = |number: u32| {
            (u128::from(number) * 0x0101_0101_0101_0101_0101_0101_0101_0101) & P::c_preserves(number)
        };
        let preserved = || P::C_PRESERVED.iter().copied().enumerate();
        let vectors = || (0..P::VECTORS).filter(|&number| P::c_preserves(number) != 0);
        preserved().for_each(|(index, reg)| self.set_reg(reg, pattern(index)));
        vectors().for_each(|number| self.cpu.set_vector(number, vector_pattern(number)));
        self.destroy_volatile();
        P::C_ARGS.into_iter().zip(args).for_each(|(reg, arg)| self.set_reg(reg, arg));
        self.run(function, cpp);
        for (index, reg) in preserved() {
            assert_eq!(self.reg(reg), pattern(index), "{reg:?} is preserved");
        }
        for number in vectors() {
            let part = self.cpu.vector(number) & P::c_preserves(number);
            assert_eq!(part, vector_pattern(number), "vector register {number} is preserved");
        }
        let upper = P::UPPER_RESULT.map_or(0, |reg| self.reg(reg) << 32);
        upper | self.reg(P::C_RESULT)
    }
}

fn little_endian(bytes: &[u8]) -> u128 {
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | u128::from(byte))
}

/// How an emulator numbers registers, and their sizes.
pub(crate) struct RegisterFormat {
    pub(crate) word_bytes: usize,
    pub(crate) pc: u32,
    pub(crate) first_vector: u32,
    pub(crate) vector_bytes: usize,
}

// The emulators' memory. In front of the code is a page with the program's header.
/// Where the program of an emulator starts.
pub(crate) const PROGRAM: u64 = 0x1_0000;
/// Bytes of the program: of its file, and in memory.
pub(crate) const PROGRAM_FILE: u64 = 0x1000;
pub(crate) const PROGRAM_SIZE: u64 = MEMORY + MEMORY_SIZE - PROGRAM;
const CODE: u64 = 0x2_0000;
const HOST: u64 = 0x3_f000;
const MEMORY: u64 = 0x4_0000;

/// A processor in an emulator.
pub(crate) struct Emulated {
    emulator: Emulator,
    format: &'static RegisterFormat,
}

impl Emulated {
    /// Starts an emulator with a program of memory; `None`, with a message, if there is none on this machine.
    pub(crate) fn start(command: &[&str], elf: &[u8], format: &'static RegisterFormat) -> Option<Emulated> {
        let mut program = elf.to_vec();
        program.resize(PROGRAM_FILE as usize, 0);
        let mut cpu = Emulated { emulator: Emulator::start(command, &program)?, format };
        for function in 0..HOST_FUNCTIONS {
            let address = cpu.host(function);
            cpu.emulator.set_breakpoint(address);
        }
        Some(cpu)
    }
}

impl Cpu for Emulated {
    fn memory(&self) -> u64 {
        MEMORY
    }

    fn host(&self, function: u64) -> u64 {
        HOST + 4 * function
    }

    fn place(&mut self, code: &[u8]) -> u64 {
        assert!(code.len() as u64 <= HOST - CODE, "there is room for the code");
        self.emulator.write(CODE, code);
        CODE
    }

    fn read(&mut self, address: u64, length: u64) -> Vec<u8> {
        self.emulator.read(address, length)
    }

    fn write(&mut self, address: u64, bytes: &[u8]) {
        self.emulator.write(address, bytes);
    }

    fn reg(&mut self, number: u32) -> u64 {
        little_endian(&self.emulator.register(number)) as u64
    }

    fn set_reg(&mut self, number: u32, value: u64) {
        self.emulator.set_register(number, &value.to_le_bytes()[..self.format.word_bytes]);
    }

    fn vector(&mut self, number: u32) -> u128 {
        little_endian(&self.emulator.register(self.format.first_vector + number))
    }

    fn set_vector(&mut self, number: u32, value: u128) {
        let bytes = &value.to_le_bytes()[..self.format.vector_bytes];
        self.emulator.set_register(self.format.first_vector + number, bytes);
    }

    fn resume(&mut self) -> u64 {
        let (at_breakpoint, stop) = self.emulator.resume();
        let pc = self.reg(self.format.pc);
        if !at_breakpoint || !(HOST..self.host(HOST_FUNCTIONS)).contains(&pc) {
            let registers = 0..=self.format.pc;
            let registers: Vec<String> = registers.map(|number| format!("{:x}", self.reg(number))).collect();
            panic!("stop {stop} with registers {}", registers.join(" "));
        }
        (pc - HOST) / 4
    }
}
