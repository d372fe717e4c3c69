//! Texts of the stages of a function's compilation.

use std::fmt::Write;

use iced_x86::{Decoder, DecoderOptions, Formatter, GasFormatter, Instruction};

use target_lexicon::Architecture;

use crate::metadata::CompiledFunction;

/// What a function looked like on the way.
#[derive(Clone, Debug, Default)]
pub struct Dump {
    /// CLIF as emitted.
    pub clif: String,
    /// CLIF after Cranelift's optimiser.
    pub optimized: String,
    /// Disassembly with calls, maps, handlers and positions; hexadecimal bytes where no disassembler is at hand.
    pub code: String,
}

impl Dump {
    pub(crate) fn finish(&mut self, compiled: &CompiledFunction, arch: Architecture) {
        self.code = match arch {
            Architecture::X86_64 => disassemble(compiled),
            _ => compiled.code.chunks(16).map(hex_line).collect(),
        };
    }
}

fn hex_line(bytes: &[u8]) -> String {
    let mut line = String::new();
    for byte in bytes {
        let _ = write!(line, "{byte:02x} ");
    }
    line.trim_end().to_string() + "\n"
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

/// Disassembles x86-64 code in GNU syntax, with the tables in comments.
pub fn disassemble(compiled: &CompiledFunction) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "; {} bytes, frame of {} words", compiled.code.len(), compiled.frame_words);
    let mut decoder = Decoder::with_ip(64, &compiled.code, 0, DecoderOptions::NONE);
    let mut formatter = GasFormatter::new();
    formatter.options_mut().set_uppercase_hex(false);
    let mut instruction = Instruction::default();
    let mut text = String::new();
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        let (start, end) = (instruction.ip() as u32, instruction.next_ip() as u32);
        annotate_handler(&mut out, compiled, start);
        text.clear();
        formatter.format(&instruction, &mut text);
        let _ = write!(out, "{start:6x}  {text}");
        for reloc in compiled.relocs.iter().filter(|r| (start..end).contains(&r.offset)) {
            let _ = write!(out, "  ; {:?}", reloc.target);
        }
        out.push('\n');
        annotate(&mut out, compiled, end);
    }
    out
}

fn annotate_handler(out: &mut String, compiled: &CompiledFunction, offset: u32) {
    if compiled.handlers.iter().any(|h| h.handler_offset == offset) {
        out.push_str("handler:\n");
    }
}
