//! Tests of the 32-bit ARM stubs: what all have in common ([`crate::scenarios`]), what the engine decodes, and the stubs as
//! text.
//!
//! `stubs.txt` keeps the words and their disassembly by GNU objdump, for reading. `SNAPCRANE_BLESS=1` writes it.

use super::Arm;
use crate::scenarios::{
    FUNCTION_SLOT, TRAMPOLINE_SLOT, every_scenario, native, native_call, pool_offset, target,
};
use crate::{RelocKind, StubRole, native_function_body, stubs};
use std::fmt::Write as _;
use std::process::Command;

every_scenario!(Arm);

/// Decodes the load of a pool slot that ends before `end`, as `InstructionPattern::DecodeLoadWordFromPool` does: the
/// offset in the tagged pool, and where the sequence starts.
fn decode_pool_load(words: &[u32], end: usize) -> (u32, usize) {
    let load = words[end - 1];
    assert_eq!(load & 0xfff0_0000, 0xe590_0000, "ldr reg, [reg, #offset]");
    let add = words[end - 2];
    assert_eq!(add & 0xffff_0000, 0xe085_0000, "add reg, r5, reg");
    let (movw, movt) = (words[end - 4], words[end - 3]);
    assert_eq!((movw & 0xfff0_0000, movt & 0xfff0_0000), (0xe300_0000, 0xe340_0000), "movw and movt");
    let half = |word: u32| (word & 0xf_0000) >> 4 | word & 0xfff;
    let registers = [movw, movt, add, load].map(|word| word >> 12 & 15);
    assert!(registers.iter().all(|&reg| reg == registers[0]), "one register");
    ((half(movt) << 16 | half(movw)) + (load & 0xfff), end - 4)
}

#[test]
fn native_calls_have_the_words_that_the_engine_decodes() {
    let (code, words) = native_call::<Arm>(RelocKind::A32PoolOffsetMov);
    let end = words.len();
    assert_eq!(words[end - 1], 0xe12f_ff3e, "blx lr");
    let entry_point = target::<Arm>().layout().code.entry_point as u32 - 1;
    assert_eq!(words[end - 2], 0xe59e_e000 | entry_point, "ldr lr, [lr, #entry point]");
    let (trampoline, start) = decode_pool_load(&words, end - 2);
    let (function, _) = decode_pool_load(&words, start);
    assert_eq!(i64::from(trampoline) + 1, pool_offset::<Arm>(TRAMPOLINE_SLOT));
    assert_eq!(i64::from(function) + 1, pool_offset::<Arm>(FUNCTION_SLOT));
    assert_eq!(code.stack_map.tagged, [true; 3]);
}

/// Disassembles code with GNU objdump: one line of text per word.
fn disassemble(code: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("code");
    std::fs::write(&path, code).expect("code");
    let mut command = Command::new("arm-linux-gnueabihf-objdump");
    let output = command.args(["-D", "-b", "binary", "-m", "arm"]).arg(&path).output();
    let text = String::from_utf8(output.expect("arm-linux-gnueabihf-objdump").stdout).expect("text");
    let instructions = text.lines().filter_map(|line| line.splitn(3, '\t').nth(2));
    let text = instructions.map(|text| text.split('@').next().expect("text").split_whitespace());
    text.map(|words| words.collect::<Vec<_>>().join(" ")).collect()
}

/// All code as lines: a name, or an offset and a word, with the instruction as text if asked for.
fn listing(with_text: bool) -> Vec<String> {
    let target = target::<Arm>();
    let natives = [native(0, false), native(6, true)].map(|native| {
        let code = native_function_body(&target, &native).expect("body");
        let name = format!("native function with {} parameter words", native.parameter_words());
        (name, code.bytes, code.relocs)
    });
    let stubs = stubs(&target).expect("stubs").into_iter().filter(|stub| stub.role == StubRole::Code);
    let mut lines = Vec::new();
    for (name, bytes, relocs) in stubs.map(|stub| (stub.name, stub.bytes, stub.relocs)).chain(natives) {
        lines.push(format!("{name}:"));
        let texts = if with_text { disassemble(&bytes) } else { Vec::new() };
        for (index, word) in bytes.chunks(4).enumerate() {
            let word = u32::from_le_bytes(word.try_into().expect("four bytes"));
            let mut line = format!("{:4x} {word:08x}", index * 4);
            for reloc in relocs.iter().filter(|reloc| reloc.offset as usize == index * 4) {
                write!(line, " <{:?} {:?} {:+}>", reloc.kind, reloc.target, reloc.addend)
                    .expect("formatting");
            }
            if let Some(text) = texts.get(index) {
                write!(line, "  {text}").expect("formatting");
            }
            lines.push(line);
        }
    }
    lines
}

#[test]
fn stubs_read_as_recorded() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/arm/stubs.txt");
    if std::env::var_os("SNAPCRANE_BLESS").is_some() {
        std::fs::write(&path, listing(true).join("\n") + "\n").expect("stubs.txt");
    }
    let recorded = std::fs::read_to_string(&path).expect("stubs.txt");
    let recorded: Vec<&str> =
        recorded.lines().map(|line| line.split("  ").find(|part| !part.is_empty()).expect("line")).collect();
    let now = listing(false);
    let now: Vec<&str> = now.iter().map(|line| line.trim_start()).collect();
    assert_eq!(recorded.iter().map(|line| line.trim_start()).collect::<Vec<_>>(), now);
}
