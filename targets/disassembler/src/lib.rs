//! Machine code as text: x86-64, A64 and A32.
//!
//! Text comes from libraries; what they do not offer alike, the destination of a direct branch or call, is read off the instruction here,
//! so that callers can say what is there.

pub mod operands;

use iced_x86::{Decoder, DecoderOptions, FlowControl, Formatter, GasFormatter};
use snapcrane_engines::Arch;
use yaxpeax_arch::{Decoder as _, U8Reader};
use yaxpeax_arm::{armv7, armv8::a64};

/// An instruction, or a piece of data between instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Offset of the first byte from the start of the code.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
    /// GNU syntax on x86-64, the manufacturer's on the others; `.word` or `(bad)` where no instruction is.
    pub text: String,
    /// Where a direct branch or call leads, from the start of the code. It may lie outside of it.
    pub destination: Option<i64>,
}

/// Disassembles code. Data in it, such as jump tables and literals, shows as the instructions that it happens to be.
///
/// In the text, branches name their destination as an offset from the start of the code.
pub fn disassemble(code: &[u8], arch: Arch) -> Vec<Instruction> {
    match arch {
        Arch::X64 => x64(code),
        Arch::Arm64 => words(code, a64_destination, |word| {
            a64::InstDecoder::default().decode(&mut U8Reader::new(word)).ok().map(|inst| inst.to_string())
        }),
        Arch::Arm => words(code, a32_destination, |word| {
            armv7::InstDecoder::armv7().decode(&mut U8Reader::new(word)).ok().map(|inst| inst.to_string())
        }),
        Arch::Riscv64 => words(code, |_, _| None, |_| None),
    }
}

fn x64(code: &[u8]) -> Vec<Instruction> {
    let mut formatter = GasFormatter::new();
    formatter.options_mut().set_uppercase_hex(false);
    Decoder::with_ip(64, code, 0, DecoderOptions::NONE)
        .iter()
        .map(|instruction| {
            let mut text = String::new();
            formatter.format(&instruction, &mut text);
            let is_direct = matches!(
                instruction.flow_control(),
                FlowControl::Call | FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch
            );
            Instruction {
                start: instruction.ip() as u32,
                end: instruction.next_ip() as u32,
                text,
                destination: is_direct.then(|| instruction.near_branch_target() as i64),
            }
        })
        .collect()
}

/// Code of instructions of four bytes.
fn words(
    code: &[u8],
    destination: impl Fn(u32, i64) -> Option<i64>,
    decode: impl Fn(&[u8]) -> Option<String>,
) -> Vec<Instruction> {
    code.chunks(4)
        .zip((0..).step_by(4))
        .map(|(word, start)| {
            let text = decode(word).unwrap_or_else(|| {
                let digits: String = word.iter().rev().map(|byte| format!("{byte:02x}")).collect();
                format!(".word 0x{digits}")
            });
            let bits = word.try_into().map(u32::from_le_bytes).ok();
            let destination = bits.and_then(|bits| destination(bits, i64::from(start)));
            // The library writes distances: `b $-0x10`.
            let text = match (destination, text.split_once('$')) {
                (Some(to), Some((before, _))) if to < 0 => format!("{before}-{:#x}", -to),
                (Some(to), Some((before, _))) => format!("{before}{to:#x}"),
                _ => text,
            };
            Instruction { start, end: start + word.len() as u32, text, destination }
        })
        .collect()
}

/// The lowest `width` bits as a signed number.
fn sign_extend(bits: u32, width: u32) -> i64 {
    i64::from((bits << (32 - width)) as i32 >> (32 - width))
}

fn a64_destination(bits: u32, at: i64) -> Option<i64> {
    let words = if bits & 0x7c00_0000 == 0x1400_0000 {
        sign_extend(bits, 26) // b, bl
    } else if bits & 0xff00_0010 == 0x5400_0000 || bits & 0x7e00_0000 == 0x3400_0000 {
        sign_extend(bits >> 5, 19) // b.cond; cbz, cbnz
    } else if bits & 0x7e00_0000 == 0x3600_0000 {
        sign_extend(bits >> 5, 14) // tbz, tbnz
    } else {
        return None;
    };
    Some(at + 4 * words)
}

fn a32_destination(bits: u32, at: i64) -> Option<i64> {
    const ALWAYS: u32 = 0xf; // The encoding of blx, not of a condition.
    let is_branch = bits & 0x0e00_0000 == 0x0a00_0000 && bits >> 28 != ALWAYS;
    is_branch.then(|| at + 8 + 4 * sign_extend(bits, 24))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destinations(code: &[u8], arch: Arch) -> Vec<Option<i64>> {
        disassemble(code, arch).into_iter().map(|instruction| instruction.destination).collect()
    }

    fn words(code: &[u32]) -> Vec<u8> {
        code.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn x64_names_destinations() {
        // call +0x10; jne back to 0; call *%rax
        let code = [0xe8, 0x10, 0, 0, 0, 0x75, 0xf9, 0xff, 0xd0];
        assert_eq!(destinations(&code, Arch::X64), [Some(0x15), Some(0), None]);
    }

    #[test]
    fn a64_names_destinations() {
        // bl +8; b.eq -4; cbz x0, +12; tbnz w1, #3, +8; blr x2; ret
        let code = words(&[0x9400_0002, 0x54ff_ffe0, 0xb400_0060, 0x3718_0041, 0xd63f_0040, 0xd65f_03c0]);
        assert_eq!(destinations(&code, Arch::Arm64), [Some(8), Some(0), Some(20), Some(20), None, None]);
    }

    #[test]
    fn a32_names_destinations() {
        // bl +8 (pc-relative 0); bne -8; blx r3; .word
        let code = words(&[0xeb00_0000, 0x1aff_fffd, 0xe12f_ff33, 0xffff_ffff]);
        assert_eq!(destinations(&code, Arch::Arm), [Some(8), Some(0), None, None]);
    }

    #[test]
    fn what_is_no_instruction_is_a_word() {
        let text = disassemble(&words(&[0xffff_ffff]), Arch::Arm64).remove(0).text;
        assert_eq!(text, ".word 0xffffffff");
    }
}
