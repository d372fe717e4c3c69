//! Writes the damaged kernel file of a seed: `damage SEED OUT [KERNEL]`. Without KERNEL the example program is damaged.

use std::path::PathBuf;
use std::process::ExitCode;

use snapcrane_tests::corrupt::damage;
use snapcrane_tests::harness::{Program, examples_dir, harness};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (seed, out, kernel) = match arguments.as_slice() {
        [seed, out] => (seed, out, None),
        [seed, out, kernel] => (seed, out, Some(PathBuf::from(kernel))),
        _ => {
            eprintln!("usage: damage SEED OUT [KERNEL]");
            return ExitCode::from(2);
        }
    };
    let Ok(seed) = seed.parse() else {
        eprintln!("{seed} is not a number");
        return ExitCode::from(2);
    };
    let hello = || harness().kernel(&Program::from_source(examples_dir().join("hello.dart")));
    let kernel = kernel.unwrap_or_else(hello);
    let written = std::fs::read(&kernel).and_then(|original| {
        let (bytes, what) = damage(&original, seed);
        std::fs::write(out, bytes).map(|()| what)
    });
    match written {
        Ok(what) => {
            println!("{what}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{} to {out}: {error}", kernel.display());
            ExitCode::FAILURE
        }
    }
}
