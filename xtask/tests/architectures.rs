//! Processors are a matter of `targets/`: neither the compiler nor the serializer may know one by name, except in the places listed here.
//! Everywhere else a fact about a target comes from its `TargetSpec`, so that a new one needs no search for places to change.
//!
//! The search is by words. A file is reduced to its product code: comments may cite the engine's files, which are named after processors,
//! and unit tests may name what they like; string literals count. Identifiers are split into the parts that people read in them
//! (`is_arm`, `ArmOnly`), and a part must be a name, since `alarm` contains one by chance. A listed file states how many of its
//! lines mention a processor, so that one more is noticed there, too.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use xtask::workspace_root;

/// Files that may name processors, in how many lines they do, and why.
const ALLOWED: &[(&str, usize, &str)] = &[
    ("compiler/lower/src/compile.rs", 19, "takes over the results of the code generators"),
    ("compiler/lower/src/isa.rs", 40, "chooses the code generator; facts of processors for the lowering"),
    ("serializer/container/src/read/elf.rs", 6, "machine numbers of ELF files"),
    ("serializer/container/src/read/macho.rs", 6, "machine numbers of Mach-O files"),
    ("serializer/container/src/read/mod.rs", 12, "machines that files are for"),
    ("serializer/fixtures/src/damage/container.rs", 2, "a machine number that no target has, as damage"),
    ("serializer/fixtures/src/lib.rs", 9, "the targets that fixtures are made for"),
    ("serializer/snapshot/src/testing.rs", 5, "targets of the format's tests"),
    ("serializer/view/src/target.rs", 1, "architectures that the engine data do not have"),
    ("serializer/view/src/engine.rs", 4, "the processor of an engine binary, by the machine in its header"),
    ("serializer/view/src/verify/container.rs", 4, "the machine that a container for a target must name"),
];

/// Names in lower case that stand for a processor wherever they occur in a part: no other word contains them.
const ANYWHERE: &[&str] = &[
    "x64",
    "x86",
    "amd64",
    "arm32",
    "arm64",
    "armv",
    "aarch",
    "i386",
    "i486",
    "i586",
    "i686",
    "riscv",
    "loongarch",
    "powerpc",
];

/// Names that must be a whole part, but for digits at its end (`mips64`, `thumb2`).
const WHOLE: &[&str] = &[
    "arm", "armeabi", "armel", "armhf", "thumb", "thumbv", "intel", "amd", "ia", "mips", "mipsel", "ppc",
    "rv", "sparc", "sparcv",
];

/// Names with digits of which no others will do: without them they mean nothing, and `a1` is an argument.
const EXACT: &[&str] = &["a32", "a64", "t32", "s390", "s390x"];

/// Whether a part of an identifier names a processor.
fn is_processor(part: &str) -> bool {
    let lower = part.to_ascii_lowercase();
    ANYWHERE.iter().any(|name| lower.contains(name))
        || WHOLE.contains(&lower.trim_end_matches(|c: char| c.is_ascii_digit()))
        || EXACT.contains(&lower.as_str())
}

/// The parts of an identifier: split at `_` and where case changes (`ArmV8` has two, `ARMState`, too).
fn parts(word: &str) -> Vec<&str> {
    let bytes = word.as_bytes();
    let mut found = Vec::new();
    let mut start = 0;
    for at in 0..=bytes.len() {
        let ends = at == bytes.len() || bytes[at] == b'_';
        let begins = !ends
            && at > start
            && bytes[at].is_ascii_uppercase()
            && (!bytes[at - 1].is_ascii_uppercase() || bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase));
        if ends || begins {
            found.extend((at > start).then(|| &word[start..at]));
            start = at + usize::from(ends);
        }
    }
    found
}

/// The first word in a line of code that names a processor.
fn mention(code: &str) -> Option<&str> {
    code.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| !word.starts_with("0x"))
        .find(|word| {
            let parts = parts(word);
            // Some names are themselves written with a change of case: `AArch64`, `RiscV`, `ARMv7`.
            parts.iter().any(|part| is_processor(part))
                || parts.windows(2).any(|pair| {
                    ANYWHERE.iter().any(|name| pair.concat().to_ascii_lowercase().starts_with(name))
                })
        })
}

/// Rust text without comments; `code` has the string literals, `outline` has them blank. Both keep the length and the lines of
/// the text, so that a place in one is the same place in the other.
struct Stripped {
    code: Vec<u8>,
    outline: Vec<u8>,
}

