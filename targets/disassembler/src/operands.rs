//! Operands of instructions, as far as comparisons of code need them.
//!
//! What a number in an instruction can stand for depends on where it is: in a memory operand, behind which register; and on
//! A64 and A32 a number of more than a few bits is spread over two instructions. All of this is read off the text, whose
//! form is this crate's own: the libraries behind it describe operands in three unlike ways.

use smallvec::{SmallVec, smallvec};
use snapcrane_engines::Arch;

use crate::Instruction;

/// What two instructions make of a number that one has no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// The constant of the first is the displacement of the second.
    Index,
    /// The two make this constant.
    Constant(i64),
    /// The two make this displacement.
    Displacement(i64),
}

/// The operands of an instruction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operands {
    /// The text of the instruction with `#` for each number.
    pub skeleton: String,
    /// The numbers in text order, and whether they are in a memory operand.
    pub numbers: SmallVec<[(i64, bool); 3]>,
    /// The register that is written, if it is one.
    pub destination: Option<Register>,
    /// First register of the memory operand.
    pub base: Option<Register>,
    /// What an addition of a constant adds to, where such additions make displacements.
    pub base_of_sum: Option<Register>,
    /// Whether it adds or subtracts a number, where that is how tables are indexed: no memory operand has a displacement and an index.
    pub is_sum: bool,
    /// Whether the memory operand has an index that counts words.
    pub has_scaled_index: bool,
    /// Whether it loads from its memory operand.
    pub is_load: bool,
    /// Whether it computes with the address that its memory operand is.
    pub computes_address: bool,
    /// Whether it writes a constant to a register, on architectures whose other instructions have room for small ones only.
    pub is_constant: bool,
}

impl Operands {
    /// Takes an instruction of an architecture apart.
    pub fn of(instruction: &Instruction, arch: Arch) -> Operands {
        Operands::parse(&instruction.text, arch)
    }

    fn parse(text: &str, arch: Arch) -> Operands {
        let is_x64 = arch == Arch::X64;
        let mut line = Operands { skeleton: String::with_capacity(text.len()), ..Operands::default() };
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
        line.has_scaled_index =
            is_x64 && registers.split(')').next().is_some_and(|list| list.ends_with(",8"));
        line.is_sum = !is_x64 && (mnemonic.starts_with("add") || mnemonic.starts_with("sub"));
        line.is_load = is_x64 && mnemonic.starts_with("mov") || mnemonic.starts_with("ld");
        line.computes_address = is_x64 && mnemonic.starts_with("lea");
        line.is_constant = !is_x64 && mnemonic.starts_with("mov") && line.base.is_none();
        line
    }

    /// What the numbers are together with `number`, the only one of the instruction before.
    pub fn join(&self, previous: &Operands, number: i64) -> Option<Joined> {
        previous.destination?;
        let is_move = previous.is_constant;
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

/// A register, whatever width of it an instruction names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Register([u8; 8]);

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

    fn parse(text: &str, arch: Arch) -> Operands {
        Operands::parse(text, arch)
    }

    #[test]
    fn numbers_are_taken_out_of_instructions() {
        let line = parse("mov -0x7(%rax,%rcx,8),%r10d", Arch::X64);
        assert_eq!(line.skeleton, "mov #(%rax,%rcx,#),%r10d");
        assert_eq!(line.numbers[..], [(-7, true), (8, false)]);
        assert_eq!((line.base, line.destination), (Some(register("%rax")), Some(register("%r10"))));
        let line = parse("callq *0x7828(%rax,%rcx,8)", Arch::X64);
        assert!(line.has_scaled_index && line.numbers[0] == (0x7828, true));
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
