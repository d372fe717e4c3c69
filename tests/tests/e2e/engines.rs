//! `snapcrane verify --engine`: each reason for which an engine refuses a snapshot has its sentence, and the command fails.
//!
//! The toolchain has engines for three architectures, all of one version and mode. Other snapshots are made by changing words
//! in the header of one, other engines by changing or adding what an engine of that kind has in its binary.

use std::fs;
use std::path::{Path, PathBuf};

use snapcrane_tests::child::{Limits, run};
use snapcrane_tests::harness::{CompileOptions, Program, examples_dir, harness, said};
use snapcrane_view::{Container, Snapshot};
use tempfile::TempDir;
use xtask::{Arch, SNAPSHOT_HASH};

const OTHER_HASH: &str = "0123456789abcdef0123456789abcdef";

/// A folder with the snapshot of a small program in it.
struct Case {
    dir: TempDir,
    snapshot: PathBuf,
}

impl Case {
    fn new(arch: Arch) -> Case {
        let kernel = harness().kernel(&Program::from_source(examples_dir().join("hello.dart")));
        let dir = harness().temp_dir();
        let snapshot = dir.path().join("hello.so");
        harness().compile(&kernel, &snapshot, &CompileOptions { arch, ..CompileOptions::default() });
        Case { dir, snapshot }
    }

    /// A changed copy of the snapshot.
    fn changed(&self, change: impl FnOnce(&[u8]) -> Vec<u8>) -> PathBuf {
        self.copy(&self.snapshot, "changed.so", change)
    }

    /// A changed copy of the engine for x64.
    fn changed_engine(&self, change: impl FnOnce(&[u8]) -> Vec<u8>) -> PathBuf {
        self.copy(&engine(Arch::X64), "engine", change)
    }

    fn copy(&self, original: &Path, name: &str, change: impl FnOnce(&[u8]) -> Vec<u8>) -> PathBuf {
        let path = self.dir.path().join(name);
        let bytes = fs::read(original).unwrap_or_else(|e| panic!("{}: {e}", original.display()));
        fs::write(&path, change(&bytes)).expect("the folder is writable");
        path
    }
}

/// The binary of the engine for an architecture.
fn engine(arch: Arch) -> PathBuf {
    let command = harness().toolchain().engine(arch).unwrap_or_else(|error| panic!("{error}"));
    // In an emulator the binary is the last argument.
    command.get_args().last().unwrap_or(command.get_program()).into()
}

/// Exit code, lines of the standard output without the name of the file in front, and the message at the end.
fn verify(snapshot: &Path, engine: &Path) -> (Option<i32>, Vec<String>, String) {
    let mut command = harness().compiler_command();
    let finished = run(command.arg("verify").arg(snapshot).arg("--engine").arg(engine), &Limits::seconds(60));
    assert!(finished.stderr.lines().count() <= 1, "{}", said(&finished));
    let stdout = String::from_utf8(finished.stdout.clone()).expect("a text");
    let name = format!("{}: ", snapshot.display());
    let lines = stdout.lines().map(|line| line.strip_prefix(&name).unwrap_or(line).to_owned());
    (finished.code(), lines.collect(), finished.stderr.trim_end().to_owned())
}

/// Checks that these are all sentences, and returns the message at the end.
fn refuses(snapshot: &Path, engine: &Path, expected: &[&str]) -> String {
    let (code, lines, message) = verify(snapshot, engine);
    assert_eq!(
        (code, &lines[..]),
        (Some(1), &expected.iter().map(|s| (*s).into()).collect::<Vec<String>>()[..])
    );
    assert!(message.starts_with("Error: "), "{message}");
    message
}

