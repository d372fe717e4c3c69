//! Prints what is in a kernel file: `cargo run --example summary -- app.dill`.

use std::process::ExitCode;
use std::time::Instant;

use dart_kernel::summary::Summary;
use dart_kernel::{Bump, Component};

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: summary FILE");
        return ExitCode::FAILURE;
    };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    };
    let start = Instant::now();
    let arena = Bump::new();
    let result = Component::read(&bytes, &arena).and_then(|component| {
        eprintln!("index {:?}, {} bytes of declarations", start.elapsed(), arena.allocated_bytes());
        drop(component);
        let start = Instant::now();
        let summary = Summary::read(&bytes)?;
        eprintln!("summary {:?}", start.elapsed());
        Ok(summary)
    });
    match result {
        Ok(summary) => {
            print!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}
