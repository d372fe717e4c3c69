//! A 64-bit ARM processor for tests, see [`crate::emulator`].

use crate::emulator::Emulator;

/// Where the program's memory starts; the first page holds its ELF header.
const BASE: u64 = 0x1_0000;
/// Where code is placed.
pub(super) const CODE: u64 = 0x2_0000;
/// The first address that stands for a C++ function.
const HOST: u64 = 0x3_f000;
/// How many there are.
const HOST_FUNCTIONS: u64 = 16;
/// The engine's thread.
pub(super) const THREAD: u64 = 0x4_0000;
/// Data of tests.
pub(super) const DATA: u64 = 0x5_0000;
/// The stack grows down from here.
pub(super) const STACK: u64 = 0xc_0000;
/// More data, aligned to pages of the garbage collector.
pub(super) const PAGES: u64 = 0x10_0000;
/// The end of memory.
const END: u64 = 0x80_0000;

/// Numbers of registers, in the emulator's list, that are not just their own.
pub(super) const FP: u32 = 29;
pub(super) const LR: u32 = 30;
pub(super) const SP: u32 = 31;
pub(super) const PC: u32 = 32;
const V0: u32 = 34;

/// How a fake C++ function ends.
pub(super) enum Exit {
    /// Returns this in x0.
    Return(u64),
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
        // A Cortex-A53 has the first version of the architecture, without atomic instructions other than exclusive accesses.
        let mut emulator = Emulator::start(&["qemu-aarch64", "-cpu", "cortex-a53"], &elf())?;
        (0..HOST_FUNCTIONS).for_each(|index| emulator.set_breakpoint(host(index)));
        Some(Machine { emulator })
    }

    pub(super) fn write(&mut self, address: u64, bytes: &[u8]) {
        self.emulator.write(address, bytes);
    }

    pub(super) fn word(&mut self, address: u64) -> u64 {
        u64::from_le_bytes(self.emulator.read(address, 8).try_into().expect("eight bytes"))
    }

    pub(super) fn half_word(&mut self, address: u64) -> u32 {
        u32::from_le_bytes(self.emulator.read(address, 4).try_into().expect("four bytes"))
    }

    /// The words from one address up to another.
    pub(super) fn words(&mut self, from: u64, to: u64) -> Vec<u64> {
        let bytes = self.emulator.read(from, to - from);
        bytes.chunks(8).map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes"))).collect()
    }

    pub(super) fn set_word(&mut self, address: u64, value: u64) {
        self.write(address, &value.to_le_bytes());
    }

    pub(super) fn set_half_word(&mut self, address: u64, value: u32) {
        self.write(address, &value.to_le_bytes());
    }

    pub(super) fn set_words(&mut self, address: u64, values: &[u64]) {
        let bytes: Vec<u8> = values.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.write(address, &bytes);
    }

    pub(super) fn reg(&mut self, number: u32) -> u64 {
        u64::from_le_bytes(self.emulator.register(number).try_into().expect("eight bytes"))
    }

    pub(super) fn set_reg(&mut self, number: u32, value: u64) {
        self.emulator.set_register(number, &value.to_le_bytes());
    }

    pub(super) fn vector(&mut self, number: u32) -> u128 {
        u128::from_le_bytes(self.emulator.register(V0 + number).try_into().expect("sixteen bytes"))
    }

    pub(super) fn set_vector(&mut self, number: u32, value: u128) {
        self.emulator.set_register(V0 + number, &value.to_le_bytes());
    }

    /// Overwrites the registers that a C function may overwrite, but not the link register: of v8 to v15 the upper halves.
    pub(super) fn destroy_volatile(&mut self) {
        (0..19).for_each(|number| self.set_reg(number, 0x0bad_0bad_0bad_0bad));
        for number in 0..32 {
            let kept = if (8..16).contains(&number) { self.vector(number) as u64 } else { 0x0bad };
            self.set_vector(number, 0x0bad << 64 | u128::from(kept));
        }
    }

    /// Runs from the current state until the code gets to C++ function 0. `cpp` plays the others.
    ///
    /// # Panics
    /// If the code stops anywhere else.
    pub(super) fn run(&mut self, cpp: &mut dyn FnMut(&mut Machine, u64) -> Exit) {
        loop {
            let (at_breakpoint, stop) = self.emulator.resume();
            let pc = self.reg(PC);
            if !at_breakpoint || !(HOST..host(HOST_FUNCTIONS)).contains(&pc) {
                let registers: Vec<String> =
                    (0..33).map(|number| format!("{:x}", self.reg(number))).collect();
                panic!("stop {stop} with registers {}", registers.join(" "));
            }
            let function = (pc - HOST) / 4;
            if function == 0 {
                return;
            }
            let lr = self.reg(LR);
            if let Exit::Return(result) = cpp(self, function) {
                self.destroy_volatile();
                self.set_reg(0, result);
                self.set_reg(LR, 0x0bad_0bad);
                self.set_reg(PC, lr);
            }
        }
    }

    /// Calls a function as C does, and checks that it keeps what it must. Returns x0.
    pub(super) fn call(
        &mut self,
        function: u64,
        args: &[u64],
        cpp: &mut dyn FnMut(&mut Machine, u64) -> Exit,
    ) -> u64 {
        let pattern = |number: u32| u64::from(number) * 0x0101_0101_0101_0101;
        (19..30).for_each(|number| self.set_reg(number, pattern(number)));
        (8..16).for_each(|number| self.set_vector(number, pattern(number).into()));
        self.destroy_volatile();
        (0..).zip(args).for_each(|(number, &arg)| self.set_reg(number, arg));
        self.set_reg(SP, STACK);
        self.set_reg(LR, host(0));
        self.set_reg(PC, function);
        self.run(cpp);
        assert_eq!(self.reg(SP), STACK, "stack pointer");
        for number in 19..30 {
            assert_eq!(self.reg(number), pattern(number), "x{number} is preserved");
        }
        for number in 8..16 {
            assert_eq!(
                self.vector(number) as u64,
                pattern(number),
                "the lower half of v{number} is preserved"
            );
        }
        self.reg(0)
    }
}

/// The address of a C++ function. Function 0 is where calls from C return to.
pub(super) fn host(index: u64) -> u64 {
    HOST + 4 * index
}

/// A program of zeroed memory that may be read, written and executed.
fn elf() -> Vec<u8> {
    let mut file = Vec::new();
    let mut half = |value: u16| file.extend_from_slice(&value.to_le_bytes());
    // e_ident: 64 bits, little endian, version 1; then ET_EXEC, EM_AARCH64.
    [0x457f, 0x464c, 0x0102, 1, 0, 0, 0, 0, 2, 183].into_iter().for_each(&mut half);
    file.extend_from_slice(&1_u32.to_le_bytes());
    // Entry, program headers right behind this header, no sections.
    [BASE + 0x100, 64, 0].into_iter().for_each(|word: u64| file.extend_from_slice(&word.to_le_bytes()));
    // No flags. Sizes of this header and of program headers; one of them; sections: none.
    let mut half = |value: u16| file.extend_from_slice(&value.to_le_bytes());
    [0, 0, 64, 56, 1, 64, 0, 0].into_iter().for_each(&mut half);
    // PT_LOAD, to be read, written and executed: the whole file and zeros behind it.
    [1, 7].into_iter().for_each(|word: u32| file.extend_from_slice(&word.to_le_bytes()));
    let words = [0, BASE, BASE, 0x1000, END - BASE, 0x1000];
    words.into_iter().for_each(|word: u64| file.extend_from_slice(&word.to_le_bytes()));
    file.resize(0x1000, 0);
    file
}
