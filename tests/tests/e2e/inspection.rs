//! `snapcrane inspect` on snapshots of the reference compiler and our own.

use std::path::Path;

use serde_json::Value;
use snapcrane_tests::child::{Limits, run};
use snapcrane_tests::harness::{CompileOptions, Program, examples_dir, harness, printed, shown};

/// What `inspect` prints with these arguments.
fn inspect(snapshot: &Path, arguments: &[&str]) -> String {
    let mut command = harness().compiler_command();
    command.arg("inspect").arg(snapshot).args(arguments);
    printed(&mut command)
}

fn json(snapshot: &Path, arguments: &[&str]) -> Value {
    let text = inspect(snapshot, &[arguments, &["--json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Checks that all views of a snapshot exist and agree with each other.
fn check(snapshot: &Path) {
    let summary = json(snapshot, &[]);
    assert_eq!(summary["target"], "linux-x64");
    assert_eq!(summary["dart_version"], "3.13.4");
    let counts = &summary["counts"];
    let in_clusters: u64 =
        summary["clusters"].as_array().unwrap().iter().map(|c| c["objects"].as_u64().unwrap()).sum();
    assert_eq!(counts["objects"], in_clusters);
    for (option, count) in [
        ("--functions", "codes"),
        ("--classes", "classes"),
        ("--strings", "strings"),
        ("--pool", "pool_entries"),
    ] {
        let rows = json(snapshot, &[option]);
        let rows = rows.as_array().unwrap();
        assert_eq!(counts[count], rows.len(), "{option}");
        assert_eq!(inspect(snapshot, &[option]).lines().count(), rows.len(), "{option}");
    }

    let strings = json(snapshot, &["--strings"]);
    let greeting =
        strings.as_array().unwrap().iter().find(|row| row["text"] == "Hello from snapcrane, with ");
    let number = greeting.expect("the program's string")["object"].to_string();
    let object = json(snapshot, &["--object", &number]);
    assert_eq!(object["cluster"], "String");
    assert_eq!(object["description"], "String \"Hello from snapcrane, with \"");

    let listing = inspect(snapshot, &["--disassemble", "main"]);
    assert!(listing.starts_with("main:\n"), "{listing}");
    assert!(listing.contains("; print\n"), "the callee's name: {listing}");
    assert!(listing.contains("tagged: ["), "stack maps: {listing}");
    assert!(listing.contains("\n; main:"), "source lines: {listing}");
}

#[test]
fn views_agree() {
    let harness = harness();
    let kernel = harness.kernel(&Program::from_source(examples_dir().join("hello.dart")));
    let dir = harness.temp_dir();
    let (ours, reference) = (dir.path().join("ours.so"), dir.path().join("reference.so"));
    harness.compile(&kernel, &ours, &CompileOptions::default());
    check(&ours);
    harness.compile_reference(&kernel, &reference, false);
    check(&reference);
}

#[test]
fn constants_that_are_statements_keep_nothing() {
    let harness = harness();
    let kernel = harness.kernel(&Program::named("constants_unused"));
    let dir = harness.temp_dir();
    let snapshot = dir.path().join("app.so");
    harness.compile(&kernel, &snapshot, &CompileOptions::default());
    let strings = inspect(&snapshot, &["--strings"]);
    assert!(strings.contains("done") && !strings.contains("nobody"), "{strings}");
    let code = json(&snapshot, &["--functions"]);
    assert!(code.as_array().unwrap().iter().all(|row| row["name"] != "unused"), "{code}");
}

#[test]
fn what_is_not_there_is_an_error() {
    let harness = harness();
    let kernel = harness.kernel(&Program::from_source(examples_dir().join("hello.dart")));
    let dir = harness.temp_dir();
    let snapshot = dir.path().join("app.so");
    harness.compile(&kernel, &snapshot, &CompileOptions::default());
    for (file, arguments, message) in [
        (&snapshot, &["--object", "0"][..], "there is no object 0"),
        (&snapshot, &["--object", "4000000000"], "there is no object 4000000000"),
        (&snapshot, &["--disassemble", "no such function"], "there is no code named no such function"),
        (&kernel, &[], "neither an ELF nor a Mach-O file"),
    ] {
        let mut command = harness.compiler_command();
        command.arg("inspect").arg(file).args(arguments);
        let finished = run(&mut command, &Limits::seconds(60));
        assert_eq!(finished.code(), Some(254), "{}", shown(&command));
        let error = finished.stderr;
        assert!(error.contains(message) && error.lines().count() == 1, "{error}");
    }
}
