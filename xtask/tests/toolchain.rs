//! The toolchain works as a whole without snapcrane: source, kernel, reference snapshot, engine, output.
//!
//! This separates a broken toolchain from a broken compiler, whose own end-to-end tests take the same way.

use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::process::run_quiet;
use xtask::{Arch, Error, KernelOptions, Toolchain};

fn located() -> Toolchain {
    Toolchain::locate().unwrap_or_else(|error| panic!("{error}"))
}

/// Writes `source` and compiles it to kernel.
fn kernel_of(
    toolchain: &Toolchain,
    dir: &Path,
    source: &str,
    options: &KernelOptions,
) -> Result<PathBuf, Error> {
    let (program, dill) = (dir.join("program.dart"), dir.join("program.dill"));
    std::fs::write(&program, source).expect("the folder is writable");
    toolchain.gen_kernel(&program, &dill, options).map(|()| dill)
}

/// Compiles a program with the reference compiler for `arch`, runs it on the engine, and checks its output.
fn check_reference_pipeline(toolchain: &Toolchain, arch: Arch, mut reference: Command) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let options =
        KernelOptions { defines: vec![("word".into(), "defined".into())], ..KernelOptions::default() };
    let source =
        "void main(List<String> a) => print('${const String.fromEnvironment('word')} ${a.join('+')}');\n";
    let dill = kernel_of(toolchain, dir.path(), source, &options).expect("a valid program");
    let snapshot = dir.path().join("program.so");
    reference.args(["--deterministic", "--snapshot_kind=app-aot-elf", "--strip"]);
    reference.arg(format!("--elf={}", snapshot.display())).arg(&dill);
    run_quiet(&mut reference).unwrap_or_else(|error| panic!("{}: {error}", arch.name()));

    let mut engine = toolchain.engine(arch).unwrap_or_else(|error| panic!("{}: {error}", arch.name()));
    let output = run_quiet(engine.arg(&snapshot).args(["1", "2"]));
    assert_eq!(output.as_deref(), Ok("defined 1+2\n"), "{}", arch.name());
}

#[test]
fn the_reference_pipeline_works_for_x64() {
    let toolchain = located();
    let reference = toolchain.reference_gen_snapshot(Arch::X64).expect("every toolchain folder has it");
    check_reference_pipeline(&toolchain, Arch::X64, reference);
}

#[test]
#[ignore = "compilers under emulation take half a minute"]
fn the_reference_pipeline_works_for_arm64_and_arm() {
    let toolchain = located();
    for arch in [Arch::Arm64, Arch::Arm] {
        if let Some(reference) = toolchain.reference_gen_snapshot(arch) {
            check_reference_pipeline(&toolchain, arch, reference);
        }
    }
}

#[test]
fn every_engine_runs_the_snapshot_that_came_with_it() {
    let toolchain = located();
    for arch in Arch::ALL.into_iter().filter(|&arch| toolchain.has_engine(arch)) {
        let snapshot = toolchain.reference_snapshot(arch).expect("it comes with the engine");
        let mut engine = toolchain.engine(arch).unwrap_or_else(|error| panic!("{}: {error}", arch.name()));
        let output = run_quiet(engine.arg(snapshot).arg("--version"));
        assert_eq!(output.as_deref(), Ok("1.105.0\n"), "{}", arch.name());
    }
}

#[test]
fn the_x64_engine_is_of_the_right_version() {
    let version = located().check_engine_runs().expect("the engine runs");
    assert!(version.ends_with("on \"linux_x64\""), "{version}");
}

#[test]
fn a_program_with_an_error_is_refused_with_the_message_of_the_front_end() {
    let toolchain = located();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let error =
        kernel_of(&toolchain, dir.path(), "void main() { int x = 'text'; }\n", &KernelOptions::default())
            .expect_err("a type error");
    assert_eq!(error.exit_code(), 1);
    assert!(error.to_string().contains("can't be assigned to a variable of type 'int'"), "{error}");
}
