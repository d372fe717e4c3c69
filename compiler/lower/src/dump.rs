//! Texts of the stages of a function's compilation.

use std::fmt::Write;

use snapcrane_engines::Arch;

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
/// Branch targets are offsets in the code.
pub fn disassemble(compiled: &CompiledFunction, arch: Arch) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "; {} bytes, frame of {} words", compiled.code.len(), compiled.frame_words);
    for instruction in snapcrane_disassembler::disassemble(&compiled.code, arch) {
        let (start, end) = (instruction.start, instruction.end);
        annotate_handler(&mut out, compiled, start);
        let _ = write!(out, "{start:6x}  {}", instruction.text);
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
