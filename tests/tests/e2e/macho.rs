//! Mach-O files of the reference compiler, which writes them for Linux too: read, verified, compared, damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use snapcrane_tests::child::{Limits, run};
use snapcrane_tests::harness::{Engine, Program, examples_dir, harness, printed, said};
use snapcrane_view::verify::{Report, verify};
use snapcrane_view::{Container, Snapshot};
use tempfile::TempDir;
use xtask::Arch;

use crate::snapshots::damage;

/// Damaged libraries that are read.
const DAMAGED: u64 = 150;
/// Load commands.
const SYMTAB: u32 = 0x2;
const DYSYMTAB: u32 = 0xb;
const SEGMENT_64: u32 = 0x19;
const CODE_SIGNATURE: u32 = 0x1d;

/// What the reference compiler makes of a small program.
struct Outputs {
    _dir: TempDir,
    elf: PathBuf,
    library: PathBuf,
    library_with_object: PathBuf,
    object: PathBuf,
}

/// Has the reference compiler write files, each behind an option.
fn compile(kind: &str, outputs: &[(&str, &Path)], flags: &[&str]) {
    let kernel = harness().kernel(&Program::from_source(examples_dir().join("hello.dart")));
    let reference = harness().toolchain().reference_gen_snapshot(Arch::X64);
    let mut command = reference.expect("the toolchain has the reference compiler");
    command.args(["--deterministic", &format!("--snapshot_kind={kind}")]).args(flags);
    command.args(outputs.iter().map(|(option, path)| format!("--{option}={}", path.display())));
    printed(command.arg(&kernel));
}

impl Outputs {
    fn new() -> Outputs {
        let dir = harness().temp_dir();
        let path = |name: &str| dir.path().join(name);
        let outputs = Outputs {
            elf: path("hello.so"),
            library: path("hello.dylib"),
            library_with_object: path("with_object.dylib"),
            object: path("hello.o"),
            _dir: dir,
        };
        compile("app-aot-elf", &[("elf", &outputs.elf)], &[]);
        compile("app-aot-macho-dylib", &[("macho", &outputs.library)], &[]);
        let pair: [(&str, &Path); 2] =
            [("macho", &outputs.library_with_object), ("macho_object", &outputs.object)];
        compile("app-aot-macho-dylib", &pair, &[]);
        outputs
    }
}

fn command(name: &str, arguments: &[&str], files: &[&Path]) -> Command {
    let mut command = harness().compiler_command();
    command.arg(name).args(arguments).args(files);
    command
}

#[test]
fn files_of_the_reference_are_well_formed_and_hold_the_same_program() {
    let outputs = Outputs::new();
    for file in [&outputs.library, &outputs.library_with_object, &outputs.object] {
        let said = printed(&mut command("verify", &["--notes"], &[file]));
        let rest = said.strip_prefix(&format!("{}: well-formed snapshot of Dart 3.13.4", file.display()));
        assert_eq!(rest.map(|rest| rest.lines().count()), Some(1), "{said}");
        let said = printed(&mut command("diff", &["--content-only"], &[&outputs.elf, file]));
        assert!(!said.contains('~') && said.contains("functions: "), "{said}");
        // The code is the same too, and so are the names that the files give it.
        let functions = |file: &Path| printed(&mut command("inspect", &["--functions"], &[file]));
        assert_eq!(functions(&outputs.elf), functions(file), "{}", file.display());
    }
    // The engine for Linux loads the libraries, and says no more than that about the object file.
    let engine = harness().engine_command(Engine::Shipped, &outputs.library, &[]);
    let engine = Path::new(engine.get_program());
    let finished = harness().run(Engine::Shipped, &outputs.library, &[]);
    assert_eq!(finished.code(), Some(0), "{}", said(&finished));
    printed(command("verify", &[], &[&outputs.library]).arg("--engine").arg(engine));
    let finished =
        run(command("verify", &[], &[&outputs.object]).arg("--engine").arg(engine), &Limits::seconds(60));
    let name = outputs.object.display();
    let expected = format!("{name}: the file is for a linker, engines load libraries\n");
    assert_eq!((finished.code(), String::from_utf8_lossy(&finished.stdout)), (Some(1), expected.into()));
}

