//! Code in a form that does not depend on where things are.
//!
//! # Problem
//!
//! A small edit of a program renumbers what all code refers to: slots of the object pool, class ids, rows of the dispatch
//! table, addresses of callees. Almost every function has other bytes then, though it does the same.
//!
//! # Approach
//!
//! The instructions of a function become a *shape*, a digest of their text without numbers and with the names of callees
//! outside of the function, and the list of its *numbers*. Equal shapes are compared number by number with a
//! [`Renumbering`](crate::renumbering::Renumbering), which knows what a number can stand for in each snapshot.
//!
//! What a number can be is read off the instruction: its [`Role`]. A displacement from a register that holds the object
//! pool names a slot for certain. Such registers are those that the stub `InvokeDartCode` loads from the thread, for code
//! that keeps the pool in a register; and within a basic block each that was loaded so.
//!
//! # Limits
//!
//! Where a role leaves several meanings, equal numbers count as the same, and different ones if one of the meanings
//! explains them. A function that got another class whose id is the number that the old class had before does not
//! show as changed.

use rustc_hash::FxHashSet;
use snapcrane_disassembler::Instruction;
use snapcrane_disassembler::operands::{Joined, Operands, Register};
use snapcrane_view::{Code, Snapshot};

use crate::names::Names;

/// FNV-1a: a digest that is the same everywhere.
pub(crate) struct Digest(u64);

impl Digest {
    pub(crate) const fn new() -> Digest {
        Digest(0xcbf2_9ce4_8422_2325)
    }

    /// Adds a text and its end.
    pub(crate) fn add(&mut self, text: &str) {
        self.bytes(text.bytes().chain([0xff]));
    }

    /// Adds a number.
    pub(crate) fn number(&mut self, number: i64) {
        self.bytes(number.to_le_bytes().into_iter());
    }

    fn bytes(&mut self, bytes: impl Iterator<Item = u8>) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    pub(crate) const fn value(&self) -> u64 {
        self.0
    }

    pub(crate) fn of(text: &str) -> u64 {
        let mut digest = Digest::new();
        digest.add(text);
        digest.value()
    }
}

/// What a number in an instruction can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A plain number, or a class id.
    Immediate,
    /// The same, or an offset from the start of the dispatch table, added before the sum is scaled.
    Sum,
    /// What goes to a register of A64 or A32, where it may be used for anything.
    Constant,
    /// An offset from a register.
    Displacement,
    /// An offset from a register that holds the object pool.
    PoolSlot,
    /// An offset from the start of the dispatch table, to which a class id is added.
    Row,
}

/// A number in an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number {
    /// What it can be.
    pub role: Role,
    /// The number.
    pub value: i64,
}

/// The instructions of a piece of code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instructions {
    /// Digest of everything but the numbers.
    pub shape: u64,
    /// The numbers in text order.
    pub numbers: Vec<Number>,
}

impl Instructions {
    /// A digest of all.
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::new();
        digest.number(self.shape as i64);
        self.numbers.iter().for_each(|number| digest.number(number.value));
        digest.value()
    }
}

/// Reads code of one snapshot.
pub(crate) struct Reader<'a, 's> {
    snapshot: &'a Snapshot<'s>,
    names: &'a Names<'a, 's>,
    /// Registers that hold the pool everywhere.
    pool_registers: Vec<Register>,
}

impl<'a, 's> Reader<'a, 's> {
    pub(crate) fn new(names: &'a Names<'a, 's>) -> Reader<'a, 's> {
        let snapshot = names.snapshot;
        let mut reader = Reader { snapshot, names, pool_registers: Vec::new() };
        let stub = snapshot.codes().iter().find(|code| snapshot.code_name(code) == "stub InvokeDartCode");
        if let Some(code) = stub {
            for instruction in &reader.disassemble(code) {
                let line = Operands::of(instruction, reader.snapshot.target.arch);
                reader.pool_registers.extend(reader.loads_pool(&line));
            }
        }
        reader
    }

