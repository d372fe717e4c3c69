//! Snapshots of the reference compiler are read to the end, have no faults, and are written again as the same bytes.
//!
//! This holds the reader, the checks of `verify` and both writers (of data blobs and of ELF files) against files that this
//! project did not make: every encoding in both directions, the layout of the data image, the layout of the container.
//! The normal tier takes small programs and what comes with Dart, the full tier large programs, and small ones from the
//! compilers for the other architectures, which run in an emulator. A file that the toolchain lacks is named in the output.

use std::fs;
use std::io::Write;
use std::path::Path;

use dart_snapshot::clusters::Cluster;
use dart_snapshot::reader::read_snapshot;
use dart_snapshot::text::InstructionsTable;
use dart_snapshot::writer::{emit, plan};
use snapcrane_container::read::SymbolKind;
use snapcrane_container::{ElfInput, FunctionSymbol};
use snapcrane_tests::child::Limits;
use snapcrane_tests::full_tier;
use snapcrane_tests::harness::{CompileOptions, Program, examples_dir, harness, succeed};

use snapcrane_view::verify::verify;
use snapcrane_view::{Container, Snapshot};
use xtask::Arch;

/// Seconds for one compilation by the reference, in an emulator or of a large program.
const COMPILE_SECONDS: u64 = 600;
/// Programs that are compiled besides the example: suspendable functions, records, typed data and vectors.
const PROGRAMS: &[&str] = &["async_await", "records_patterns", "typed_data"];

/// Says what is not tested, past the harness of the tests, which shows the output of failures only.
fn not_tested(what: &str) {
    let _ = std::io::stderr().write_all(format!("not tested: {what}\n").as_bytes());
}

/// Fails unless two byte strings are equal, and says where they are not.
fn assert_same_bytes(actual: &[u8], expected: &[u8], what: &str) {
    let differs = actual.iter().zip(expected).position(|(a, b)| a != b);
    assert_eq!(differs.map(|at| format!("{at:#x}")), None, "{what}: first byte that differs");
    assert_eq!(actual.len(), expected.len(), "{what}: length");
}

/// All checks of one file.
fn check(path: &Path, arch: Arch, what: &str) {
    let file = fs::read(path).unwrap_or_else(|error| panic!("{what}: {error}"));
    let snapshot = Snapshot::open(&file).unwrap_or_else(|fault| panic!("{what}: {fault}"));
    assert_eq!(snapshot.target.name(), format!("linux-{}", arch.name()), "{what}");
    let report = verify(&snapshot);
    let faults: Vec<String> = report.errors.iter().chain(&report.notes).map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{what}: {faults:#?}");
    let data = snapshot.to_data_blob().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_same_bytes(&data, snapshot.container.data.bytes, &format!("{what}, data blob"));
    check_container(&snapshot, what);
    check_plan(&snapshot, what);
}

/// The blobs and the names of functions make the same file again. In files with static symbols that holds for all that is
/// loaded and for the symbols; the reference has the global ones in another order, and sections for debuggers behind them.
fn check_container(snapshot: &Snapshot<'_>, what: &str) {
    let container = &snapshot.container;
    // The three words that the container fills in are break filler before, and the build id is of that text.
    let relocation_offset = 64 + 2 * snapshot.format.word_bytes();
    let mut text = container.text.bytes.to_vec();
    let words = &mut text[relocation_offset as usize..][..3 * snapshot.format.word_bytes() as usize];
    for word in words.chunks_exact_mut(4) {
        word.copy_from_slice(&snapshot.format.arch.break_filler);
    }
    let functions = container.symbols.iter().filter(|symbol| symbol.kind == SymbolKind::Function);
    let symbols: Vec<FunctionSymbol> = functions
        .map(|symbol| FunctionSymbol {
            name: symbol.name.to_owned(),
            offset: u32::try_from(symbol.address - container.text.address).expect("in the text"),
            size: u32::try_from(symbol.size).expect("a size"),
        })
        .collect();
    let written = snapcrane_container::write(&ElfInput {
        target: snapcrane_formats::elf_target(&snapshot.target),
        text: &text,
        data: container.data.bytes,
        relocation_offset,
        symbols: (!container.symbols.is_empty()).then_some(&symbols),
    });
    let written = written.unwrap_or_else(|error| panic!("{what}: {error}"));
    let expected = container.file();
    if container.symbols.is_empty() {
        return assert_same_bytes(&written, expected, &format!("{what}, file"));
    }
    // The ELF header but for where section headers are (`e_shoff`) and how many (`e_shnum`, its last field but one).
    let word = snapshot.format.word_bytes() as usize;
    let (sections_position, flags, sections_count) = (24 + 2 * word, 24 + 3 * word, 36 + 3 * word);
    let loaded_end = container.section(".shstrtab").expect("sections have names").offset as usize;
    assert!(written.len() >= loaded_end, "{what}: {} bytes", written.len());
    for range in [0..sections_position, flags..sections_count, sections_count + 2..loaded_end] {
        let what = format!("{what}, file from {:#x}", range.start);
        assert_same_bytes(&written[range.clone()], &expected[range], &what);
    }
    let sorted = |container: &Container<'_>| {
        let symbols = container.symbols.iter();
        let mut symbols: Vec<_> = symbols
            .map(|symbol| {
                (symbol.is_global, symbol.address, symbol.size, symbol.name.to_owned(), symbol.kind)
            })
            .collect();
        symbols.sort_by(|a, b| (a.0, a.1, a.2, &a.3).cmp(&(b.0, b.1, b.2, &b.3)));
        symbols
    };
    let again = Container::read(&written).unwrap_or_else(|error| panic!("{what}: written again: {error}"));
    let (ours, theirs) = (sorted(&again), sorted(container));
    let differs = ours.iter().zip(&theirs).find(|(a, b)| a != b);
    assert_eq!((differs, ours.len()), (None, theirs.len()), "{what}: symbols");
}

