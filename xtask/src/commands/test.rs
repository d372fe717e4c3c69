//! `cargo xtask test`: everything that must hold before a change is accepted.

use xtask::Error;
use xtask::prepare::Extras;
use xtask::process::run_visible;
use xtask::toolchain::DIR_VARIABLE;

pub(crate) fn run(arguments: &[String]) -> Result<(), Error> {
    let full = match arguments {
        [] => false,
        [option] if option == "--full" => true,
        [first, ..] => return super::no_more_arguments([first].into_iter()),
    };
    let toolchain = super::toolchain(Extras { foreign_engines: true, ..Extras::default() })?;

    let mut tests = super::cargo();
    tests.args(["test", "--workspace", "--no-fail-fast"]).env(DIR_VARIABLE, toolchain.root());
    if full {
        tests.env("SNAPCRANE_FULL", "1").args(["--", "--include-ignored"]);
    }
    let mut format = super::cargo();
    format.args(["fmt", "--all", "--check"]);
    let mut lints = super::cargo();
    lints.args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]);

    // All of them run, so that one run shows everything that is wrong.
    let mut failed = Vec::new();
    for (name, mut command) in [("tests", tests), ("format", format), ("clippy", lints)] {
        super::say(name);
        match run_visible(&mut command) {
            Ok(()) => {}
            Err(Error::Failed(_)) => failed.push(name),
            Err(error) => return Err(error),
        }
    }
    if failed.is_empty() {
        super::say("tests, format and clippy passed");
        return Ok(());
    }
    Err(Error::Failed(format!("failed: {}", failed.join(", "))))
}
