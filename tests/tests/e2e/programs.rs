//! Every program in `programs/` does on the engine what it does when the reference compiler has compiled it.
//!
//! Where the checked engine is there, each snapshot also runs on it, with many collections and the heap verified at each.
//!
//! Each program is a module with a test per architecture. On those that are not the host's, engines run in an emulator, and without
//! `SNAPCRANE_FULL=1` only some programs do ([`USUAL_ELSEWHERE`]).

use std::path::Path;
use std::process::Command;

use snapcrane_tests::child::{Finished, Limits, run};
use snapcrane_tests::expect::Expectation;
use snapcrane_tests::full_tier;
use snapcrane_tests::harness::{
    CompileOptions, Engine, Harness, Program, examples_dir, harness, programs_dir, said, shown,
};
use xtask::Arch;

/// Whether expectations are to be recorded, not tested.
fn blessing() -> bool {
    std::env::var_os("SNAPCRANE_BLESS").is_some_and(|value| value == "1")
}

/// Records what a program does when the reference has compiled it, run with these arguments.
fn bless(harness: &Harness, program: &Program, name: &str, arguments: &[&str]) {
    let dir = harness.temp_dir();
    let snapshot = dir.path().join("app.so");
    harness.compile_reference(&harness.kernel(program), &snapshot, program.asserts);
    let finished = harness.run(Engine::Shipped, &snapshot, arguments);
    let again = harness.run(Engine::Shipped, &snapshot, arguments);
    let [expected, repeated] = [&finished, &again].map(|run| outcome(run, name));
    assert_eq!(expected.difference(&repeated), None, "{name} does not do the same each time");
    expected.store(&programs_dir(), name).expect("the folder is writable");
}

fn outcome(finished: &Finished, name: &str) -> Expectation {
    let code =
        finished.code().unwrap_or_else(|| panic!("{name}: {}{}", finished.describe_end(), said(finished)));
    Expectation::of_run(code, &finished.stdout, &finished.stderr, &programs_dir())
}

/// Fails unless a run's outcome is the expected one. The message says how to repeat compilation and run.
pub(crate) fn check_run(expected: &Expectation, finished: &Finished, compile: &Command, run: &Command) {
    let difference = match finished.code() {
        Some(code) => {
            let actual = Expectation::of_run(code, &finished.stdout, &finished.stderr, &programs_dir());
            expected.difference(&actual)
        }
        None => Some(format!("{}{}", finished.describe_end(), said(finished))),
    };
    if let Some(difference) = difference {
        let again = std::env::temp_dir().join("app.so");
        let [compile, run] = [compile, run]
            .map(|command| shown(command).replace(&*snapshot_argument(run), &again.display().to_string()));
        panic!("{difference}\n\nto repeat:\n{compile}\n{run}\n");
    }
}

/// The snapshot in a command line of an engine.
fn snapshot_argument(run: &Command) -> String {
    run.get_args().next().unwrap_or_default().to_string_lossy().into_owned()
}

/// The expectation `name`, recorded first if that is wanted (then nothing is left to test).
pub(crate) fn expectation(
    harness: &Harness,
    program: &Program,
    name: &str,
    arguments: &[&str],
) -> Option<Expectation> {
    if blessing() {
        bless(harness, program, name, arguments);
        return None;
    }
    Some(Expectation::load(&programs_dir(), name).unwrap_or_else(|error| panic!("{error}")))
}

fn check_program(name: &str, arch: Arch) {
    // Expectations are the same for all architectures, and recorded on the host's.
    if arch != Arch::X64 && (blessing() || !full_tier() && !USUAL_ELSEWHERE.contains(&name)) {
        return;
    }
    let harness = harness();
    let program = Program::named(name);
    let Some(expected) = expectation(harness, &program, name, &[]) else { return };
    let dir = harness.temp_dir();
    let snapshot = dir.path().join("app.so");
    let kernel = harness.kernel(&program);
    let options = CompileOptions { arch, asserts: program.asserts, ..CompileOptions::default() };
    harness.compile(&kernel, &snapshot, &options);
    let compile = harness.gen_snapshot_command(&kernel, &snapshot, &options);
    let mut engines = vec![Engine::of(arch)];
    if arch == Arch::X64 && harness.has_checked_engine() {
        engines.push(Engine::Stressed);
    }
    for engine in engines {
        let finished = harness.run(engine, &snapshot, &[]);
        check_run(&expected, &finished, &compile, &harness.engine_command(engine, &snapshot, &[]));
    }
}

macro_rules! programs {
    ($($name:ident)*) => {
        /// All programs that run without arguments.
        const PROGRAMS: &[&str] = &[$(stringify!($name)),*];
        $(mod $name {
            use super::{Arch, check_program};
            #[test] fn x64() { check_program(stringify!($name), Arch::X64); }
            #[test] fn arm64() { check_program(stringify!($name), Arch::Arm64); }
            #[test] fn arm() { check_program(stringify!($name), Arch::Arm); }
        })*
    };
}

