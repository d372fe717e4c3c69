//! Intermediate forms of small programs, as texts in `golden/`.
//!
//! `INSTA_UPDATE=always cargo test -p snapcrane-tests --test e2e golden` records them anew; what has changed is then for review to judge.

use std::path::PathBuf;

use snapcrane_tests::harness::{CompileOptions, Program, harness, printed};
use xtask::{Arch, workspace_root};

fn golden_dir() -> PathBuf {
    workspace_root().join("golden")
}

/// The forms of the functions of one name, as the compiler prints them.
fn dump(program: &str, function: &str, arguments: &[&str]) -> String {
    let harness = harness();
    let program = Program::from_source(golden_dir().join("programs").join(program));
    let mut command = harness.compiler_command();
    command.arg("dump").arg(harness.kernel(&program)).args(["--exact", function]).args(arguments);
    printed(&mut command)
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
    function_types: "callable",
}

/// A function that is added to the program must be added to the list, too.
#[test]
fn each_function_is_recorded() {
    let source = std::fs::read_to_string(golden_dir().join("programs/functions.dart")).expect("the program");
    let marked = source.matches("@pragma('vm:never-inline')").count();
    let top_level = FUNCTIONS.iter().filter(|name| !name.contains(['.', ' '])).count();
    assert_eq!(marked, top_level, "functions that are marked, and top-level functions in the list");
}

/// CLIF and machine code of a function that refers to nothing whose place depends on the rest of the program.
fn check_code(arch: Arch) {
    let target = format!("linux-{}", arch.name());
    let arguments = ["--target", &target, "--stage", "clif", "--stage", "code"];
    check("code", arch.name(), &dump("functions.dart", "sumTo", &arguments));
}

/// What `inspect` says of a program, without sizes: those change with every change of the code generator.
fn check_summary(arch: Arch) {
    let harness = harness();
    let program = Program::from_source(golden_dir().join("programs/functions.dart"));
    let dir = harness.temp_dir();
    let snapshot = dir.path().join("app.so");
    harness.compile(
        &harness.kernel(&program),
        &snapshot,
        &CompileOptions { arch, strip: true, ..CompileOptions::default() },
    );
    let mut command = harness.compiler_command();
    command.arg("inspect").arg(&snapshot);
    let summary = printed(&mut command);
    let sized = |line: &&str| !line.starts_with("file ") && !line.starts_with("build id ");
    let heading: Vec<&str> = summary.lines().take_while(|line| !line.is_empty()).filter(sized).collect();
    let clusters = summary
        .lines()
        .skip_while(|line| !line.ends_with("cluster"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(|line| {
            let mut words = line.split_whitespace();
            let objects = words.next().unwrap_or_default();
            format!("{objects:>6} {}", words.skip(1).collect::<Vec<_>>().join(" "))
        });
    let text: Vec<String> = heading.into_iter().map(str::to_owned).chain(clusters).collect();
    check("summary", arch.name(), &text.join("\n"));
}

mod targets {
    use xtask::Arch;

    #[test]
    fn code_x64() {
        super::check_code(Arch::X64);
    }

    #[test]
    fn code_arm64() {
        super::check_code(Arch::Arm64);
    }

    #[test]
    fn code_arm() {
        super::check_code(Arch::Arm);
    }

    #[test]
    fn summary_x64() {
        super::check_summary(Arch::X64);
    }

    #[test]
    fn summary_arm64() {
        super::check_summary(Arch::Arm64);
    }

    #[test]
    fn summary_arm() {
        super::check_summary(Arch::Arm);
    }
}
