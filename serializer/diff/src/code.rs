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
use smallvec::{SmallVec, smallvec};
use snapcrane_disassembler::Instruction;
use snapcrane_engines::Arch;
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
                let line = Line::parse(&instruction.text, reader.arch());
                reader.pool_registers.extend(reader.loads_pool(&line));
            }
        }
        reader
    }

    fn arch(&self) -> Arch {
        self.snapshot.target.arch
    }

    fn disassemble(&self, code: &Code) -> Vec<Instruction> {
        snapcrane_disassembler::disassemble(self.snapshot.code_bytes(code), self.arch())
    }

    /// The register that an instruction loads the pool into.
    fn loads_pool(&self, line: &Line) -> Option<Register> {
        let offset = i64::from(self.snapshot.target.layout().thread.global_object_pool);
        let is_it = line.numbers.iter().any(|&(number, in_memory)| in_memory && number == offset);
        if is_it && line.is_load() { line.destination } else { None }
    }

    /// The form of a piece of code.
    pub(crate) fn read(&self, code: &Code) -> Instructions {
        let instructions = self.disassemble(code);
        let targets: FxHashSet<i64> = instructions.iter().filter_map(|it| it.destination).collect();
        let mut shape = Digest::new();
        let mut numbers: Vec<Number> = Vec::new();
        let mut previous: Option<Line> = None;
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
            let mut line = Line::parse(&instruction.text, self.arch());
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
                    (true, false) if line.is_scaled && value % 8 == 0 => Role::Row,
                    (true, false) if line.is_arithmetic() => Role::Immediate,
                    (true, false) => Role::Displacement,
                    (false, _) if line.is_move() => Role::Constant,
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

/// What became of a number that belongs to that of the instruction before.
enum Joined {
    /// The number before is a displacement.
    Index,
    /// The two make a constant.
    Constant(i64),
    /// The two make a displacement.
    Displacement(i64),
}

/// An instruction, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
struct Line {
    /// The text with `#` for each number.
    skeleton: String,
    /// The numbers, and whether they are in a memory operand.
    numbers: SmallVec<[(i64, bool); 3]>,
    /// The register that is written, if it is one.
    destination: Option<Register>,
    /// First register of the memory operand.
    base: Option<Register>,
    /// What an addition adds to.
    base_of_sum: Option<Register>,
    /// Whether the memory operand of x86-64 has an index in words. Objects have addresses with a tag, the dispatch table has not.
    is_scaled: bool,
    is_x64: bool,
}

impl Line {
    fn parse(text: &str, arch: Arch) -> Line {
        let is_x64 = arch == Arch::X64;
        let mut line = Line { is_x64, skeleton: String::with_capacity(text.len()), ..Line::default() };
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let before = at.checked_sub(1).map_or(b' ', |at| bytes[at]);
            let starts = bytes[at].is_ascii_digit() && !before.is_ascii_alphanumeric() && before != b'_';
            if !starts {
                line.skeleton.push(char::from(bytes[at]));
                at += 1;
                continue;
            }
            let end =
                bytes[at..].iter().position(|b| !b.is_ascii_alphanumeric()).map_or(bytes.len(), |n| at + n);
            let digits = &text[at..end];
            let value = match digits.strip_prefix("0x") {
                Some(hex) => u64::from_str_radix(hex, 16).ok(),
                None => digits.parse().ok(),
            };
            match value {
                Some(value) => {
                    let is_negative = line.skeleton.ends_with('-');
                    if is_negative {
                        line.skeleton.pop();
                    }
                    let value = if is_negative { (value as i64).wrapping_neg() } else { value as i64 };
                    let in_memory = if is_x64 {
                        bytes.get(end) == Some(&b'(')
                    } else {
                        text[..at].rfind('[').is_some_and(|open| !text[open..at].contains(']'))
                            && !text[..at].contains("lsl")
                    };
                    line.skeleton.push('#');
                    line.numbers.push((value, in_memory));
                }
                None => line.skeleton.push_str(digits),
            }
            at = end;
        }
        let (mnemonic, operands) = text.split_once(' ').unwrap_or((text, ""));
        let mut list = operands.split(',').map(str::trim);
        let (first, second, third) = (list.next().unwrap_or_default(), list.next(), list.next());
        let last = operands.rsplit(',').next().unwrap_or_default().trim();
        let memory = if is_x64 { operands.split_once('(') } else { operands.split_once('[') };
        let registers = memory.map_or("", |(_, inner)| inner.trim_end_matches([')', ']', '!']));
        line.base = registers.split([',', ')', ']']).next().filter(|base| !base.is_empty()).map(register);
        let writes = if is_x64 { last.starts_with('%').then_some(last) } else { Some(first) };
        let only_reads = ["cmp", "test", "tst", "cmn", "st", "push", "call"];
        if !only_reads.iter().any(|start| mnemonic.starts_with(start)) {
            line.destination = writes.filter(|name| !name.is_empty()).map(register);
        }
        let is_number = |text: &&str| text.trim_start_matches('#').starts_with(|c: char| c.is_ascii_digit());
        if mnemonic == "add" && !is_x64 && third.as_ref().is_some_and(is_number) {
            line.base_of_sum = second.map(register);
            if let [(number, _), (shift, _)] = line.numbers[..] {
                line.numbers = smallvec![(number.wrapping_shl(shift as u32), false)];
            }
        }
        line.is_scaled = is_x64 && registers.split(')').next().is_some_and(|list| list.ends_with(",8"));
        line
    }

    fn is_load(&self) -> bool {
        self.skeleton.starts_with("mov") && self.is_x64 || self.skeleton.starts_with("ld")
    }

    /// Whether it computes with the address that a memory operand of x86-64 is.
    fn is_arithmetic(&self) -> bool {
        self.is_x64 && self.skeleton.starts_with("lea")
    }

    /// Whether it writes a constant to a register of A64 or A32.
    fn is_move(&self) -> bool {
        !self.is_x64 && self.skeleton.starts_with("mov") && self.base.is_none()
    }

    /// What the numbers are together with the only number of the instruction before; A64 and A32 have room for small ones only.
    fn join(&self, previous: &Line, number: i64) -> Option<Joined> {
        if self.is_x64 || previous.destination.is_none() {
            return None;
        }
        let is_move = previous.is_move();
        if is_move && self.destination == previous.destination {
            let joined = |high: i64, shift: u32| Joined::Constant(number | high.wrapping_shl(shift));
            return match self.numbers[..] {
                [(high, _)] if self.skeleton.starts_with("movt ") => Some(joined(high, 16)),
                [(high, _), (shift, _)] if self.skeleton.starts_with("movk ") => {
                    Some(joined(high, shift as u32))
                }
                _ => None,
            };
        }
        if is_move && self.numbers.is_empty() && self.base.is_some() {
            let index = self.skeleton.rsplit([',', '[']).next()?.trim_end_matches(']');
            return (Some(register(index)) == previous.destination).then_some(Joined::Index);
        }
        let is_sum = previous.base_of_sum.is_some() && self.base == previous.destination;
        match self.numbers[..] {
            [(low, true)] if is_sum => Some(Joined::Displacement(number.wrapping_add(low))),
            _ => None,
        }
    }
}