/// A copy of a file with other words in the header of its snapshot. The length of the snapshot stays; what is behind the
/// header moves and is cut off or filled up, because only the header counts here.
fn with_header(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    let container = Container::read(file).expect("well-formed");
    let header = Snapshot::header(&container).expect("well-formed");
    let data = container.data;
    let end = data.offset + header.clustered_length;
    // Before the features string is the version hash.
    let features = data.offset + header.stream_offset - header.features.len() - 1;
    let start = features - header.version_hash.len();
    let text = header.version_hash + &header.features;
    assert!(text.contains(from), "{from} is not in {text}");
    let mut clustered =
        [text.replace(from, to).as_bytes(), &file[features + header.features.len()..end]].concat();
    clustered.resize(end - start, 0);
    [&file[..start], &clustered, &file[end..]].concat()
}

/// A copy in which each occurrence of some bytes is replaced by as many others.
fn replaced(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut copy = file.to_vec();
    let places: Vec<usize> = file
        .windows(from.len())
        .enumerate()
        .filter(|(_, w)| *w == from.as_bytes())
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "{from} is not in the file");
    places.into_iter().for_each(|at| copy[at..at + to.len()].copy_from_slice(to.as_bytes()));
    copy
}

#[test]
fn engines_take_snapshots_for_their_architecture_only() {
    let arches = Arch::ALL;
    let cases = arches.map(Case::new);
    for (case, arch) in cases.iter().zip(arches) {
        for other in arches {
            if arch == other {
                let (code, lines, message) = verify(&case.snapshot, &engine(other));
                assert_eq!((code, message.as_str()), (Some(0), ""));
                assert!(lines[0].starts_with("well-formed snapshot of Dart 3.13.4 for linux-"), "{lines:?}");
                continue;
            }
            let sentence =
                format!("the engine runs {} code, the snapshot has {} code", other.name(), arch.name());
            let message = refuses(&case.snapshot, &engine(other), &[&sentence]);
            assert_eq!(message, format!("Error: {}: 1 fault", case.snapshot.display()));
        }
    }
}

#[test]
fn both_version_hashes_are_named() {
    let case = Case::new(Arch::X64);
    // The whole sentence but for the time at which the engine was built.
    let check = |snapshot: &Path, engine: &Path, start: &str, end: &str| {
        let (code, lines, message) = verify(snapshot, engine);
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(code, Some(1));
        assert!(line.starts_with(start) && line.ends_with(end), "{line}");
        message
    };
    let dart = "the engine is Dart 3.13.4 (stable) (";
    let snapshot = case.changed(|file| with_header(file, SNAPSHOT_HASH, OTHER_HASH));
    let end = format!(" with version hash {SNAPSHOT_HASH}, the snapshot is for version hash {OTHER_HASH}");
    let message = check(&snapshot, &engine(Arch::X64), dart, &end);
    let expected = format!(
        ": 1 fault; nothing else was checked: version hash `{OTHER_HASH}` is of no known engine; known: "
    );
    assert!(message.contains(&expected), "{message}");

    let other = case.changed_engine(|file| replaced(file, SNAPSHOT_HASH, OTHER_HASH));
    let end = format!(
        " with version hash {OTHER_HASH}, the snapshot is for version hash {SNAPSHOT_HASH}, Dart 3.13.4"
    );
    let message = check(&case.snapshot, &other, dart, &end);
    assert!(message.ends_with(": 1 fault"), "{message}");

    // An engine of the snapshot's own version helps no further: nobody here knows the format.
    let (code, lines, message) = verify(&snapshot, &other);
    assert_eq!((code, lines), (Some(1), Vec::new()));
    assert!(message.contains(&format!("version hash `{OTHER_HASH}` is of no known engine")), "{message}");
}

#[test]
fn modes_must_agree() {
    let case = Case::new(Arch::X64);
    for mode in ["release", "debug"] {
        let snapshot = case.changed(|file| with_header(file, "product", mode));
        let sentence = format!("the engine was built in product mode, the snapshot is for {mode} mode");
        let message = refuses(&snapshot, &engine(Arch::X64), &[&sentence]);
        assert!(message.contains(": 1 fault; nothing else was checked: features `"), "{message}");
    }
    // Only such engines have a service protocol.
    let other = case.changed_engine(|file| [file, b"\0getVMTimelineFlags\0"].concat());
    let sentence = "the engine was built not in product mode, the snapshot is for product mode";
    refuses(&case.snapshot, &other, &[sentence]);
}

