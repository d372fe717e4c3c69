//! Large real programs do the same work as when the reference compiler has compiled them. Full tier only.

use std::fs;
use std::path::Path;

use snapcrane_tests::full_tier;
use snapcrane_tests::harness::{CompileOptions, Engine, examples_dir, harness, said};

/// Seconds for compiling one of them, in an unoptimised build.
const COMPILE_SECONDS: u64 = 1800;
/// Seconds for its work.
const RUN_SECONDS: u64 = 600;

/// Compiles an application with both compilers, lets both do the work, and compares exit codes, texts and the output file.
fn check(name: &str, arguments: impl Fn(&Path) -> Vec<String>) {
    if !full_tier() {
        return;
    }
    let harness = harness();
    let dills = harness.toolchain().app_dills();
    let Some((_, kernel)) = dills.iter().find(|(found, _)| found == name) else {
        eprintln!("not tested: the toolchain has no {name}");
        return;
    };
    let dir = harness.temp_dir();
    let (ours, reference) = (dir.path().join("ours.so"), dir.path().join("reference.so"));
    harness.compile_within(
        kernel,
        &ours,
        &CompileOptions { strip: true, ..CompileOptions::default() },
        COMPILE_SECONDS,
    );
    harness.compile_reference(kernel, &reference, false);
    let out = dir.path().join("out");
    let [expected, actual] = [&reference, &ours].map(|snapshot| {
        let words = arguments(&out);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let finished = harness.run_within(Engine::Shipped, snapshot, &words, RUN_SECONDS);
        let produced = fs::read(&out).ok();
        if produced.is_some() {
            fs::remove_file(&out).expect("ours");
        }
        (finished, produced)
    });
    let context = format!("{}{}", actual.0.describe_end(), said(&actual.0));
    assert_eq!(actual.0.code(), expected.0.code(), "{name}: {context}");
    assert_eq!(actual.0.stdout, expected.0.stdout, "{name}: {context}");
    assert_eq!(actual.0.stderr, expected.0.stderr, "{name}: {context}");
    assert!(actual.1 == expected.1, "{name}: the output files differ");
}

fn example() -> String {
    examples_dir().join("hello.dart").display().to_string()
}

#[test]
fn the_front_end_compiles_a_program() {
    check("gen_kernel", |out| {
        let platform = harness().toolchain().platform_path();
        vec![
            "--aot".into(),
            "--no-embed-sources".into(),
            "-Ddart.vm.product=true".into(),
            format!("--platform={}", platform.display()),
            "-o".into(),
            out.display().to_string(),
            example(),
        ]
    });
}

#[test]
fn the_front_end_reports_an_error() {
    check("gen_kernel", |out| {
        vec!["--no-such-flag".into(), "-o".into(), out.display().to_string(), example()]
    });
}

#[test]
fn the_javascript_compiler_explains_itself() {
    check("dart2js", |_| vec!["--help".into(), "--verbose".into()]);
}