/// A register by a name for all its widths, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Register([u8; 8]);

fn register(name: &str) -> Register {
    let name = name.trim().trim_start_matches(['%', '[', '*']);
    let short = match name.strip_prefix(['r', 'x', 'w']) {
        // r8, r8d, x8 and w8
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => {
            rest.trim_end_matches(|c: char| !c.is_ascii_digit())
        }
        Some(rest) if !name.starts_with('x') && rest.len() == 2 => rest,
        _ => match name.strip_prefix('e') {
            Some(rest) if rest.len() == 2 => rest,
            _ => name,
        },
    };
    let mut register = Register::default();
    register.0.iter_mut().zip(short.bytes()).for_each(|(to, byte)| *to = byte);
    register
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, arch: Arch) -> Line {
        Line::parse(text, arch)
    }

    #[test]
    fn numbers_are_taken_out_of_instructions() {
        let line = parse("mov -0x7(%rax,%rcx,8),%r10d", Arch::X64);
        assert_eq!(line.skeleton, "mov #(%rax,%rcx,#),%r10d");
        assert_eq!(line.numbers[..], [(-7, true), (8, false)]);
        assert_eq!((line.base, line.destination), (Some(register("%rax")), Some(register("%r10"))));
        let line = parse("callq *0x7828(%rax,%rcx,8)", Arch::X64);
        assert!(line.is_scaled && line.numbers[0] == (0x7828, true));
        let line = parse("ldr x2, [x27, #0x17f8]", Arch::Arm64);
        assert_eq!(line.numbers[..], [(0x17f8, true)]);
        assert_eq!((line.base, line.destination), (Some(register("x27")), Some(register("x2"))));
        let line = parse("sub x30, x0, #0xff0", Arch::Arm64);
        assert_eq!(line.numbers[..], [(0xff0, false)]);
        let line = parse("ldr lr, [lr, -0xfbc]", Arch::Arm);
        assert_eq!(line.numbers[..], [(-0xfbc, true)]);
    }

    #[test]
    fn constants_of_two_instructions_are_one_number() {
        let join = |first: &str, second: &str, arch| {
            let (first, second) = (parse(first, arch), parse(second, arch));
            match second.join(&first, first.numbers[0].0) {
                Some(Joined::Constant(value)) => format!("constant {value:#x}"),
                Some(Joined::Displacement(value)) => format!("displacement {value:#x}"),
                Some(Joined::Index) => "index".to_owned(),
                None => "none".to_owned(),
            }
        };
        assert_eq!(join("mov w3, #0x211c", "movk w3, #0xe, lsl #16", Arch::Arm64), "constant 0xe211c");
        assert_eq!(join("mov w3, #0x211c", "movk w4, #0xe, lsl #16", Arch::Arm64), "none");
        assert_eq!(join("mov r0, 0x211c", "movt r0, 0xe", Arch::Arm), "constant 0xe211c");
        assert_eq!(join("mov ip, 0x4424", "ldr r1, [r1, ip]", Arch::Arm), "index");
        assert_eq!(
            join("add x16, x27, #0x2, lsl #12", "ldr x0, [x16, #0x7f0]", Arch::Arm64),
            "displacement 0x27f0"
        );
        assert_eq!(join("add x0, x1, x0, lsl #3", "ldr x0, [x0, #0x7f0]", Arch::Arm64), "none");
        assert_eq!(join("add ip, r5, 0x1000", "ldr r1, [ip, 0x7f]", Arch::Arm), "displacement 0x107f");
    }

    #[test]
    fn registers_have_one_name_for_all_widths() {
        for (a, b) in [("%rax", "%eax"), ("%r10", "%r10d"), ("x3", "w3")] {
            assert_eq!(register(a), register(b));
        }
        assert_ne!(register("%rax"), register("%rcx"));
        assert_ne!(register("%xmm0"), register("%r0"));
    }
}
