//! A 32-bit ARM processor for tests, see [`crate::emulator`].

use crate::emulator::Emulator;

/// Where the program's memory starts; the first page holds its ELF header.
const BASE: u32 = 0x1_0000;
/// Where code is placed.
pub(super) const CODE: u32 = 0x2_0000;
/// The first address that stands for a C++ function.
const HOST: u32 = 0x3_f000;
/// How many there are.
const HOST_FUNCTIONS: u32 = 16;
/// The engine's thread.
pub(super) const THREAD: u32 = 0x4_0000;
/// Data of tests.
pub(super) const DATA: u32 = 0x5_0000;
/// The stack grows down from here.
const STACK: u32 = 0xc_0000;
/// More data, aligned to pages of the garbage collector.
pub(super) const PAGES: u32 = 0x10_0000;
/// The end of memory.
const END: u32 = 0x80_0000;

pub(super) const R0: u32 = 0;
pub(super) const R1: u32 = 1;
pub(super) const FP: u32 = 11;
pub(super) const SP: u32 = 13;
pub(super) const LR: u32 = 14;
pub(super) const PC: u32 = 15;
/// Number of `d0` in the emulator's list of registers.
const D0: u32 = 26;

/// Registers that a C function may overwrite.
const VOLATILE: [u32; 5] = [0, 1, 2, 3, 12];

/// How a fake C++ function ends.
pub(super) enum Exit {
    /// Returns this in r0.
    Return(u32),
    /// Registers are set: go on at pc.
    Jump,
}

/// A running emulator.
pub(super) struct Machine {
    emulator: Emulator,
}

impl Machine {
    /// Starts an emulator; `None`, with a message, if there is none on this machine.
    pub(super) fn start() -> Option<Machine> {
        // A Cortex-A9 has neither division instructions nor anything of later architectures.
        let mut emulator = Emulator::start(&["qemu-arm", "-cpu", "cortex-a9"], &elf())?;
        (0..HOST_FUNCTIONS).for_each(|index| emulator.set_breakpoint(host(index).into()));
        Some(Machine { emulator })
    }

    pub(super) fn write(&mut self, address: u32, bytes: &[u8]) {
        self.emulator.write(address.into(), bytes);
    }

    pub(super) fn read(&mut self, address: u32, length: u32) -> Vec<u8> {
        self.emulator.read(address.into(), length.into())
    }

    pub(super) fn word(&mut self, address: u32) -> u32 {
        u32::from_le_bytes(self.read(address, 4).try_into().expect("four bytes"))
    }

