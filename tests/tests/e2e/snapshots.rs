//! Damaged snapshots are refused with a place or are other well-formed snapshots, never a crash, a hang or a heap of memory; and
//! engines are told apart.

#[path = "../../../serializer/view/tests/damage/mod.rs"]
pub(crate) mod damage;

use std::fs;

use snapcrane_tests::child::{Limits, run};
use snapcrane_tests::full_tier;
use snapcrane_tests::harness::{CompileOptions, Program, examples_dir, harness, said};
use snapcrane_view::verify::verify;
use snapcrane_view::{Snapshot, engine::EngineFile};

/// Damaged files that are read in this process.
const USUAL: u64 = 60;
/// Damaged files in the full tier, each in a process of its own.
const FULL: u64 = 10_000;
/// Seconds of processor time for one of them.
const CPU_SECONDS: u64 = 10;
/// Address space of one of them.
const ADDRESS_SPACE: u64 = 1 << 30;

fn hello() -> Vec<u8> {
    let harness = harness();
    let kernel = harness.kernel(&Program::from_source(examples_dir().join("hello.dart")));
    let dir = harness.temp_dir();
    let path = dir.path().join("hello.so");
    harness.compile(&kernel, &path, &CompileOptions::default());
    fs::read(path).expect("readable")
}

#[test]
fn damaged_snapshots_are_refused_or_well_formed() {
    let file = hello();
    let parts = damage::Parts::of(&Snapshot::open(&file).expect("well-formed"));
    let mut found = 0;
    for seed in 0..USUAL {
        let (bytes, what) = damage::damage(&file, &parts, seed);
        let fault = match Snapshot::open(&bytes) {
            Err(fault) => Some(fault),
            Ok(snapshot) => verify(&snapshot).errors.into_iter().next(),
        };
        if let Some(fault) = fault {
            found += 1;
            assert!(!fault.reason.is_empty(), "seed {seed} ({what})");
        }
    }
    assert!(found > USUAL / 2, "{found} of {USUAL} found");
    if !full_tier() {
        return;
    }
    let dir = harness().temp_dir();
    let path = dir.path().join("damaged.so");
    let limits =
        Limits { cpu_seconds: Some(CPU_SECONDS), memory: Some(ADDRESS_SPACE), ..Limits::seconds(100) };
    for seed in 0..FULL {
        let (bytes, what) = damage::damage(&file, &parts, seed);
        fs::write(&path, bytes).expect("the folder is writable");
        let finished = run(harness().compiler_command().arg("verify").arg(&path), &limits);
        let is_fine = match finished.code() {
            Some(0) => finished.stderr.is_empty(),
            Some(1) => finished.stderr.starts_with("Error: ") && finished.stderr.lines().count() == 1,
            _ => false,
        };
        assert!(is_fine, "seed {seed} ({what}): {}{}", finished.describe_end(), said(&finished));
    }
}

#[test]
fn the_engine_of_the_toolchain_is_recognised() {
    let file = hello();
    let snapshot = Snapshot::open(&file).expect("well-formed");
    let command = harness().engine_command(snapcrane_tests::harness::Engine::Shipped, "x.so".as_ref(), &[]);
    let path = std::path::Path::new(command.get_program()).to_owned();
    let binary = fs::read(&path).expect("readable");
    let engine =
        EngineFile::read(&binary, None).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(engine.obstacles(&snapshot.header), Vec::<String>::new());
    let mut other = snapshot.header.clone();
    other.features = other.features.replace("linux", "android");
    assert_eq!(engine.obstacles(&other), ["the engine runs on linux, the snapshot is for android"]);
}
