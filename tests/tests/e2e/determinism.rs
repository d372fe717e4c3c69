//! The same input gives the same bytes: for every number of threads, place of the file, and form of the command.

use std::path::Path;

use snapcrane_tests::child::{Limits, run};
use snapcrane_tests::full_tier;
use snapcrane_tests::harness::{CompileOptions, Program, examples_dir, harness, said, shown, succeed};

/// Compiles a kernel file in several ways and compares the results.
fn check(kernel: &Path, seconds: u64) {
    let harness = harness();
    let dir = harness.temp_dir();
    let copy = dir.path().join("copy with another name.dill");
    std::fs::copy(kernel, &copy).expect("the folder is writable");
    let mut first: Option<Vec<u8>> = None;
    for (name, input, jobs) in [
        ("one thread", kernel, Some(1)),
        ("two threads", kernel, Some(2)),
        ("two threads again", kernel, Some(2)),
        ("a copy of the file, default number of threads", copy.as_path(), None),
    ] {
        let snapshot = dir.path().join(format!("{name}.so"));
        harness.compile_within(
            input,
            &snapshot,
            &CompileOptions { jobs, ..CompileOptions::default() },
            seconds,
        );
        same(&mut first, &snapshot, name);
    }
    let mut compile = harness.compiler_command();
    compile
        .arg("compile")
        .arg(kernel)
        .args(["--target", "linux-x64", "--out-dir"])
        .arg(dir.path().join("out"));
    succeed(&mut compile, &Limits::seconds(seconds));
    same(&mut first, &dir.path().join("out/linux-x64/app.so"), "`snapcrane compile`");
}

/// Fails unless a file is like the first one.
fn same(first: &mut Option<Vec<u8>>, snapshot: &Path, name: &str) {
    let bytes = std::fs::read(snapshot).unwrap_or_else(|error| panic!("{name}: {error}"));
    match first {
        None => *first = Some(bytes),
        Some(first) => {
            let lengths = (first.len(), bytes.len());
            let at = first.iter().zip(&bytes).position(|(a, b)| a != b);
            assert!(
                lengths.0 == lengths.1 && at.is_none(),
                "{name}: differs at {at:x?}, lengths {lengths:?}"
            );
        }
    }
}

/// Targets of one run, whose files must not depend on each other.
const TARGETS: [&str; 4] = ["linux-x64", "linux-arm64", "linux-arm", "android-arm"];

/// Compiles for several targets in one run, and for each alone, and compares the files.
fn check_several_targets(kernel: &Path, seconds: u64) {
    let dir = harness().temp_dir();
    let compile = |name: &str, targets: &[&str], jobs: &str| {
        let out = dir.path().join(name);
        let mut command = harness().compiler_command();
        command.arg("compile").arg(kernel).args(["-j", jobs, "--out-dir"]).arg(&out);
        for target in targets {
            command.args(["--target", target]);
        }
        let finished = run(&mut command, &Limits::seconds(seconds));
        let context = format!("{}: {}{}", shown(&command), finished.describe_end(), said(&finished));
        assert_eq!(finished.code(), Some(0), "{context}");
        out
    };
    let mut reversed = TARGETS;
    reversed.reverse();
    let mut outputs = vec![
        ("in order, two threads", compile("in order", &TARGETS, "2")),
        ("the other way round, one thread", compile("reversed", &reversed, "1")),
        ("the other way round, three threads", compile("threads", &reversed, "3")),
    ];
    for target in TARGETS {
        outputs.push(("alone", compile(&format!("only {target}"), &[target], "2")));
    }
    for target in TARGETS {
        let mut first = None;
        for (name, out) in &outputs {
            let file = out.join(target).join("app.so");
            if file.exists() {
                same(&mut first, &file, &format!("{target}, {name}"));
            }
        }
        assert!(first.is_some(), "{target}: no file");
    }
}

#[test]
fn targets_of_one_run_do_not_depend_on_each_other() {
    check_several_targets(&harness().kernel(&Program::named("collections_maps")), 240);
}

#[test]
fn hello_is_always_the_same() {
    check(&harness().kernel(&Program::from_source(examples_dir().join("hello.dart"))), 120);
}

#[test]
fn a_program_with_constants_and_closures_is_always_the_same() {
    check(&harness().kernel(&Program::named("collections_maps")), 120);
}

#[test]
fn large_programs_are_always_the_same() {
    if !full_tier() {
        return;
    }
    for (_, kernel) in harness().toolchain().app_dills() {
        check(&kernel, 1800);
    }
}
