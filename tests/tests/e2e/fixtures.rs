//! `snapcrane fixtures`: the same bytes each time, and every file is what the manifest says, for the command line and for the
//! real engine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use snapcrane_tests::child::{Finished, Limits, run};
use snapcrane_tests::full_tier;
use snapcrane_tests::harness::{Engine, harness, printed, said, shown};
use xtask::Arch;

/// What the engine says about a program without the library that the embedder needs: it has loaded the snapshot.
const LOADED: &str = "Dart_LookupLibrary: library 'dart:_builtin' not found.";

fn make(folder: &Path, arguments: &[&str]) -> Finished {
    let mut command = harness().compiler_command();
    command.arg("fixtures").arg("--out").arg(folder).args(arguments);
    run(&mut command, &Limits::seconds(60))
}

/// Contents of all files by their paths in the folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for (folder, prefix) in [(folder.to_owned(), ""), (folder.join("damaged"), "damaged/")] {
        for entry in fs::read_dir(folder).expect("the folder was made") {
            let path = entry.expect("readable").path();
            if path.is_file() {
                let name = path.file_name().expect("it has one").to_str().expect("ASCII");
                files.insert(format!("{prefix}{name}"), fs::read(&path).expect("readable"));
            }
        }
    }
    files
}

fn manifest(folder: &Path) -> Value {
    let text = fs::read_to_string(folder.join("manifest.json")).expect("there is a manifest");
    serde_json::from_str(&text).expect("it is JSON")
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value}"))
}

/// The line that a fault of the manifest makes.
fn line(diagnosis: &Value) -> String {
    let mut line = text(diagnosis, "section").to_owned();
    if let Some(cluster) = diagnosis["cluster"].as_str() {
        line += &format!(", cluster {cluster}");
    }
    if let Some(object) = diagnosis["object"].as_str() {
        line += &format!(", {object}");
    }
    let offset = diagnosis["offset"].as_u64().expect("a number");
    line + &format!(", offset {offset:#x}: {}", text(diagnosis, "reason"))
}

#[test]
fn every_file_is_what_the_manifest_says() {
    let dir = harness().temp_dir();
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    for folder in [&first, &second] {
        let finished = make(folder, &[]);
        assert_eq!(finished.code(), Some(0), "{}", said(&finished));
    }
    let all = files(&first);
    assert!(all == files(&second), "other files the second time");

    let manifest = manifest(&first);
    assert_eq!(manifest["schema"], 1);
    let entries = manifest["files"].as_array().expect("a list");
    let listed: BTreeSet<&str> = entries.iter().map(|entry| text(entry, "file")).collect();
    let found: BTreeSet<&str> =
        all.keys().map(String::as_str).filter(|name| *name != "manifest.json").collect();
    assert_eq!(listed, found);
    for entry in entries {
        let name = text(entry, "file");
        assert_eq!(entry["size"], all[name].len(), "{name}");
        let path = first.join(name);
        let mut verify = harness().compiler_command();
        verify.arg("verify").arg(&path);
        if entry["valid"] == true {
            match text(entry, "kind") {
                "shared library" => {}
                "data image" => {
                    let text = first.join(name.replace(".data.", ".text."));
                    verify.arg("--text").arg(&text);
                    let mut inspect = harness().compiler_command();
                    let summary = printed(inspect.arg("inspect").arg(&path).arg("--text").arg(&text));
                    assert!(summary.contains("raw images"), "{name}: {summary}");
                    let mut diff = harness().compiler_command();
                    diff.arg("diff").arg(&path).arg("--text-a").arg(&text);
                    let out = printed(diff.arg(&path).arg("--text-b").arg(&text));
                    assert!(out.ends_with("The snapshots are equal.\n"), "{name}: {out}");
                }
                // Tested together with its data image.
                _ => continue,
            }
            let out = printed(verify.arg("--notes"));
            assert_eq!(out.lines().count(), 1, "{name}: {out}");
            assert!(out.contains(": well-formed snapshot of "), "{name}: {out}");
            assert!(!manifest["contents"][text(entry, "contents")].is_null(), "{name}");
            continue;
        }
        let damage = &entry["damage"];
        let expected = line(&damage["diagnosis"]);
        for (what, mut command) in [("verify", verify), ("inspect", harness().compiler_command())] {
            if what == "inspect" {
                command.arg("inspect").arg(&path);
            }
            let finished = run(&mut command, &Limits::seconds(20));
            let code = damage["exit_codes"][what].as_i64().map(|code| code as i32);
            assert_eq!(finished.code(), code, "{}{}", shown(&command), said(&finished));
            let readable = damage["readable"] == true;
            let out = String::from_utf8_lossy(&finished.stdout).into_owned();
            let said = if readable { out.lines().next().unwrap_or_default() } else { &finished.stderr };
            let is_said = said.contains(&expected) || readable && what == "inspect";
            assert!(is_said, "{name}: {what} says {said}, not {expected}");
        }
    }
}