programs! {
    asserts_on
    async_await
    async_lines
    async_streams
    async_throws
    basics_calls
    basics_objects
    basics_print
    bigint
    classes_basic
    classes_fields
    classes_mixins
    closures
    collections_lists
    collections_maps
    constants
    constants_unused
    control_flow
    core_misc
    dispatch
    deferred_unloaded
    doubles
    dynamic_calls
    exceptions
    exceptions_gc
    exit_code
    external_effect
    fields_unboxed
    files
    function_apply
    gc_old
    generators_state
    generators_sync
    generics
    ints_arith
    ints_bits
    ints_narrow
    ints_text
    libraries
    named_parameters
    nums_mixed
    records_constant
    records_patterns
    records_positional
    regexp
    regexp_flags
    stack_traces
    strings
    typed_data
    uncaught_cast
    uncaught_error
    uncaught_generator
    uncaught_in_initializer
    uncaught_no_such_method
    uncaught_null_check
    uncaught_range
    uncaught_rethrow
    uncaught_stack_overflow
    uncaught_throw
    uncaught_to_string
}

/// Programs that run in emulators in the normal tier too: those in which architectures can differ.
const USUAL_ELSEWHERE: &[&str] = &[
    "async_await",
    "closures",
    "collections_maps",
    "control_flow",
    "core_misc",
    "dispatch",
    "doubles",
    "dynamic_calls",
    "exceptions_gc",
    "fields_unboxed",
    "files",
    "function_apply",
    "gc_old",
    "generators_sync",
    "ints_arith",
    "ints_bits",
    "ints_narrow",
    "nums_mixed",
    "records_patterns",
    "stack_traces",
    "typed_data",
    "uncaught_stack_overflow",
    "uncaught_throw",
];

/// Programs that other modules run, with arguments.
const WITH_ARGUMENTS: &[&str] = &["gc_churn"];

/// Programs with a construct that is not supported yet, and what the message calls it.
const REFUSED: &[(&str, &str)] = &[("refused_ffi", "FFI call is not supported (in main)")];

/// What cannot be compiled is named with its file, line and column, and nothing is written.
#[test]
fn unsupported_constructs_are_named() {
    if blessing() {
        return;
    }
    let harness = harness();
    for (name, message) in REFUSED {
        let kernel = harness.kernel(&Program::named(name));
        let dir = harness.temp_dir();
        let snapshot = dir.path().join("app.so");
        let mut command = harness.gen_snapshot_command(&kernel, &snapshot, &CompileOptions::default());
        let finished = run(&mut command, &Limits::seconds(60));
        assert_eq!(finished.code(), Some(254), "{name}: {}", finished.stderr);
        let line = finished.stderr.trim_end();
        assert!(!line.contains('\n') && line.ends_with(message), "{name}: {line}");
        let place = format!("/{name}.dart:");
        let (_, position) = line.split_once(&place).unwrap_or_else(|| panic!("{name}: no position: {line}"));
        let numbers: Vec<&str> = position.split(':').take(2).collect();
        assert!(numbers.iter().all(|number| number.parse::<u32>().is_ok_and(|n| n > 0)), "{name}: {line}");
        assert!(!snapshot.exists(), "{name}");
    }
}

#[test]
fn every_program_is_run() {
    let stems = |extensions: &[&str]| {
        let mut stems: Vec<String> = std::fs::read_dir(programs_dir())
            .expect("the folder is there")
            .map(|entry| entry.expect("readable").path())
            .filter(|path| path.extension().is_some_and(|found| extensions.iter().any(|&e| found == e)))
            .map(|path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned())
            .collect();
        stems.sort();
        stems.dedup();
        stems
    };
    let refused = REFUSED.iter().map(|(name, _)| name);
    assert!(USUAL_ELSEWHERE.iter().all(|name| PROGRAMS.contains(name)), "a program that is not there");
    let known: Vec<&str> = PROGRAMS.iter().chain(WITH_ARGUMENTS).chain(refused).copied().collect();
    let mut missing = stems(&["dart"]);
    missing.retain(|stem| !known.contains(&stem.as_str()));
    assert_eq!(missing, Vec::<String>::new(), "programs that no test runs");
    for expectation in stems(&["out", "err"]) {
        let program = expectation.split('.').next().unwrap_or_default();
        assert!(known.contains(&program), "{expectation}: an expectation without a program");
    }
}

/// The example of the README, with the arguments that its text counts, stripped and not.
#[test]
fn hello() {
    if blessing() {
        return;
    }
    let harness = harness();
    let kernel = harness.kernel(&Program::from_source(examples_dir().join("hello.dart")));
    let dir = harness.temp_dir();
    let size = |strip: bool| {
        let snapshot = dir.path().join(format!("strip-{strip}.so"));
        harness.compile(&kernel, &snapshot, &CompileOptions { strip, ..CompileOptions::default() });
        for arguments in [&[][..], &["a", "b c"][..]] {
            let finished = harness.run(Engine::Shipped, &snapshot, arguments);
            let text = format!("Hello from snapcrane, with {} arguments\n", arguments.len());
            assert_eq!(finished.code(), Some(0), "{}{}", finished.describe_end(), said(&finished));
            assert_eq!(String::from_utf8_lossy(&finished.stdout), text);
            assert_eq!(finished.stderr, "");
        }
        file_size(&snapshot)
    };
    assert!(size(true) < size(false), "--strip leaves something out");
}

fn file_size(path: &Path) -> u64 {
    std::fs::metadata(path).expect("the file is there").len()
}