    /// The words from one address up to another.
    pub(super) fn words(&mut self, from: u32, to: u32) -> Vec<u32> {
        if from == to {
            return Vec::new();
        }
        let bytes = self.read(from, to - from);
        bytes.chunks(4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes"))).collect()
    }

    pub(super) fn set_word(&mut self, address: u32, value: u32) {
        self.write(address, &value.to_le_bytes());
    }

    pub(super) fn set_words(&mut self, address: u32, values: &[u32]) {
        let bytes: Vec<u8> = values.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.write(address, &bytes);
    }

    pub(super) fn reg(&mut self, number: u32) -> u32 {
        u32::from_le_bytes(self.emulator.register(number).try_into().expect("four bytes"))
    }

    pub(super) fn set_reg(&mut self, number: u32, value: u32) {
        self.emulator.set_register(number, &value.to_le_bytes());
    }

    pub(super) fn double(&mut self, number: u32) -> u64 {
        u64::from_le_bytes(self.emulator.register(D0 + number).try_into().expect("eight bytes"))
    }

    pub(super) fn set_double(&mut self, number: u32, value: u64) {
        self.emulator.set_register(D0 + number, &value.to_le_bytes());
    }

    /// Overwrites the registers that a C function may overwrite, but not the link register.
    pub(super) fn destroy_volatile(&mut self) {
        for reg in VOLATILE {
            self.set_reg(reg, 0x0bad_0bad);
        }
        for double in 0..8 {
            self.set_double(double, 0x0bad_0bad_0bad_0bad);
        }
    }

    /// Runs from the current state until the code gets to C++ function 0. `cpp` plays the others.
    ///
    /// # Panics
    /// If the code stops anywhere else.
    pub(super) fn run(&mut self, cpp: &mut dyn FnMut(&mut Machine, u32) -> Exit) {
        loop {
            let (at_breakpoint, stop) = self.emulator.resume();
            let pc = self.reg(PC);
            if !at_breakpoint || !(HOST..host(HOST_FUNCTIONS)).contains(&pc) {
                let registers: Vec<String> =
                    (0..16).map(|number| format!("{:x}", self.reg(number))).collect();
                panic!("stop {stop} with registers {}", registers.join(" "));
            }
            let function = (pc - HOST) / 4;
            if function == 0 {
                return;
            }
            let lr = self.reg(LR);
            if let Exit::Return(result) = cpp(self, function) {
                self.destroy_volatile();
                self.set_reg(R0, result);
                self.set_reg(LR, 0x0bad_0bad);
                self.set_reg(PC, lr);
            }
        }
    }

    /// Calls a function as C does, and checks that it keeps what it must. Returns r0 and r1.
    pub(super) fn call(
        &mut self,
        function: u32,
        args: &[u32],
        cpp: &mut dyn FnMut(&mut Machine, u32) -> Exit,
    ) -> (u32, u32) {
        let pattern = |number: u32| number * 0x0101_0101;
        let double_pattern = |number: u32| u64::from(number) * 0x0101_0101_0101_0101;
        (4..12).for_each(|number| self.set_reg(number, pattern(number)));
        (8..16).for_each(|number| self.set_double(number, double_pattern(number)));
        self.destroy_volatile();
        (0..).zip(args).for_each(|(number, &arg)| self.set_reg(number, arg));
        self.set_reg(SP, STACK);
        self.set_reg(LR, host(0));
        self.set_reg(PC, function);
        self.run(cpp);
        assert_eq!(self.reg(SP), STACK, "stack pointer");
        for number in 4..12 {
            assert_eq!(self.reg(number), pattern(number), "r{number} is preserved");
        }
        for number in 8..16 {
            assert_eq!(self.double(number), double_pattern(number), "d{number} is preserved");
        }
        (self.reg(R0), self.reg(R1))
    }
}

/// The address of a C++ function. Function 0 is where calls from C return to.
pub(super) fn host(index: u32) -> u32 {
    HOST + 4 * index
}

/// A program of zeroed memory that may be read, written and executed.
fn elf() -> Vec<u8> {
    let mut file = Vec::new();
    let mut half = |value: u16| file.extend_from_slice(&value.to_le_bytes());
    // e_ident: 32 bits, little endian, version 1.
    [0x457f, 0x464c, 0x0101, 1, 0, 0, 0, 0].into_iter().for_each(&mut half);
    // ET_EXEC, EM_ARM.
    [2, 40].into_iter().for_each(&mut half);
    let mut word = |value: u32| file.extend_from_slice(&value.to_le_bytes());
    // Version, entry, program headers right behind this header, no sections; EABI 5.
    [1, BASE + 0x100, 52, 0, 0x0500_0000].into_iter().for_each(&mut word);
    let mut half = |value: u16| file.extend_from_slice(&value.to_le_bytes());
    // Sizes of this header and of program headers; one of them; sections: none.
    [52, 32, 1, 40, 0, 0].into_iter().for_each(&mut half);
    let mut word = |value: u32| file.extend_from_slice(&value.to_le_bytes());
    // PT_LOAD of the whole file and zeros behind it; read, write, execute.
    [1, 0, BASE, BASE, 0x1000, END - BASE, 7, 0x1000].into_iter().for_each(&mut word);
    file.resize(0x1000, 0);
    file
}