    fn disassemble(&self, code: &Code) -> Vec<Instruction> {
        snapcrane_disassembler::disassemble(self.snapshot.code_bytes(code), self.snapshot.target.arch)
    }

    /// The register that an instruction loads the pool into.
    fn loads_pool(&self, line: &Operands) -> Option<Register> {
        let offset = i64::from(self.snapshot.target.layout().thread.global_object_pool);
        let is_it = line.numbers.iter().any(|&(number, in_memory)| in_memory && number == offset);
        if is_it && line.is_load { line.destination } else { None }
    }

    /// The form of a piece of code.
    pub(crate) fn read(&self, code: &Code) -> Instructions {
        let instructions = self.disassemble(code);
        let targets: FxHashSet<i64> = instructions.iter().filter_map(|it| it.destination).collect();
        let mut shape = Digest::new();
        let mut numbers: Vec<Number> = Vec::new();
        let mut previous: Option<Operands> = None;
        let mut pool_registers = self.pool_registers.clone();
        for instruction in &instructions {
            if targets.contains(&i64::from(instruction.start)) {
                pool_registers.clone_from(&self.pool_registers);
            }
            if let Some(destination) = instruction.destination {
                self.branch(&mut shape, code, instruction, destination);
                previous = None;
                continue;
            }
            let mut line = Operands::of(instruction, self.snapshot.target.arch);
            let first = numbers.len();
            let is_slot = line.base.is_some_and(|base| pool_registers.contains(&base));
            // A constant in two instructions counts where the second one is.
            if let Some(previous) = &previous
                && previous.numbers.len() == 1
                && let Some(at) = first.checked_sub(1)
                && let Some(joined) = line.join(previous, numbers[at].value)
            {
                let is_pool = previous.base_of_sum.is_some_and(|base| pool_registers.contains(&base));
                if is_pool {
                    numbers[at].role = Role::PoolSlot;
                }
                match joined {
                    Joined::Index => {
                        numbers[at].role = if is_slot { Role::PoolSlot } else { Role::Displacement };
                    }
                    Joined::Constant(value) => numbers[at].value = value,
                    Joined::Displacement(value) => {
                        numbers[at].value = value;
                        numbers[at].role = if is_pool { Role::PoolSlot } else { Role::Displacement };
                    }
                }
                line.numbers.clear();
            }
            for &(value, in_memory) in &line.numbers {
                let role = match (in_memory, is_slot) {
                    (true, true) => Role::PoolSlot,
                    (true, false) if line.has_scaled_index && value % 8 == 0 => Role::Row,
                    (true, false) if line.computes_address => Role::Immediate,
                    (true, false) => Role::Displacement,
                    (false, _) if line.is_constant => Role::Constant,
                    (false, _) if line.is_sum => Role::Sum,
                    (false, _) => Role::Immediate,
                };
                numbers.push(Number { role, value });
            }
            shape.add(&line.skeleton);
            if let Some(destination) = line.destination
                && !self.pool_registers.contains(&destination)
            {
                pool_registers.retain(|register| *register != destination);
                pool_registers.extend(self.loads_pool(&line));
            }
            previous = Some(line);
        }
        Instructions { shape: shape.value(), numbers }
    }

    /// Branches that leave the code count by the name of what they lead to.
    fn branch(&self, shape: &mut Digest, code: &Code, instruction: &Instruction, destination: i64) {
        let outside = u32::try_from(i64::from(code.start) + destination)
            .ok()
            .filter(|address| !(code.start..code.end).contains(address))
            .and_then(|address| Some((address, self.snapshot.code_at(address)?)));
        match outside {
            Some((address, callee)) => {
                shape.add(instruction.text.split_whitespace().next().unwrap_or_default());
                shape.add(&self.names.code(callee));
                shape.number(i64::from(address - callee.start));
            }
            None => shape.add(&instruction.text),
        }
    }
}
