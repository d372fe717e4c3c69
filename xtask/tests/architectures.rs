//! Processors are a matter of `targets/`: neither the compiler nor the serializer may know one by name, except in the places listed here.
//! Everywhere else a fact about a target comes from its `TargetSpec`, so that a new one needs no search for places to change.

use std::fs;
use std::path::{Path, PathBuf};

use xtask::workspace_root;

/// Files that may name processors, and why.
const ALLOWED: &[(&str, &str)] = &[
    ("compiler/lower/src/compile.rs", "takes over the results of the code generators"),
    ("compiler/lower/src/isa.rs", "chooses the code generator; facts of processors for the lowering"),
    ("serializer/container/src/read/elf.rs", "machine numbers of ELF files"),
    ("serializer/container/src/read/macho.rs", "machine numbers of Mach-O files"),
    ("serializer/container/src/read/mod.rs", "machines that files are for"),
    ("serializer/fixtures/src/lib.rs", "the targets that fixtures are made for"),
    ("serializer/snapshot/src/testing.rs", "targets of the format's tests"),
    ("serializer/view/src/target.rs", "architectures that the engine data do not have"),
    ("serializer/view/src/engine.rs", "the processor of an engine binary, by the machine in its header"),
    ("serializer/view/src/verify/container.rs", "the machine that a container for a target must name"),
];

/// Parts of names, in lower case, that stand for a processor wherever they occur.
const PARTS: &[&str] = &["x64", "x86", "amd64", "arm64", "aarch64", "armv7", "arm32", "riscv"];

/// Names that do as a whole.
const WORDS: &[&str] = &["arm", "ia32", "a32", "a64"];

/// All Rust files below a folder that are part of a product: no tests, examples or fuzzers.
fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    for entry in entries {
        let path = entry.expect("readable").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["tests", "examples", "fuzz", "target"].contains(&name.as_str()) {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(path);
        }
    }
}

/// The name of a processor in a line of code, if there is one. Comments may cite the engine's files, which are named after processors.
fn mention(line: &str) -> Option<&str> {
    let code = line.split("//").next().unwrap_or_default();
    code.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).find(|word| {
        let lower = word.to_ascii_lowercase();
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return false;
        }
        PARTS.iter().any(|part| lower.contains(part))
            || WORDS.contains(&lower.as_str())
            || (word.starts_with("A32") || word.starts_with("A64"))
    })
}

/// The first mention in a file before its unit tests: line number and name.
fn first_mention(text: &str) -> Option<(usize, String)> {
    text.lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .enumerate()
        .find_map(|(index, line)| mention(line).map(|name| (index + 1, name.to_owned())))
}

#[test]
fn only_listed_files_name_processors() {
    let root = workspace_root();
    let mut files = Vec::new();
    for folder in ["compiler", "serializer"] {
        sources(&root.join(folder), &mut files);
    }
    assert!(files.len() > 100, "only {} files", files.len());
    files.sort();
    let mut wrong = Vec::new();
    let mut unneeded: Vec<&str> = ALLOWED.iter().map(|&(file, _)| file).collect();
    for path in &files {
        let name = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let Some((line, word)) = first_mention(&text) else { continue };
        if unneeded.contains(&name.as_str()) {
            unneeded.retain(|&file| file != name);
        } else {
            wrong.push(format!("{name}:{line} names {word}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "facts of targets belong in TargetSpec or in targets/");
    assert_eq!(unneeded, Vec::<&str>::new(), "these files no longer name a processor");
}

#[test]
fn mentions_are_found() {
    assert_eq!(mention("    Arch::Arm64 => 1, // like x64"), Some("Arm64"));
    assert_eq!(mention("let kind = RelocKind::A32Branch24;"), Some("A32Branch24"));
    assert_eq!(mention("if target.arch == Arch::Arm {"), Some("Arm"));
    assert_eq!(mention("    // `GenerateStub` (runtime/vm/compiler/stub_code_compiler_x64.cc)"), None);
    assert_eq!(mention("let alarm = charm(arch);"), None);
}