impl Stripped {
    fn new(text: &str) -> Stripped {
        let text = text.as_bytes();
        let mut stripped = Stripped { code: text.to_vec(), outline: text.to_vec() };
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            let inside_word = at > 0 && is_word(text[at - 1]);
            let end = if rest.starts_with(b"//") {
                at + find(rest, b"\n").unwrap_or(rest.len())
            } else if rest.starts_with(b"/*") {
                at + comment_length(rest)
            } else if let Some(length) = raw_string_length(rest).filter(|_| !inside_word) {
                at + length
            } else if rest[0] == b'"' {
                at + stripped.quoted(at, b'"')
            } else if rest.starts_with(b"'\\") || is_char_literal(rest) {
                at + stripped.quoted(at, b'\'')
            } else {
                at += 1;
                continue;
            };
            if rest[0] == b'/' {
                blank(&mut stripped.code[at..end]);
            }
            blank(&mut stripped.outline[at..end]);
            at = end;
        }
        stripped
    }

    /// The length of the literal at `start`. Its escapes become blank: `"\x64"` names nothing, and `"\narm"` begins with `arm`.
    fn quoted(&mut self, start: usize, quote: u8) -> usize {
        let mut at = start + 1;
        while at < self.code.len() && self.code[at] != quote {
            let mut length = 1;
            if self.code[at] == b'\\' {
                length = if self.code.get(at + 1) == Some(&b'x') { 4 } else { 2 };
                length = length.min(self.code.len() - at);
                blank(&mut self.code[at..at + length]);
            }
            at += length;
        }
        (at + 1).min(self.code.len()) - start
    }

    /// Where the modules for unit tests are: `#[cfg(test)] mod NAME { … }`. Other items with this attribute are few, and where they end
    /// is less clear, so they count as product code.
    fn unit_tests(&self) -> Vec<Range<usize>> {
        const ATTRIBUTE: &[u8] = b"#[cfg(test)]";
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(offset) = find(&self.outline[at..], ATTRIBUTE) {
            let start = at + offset;
            at = start + ATTRIBUTE.len();
            let length = self.outline[at..].iter().position(|byte| b"{;}#".contains(byte)).unwrap_or(0);
            let head = &self.outline[at..at + length];
            let is_module = head.split(u8::is_ascii_whitespace).any(|word| word == b"mod");
            if is_module && self.outline[at + length] == b'{' {
                at += length + braces_length(&self.outline[at + length..]);
                found.push(start..at);
            }
        }
        found
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// Overwrites everything but ends of lines with spaces.
fn blank(text: &mut [u8]) {
    text.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
}

/// The length of a block comment, which may hold others.
fn comment_length(text: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < text.len() {
        let step = match text.get(at..at + 2) {
            Some(b"/*") => 1,
            Some(b"*/") => -1,
            _ => 0,
        };
        depth += step;
        at += if step == 0 { 1 } else { 2 };
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of what is in braces at the start of an outline.
fn braces_length(outline: &[u8]) -> usize {
    let mut depth = 0;
    for (at, byte) in outline.iter().enumerate() {
        depth += i32::from(*byte == b'{') - i32::from(*byte == b'}');
        if depth == 0 {
            return at + 1;
        }
    }
    outline.len()
}

/// The length of a raw string literal such as `br##"…"##`, if the text starts with one.
fn raw_string_length(text: &[u8]) -> Option<usize> {
    let prefix = usize::from(matches!(text, [b'b' | b'c', ..]));
    let after = text[prefix..].strip_prefix(b"r")?;
    let hashes = after.iter().take_while(|byte| **byte == b'#').count();
    let content = after[hashes..].strip_prefix(b"\"")?;
    let close = [b"\"", &after[..hashes]].concat();
    let begin = text.len() - content.len();
    Some(find(content, &close).map_or(text.len(), |length| begin + length + close.len()))
}

/// Whether a quote begins a character and not a lifetime: there is one character before the next quote.
fn is_char_literal(text: &[u8]) -> bool {
    let Some(content) = text.strip_prefix(b"'") else { return false };
    let length = 1 + content.iter().skip(1).take_while(|byte| **byte & 0xc0 == 0x80).count();
    content.get(length) == Some(&b'\'')
}

/// The lines of a file's product code that name a processor: line number and name.
fn mentions(text: &str) -> Vec<(usize, String)> {
    let mut stripped = Stripped::new(text);
    for range in stripped.unit_tests() {
        blank(&mut stripped.code[range]);
    }
    let code = String::from_utf8_lossy(&stripped.code);
    let lines = code.lines().enumerate();
    lines.filter_map(|(index, line)| Some((index + 1, mention(line)?.to_owned()))).collect()
}

/// All Rust files below a folder that are part of a product: a crate's tests, examples and fuzzers are not.
fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    let is_crate = dir.join("Cargo.toml").is_file();
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    for entry in entries {
        let path = entry.expect("readable").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !(is_crate && ["tests", "examples", "fuzz", "target"].contains(&name.as_str())) {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
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
    let mut unseen: Vec<&str> = ALLOWED.iter().map(|&(file, ..)| file).collect();
    for path in &files {
        let name = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = mentions(&text);
        let allowed = ALLOWED.iter().find(|(file, ..)| *file == name).map_or(0, |&(_, count, _)| count);
        unseen.retain(|&file| file != name);
        if found.len() != allowed {
            let list: Vec<String> = found.iter().map(|(line, word)| format!("{line} {word}")).collect();
            wrong.push(format!("{name}: {} lines, listed are {allowed}: {}", found.len(), list.join(", ")));
        }
    }
    assert!(
        wrong.is_empty(),
        "facts of targets belong in TargetSpec or in targets/; these files name processors:\n{}",
        wrong.join("\n")
    );
    assert_eq!(unseen, Vec::<&str>::new(), "these files do not exist");
    assert!(ALLOWED.iter().all(|&(_, count, _)| count > 0), "an entry without mentions is not needed");
}

/// The numbers of the lines in `text` that mention a processor.
fn lines(text: &str) -> Vec<usize> {
    mentions(text).into_iter().map(|(line, _)| line).collect()
}

#[test]
fn mentions_are_found() {
    assert_eq!(mention("    Arch::Arm64 => 1,"), Some("Arm64"));
    assert_eq!(mention("let kind = RelocKind::A32Branch24;"), Some("A32Branch24"));
    assert_eq!(mention("if target.arch == Arch::Arm {"), Some("Arm"));
    assert_eq!(mention("\"gen_snapshot_linuxarm64\""), Some("gen_snapshot_linuxarm64"));
}

#[test]
fn parts_of_identifiers_count() {
    for name in [
        "is_arm",
        "arm_regs",
        "ArmOnly",
        "ArmV8",
        "armv8a",
        "ARMState",
        "ARMv7",
        "Thumb",
        "thumb2",
        "thumbv7",
        "Intel",
        "useIntelSyntax",
        "aarch64",
        "AArch64",
        "aarch32",
        "IA32",
        "i386",
        "I686",
        "mips",
        "Mips64",
        "RiscV",
        "RISCV64",
        "rv64",
        "x86_64",
        "X64Regs",
        "HOST_IS_AMD",
        "ppc64",
        "PowerPC",
        "s390x",
        "LoongArch64",
        "A64",
    ] {
        assert_eq!(mention(&format!("let x = {name};")), Some(name));
    }
    for name in [
        "alarm",
        "Alarm",
        "charm(arch)",
        "Disarm",
        "disarmed",
        "is_charming",
        "match_arms",
        "harmless",
        "farm",
        "warm_up",
        "intelligent",
        "thumbnail",
        "a1",
        "a640",
        "0x64",
        "0xa64",
        "media",
        "via_pad",
        "parameter",
        "Pharmacy",
    ] {
        assert_eq!(mention(&format!("let x = {name};")), None, "{name}");
    }
}

#[test]
fn identifiers_are_split_where_they_are_read() {
    assert_eq!(parts("kArmV8_regs"), ["k", "Arm", "V8", "regs"]);
    assert_eq!(parts("ARMState__X64"), ["ARM", "State", "X64"]);
    assert_eq!(parts("_"), [""; 0]);
}

#[test]
fn comments_do_not_count_and_strings_do() {
    assert_eq!(
        lines("// stub_code_compiler_x64.cc\nf(); // like x64\n/* arm /* arm */ arm\narm */ f();"),
        [0; 0]
    );
    assert_eq!(lines("let a = \"file://x64\";\nlet b = \"/*\"; let c = arm;\nlet d = '\"'; // arm"), [1, 2]);
    assert_eq!(lines("let a = r#\"\"//arm\"#;\nlet b = br\"\\\"; // arm\nlet c = b'\\''; // arm"), [1]);
    assert_eq!(
        lines("let a = \"\\x64\";\nlet b = \"\\narm\";\nfn f<'a>(x: &'a str, c: 'ä') {} // 'arm"),
        [2]
    );
}

#[test]
fn code_after_unit_tests_counts() {
    let text =
        "#[cfg(test)]\nmod tests {\n    const A: &str = \"}\"; // }\n    fn f() { arm() }\n}\nfn arm() {}\n";
    assert_eq!(lines(text), [6]);
    assert_eq!(lines("#[cfg(test)]\nmod testing;\nfn arm() {}"), [3]);
    assert_eq!(lines("#[cfg(test)]\nuse a::{b};\nmod c {\n    fn arm() {}\n}"), [4]);
    assert_eq!(lines("/// Not `#[cfg(test)] mod tests {`.\nfn arm() {}"), [2]);
}

#[test]
fn only_a_crates_own_folders_are_left_out() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for name in ["tests", "examples", "fuzz", "target"] {
        for folder in [dir.path().join(name), dir.path().join("src").join(name)] {
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(folder.join("a.rs"), "").expect("a file");
        }
    }
    fs::write(dir.path().join("Cargo.toml"), "").expect("a file");
    let mut found = Vec::new();
    sources(dir.path(), &mut found);
    found.sort();
    let src = dir.path().join("src");
    assert_eq!(found, ["examples", "fuzz", "target", "tests"].map(|name| src.join(name).join("a.rs")));
}

#[test]
fn every_line_with_a_mention_counts() {
    assert_eq!(lines("fn arm() {}\nfn b() {}\nfn x64(arm: u8) {}"), [1, 3]);
}