/// Planning from the same roots reaches the same objects, and stack maps survive their own encoder.
fn check_plan(snapshot: &Snapshot<'_>, what: &str) {
    let (spec, target) = (&snapshot.spec, &snapshot.format);
    let (mut graph, reference) = (snapshot.graph.clone(), &snapshot.plan);
    let codes = reference.clusters.iter().find(|cluster| cluster.class_id == spec.class_ids.code);
    let codes = &codes.expect("a program has code").members;
    let bytes = &reference.instructions_table;
    let table = InstructionsTable::decode(bytes, codes).unwrap_or_else(|error| panic!("{what}: {error}"));
    let encoded = table.encode().unwrap_or_else(|error| panic!("{what}: {error}"));
    // Entries of equal use count are in another order, which changes the length of a few offsets.
    let (ours, theirs) = (encoded.len(), bytes.len());
    assert!(ours.abs_diff(theirs) * 1000 < theirs, "{what}: stack maps of {ours} and {theirs} bytes");
    let again = InstructionsTable::decode(&encoded, codes).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(again == table, "{what}: other stack maps");

    let planned = plan(&mut graph, reference.roots.clone(), &table, spec, target);
    let mut planned = planned.unwrap_or_else(|error| panic!("{what}: {error}"));
    let summary = |cluster: &Cluster| {
        let canonical = (cluster.canonical_table.table_length, cluster.canonical_table.first_element);
        let flags = (cluster.is_canonical, cluster.is_deeply_immutable);
        (cluster.class_id, flags, cluster.members.len(), canonical)
    };
    let [ours, theirs] = [&planned.clusters, &reference.clusters]
        .map(|clusters| clusters.iter().map(summary).collect::<Vec<_>>());
    assert_eq!(ours, theirs, "{what}: clusters");
    let blob = emit(&mut graph, &mut planned, spec, target).unwrap_or_else(|error| panic!("{what}: {error}"));
    read_snapshot(&blob.bytes, spec, target).unwrap_or_else(|error| panic!("{what}: planned anew: {error}"));
}

/// Has the reference compile a kernel file, with and without `--strip`, and checks both files.
fn check_compiled(kernel: &Path, name: &str, arch: Arch) {
    let dir = harness().temp_dir();
    let snapshot = dir.path().join("reference.so");
    for strip in [false, true] {
        let options = CompileOptions { arch, strip, ..CompileOptions::default() };
        let Some(mut command) = harness().reference_command(kernel, &snapshot, &options) else {
            return not_tested(&format!("{name}: no reference compiler for {}", arch.name()));
        };
        succeed(&mut command, &Limits::seconds(COMPILE_SECONDS));
        let what = format!("{name} for {}, stripped: {strip}", arch.name());
        check(&snapshot, arch, &what);
        let is_stripped =
            Container::read(&fs::read(&snapshot).expect("readable")).expect("read before").symbols.is_empty();
        assert_eq!(is_stripped, strip, "{what}");
    }
}

fn check_programs(arch: Arch) {
    let programs = PROGRAMS.iter().map(|name| Program::named(name));
    for program in [Program::from_source(examples_dir().join("hello.dart"))].into_iter().chain(programs) {
        let kernel = harness().kernel(&program);
        check_compiled(&kernel, &program.source.display().to_string(), arch);
    }
}

#[test]
fn small_programs_for_x64() {
    assert!(harness().toolchain().reference_gen_snapshot(Arch::X64).is_some(), "every toolchain has it");
    check_programs(Arch::X64);
}

#[test]
fn small_programs_for_arm64() {
    if full_tier() {
        check_programs(Arch::Arm64);
    }
}

#[test]
fn small_programs_for_arm() {
    if full_tier() {
        check_programs(Arch::Arm);
    }
}

#[test]
fn large_programs() {
    if !full_tier() {
        return;
    }
    let programs = harness().toolchain().app_dills();
    if programs.is_empty() {
        not_tested("large programs: the toolchain has none");
    }
    for (name, kernel) in programs {
        check_compiled(&kernel, &name, Arch::X64);
    }
}

/// The Sass compiler, which comes with each engine.
#[test]
fn what_comes_with_the_engines() {
    for arch in Arch::ALL {
        match harness().toolchain().reference_snapshot(arch) {
            Some(path) => check(&path, arch, &path.display().to_string()),
            None => not_tested(&format!("the Sass compiler for {}: the toolchain has none", arch.name())),
        }
    }
}

/// The front end, and other tools of the SDK if they are there.
#[test]
fn tools_of_the_sdk() {
    let dir = harness().toolchain().root().join("sdk/bin");
    let entries = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with("_aot.dart.snapshot"));
    paths.sort();
    assert!(!paths.is_empty(), "every toolchain has the front end");
    for path in paths {
        check(&path, Arch::X64, &path.display().to_string());
    }
}
