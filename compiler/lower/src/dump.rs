//! Texts of the stages of a function's compilation.

use std::fmt::Write;

use iced_x86::{Decoder, DecoderOptions, Formatter, GasFormatter};
use snapcrane_engines::Arch;
use yaxpeax_arch::{Decoder as _, U8Reader};
use yaxpeax_arm::{armv7, armv8::a64};

use crate::metadata::CompiledFunction;

/// What a function looked like on the way.
#[derive(Clone, Debug, Default)]
pub struct Dump {
    /// CLIF as emitted.
    pub clif: String,
    /// CLIF after Cranelift's optimiser.
    pub optimized: String,
    /// Disassembly with calls, maps, handlers and positions.
    pub code: String,
}

/// The tables' lines that belong to a return offset.
fn annotate(out: &mut String, compiled: &CompiledFunction, offset: u32) {
    if let Some(map) = compiled.stack_maps.iter().find(|map| map.return_offset == offset) {
        let words: Vec<String> = map.tagged.iter().map(|word| format!("fp-{}w", word + 1)).collect();
        let _ = write!(out, "          ; return {offset:#x} gc [{}]", words.join(" "));
        for handler in compiled.handlers.iter().filter(|h| h.return_offset == offset) {
            let _ = write!(out, " handler {:#x}", handler.handler_offset);
        }
        for position in compiled.positions.iter().filter(|p| p.return_offset == offset) {
            if let Some(pos) = position.pos.offset() {
                let _ = write!(out, " pos {pos}");
            }
        }
        out.push('\n');
    }
}

/// Disassembles code, with the tables in comments. Jump tables appear as instructions, or as words where they are none.
///
/// Branch targets are offsets in the code, except for 32-bit ARM, where `$` stands for the instruction's own address. x86-64 is in GNU
/// syntax.
pub fn disassemble(compiled: &CompiledFunction, arch: Arch) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "; {} bytes, frame of {} words", compiled.code.len(), compiled.frame_words);
    let mut line = |start: u32, end: u32, text: &str| {
        annotate_handler(&mut out, compiled, start);
        let _ = write!(out, "{start:6x}  {text}");
        for reloc in compiled.relocs.iter().filter(|r| (start..end).contains(&r.offset)) {
            let _ = write!(out, "  ; {:?}", reloc.target);
        }
        out.push('\n');
        annotate(&mut out, compiled, end);
    };
    match arch {
        Arch::X64 => {
            let mut formatter = GasFormatter::new();
            formatter.options_mut().set_uppercase_hex(false);
            let mut text = String::new();
            for instruction in &mut Decoder::with_ip(64, &compiled.code, 0, DecoderOptions::NONE) {
                text.clear();
                formatter.format(&instruction, &mut text);
                line(instruction.ip() as u32, instruction.next_ip() as u32, &text);
            }
        }
        Arch::Arm64 => words(&compiled.code, line, |word, offset| {
            let inst = a64::InstDecoder::default().decode(&mut U8Reader::new(word)).ok()?;
            Some(with_branch_target(inst.to_string(), offset))
        }),
        Arch::Arm => words(&compiled.code, line, |word, _| {
            armv7::InstDecoder::armv7().decode(&mut U8Reader::new(word)).ok().map(|inst| inst.to_string())
        }),
        Arch::Riscv64 => words(&compiled.code, line, |_, _| None),
    }
    out
}

/// Calls `line` for each word of code: as an instruction if `decode` knows it.
fn words(code: &[u8], mut line: impl FnMut(u32, u32, &str), decode: impl Fn(&[u8], u32) -> Option<String>) {
    for (word, start) in code.chunks(4).zip((0..).step_by(4)) {
        let text = decode(word, start).unwrap_or_else(|| {
            let digits: String = word.iter().rev().map(|byte| format!("{byte:02x}")).collect();
            format!(".word 0x{digits}")
        });
        line(start, start + word.len() as u32, &text);
    }
}

/// The instruction at an offset with its target as an offset, if it ends in a distance: `b $-0x10`.
fn with_branch_target(text: String, offset: u32) -> String {
    let Some((start, distance)) = text.split_once('$') else { return text };
    let (forward, digits) = match (distance.strip_prefix("+0x"), distance.strip_prefix("-0x")) {
        (Some(digits), _) => (true, digits),
        (_, Some(digits)) => (false, digits),
        _ => return text,
    };
    let Ok(distance) = u32::from_str_radix(digits, 16) else { return text };
    let target = if forward { offset.wrapping_add(distance) } else { offset.wrapping_sub(distance) };
    format!("{start}{target:#x}")
}

fn annotate_handler(out: &mut String, compiled: &CompiledFunction, offset: u32) {
    if compiled.handlers.iter().any(|h| h.handler_offset == offset) {
        out.push_str("handler:\n");
    }
}
