//! Developer commands of snapcrane: `cargo xtask help`.

mod commands;
mod engine_data;

use std::process::ExitCode;

use xtask::Error;

const HELP: &str = "\
cargo xtask toolchain [--dir DIR] [--with-qemu] [--with-references] [--with-sources]
    Get Dart 3.13.4 (front end, x64 engine, reference gen_snapshot) into .toolchain/, or into DIR.
    --with-qemu        also the arm64 and arm engines, and qemu unless it is on PATH
    --with-references  also the reference gen_snapshot for arm64 and arm
    --with-sources     also Dart's sources and three large programs as AOT kernel (170 MB, 700 MB unpacked)
cargo xtask demo
    Compile examples/hello.dart with snapcrane and run it on the real x64 engine.
cargo xtask test [--full]
    Run all tests, the format check and clippy; gets the arm64 and arm engines and qemu too. --full: also the long tests.
cargo xtask bench compile [--only NAME[,NAME...]] [--runs N]
    Compile time, processor time and memory beside the reference gen_snapshot.
cargo xtask engine-data --sdk-source DIR [--check]
    Generate the tables of targets/engines from Dart's sources, or compare them.

SNAPCRANE_DART_DIR names a prepared folder to use in place of .toolchain/.
Exit codes: 0 success, 1 something that was run or checked failed, 2 wrong usage, 3 the machine lacks something.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Error> {
    let Some((command, rest)) = arguments.split_first() else {
        return Err(Error::Usage("which command? See `cargo xtask help`".into()));
    };
    match command.as_str() {
        "toolchain" => commands::toolchain::run(rest),
        "demo" => commands::demo::run(rest),
        "test" => commands::test::run(rest),
        "bench" => commands::bench::run(rest),
        "engine-data" => engine_data::run(rest).map_err(|error| Error::Failed(error.to_string())),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(Error::Usage(format!("no such command: {other}; see `cargo xtask help`"))),
    }
}