#[test]
fn a_part_can_be_chosen() {
    let dir = harness().temp_dir();
    let folder = dir.path().join("deep/in/folders");
    let arguments =
        ["--program", "code", "--target", "linux-arm", "--target", "linux-x64", "--target", "linux-arm"];
    let finished = make(&folder, &arguments);
    assert_eq!(finished.code(), Some(0), "{}", said(&finished));
    let manifest = manifest(&folder);
    let names: Vec<&str> = manifest["files"].as_array().unwrap().iter().map(|e| text(e, "file")).collect();
    let expected = [
        "code-linux-x64.so",
        "code-linux-x64-stripped.so",
        "code-linux-arm.so",
        "code-linux-arm-stripped.so",
    ];
    assert_eq!(names, expected);
    let list = printed(harness().compiler_command().args(["fixtures", "--list"]));
    for name in ["clusters", "android-arm64c", "string-hash"] {
        assert!(list.contains(name), "{name}: {list}");
    }
}

#[test]
fn wrong_names_and_folders_are_errors() {
    let dir = harness().temp_dir();
    let folder = dir.path().join("out");
    for (arguments, message) in [
        (["--program", "none"], "unknown program 'none'; valid programs: minimal, clusters, code, discarded"),
        (["--target", "linux-ia32"], "unknown target 'linux-ia32'; valid targets: linux-x64, "),
    ] {
        let finished = make(&folder, &arguments);
        assert_eq!(finished.code(), Some(255), "{}", said(&finished));
        assert!(finished.stderr.contains(message), "{}", finished.stderr);
        assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
        assert!(!folder.exists());
    }
    let file = dir.path().join("file");
    fs::write(&file, "not a folder").expect("writable");
    for folder in [&file, &file.join("below")] {
        let finished = make(folder, &[]);
        assert_eq!(finished.code(), Some(255), "{}", said(&finished));
        assert!(finished.stderr.starts_with("Error: Unable to create folder: "), "{}", finished.stderr);
        assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    }
    let finished = run(harness().compiler_command().arg("fixtures"), &Limits::seconds(20));
    assert_eq!((finished.code(), finished.stderr.lines().count()), (Some(255), 1), "{}", said(&finished));
}

#[test]
fn the_engines_load_all_programs() {
    let dir = harness().temp_dir();
    let finished = make(dir.path(), &[]);
    assert_eq!(finished.code(), Some(0), "{}", said(&finished));
    for arch in Arch::ALL.into_iter().filter(|&arch| arch == Arch::X64 || full_tier()) {
        for program in ["minimal", "clusters", "code", "discarded"] {
            for suffix in ["", "-stripped"] {
                let snapshot = dir.path().join(format!("{program}-linux-{}{suffix}.so", arch.name()));
                let finished = harness().run(Engine::of(arch), &snapshot, &[]);
                assert_eq!(finished.stderr.trim(), LOADED, "{}: {}", snapshot.display(), said(&finished));
            }
        }
    }
}