/// The reference compiler can also write what the engine does not load: segments that do not start at pages.
#[test]
fn what_the_engine_refuses_has_faults() {
    let dir = harness().temp_dir();
    let library = dir.path().join("hello.dylib");
    for (flag, is_loaded) in [("--no-macho-linker-signature", true), ("--macho-reduce-padding", false)] {
        compile("app-aot-macho-dylib", &[("macho", &library)], &[flag]);
        let finished = harness().run(Engine::Shipped, &library, &[]);
        assert_eq!(finished.code() == Some(0), is_loaded, "{flag}: {}", said(&finished));
        let faults = faults(&fs::read(&library).expect("readable"));
        assert_eq!(faults.is_empty(), is_loaded, "{flag}: {faults:#?}");
        let is_about_pages = |fault: &String| fault.ends_with("offset and address differ within a page");
        assert!(faults.iter().all(is_about_pages), "{flag}: {faults:#?}");
    }
}

/// What reading and verifying a file say.
fn faults(bytes: &[u8]) -> Vec<String> {
    match Snapshot::open(bytes) {
        Err(fault) => vec![fault.to_string()],
        Ok(snapshot) => {
            let Report { errors, .. } = verify(&snapshot);
            errors.iter().map(ToString::to_string).collect()
        }
    }
}

#[test]
fn faults_of_libraries_are_found() {
    let outputs = Outputs::new();
    let file = fs::read(&outputs.library).expect("readable");
    assert_eq!(faults(&file), Vec::<String>::new());
    let container = Container::read(&file).expect("well-formed");
    let macho = container.macho.as_ref().expect("a Mach-O file");
    let command = |kind: u32| macho.command(kind).expect("the command is there").offset;
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes"));
    let with = |at: usize, word: u32| {
        let mut bytes = file.clone();
        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        faults(&bytes)
    };
    let text = command(SEGMENT_64);
    let data =
        macho.commands.iter().filter(|command| command.kind == SEGMENT_64).nth(1).expect("__DATA").offset;
    let (symbols, dynamic, signature) = (command(SYMTAB), command(DYSYMTAB), command(CODE_SIGNATURE));
    let (table, first_external) = (word(symbols + 8) as usize, word(dynamic + 16));
    let external = table + 16 * first_external as usize;
    for (at, value, expected) in [
        (4, 0x0100_000c, "the file is for arm64"),
        (8, 0, "variant 0x0 of the processor"),
        (12, 2, "file type 2"),
        (text + 60, 7, "its segment is not read and execute only"),
        (text + 72 + 52, 15, "section __TEXT,__text, offset 0x1000: not at a multiple of its alignment"),
        (text + 72 + 32, 0x2000, "_kDartSnapshotText at 0x1000, 0x0 bytes, is in no section"),
        (text + 72 + 160 + 48, word(text + 72 + 160 + 48) + 8, "__eh_frame"),
        (data + 24, 0x1000, "segment __DATA"),
        (data + 40, word(data + 40) + 8, "offset and address differ within a page"),
        (data + 32, 0x10_0000, "memory goes on behind the end of the file"),
        (data + 60, 7, "access is neither read"),
        (external + 4, word(external + 4) & !1, "is on the wrong side of"),
        (external + 4, word(external + 4) | 0x300, "is not in its section"),
        (signature + 8, word(signature + 8) + 1, "code signature"),
        (signature + 12, 16, "code signature"),
        (container.text.offset + container.text.bytes.len(), 1, "was changed after it was signed"),
    ] {
        let faults = with(at, value);
        let is_found = faults.iter().any(|fault| fault.contains(expected));
        assert!(is_found, "{value:#x} at {at:#x}: {expected} is not in {faults:#?}");
    }
}

#[test]
fn damaged_libraries_are_refused_or_well_formed() {
    let outputs = Outputs::new();
    let file = fs::read(&outputs.library).expect("readable");
    let parts = damage::Parts::of(&Snapshot::open(&file).expect("well-formed"));
    let mut found = 0;
    for seed in 0..DAMAGED {
        let (bytes, what) = damage::damage(&file, &parts, seed);
        let faults = faults(&bytes);
        found += u64::from(!faults.is_empty());
        for fault in faults {
            assert!(!fault.is_empty() && !fault.contains('\n'), "seed {seed} ({what}): {fault}");
        }
    }
    // Every byte before the signature is signed.
    assert!(found > DAMAGED * 9 / 10, "{found} of {DAMAGED} found");
}