#[test]
fn systems_and_pointers_must_agree() {
    let case = Case::new(Arch::X64);
    let shipped = engine(Arch::X64);
    for os in ["macos", "android"] {
        let snapshot = case.changed(|file| with_header(file, "linux", os));
        let (code, lines, _) = verify(&snapshot, &shipped);
        assert_eq!(code, Some(1));
        assert!(lines.contains(&format!("the engine runs on linux, the snapshot is for {os}")), "{lines:?}");
    }
    let snapshot = case.changed(|file| with_header(file, "no-compressed-pointers", "compressed-pointers"));
    refuses(&snapshot, &shipped, &["the engine does not compress object pointers, the snapshot does"]);
    let other = case.changed_engine(|file| [file, b"\0 compressed-pointers\0"].concat());
    refuses(&case.snapshot, &other, &["the engine compresses object pointers, the snapshot does not"]);
}

#[test]
fn sanitizers_must_agree() {
    let case = Case::new(Arch::X64);
    for name in ["asan", "tsan", "msan"] {
        let snapshot = case.changed(|file| with_header(file, &format!("no-{name}"), name));
        let sentence = format!("the engine runs without feature {name}, the snapshot is for engines with it");
        refuses(&snapshot, &engine(Arch::X64), &[&sentence]);
        let other = case.changed_engine(|file| [file, format!("\0__{name}_init\0").as_bytes()].concat());
        let sentence = format!("the engine runs with feature {name}, the snapshot is for engines without it");
        refuses(&case.snapshot, &other, &[&sentence]);
    }
}

#[test]
fn each_obstacle_has_its_sentence() {
    let case = Case::new(Arch::X64);
    let snapshot = case.changed(|file| {
        let file = with_header(file, SNAPSHOT_HASH, OTHER_HASH);
        with_header(&file, "product", "release")
    });
    let (code, lines, message) = verify(&snapshot, &engine(Arch::Arm64));
    assert_eq!((code, lines.len()), (Some(1), 3), "{lines:?}");
    assert!(
        lines[0].contains(OTHER_HASH) && lines[1].contains("release mode") && lines[2].contains("x64 code")
    );
    assert!(message.contains(": 3 faults; nothing else was checked: "), "{message}");
}

#[test]
fn snapshots_without_their_symbols_are_refused() {
    let case = Case::new(Arch::X64);
    for (symbol, other) in
        [("_kDartSnapshotText", "_kDartSnapshotTexx"), ("_kDartSnapshotData", "_kDartSnapshotDatx")]
    {
        let snapshot = case.changed(|file| replaced(file, symbol, other));
        let (code, lines, message) = verify(&snapshot, &engine(Arch::X64));
        assert_eq!((code, lines), (Some(1), Vec::new()));
        let expected = format!("container, dynamic symbols, offset 0x0: no symbol {symbol}: no snapshot");
        assert!(message.ends_with(&expected), "{message}");
    }
}

#[test]
fn other_files_are_no_engines() {
    let case = Case::new(Arch::X64);
    let text = case.dir.path().join("text");
    fs::write(&text, "no engine").expect("the folder is writable");
    for (file, reason) in [
        (&text, "neither an ELF, nor a Mach-O, nor a PE file"),
        (&case.snapshot, "no version string of a Dart engine in the file"),
    ] {
        let (code, lines, message) = verify(&case.snapshot, file);
        assert_eq!((code, lines), (Some(255), Vec::new()));
        assert_eq!(message, format!("Error: {}: {reason}", file.display()));
    }
    // The reference compiler has an engine in it, of the kind that compiles.
    let compiler = harness().toolchain().reference_gen_snapshot(Arch::X64).expect("the reference compiler");
    let compiler = PathBuf::from(compiler.get_args().last().expect("the program behind its loader"));
    let sentence = "the engine compiles at run time and loads no ahead-of-time snapshots";
    refuses(&case.snapshot, &compiler, &[sentence]);
}
