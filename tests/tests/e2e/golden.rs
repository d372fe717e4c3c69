//! Intermediate forms of small programs, as texts in `golden/`.
//!
//! `INSTA_UPDATE=always cargo test -p snapcrane-tests --test e2e golden` records them anew; what has changed is then for review to judge.

use std::path::PathBuf;

use snapcrane_tests::child::{Limits, run};
use snapcrane_tests::harness::{Program, harness, said, shown};
use xtask::workspace_root;

fn golden_dir() -> PathBuf {
    workspace_root().join("golden")
}

/// The forms of the functions of one name, as the compiler prints them.
fn dump(program: &str, function: &str, arguments: &[&str]) -> String {
    let harness = harness();
    let program = Program::from_source(golden_dir().join("programs").join(program));
    let mut command = harness.compiler_command();
    command.arg("dump").arg(harness.kernel(&program)).args(["--exact", function]).args(arguments);
    let finished = run(&mut command, &Limits::seconds(120));
    assert_eq!(
        finished.code(),
        Some(0),
        "{}: {}{}",
        shown(&command),
        finished.describe_end(),
        said(&finished)
    );
    String::from_utf8(finished.stdout).expect("dumps are text")
}

fn check(folder: &str, name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => golden_dir().join(folder),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, text);
    });
}

/// Checks a form of a function in `golden/programs/functions.dart` that all targets share.
fn check_form(form: &str, name: &str, function: &str) {
    check(form, name, &dump("functions.dart", function, &["--stage", form]));
}

/// Makes tests for the kernel and the intermediate representation of functions.
macro_rules! functions {
    ($($test:ident: $function:literal,)*) => {
        mod kernel {
            $(
                #[test]
                fn $test() {
                    super::check_form("kernel", stringify!($test), $function);
                }
            )*
        }

        mod ir {
            $(
                #[test]
                fn $test() {
                    super::check_form("ir", stringify!($test), $function);
                }
            )*
        }

        /// The functions that have tests.
        const FUNCTIONS: &[&str] = &[$($function),*];
    };
}

functions! {
    integer_loop: "sumTo",
    doubles: "mean",
    patterns: "describe",
    exceptions: "guarded",
    late_field: "Shape.label",
    collection: "labels",
    closure: "counter",
    closure_body: "counter.<anonymous closure>",
    constructor: "new Box",
    covariant_parameter: "Box.largest",
    generic_method: "Box.map",
    asynchronous: "later",
    generator: "countdown",
    dynamic_call: "invoke",
}

/// A function that is added to the program must be added to the list, too.
#[test]
fn each_function_is_recorded() {
    let source = std::fs::read_to_string(golden_dir().join("programs/functions.dart")).expect("the program");
    let marked = source.matches("@pragma('vm:never-inline')").count();
    let top_level = FUNCTIONS.iter().filter(|name| !name.contains(['.', ' '])).count();
    assert_eq!(marked, top_level, "functions that are marked, and top-level functions in the list");
}
